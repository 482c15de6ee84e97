"""What the tasks on single-nucleotide variants share: drawing, describing, scoring and comparing them."""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
from tqdm import tqdm

from glmtracks.annotation.consequences import CONSEQUENCES, snv_consequences
from glmtracks.annotation.gene_parts import ACCEPTOR, DONOR, transcript_parts
from glmtracks.annotation.regions import label_positions
from glmtracks.benchmarks import baselines, columns, statistics
from glmtracks.benchmarks.inputs import Inputs, assign_blocks, in_genome_order, test_pieces
from glmtracks.benchmarks.summary import Cut, Metric, Scorer
from glmtracks.genome import BASES, UNKNOWN
from glmtracks.track_names import LLR_COLUMNS

READS = LLR_COLUMNS


def variants(inputs: Inputs) -> Iterator[tuple[str, int, int, pd.DataFrame]]:
    """Every SNV of the held-out intervals, piece by piece: contig, start, end, and a table.

    The table has contig, start, ref and alt (codes 0..3) and, where the genome is annotated, consequence (categorical,
    most severe first); SNVs whose consequence cannot be told, as in a codon with an N, are left out.
    """
    annotated = inputs.features is not None
    features = dict(list(inputs.features.groupby("contig", observed=True))) if annotated else {}
    for contig, start, end in tqdm(list(test_pieces(inputs)), desc="SNVs", unit=" pieces"):
        if contig in features:
            found = snv_consequences(inputs.genome, features[contig], contig, start, end, inputs.genetic_code)
            table = found.loc[found["consequence"].notna(), ["start", "ref", "alt", "consequence"]]
        else:
            table = _all_snvs(inputs.genome.codes(contig, start, end), start)
            if annotated:
                intergenic = np.full(len(table), CONSEQUENCES.index("intergenic"))
                table["consequence"] = pd.Categorical.from_codes(intergenic, CONSEQUENCES, ordered=True)
        yield contig, start, end, table.assign(contig=contig)


def _all_snvs(codes: np.ndarray, start: int) -> pd.DataFrame:
    position, alt = np.divmod(np.arange(4 * len(codes)), 4)
    ref = codes[position]
    kept = (ref != UNKNOWN) & (ref != alt)
    return pd.DataFrame({"start": position[kept] + start, "ref": ref[kept], "alt": alt[kept].astype(np.uint8)})


def describe(table: pd.DataFrame, inputs: Inputs) -> tuple[pd.DataFrame, np.ndarray]:
    """SNVs in genome order with what is known of each, and their contexts, uint8 (n, 3).

    Adds end, stratum (trinucleotide substitution), repeat, block, and the raw baselines transition, gc, cpg, and, where
    the genome is annotated, distance_cds, distance_splice, distance_tss (names of `baselines.DAMAGE_SIGN`).
    """
    table = in_genome_order(table, inputs.genome, "alt")
    context = baselines.contexts(inputs.genome, table)
    table["end"] = table["start"] + 1
    gc, cpg, _ = baselines.window_content(inputs.genome, table, inputs.options.gc_window)
    ref, alt = table["ref"].to_numpy(), table["alt"].to_numpy()
    table = table.assign(
        stratum=baselines.strata(context, alt),
        repeat=_repeats(table, inputs.regions),
        block=assign_blocks(table, inputs.regions),
        transition=baselines.is_transition(ref, alt),
        gc=gc,
        cpg=cpg,
    )
    if inputs.features is not None:
        features = inputs.features[inputs.features["contig"].isin(table["contig"].unique())]
        coding = features[features["feature"] == "CDS"]
        parts = transcript_parts(features, inputs.genome.contigs)  # of regions, coding ones hide sites of others
        splice = parts[parts["region"].isin([DONOR, ACCEPTOR])]
        starts = baselines.transcription_starts(features, inputs.genome)
        for name, intervals in (("cds", coding), ("splice", splice), ("tss", starts)):
            table[f"distance_{name}"] = baselines.distance(table, intervals, inputs.genome)
    return table, context


def _repeats(table: pd.DataFrame, regions: pd.DataFrame) -> np.ndarray:
    repeat = np.zeros(len(table), dtype=bool)
    for contig, rows in table.groupby("contig", observed=True, sort=False).indices.items():
        repeat[rows] = label_positions(regions, contig, table["start"].to_numpy()[rows])["repeat"].to_numpy()
    return repeat


def finished(table: pd.DataFrame, seed: int, toward_damage: int) -> pd.DataFrame:
    """Items ready to be written: letters for bases, and `baseline_` columns oriented towards label 1.

    table          of `describe`, with label and contrast, and whatever else the task keeps
    toward_damage  1 where label 1 is the more damaging change, -1 where it is the tolerated one
    """
    letters = {name: pd.Categorical.from_codes(table[name], categories=list(BASES)) for name in ("ref", "alt")}
    return columns.with_baselines(table.assign(**letters), seed, toward_damage)


def score(items: pd.DataFrame, llr: np.ndarray, sign: int) -> pd.DataFrame:
    """Column `score`, float32: sign x llr of each item's alternative base; llr is float32 (n, 4), order A, C, G, T."""
    alt = items["alt"].astype(str).map(BASES.index).to_numpy(dtype=np.int64)
    return pd.DataFrame({"score": np.float32(sign) * llr[np.arange(len(items)), alt]})


def within_stratum(rates: Collection[str]) -> Metric:
    """The metric auroc_within_stratum.

    rates  baselines that are one rate for each stratum. Cross-fitting makes a rate differ between folds, always away
           from an item's own label, which would put it below one half where it says nothing; so their mean is taken
    """

    def estimate(scorer: Scorer, values: pd.DataFrame, cut: Cut) -> statistics.Estimate:
        score = values["score"].to_numpy()
        if scorer.name in rates and scorer.kind == "baseline":
            sums = np.bincount(cut.stratum, score)
            score = (sums / np.maximum(np.bincount(cut.stratum), 1))[cut.stratum]
        return statistics.auroc(score, cut.label, cut.block, cut.weights, cut.stratum)

    return Metric("auroc_within_stratum", estimate)


AUROC = Metric(
    "auroc", lambda scorer, values, cut: statistics.auroc(values["score"], cut.label, cut.block, cut.weights)
)
AUPRC = Metric(
    "auprc", lambda scorer, values, cut: statistics.auprc(values["score"], cut.label, cut.block, cut.weights)
)
METRICS = (within_stratum(baselines.RATES), AUROC, AUPRC)
