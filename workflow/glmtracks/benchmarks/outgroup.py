"""Does a model know what evolution tolerated? Substitutions in a sister species against matched changes never made.

Label 1 = the sister genome carries the alternative base (tolerated, or it would not have been fixed); label 0 = an SNV
that no outgroup carries, at an aligned site that is unchanged. The score is llr. Each substitution gets one comparison
item of the same contig, consequence, trinucleotide substitution (which settles CpG too), repeat status and class of
distance to the nearest transcription start; one that finds none is dropped, so what was matched must score one half.
Only sites whose two neighbours are unchanged enter, on both sides: there the context of the change is known, and
doubtful stretches of the alignment fall away.
"""

import logging

import numpy as np
import pandas as pd

from glmtracks.benchmarks import baselines, columns, snvs
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample
from glmtracks.benchmarks.matching import matched
from glmtracks.benchmarks.summary import Contrast, Scorer
from glmtracks.evidence.alignment import align
from glmtracks.genome import UNKNOWN

logger = logging.getLogger(__name__)

TOWARD_DAMAGE = -1
READS = snvs.READS
METRICS = snvs.METRICS
TSS_CLASSES = np.array([100, 300, 1_000, 3_000, 10_000, 30_000, 100_000])  # bases, upper ends
NEUTRAL = ("synonymous", "intron", "intergenic")  # putatively: where substitution rates are fitted
POOL = 4  # comparison candidates kept per substitution that may be kept


def items(inputs: Inputs) -> pd.DataFrame:
    """Substitutions and their matched comparison items, at most `max_items`, one contrast for each outgroup."""
    contigs = list(dict.fromkeys(inputs.test["contig"]))
    sisters = {name: align(inputs.genome, path, contigs, inputs.threads) for name, path in inputs.outgroups.items()}
    for name, bases in sisters.items():
        aligned, total = (sum(int(np.sum(f(codes))) for codes in bases.values()) for f in (_is_known, np.size))
        logger.info("%s: %.1f %% of the test contigs aligned one to one", name, 100 * aligned / max(total, 1))
    pools = {name: _Pool(inputs.options.max_items // max(len(sisters), 1), inputs.seed) for name in sisters}
    for contig, start, end, table in snvs.variants(inputs):
        reference = inputs.genome.codes(contig, start - 1, end + 1)
        seen = {name: _window(bases[contig], start - 1, end + 1) for name, bases in sisters.items()}
        place, alt = (table["start"] - start + 1).to_numpy(), table["alt"].to_numpy()
        carried = np.any([codes[place] == alt for codes in seen.values()], axis=0)
        for name, codes in seen.items():
            same = (codes == reference) & (codes != UNKNOWN)
            framed = same[place - 1] & same[place + 1]
            substituted = framed & (codes[place] == alt)
            pools[name].add(table[substituted], table[framed & same[place] & ~carried])
    parts = [_contrast(pool.rows(), name, inputs) for name, pool in pools.items()]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    return snvs.finished(pd.concat(parts, ignore_index=True), inputs.seed, TOWARD_DAMAGE)


def _is_known(codes: np.ndarray) -> np.ndarray:
    return codes != UNKNOWN


def _window(codes: np.ndarray, start: int, end: int) -> np.ndarray:
    """codes[start:end], with UNKNOWN where that reaches beyond the contig."""
    inside = codes[max(start, 0) : end]
    return np.pad(inside, (max(-start, 0), max(end - len(codes), 0)), constant_values=UNKNOWN)


class _Pool:
    """Candidates of one outgroup, kept within memory: substitutions, and several times as many comparison SNVs."""

    def __init__(self, size: int, seed: int):
        self._samples = (
            Sample("label", max(size // 2, 1) * POOL, seed + 1),
            Sample("label", max(size // 2, 1), seed),
        )

    def add(self, substituted: pd.DataFrame, unchanged: pd.DataFrame) -> None:
        for label, table in enumerate((unchanged, substituted)):
            self._samples[label].add(table.assign(label=np.int8(label)))

    def rows(self) -> pd.DataFrame:
        return pd.concat([sample.rows() for sample in self._samples], ignore_index=True)


def _contrast(table: pd.DataFrame, name: str, inputs: Inputs) -> pd.DataFrame:
    """Matched items of one outgroup, with the substitution rates of all its candidates before matching."""
    if table.empty:
        return table
    annotated = inputs.features is not None
    table, context = snvs.describe(table, inputs)
    table = table.assign(cpg_site=baselines.is_cpg(context))
    covariates = ["contig", "stratum", "cpg_site", "repeat"]
    use = None
    if annotated:
        table["tss_class"] = np.searchsorted(TSS_CLASSES, table["distance_tss"])
        table["consequence_rank"] = -table["consequence"].cat.codes.astype(np.int64)  # higher = more severe
        covariates += ["consequence", "tss_class"]
        use = table["consequence"].isin(NEUTRAL).to_numpy()
    label = table["label"].to_numpy()
    substitution = 4 * table["ref"].to_numpy(dtype=np.int64) + table["alt"].to_numpy()
    stratum = table["stratum"].cat.codes.to_numpy(dtype=np.int64)
    cell = table.groupby(covariates, observed=True, sort=False).ngroup().to_numpy()
    table = table.assign(
        contrast=f"substituted in {name} vs matched",
        baseline_substitution=baselines.rate(substitution, label, use),
        baseline_trinucleotide=baselines.rate(stratum, label, use),
        baseline_matched_covariates=(np.bincount(cell, label) / np.bincount(cell))[cell],
    )
    kept = matched(cell, label, inputs.seed)
    dropped = int(label.sum()) - kept.sum() // 2
    logger.info("%s: %d substitutions matched, %d without a match left out", name, kept.sum() // 2, dropped)
    table = table[kept].drop(columns=["cpg_site", "tss_class"], errors="ignore")
    if annotated:  # strata: substitution x trinucleotide x consequence
        table["stratum"] = table["stratum"].astype(str) + " " + table["consequence"].astype(str)
    return table


def score(items: pd.DataFrame, llr: np.ndarray) -> pd.DataFrame:
    """llr of every item."""
    return snvs.score(items, llr, 1)


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """One contrast for each outgroup."""
    return columns.contrasts(items)


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns."""
    return columns.scorers(items, TOWARD_DAMAGE)
