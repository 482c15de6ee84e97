"""Do scores rank variants as experiments do? Saturation MPRA and deep mutational scans, Spearman for each assay.

The score is llr. A deep mutational scan measures function, and the more tolerated change should keep more of it. A
saturation MPRA measures a change of expression, of which a model of constraint knows the size at best and never the
direction: the headline ranks by how small the measured effect is. The effect with its sign stands beside it.

Only variants of the held-out part enter. Blocks are those of each assay by itself. Most assays are of one element or
gene, so blocks are mostly runs of 50.
"""

import logging

import numpy as np
import pandas as pd

from glmtracks.benchmarks import columns, labelled, snvs, statistics
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample, assign_blocks
from glmtracks.benchmarks.summary import Contrast, Cut, Metric, Scorer
from glmtracks.evidence.assays import read_assay
from glmtracks.variants.snv_records import inside

logger = logging.getLogger(__name__)

TOWARD_DAMAGE = -1
SIGNED = ", signed effect"
READS = snvs.READS


def items(inputs: Inputs) -> pd.DataFrame:
    """Measured SNVs of the test split, at most `max_items`; `measured` is higher where a change is better tolerated."""
    names = labelled.contig_names(inputs)
    table, expression = read_assay(inputs.files["assay"], inputs.genome, names, inputs.features, inputs.genetic_code)
    held_out = table[inside(table, inputs.test)]
    logger.info("%d of %d measured SNVs lie in the test split", len(held_out), len(table))
    if held_out.empty:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    sample = Sample("assay", inputs.options.max_items // (1 + expression), inputs.seed)
    sample.add(held_out)
    table, _ = snvs.describe(sample.rows(), inputs)
    table = labelled.with_ranks(labelled.with_consequences(table, inputs), inputs).drop(columns="effect")
    table["block"] = _blocks(table, inputs.regions)
    table = table.assign(label=pd.array([None] * len(table), dtype="Int8"), contrast=table["assay"])
    if expression:
        signed = table.assign(contrast=table["assay"] + SIGNED)
        table = pd.concat([table.assign(measured=-table["measured"].abs()), signed], ignore_index=True)
    return snvs.finished(table.drop(columns=["assay", "repeat"]), inputs.seed, TOWARD_DAMAGE)


def _blocks(table: pd.DataFrame, regions: pd.DataFrame) -> np.ndarray:
    """`inputs.assign_blocks` of the variants of each assay."""
    blocks = np.empty(len(table), dtype=object)
    for rows in table.groupby("assay", sort=False).indices.values():
        blocks[rows] = assign_blocks(table.iloc[rows], regions)
    return blocks


def score(items: pd.DataFrame, llr: np.ndarray) -> pd.DataFrame:
    """llr of every item."""
    return snvs.score(items, llr, 1)


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """One contrast for each assay, and one for signed effects, which are no headlines."""
    groups = items.groupby("contrast", observed=True, sort=False).indices.items()
    return [Contrast(str(name), rows, not str(name).endswith(SIGNED)) for name, rows in groups]


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns."""
    return columns.scorers(items, TOWARD_DAMAGE)


def _spearman(scorer: Scorer, values: pd.DataFrame, cut: Cut) -> statistics.Estimate:
    return statistics.spearman(values["score"], cut.items["measured"], cut.block, cut.weights)


METRICS = (Metric("spearman", _spearman),)
