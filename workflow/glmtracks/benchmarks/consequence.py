"""Does a model know what a change does to a gene? Every SNV by its consequence, each class against synonymous.

Label 1 = the class; label 0 = synonymous, or intergenic where no SNV is synonymous. The score is -llr: the more
damaging class should be the less likely one. Classes differ in their mix of substitutions, so the headline compares
only within one trinucleotide substitution. A low value for intron or intergenic is no failure: those contrasts say
whether the model takes coding sequence for more constrained than non-coding sequence.
"""

import numpy as np
import pandas as pd

from glmtracks.benchmarks import baselines, columns, snvs
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample
from glmtracks.benchmarks.statistics import MIN_CLASS
from glmtracks.benchmarks.summary import Contrast, Scorer

CODING = {"stop_gained", "stop_lost", "start_lost", "missense", "synonymous"}
TOWARD_DAMAGE = 1
READS = snvs.READS
METRICS = snvs.METRICS


def items(inputs: Inputs) -> pd.DataFrame:
    """SNVs of the test split, at most `max_items`; those of the comparison class stand in every contrast."""
    sample = Sample("consequence", inputs.options.max_items, inputs.seed)
    for _, _, _, table in snvs.variants(inputs):
        sample.add(table)
    table = sample.rows()
    if table.empty:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table, _ = snvs.describe(table, inputs)
    comparison = "synonymous" if (table["consequence"] == "synonymous").sum() >= MIN_CLASS else "intergenic"
    ranked = table["consequence"].cat.remove_unused_categories().cat.categories
    parts = [_contrast(table, name, comparison) for name in ranked if name != comparison]
    if not parts or not (table["consequence"] == comparison).any():
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    return snvs.finished(pd.concat(parts, ignore_index=True), inputs.seed, TOWARD_DAMAGE)


def _contrast(table: pd.DataFrame, name: str, comparison: str) -> pd.DataFrame:
    """Items of one class and of the comparison class, with rates of the class fitted in other blocks."""
    rows = table[table["consequence"].isin([name, comparison])]
    label = (rows["consequence"] == name).to_numpy(dtype=np.int8)
    rates = baselines.label_rates(rows, rows["stratum"], label)
    return rows.assign(contrast=f"{name} vs {comparison}", label=label, **rates)


def score(items: pd.DataFrame, llr: np.ndarray) -> pd.DataFrame:
    """-llr of every item."""
    return snvs.score(items, llr, -1)


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """One contrast for each class."""
    return columns.contrasts(items, defining)


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns; the consequence itself is the label and not among them."""
    return columns.scorers(items, TOWARD_DAMAGE)


def defining(contrast: str) -> frozenset[str]:
    """Distances that come from the annotation that makes the label: they are printed, but are no bar to clear."""
    name, comparison = contrast.split(" vs ")
    found = set()
    if (name in CODING) != (comparison in CODING):
        found.add("distance_cds")
    if name in {"splice_donor", "splice_acceptor", "splice_region", "intron"}:
        found.add("distance_splice")
    if name in {"start_lost", "5UTR"}:
        found.add("distance_tss")
    return frozenset(found)
