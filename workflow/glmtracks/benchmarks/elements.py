"""Are annotated elements, such as candidate cis-regulatory elements or peaks, more constrained than other sequence?

Label 1 = an element: a window of its own length about its middle, at least 20 and at most 1,000 bases. Label 0 = its
control: a window of the same length and contig that no element touches, with the same class of G+C content, of repeat
content and, where the genome is annotated, of distance to the nearest transcription start, and with the same region
class at its middle. Coding sequence and splice sites are constrained for reasons of their own, so windows that touch
them are left out on both sides; so are windows with undefined bases. An element that finds no control is dropped.

In a second contrast, of at most `shuffles` elements, the control is the element itself, shuffled so that all its
dinucleotides stay (see `glmtracks.benchmarks.shuffle`), in the surroundings of the element. Base composition, CpG
content, repeats and distances are then the same, and a Markov chain of first order cannot tell the two apart; what is
left is the order of the bases. A model is asked afresh about both.

The score is the constraint: 2 bits minus the mean entropy of a model's predictions in the window. It is high as well
where sequence is predictable for being repetitive, which is why repeat content is matched and is a baseline. The mean
of log P of the bases that stand there is a further score.
"""

import logging
import re

import numpy as np
import pandas as pd

from glmtracks.annotation.regions import label_positions
from glmtracks.bed import read_bed_of
from glmtracks.benchmarks import baselines, columns, statistics
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample, assign_blocks, in_genome_order
from glmtracks.benchmarks.matching import Coverage, covariate_score, pair_up
from glmtracks.benchmarks.scores import LOG_P
from glmtracks.benchmarks.shuffle import dinucleotide_shuffles
from glmtracks.benchmarks.summary import Contrast, Metric, Scorer
from glmtracks.genome import UNKNOWN, decode
from glmtracks.genome.contigs import ContigNames

logger = logging.getLogger(__name__)

SHORTEST, LONGEST = 20, 1_000  # bases of a window
CLASS_COLUMNS = {"name": 3, "class": 5, "colour": 8, "group": 9}  # of a BED: where names of classes may stand
SCREEN_COLOURS = {  # of the groups of ENCODE's cCREs, whose BED of nine columns names them by colour alone
    "255,0,0": "PLS",
    "255,167,0": "pELS",
    "255,205,0": "dELS",
    "255,170,170": "DNase-H3K4me3",
    "0,176,240": "CTCF-only",
    "6,218,147": "DNase-only",
    "225,225,225": "low-DNase",
}
NUMBER = r"-?[\d.,]+(?:[eE][-+]?\d+)?"
MOST_NAMES = 30  # a column with more distinct values does not name classes
MOST_CLASSES = 10
CODING = ("CDS", "splice_donor", "splice_acceptor")
GC_CLASSES, REPEAT_CLASSES = 50, 5
TSS_CLASSES = 25 * 2 ** (np.arange(25) / 2)  # bases, upper ends, to 100 kb; narrow, since peaks crowd at promoters
MAX_ENTROPY = 2.0  # bits
TOWARD_FUNCTION = 1

MATCHED, SHUFFLED = " vs matched", " vs dinucleotide shuffle"

READS = ("entropy", LOG_P)
USES = ("sequence",)
METRICS = (
    Metric("auroc", lambda scorer, values, cut: statistics.auroc(values["score"], cut.label, cut.block, cut.weights)),
    Metric(
        "paired_accuracy",
        lambda scorer, values, cut: statistics.paired_accuracy(
            values["score"], cut.label, cut.block, cut.stratum, cut.weights
        ),
    ),
)


def items(inputs: Inputs) -> pd.DataFrame:
    """Elements and their controls, at most `max_items` matched windows; the stratum is the pair.

    The column sequence holds the bases of the elements that are compared with shuffles, and the shuffles.
    """
    names = ContigNames(inputs.genome.contigs, inputs.aliases)
    annotated = read_bed_of(inputs.genome, inputs.files["bed"], names, CLASS_COLUMNS)
    windows = windows_of(annotated).assign(contrast=class_names(annotated))
    split = _TestSplit(inputs, pd.concat([annotated, windows]))
    elements = _sampled(split.admitted(windows), max(inputs.options.max_items // 2, 1), inputs.seed)
    parts = [] if elements.empty else [*_matched(elements, split, inputs), *_shuffled(elements, inputs)]
    if not parts:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table = in_genome_order(pd.concat(parts), inputs.genome, "end", "contrast")
    nothing = pd.array([None] * len(table), dtype="string")
    table = table.assign(ref=nothing, alt=nothing, stratum=table["pair"], block=assign_blocks(table, inputs.regions))
    wanted = {*ITEM_COLUMNS, *USES, *baselines.DAMAGE_SIGN, "baseline_matched_covariates"}
    return columns.with_baselines(table[[name for name in table if name in wanted]], inputs.seed, TOWARD_FUNCTION)


def _matched(elements: pd.DataFrame, split: "_TestSplit", inputs: Inputs) -> list[pd.DataFrame]:
    """Elements with matched windows, for each class that has any."""
    pairs, drawn = pair_up(elements, split.controls, split.matched_on, inputs.seed)
    parts = []
    for name, part in pairs.groupby("contrast", sort=False):
        own, others = (table[table["contrast"] == name] for table in (elements, drawn))
        n_pairs = len(part) // 2
        logger.info("%s: %d elements matched, %d without a control left out", name, n_pairs, len(own) - n_pairs)
        score = covariate_score(own, others, split.covariates, part, inputs.seed)
        nothing = pd.array([None] * len(part), dtype="string")
        told = {"contrast": f"{name}{MATCHED}", "pair": part["pair"].astype(str), "sequence": nothing}
        parts.append(part.assign(**told, baseline_matched_covariates=score))
    return parts


def _shuffled(elements: pd.DataFrame, inputs: Inputs) -> list[pd.DataFrame]:
    """Elements with shuffles of themselves, which have the same baselines; no part where none are wanted."""
    if not inputs.options.shuffles:
        return []
    elements = _sampled(elements, inputs.options.shuffles, inputs.seed)
    lengths = elements["length"].to_numpy()
    codes = np.full((len(elements), lengths.max()), UNKNOWN, dtype=np.uint8)
    for row, (contig, start, end) in enumerate(
        zip(elements["contig"], elements["start"], elements["end"], strict=True)
    ):
        codes[row, : end - start] = inputs.genome.codes(contig, start, end)
    shuffles = dinucleotide_shuffles(codes, lengths, np.random.default_rng(inputs.seed))
    logger.info(
        "%d elements shuffled, %d of which have no other order of their bases that keeps the dinucleotides",
        len(elements),
        (shuffles == codes).all(axis=1).sum(),
    )
    parts = []
    for label, bases in ((1, codes), (0, shuffles)):
        told = {"label": np.int8(label), "contrast": elements["contrast"] + SHUFFLED}
        sequences = [decode(row[:length]) for row, length in zip(bases, lengths, strict=True)]
        told |= {"pair": [f"shuffle {row}" for row in range(len(elements))], "sequence": sequences}
        parts.append(elements.assign(**told, baseline_matched_covariates=0.0))
    return parts


def windows_of(intervals: pd.DataFrame) -> pd.DataFrame:
    """The window of every element (contig, start, end): of its length, 20 to 1,000 bases, about its middle."""
    start, end = intervals["start"], intervals["end"]
    length = (end - start).clip(SHORTEST, LONGEST)
    start = (start + end) // 2 - length // 2
    return pd.DataFrame({"contig": intervals["contig"], "start": start, "end": start + length})


def class_names(intervals: pd.DataFrame) -> pd.Series:
    """The class of every element, or "element" for all where the file names no classes.

    A column names classes if it is filled in throughout, holds neither strands nor numbers, and has at most 30 values
    that stand on at least 10 elements each in the mean. The tenth and the sixth column, where ENCODE's cCREs have
    theirs, go before the fourth, and that before the colours by which its files of nine columns tell them.

    intervals  `CLASS_COLUMNS`
    """
    named = intervals.assign(colour=intervals["colour"].map(SCREEN_COLOURS).fillna(""))
    for column in ("group", "class", "name", "colour"):
        values = named[column]
        distinct = set(values.unique())
        few = len(distinct) <= min(MOST_NAMES, len(values) / statistics.MIN_CLASS)
        numbers = any(re.fullmatch(NUMBER, value) for value in distinct) if few else False
        if distinct and few and not numbers and not distinct & {"", ".", "+", "-"}:
            return values
    return pd.Series("element", index=intervals.index)


def _sampled(elements: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """At most `most` elements of the commonest classes, each window once in a class."""
    elements = elements.drop_duplicates(["contrast", "contig", "start", "end"])
    common = elements["contrast"].value_counts().index[:MOST_CLASSES]
    sample = Sample("contrast", most, seed)
    sample.add(elements[elements["contrast"].isin(common)])
    return sample.rows().reset_index(drop=True)


class _TestSplit:
    """The test split of a genome, for windows: where they may lie, what they hold, and how to draw them.

    annotated  contig, start, end of all elements
    """

    def __init__(self, inputs: Inputs, annotated: pd.DataFrame):
        self._inputs, self._test = inputs, inputs.test
        self._regions = inputs.regions[inputs.regions["contig"].isin(set(inputs.test["contig"]))]
        self._in_test = Coverage(inputs.test)
        self._in_coding = Coverage(self._regions[self._regions["region"].isin(CODING)])
        self._in_repeat = Coverage(self._regions[self._regions["repeat"]])
        self._in_element = Coverage(annotated)
        self.covariates = ["gc", "repeat_fraction"]
        self.matched_on = ["contrast", "contig", "length", "gc_class", "repeat_class"]
        self._annotated = inputs.features is not None
        if self._annotated:
            here = inputs.features[inputs.features["contig"].isin(set(inputs.test["contig"]))]
            self._starts = baselines.transcription_starts(here, inputs.genome).drop_duplicates()
            self.covariates += ["log_distance_tss"]
            self.matched_on += ["tss_class", "region"]

    def admitted(self, windows: pd.DataFrame) -> pd.DataFrame:
        """Windows of elements that may be items, described; how many are not, and why, is logged."""
        inside = windows[self._in_test(windows) == windows["end"] - windows["start"]]
        free = inside[self._in_coding(inside) == 0]
        described = self._described(free)
        logger.info(
            "%d of %d elements lie in the test split; left out: %d that touch coding sequence or splice sites, %d with "
            "undefined bases",
            len(inside),
            len(windows),
            len(inside) - len(free),
            len(free) - len(described),
        )
        return described

    def controls(self, elements: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """One window drawn for each row of `elements`, described; those that cannot be controls are left out.

        Windows are drawn anywhere in the test split of the contig. In an annotated genome every other one is drawn
        about as far from some transcription start as the element is, or elements at promoters would find too few.
        """
        length = elements["length"].to_numpy()
        start = np.full(len(elements), -1)
        for contig, rows in elements.groupby("contig", observed=True, sort=False).indices.items():
            start[rows] = _anywhere(self._test[self._test["contig"] == contig], len(rows), rng)
            if self._annotated and (starts := self._starts[self._starts["contig"] == contig]["start"].to_numpy()).size:
                near = rows[rng.random(len(rows)) < 0.5]
                away = elements["distance_tss"].to_numpy()[near] * rng.uniform(0.9, 1.1, len(near))
                middle = rng.choice(starts, len(near)) + np.rint(away * rng.choice([-1, 1], len(near)))
                start[near] = middle.astype(np.int64) - length[near] // 2
        windows = elements[["contig", "contrast"]].assign(start=start, end=start + length)
        fits = (self._in_test(windows) == length) & (self._in_coding(windows) == 0) & (self._in_element(windows) == 0)
        return self._described(windows[fits])

    def _described(self, windows: pd.DataFrame) -> pd.DataFrame:
        """Windows without undefined bases, with the raw baselines, and the columns of `covariates` and `matched_on`."""
        windows = in_genome_order(windows, self._inputs.genome, "end")
        gc, cpg, undefined = baselines.window_content(self._inputs.genome, windows)
        length = (windows["end"] - windows["start"]).to_numpy()
        repeat = self._in_repeat(windows) / np.maximum(length, 1)
        table = windows.assign(
            length=length,
            gc=gc,
            cpg=cpg,
            repeat_fraction=repeat,
            gc_class=np.rint(gc * GC_CLASSES).astype(np.int8),
            repeat_class=np.ceil(repeat * REPEAT_CLASSES).astype(np.int8),
        )
        if self._annotated:
            middle = windows.assign(start=(windows["start"] + windows["end"]) // 2)
            distance = baselines.distance(middle, self._starts, self._inputs.genome)
            table = table.assign(
                distance_tss=distance,
                log_distance_tss=np.log1p(distance),
                tss_class=np.searchsorted(TSS_CLASSES, distance),
                region=_region(middle, self._regions),
            )
        return table[undefined == 0].reset_index(drop=True)


def _anywhere(intervals: pd.DataFrame, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` positions drawn from intervals (start, end), each base as likely as any other: int64 (count,)."""
    length, end = (intervals["end"] - intervals["start"]).to_numpy(), intervals["end"].to_numpy()
    offset = rng.integers(0, length.sum(), count)
    behind = np.cumsum(length)
    interval = np.searchsorted(behind, offset, side="right")
    return end[interval] - behind[interval] + offset


def _region(positions: pd.DataFrame, regions: pd.DataFrame) -> np.ndarray:
    """Region class of each position (contig, start): object (n,)."""
    found = np.empty(len(positions), dtype=object)
    for contig, rows in positions.groupby("contig", observed=True, sort=False).indices.items():
        found[rows] = label_positions(regions, contig, positions["start"].to_numpy()[rows])["region"].astype(str)
    return found


def score(items: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """Columns score, the constraint in bits, and log_p_ref, both float32.

    values  float32 (n, 2): mean entropy of every item, and mean log P of its bases
    """
    return pd.DataFrame({"score": np.float32(MAX_ENTROPY) - values[:, 0], LOG_P: values[:, 1]})


def derived(items: pd.DataFrame, scorer: Scorer) -> list[Scorer]:
    """How likely a model finds the bases of an item: the mean of log P, in nats."""
    return [scorer.further("mean log P(ref)", scorer.values[LOG_P])]


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """For each class of elements one contrast with matched windows and one with shuffles."""
    return columns.contrasts(items)


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns."""
    return columns.scorers(items, TOWARD_FUNCTION)
