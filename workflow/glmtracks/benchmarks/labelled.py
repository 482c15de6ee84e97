"""What the tasks on variants of a file share: what each variant does, how conserved its base is, and its scores.

The corrected score is without how readily a model expects a kind of substitution as such. That is its mean llr over
neutral sites: for each of the 12 substitution types over synonymous SNVs of the test part, which stand beside the items
(contrast `NEUTRAL`, no label); or for each pentanucleotide and alternative, from the calibration of a whole genome.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from glmtracks.annotation.consequences import CONSEQUENCES, snv_consequences
from glmtracks.benchmarks import CONSERVATION, columns, snvs
from glmtracks.benchmarks.inputs import PIECE, Inputs, Sample
from glmtracks.benchmarks.statistics import MIN_CLASS
from glmtracks.benchmarks.summary import Contrast, Scorer
from glmtracks.evidence.conservation import conservation
from glmtracks.genome import BASES, decode, encode
from glmtracks.genome.contigs import ContigNames
from glmtracks.tracks.calibration import Calibration
from glmtracks.tracks.derived import FLANK
from glmtracks.variants.snv_records import reference_codes

NEUTRAL = "neutral sites"
MOST_NEUTRAL = 20_000
FEWEST_NEUTRAL = 10  # of a substitution type; with fewer the mean of all types stands in
CORRECTED = "score_corrected"
USES = ("context",)
RNA_CLASSES = ("tRNA", "rRNA")  # what a biotype ends with; other genes without CDS are ncRNA


def contig_names(inputs: Inputs) -> ContigNames:
    """Translates contigs of the files of a task."""
    return ContigNames(inputs.genome.contigs, inputs.aliases)


def with_consequences(table: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """SNVs (contig, start, alt) with `consequence` (ordered categorical, most severe first) and `effect`.

    The effect is the consequence as text, but splice for both kinds of splice site, and tRNA or rRNA for RNA genes of
    such a biotype. Both are null where the consequence cannot be told, and without annotation.
    """
    consequence = np.full(len(table), -1)
    gene = np.full(len(table), None, dtype=object)
    if inputs.features is not None:
        features = dict(list(inputs.features.groupby("contig", observed=True)))
        piece = table["start"].to_numpy() // PIECE
        for (contig, _), rows in table.groupby(["contig", piece], observed=True, sort=False).indices.items():
            start, alt = (table[name].to_numpy()[rows] for name in ("start", "alt"))
            if contig not in features:
                consequence[rows] = CONSEQUENCES.index("intergenic")
                continue
            low, high = int(start.min()), int(start.max()) + 1
            every = snv_consequences(inputs.genome, features[contig], contig, low, high, inputs.genetic_code)
            key = 4 * every["start"].to_numpy() + every["alt"].to_numpy()
            found = np.searchsorted(key, 4 * start + alt)
            consequence[rows] = every["consequence"].cat.codes.to_numpy()[found]
            gene[rows] = every["gene"].to_numpy(dtype=object)[found]
    table = table.assign(consequence=pd.Categorical.from_codes(consequence, CONSEQUENCES, ordered=True))
    effect = table["consequence"].astype(object).replace(dict.fromkeys(("splice_donor", "splice_acceptor"), "splice"))
    rna = pd.Series(gene, index=table.index).map(_rna_classes(inputs)).where(effect == "ncRNA")
    return table.assign(effect=rna.fillna(effect))


def _rna_classes(inputs: Inputs) -> dict[str, str]:
    """Gene -> tRNA or rRNA, for genes of such a biotype that have no CDS."""
    if inputs.features is None:
        return {}
    genes = inputs.features.groupby("gene").agg(
        coding=("feature", lambda kinds: (kinds == "CDS").any()), biotype=("biotype", "first")
    )
    biotype = genes.loc[~genes["coding"], "biotype"].fillna("")
    return {gene: name for name in RNA_CLASSES for gene in biotype.index[biotype.str.endswith(name)]}


def with_known(table: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Items with their consequence, effect, context, and the raw baselines consequence_rank, phylop and phastcons."""
    return with_contexts(with_ranks(with_consequences(table, inputs), inputs), inputs)


def with_ranks(table: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Items with the raw baselines consequence_rank, where the genome is annotated, phylop and phastcons, where given.

    Positions without conservation score count as neutral: 0.
    """
    if inputs.features is not None:
        rank = -table["consequence"].cat.codes.to_numpy(dtype=np.int64)  # higher = more severe
        table = table.assign(consequence_rank=np.where(rank > 0, -len(CONSEQUENCES), rank))
    for name in CONSERVATION:
        if name in inputs.files:
            found = conservation(inputs.files[name], inputs.genome, contig_names(inputs), table)
            table = table.assign(**{name: np.nan_to_num(found, nan=0.0)})
    return table


def neutral(inputs: Inputs) -> pd.DataFrame:
    """At most 20,000 synonymous SNVs of the test part as rows of items without label; none where not wanted."""
    if inputs.options.correction != "synonymous" or inputs.features is None:
        return pd.DataFrame()
    sample = Sample("substitution", MOST_NEUTRAL, inputs.seed)
    for _, _, _, table in snvs.variants(inputs):
        table = table[table["consequence"] == "synonymous"]
        sample.add(table.assign(substitution=4 * table["ref"].astype(int) + table["alt"]))
    table = sample.rows()
    if table.empty:
        return table
    table = table.drop(columns=["substitution", "consequence"]).assign(
        end=table["start"] + 1, contrast=NEUTRAL, label=pd.NA, stratum="", block="", context=""
    )
    return table


def with_contexts(table: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """SNVs (contig, start) with `context`: the reference base between two neighbours on each side, such as ACGTN."""
    around = [table.assign(start=table["start"] + offset) for offset in range(-FLANK, FLANK + 1)]
    codes = np.column_stack([reference_codes(inputs.genome, shifted) for shifted in around])
    letters = np.frombuffer(decode(codes.ravel()).encode(), dtype=f"S{2 * FLANK + 1}")
    return table.assign(context=letters.astype(str))


def score(
    items: pd.DataFrame,
    llr: np.ndarray,
    flipped: np.ndarray | None = None,
    calibration: Calibration | None = None,
) -> pd.DataFrame:
    """Columns score, -llr of every item, and score_corrected, where it can be told; float32.

    items        contrast, ref, alt, context
    llr          float32 (n, 4), order A, C, G, T
    flipped      bool (n,): items that are asked about the change from alt to ref; None for none
    calibration  what corrects; None for neutral sites among the items, if there are any
    """
    found = snvs.score(items, llr, -1)
    ref, alt = (items[name].astype(str).map(BASES.index).to_numpy(dtype=np.int64) for name in ("ref", "alt"))
    turned = np.zeros(len(items), dtype=bool) if flipped is None else np.asarray(flipped, dtype=bool)
    found["score"] = np.where(turned, -found["score"], found["score"]).astype(np.float32)
    before, after = np.where(turned, alt, ref), np.where(turned, ref, alt)
    at_neutral = (items["contrast"] == NEUTRAL).to_numpy() & found["score"].notna().to_numpy()
    if calibration is not None:
        contexts = encode("".join(items["context"].astype(str))).reshape(len(items), 2 * FLANK + 1)
        contexts[:, FLANK] = before
        corrected = -calibration.corrected(-found["score"].to_numpy(), contexts, after.astype(np.uint8))
    elif at_neutral.any():
        substitution = 4 * before + after
        mean = _means(found["score"].to_numpy(dtype=np.float64)[at_neutral], substitution[at_neutral])
        corrected = found["score"] - mean[substitution]
    else:
        return found
    return found.assign(**{CORRECTED: np.asarray(corrected, dtype=np.float32)})


def _means(score: np.ndarray, substitution: np.ndarray) -> np.ndarray:
    """Mean score of each of 16 substitutions (4 x ref + alt); that of all where there are too few."""
    count, total = np.bincount(substitution, minlength=16), np.bincount(substitution, score, minlength=16)
    return np.where(count >= FEWEST_NEUTRAL, total / np.maximum(count, 1), score.mean())


def contrasts(items: pd.DataFrame, metric: str) -> list[Contrast]:
    """One contrast for each of those that items have; neutral sites are none.

    metric  the headline, and all that is told of a contrast of so few items that it has no metric
    """
    labels = items["label"].fillna(0).to_numpy(dtype=np.int64)
    found = (contrast for contrast in columns.contrasts(items) if contrast.name != NEUTRAL)
    return [
        contrast
        if np.bincount(labels[contrast.rows], minlength=2).min() >= MIN_CLASS
        else replace(contrast, metrics=frozenset({metric}))
        for contrast in found
    ]


def derived(items: pd.DataFrame, scorer: Scorer) -> list[Scorer]:
    """The corrected score of a model, and the sums of z-scores of both its scores with phyloP, where there is one.

    Means and deviations are those over all variants of the task, which no label enters.
    """
    scores = {"-llr": scorer.values["score"]}
    found = []
    if CORRECTED in scorer.values:
        scores["-llr_corrected"] = scorer.values[CORRECTED]
        found.append(scorer.further("-llr_corrected", scores["-llr_corrected"]))
    if "baseline_phylop" in items:
        once = ~items.duplicated(["contig", "start", "alt"]).to_numpy() & (items["contrast"] != NEUTRAL).to_numpy()
        phylop = _z(items["baseline_phylop"], once)
        found += [scorer.further(f"z({name}) + z(phyloP)", _z(score, once) + phylop) for name, score in scores.items()]
    return found


def _z(values: pd.Series, rows: np.ndarray) -> pd.Series:
    """Values less their mean over `rows`, in standard deviations."""
    values = values.astype(np.float64)
    deviation = values[rows].std()
    return (values - values[rows].mean()) / (deviation if deviation > 0 else 1.0)
