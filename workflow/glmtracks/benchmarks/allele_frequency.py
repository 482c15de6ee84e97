"""Does a model know what selection keeps rare? Rare alleles of a population against common ones.

Frequencies are folded: an item is the change from the major to the minor allele. Where the reference base is the minor
allele, because its alternative has a frequency above one half, the item is turned round: the change is from ALT to REF,
its llr is minus that of the file's variant, and its frequency that of REF. Label 0 = common: a minor allele frequency
of at least `common`, on more than one copy. Label 1 = rare: the minor allele stands on one copy; or absent: no record
of the call set has the SNV, at a site that a file of callable sites holds. Left out are alleles that do not pass
FILTER, those beside another ALT that is the major allele, and sites that were called in less than `called` of the
alleles that were called at most on their contig: Y and the mitochondrion have fewer than the rest. A variant that
stands in several records, as where call sets were joined, counts by that with the most called alleles.

Inbred lines and selfers that are called as diploids have two copies of all that one of them has, so that one copy is a
doubtful call; a warning says so where few copies are mostly an even number.

Mutation rate masquerades as constraint here: what mutates often is seen often. So items are compared within one type of
substitution, CpG sites apart, and a second contrast holds as many rare as common items of each type: there the odds
ratios of the tails are to be read. Nothing here knows of drift, linkage and background selection. The score is -llr.
"""

import logging
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from glmtracks.bed import read_bed_of
from glmtracks.benchmarks import baselines, columns, labelled, snvs, statistics
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample
from glmtracks.benchmarks.matching import matched
from glmtracks.benchmarks.summary import Contrast, Cut, Metric, Scorer
from glmtracks.errors import InputError
from glmtracks.evidence.population import read_population
from glmtracks.genome import BASES
from glmtracks.intervals import merge
from glmtracks.tracks.calibration import Calibration
from glmtracks.variants.snv_records import inside

logger = logging.getLogger(__name__)

TOWARD_DAMAGE = 1
READS = snvs.READS
USES = ("flipped", "maf", *labelled.USES)
TAILS = (0.001, 0.01, 0.1)  # shares of the items with the highest scores
RARE, ABSENT, COMMON = "rare", "absent", "common"
EDGES = (0.001, 0.01)  # of the bins of minor allele frequency between rare and common
MATCHED = ", matched"
KEY = ["contig", "start", "alt"]
FEW_COPIES = 4  # of a minor allele
ODD = 0.1  # share of variants with 1 or 3 of few copies below which these come in pairs; of outbred diploids over half
FEW = 100  # SNVs; the best called of so few tells little, so the best called of the whole file is taken


TAIL_METRICS = {f"odds_ratio_{share:.1%}".replace(".0%", "%"): share for share in TAILS}


def _odds_ratio(name: str, share: float) -> Metric:
    def estimate(scorer: Scorer, values: pd.DataFrame, cut: Cut) -> statistics.Estimate:
        return statistics.odds_ratio(values["score"].to_numpy(), cut.label, cut.block, share, cut.weights)

    return Metric(name, estimate)


METRICS = (
    snvs.within_stratum(("substitution",)),
    snvs.AUROC,
    snvs.AUPRC,
    *(_odds_ratio(name, share) for name, share in TAIL_METRICS.items()),
)

derived = labelled.derived


def items(inputs: Inputs) -> pd.DataFrame:
    """Folded SNVs of every bin of frequency, each against the common ones."""
    candidates, called = _called(inputs)
    parts = [candidates]
    if "callable" in inputs.files:
        parts.append(_absent(inputs, called))
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    if table.empty:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table = _described(table, inputs)
    common = table["bin"] == COMMON
    names = [name for name in table["bin"].unique() if name != COMMON]
    if not {RARE, ABSENT} & set(names):
        names.insert(0, RARE)  # so that the summary says what is missing
    parts = []
    for name in names:
        rows = _against_common(table[common | (table["bin"] == name)], name)
        parts.append(rows)
        if name in (RARE, ABSENT):
            parts.append(_matched(rows, inputs.seed))
    parts = [part for part in parts if len(part)]
    table = pd.concat([*parts, labelled.neutral(inputs)], ignore_index=True)
    table["flipped"] = table["flipped"].fillna(False).astype(bool)
    return snvs.finished(table.drop(columns=["bin", "consequence", "trinucleotide"]), inputs.seed, TOWARD_DAMAGE)


def _called(inputs: Inputs) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Folded variants of a call set with their bin, and the keys (4 x start + alt) of all its SNVs by contig."""
    path, options = inputs.files["population"], inputs.options
    sample = Sample("bin", 2 * options.max_items, inputs.seed)
    keys: dict[str, list[np.ndarray]] = {}
    most: dict[str, float] = {}
    copies = np.zeros(FEW_COPIES + 1, dtype=np.int64)  # SNVs with as many copies of the minor allele
    without_counts = 0
    for batch in read_population(path, inputs.genome, labelled.contig_names(inputs), inputs.test):
        for contig, rows in batch.groupby("contig", sort=False):
            keys.setdefault(str(contig), []).append(4 * rows["start"].to_numpy() + rows["alt"].to_numpy())
            most[str(contig)] = max(most.get(str(contig), 0.0), rows["an"].max())
        without_counts += int(batch[["ac", "an"]].isna().any(axis=1).sum())
        passed = once(batch[batch["passed"] & (batch["an"] > 0)])
        copies += _few_copies(passed)
        sample.add(fold(passed, options.common))
    if without_counts:
        raise InputError(
            f"{path} has no allele counts for {without_counts:,} of its SNVs, and what is rare is told by counts; give "
            "a call set with AC and AN, which bcftools +fill-tags adds where there are genotypes."
        )
    _warn_of_pairs(path, copies)
    table = sample.rows()
    if len(table):
        table = once(table)  # records of a variant may lie in different batches
        few = {contig for contig, found in keys.items() if sum(map(len, found)) < FEW}
        of_contig = most | dict.fromkeys(few, max(most.values()))
        enough = table["an"] >= options.called * table["contig"].astype(str).map(of_contig)
        logger.info("%s: %d of %d sites called in too few samples", path, (~enough).sum(), len(table))
        table = table[enough]
    else:
        table = fold(pd.DataFrame(columns=[*KEY, "ref", "ac", "an", "deleted"], dtype=float), options.common)
    return table, {contig: np.unique(np.concatenate(found)) for contig, found in keys.items()}


def _few_copies(table: pd.DataFrame) -> np.ndarray:
    """How many variants have 0, 1, … `FEW_COPIES` copies of the minor allele, by ac and an: int64."""
    minor = np.minimum(table["ac"], table["an"] - table["ac"]).dropna().astype(np.int64)
    return np.bincount(minor[minor.between(0, FEW_COPIES)], minlength=FEW_COPIES + 1)


def _warn_of_pairs(path: str, copies: np.ndarray) -> None:
    """Warn of a call set in which alleles come in pairs, by how many variants have 0, 1, … copies of the minor one."""
    found, odd = copies[1:].sum(), copies[1::2].sum()
    if found >= FEW and odd < ODD * found:
        logger.warning(
            "%s: of %d SNVs whose minor allele stands on at most %d copies, %d have an odd number, as in inbred lines "
            "that are called as diploids; what one line has is then not rare, which takes one copy: make the genotypes "
            "haploid (bcftools +fixploidy FILE -- -f 1, then bcftools +fill-tags)",
            *(path, found, FEW_COPIES, odd),
        )


def once(table: pd.DataFrame) -> pd.DataFrame:
    """Each variant once, by the record in which most alleles were called (an), in the order of the table."""
    return table.sort_values("an", ascending=False, kind="stable").drop_duplicates(KEY).sort_index()


def fold(table: pd.DataFrame, common: float) -> pd.DataFrame:
    """Variants by their minor allele: contig, start, ref, alt (of the file), ac, an, af, maf, flipped, bin.

    Left out are variants without a minor allele, where all have ALT or none, and those beside another ALT, or a
    deletion, that is the major allele: neither REF nor their own ALT is what they are a change from.

    table   contig, start, ref, alt, ac, an, deleted; each variant once
    common  lowest minor allele frequency of the bin "common"
    """
    ac, an = table["ac"].to_numpy(dtype=np.float64), table["an"].to_numpy(dtype=np.float64)
    others = table.groupby(["contig", "start"], sort=False)["ac"].transform("sum").to_numpy(dtype=np.float64) - ac
    others += table["deleted"].to_numpy(dtype=np.float64)
    flipped = 2 * ac > an
    copies = np.where(flipped, an - ac - others, ac)  # REF has what no ALT of the site has
    with np.errstate(invalid="ignore", divide="ignore"):
        maf = copies / an
    edges = [edge for edge in EDGES if edge < common] + [common]
    percent = [f"{100 * edge:g}" for edge in edges]
    names = [f"MAF below {percent[0]} %"]
    names += [f"MAF {low}-{high} %" for low, high in pairwise(percent)]
    bins = np.array([*names, COMMON], dtype=object)[np.searchsorted(edges, maf, side="right")]
    bins[copies == 1] = RARE
    kept = table[["contig", "start", "ref", "alt", "ac", "an"]].assign(
        af=np.divide(ac, an, where=an > 0, out=np.full(len(an), np.nan)), maf=maf, flipped=flipped, bin=bins
    )
    return kept[(copies > 0) & (2 * others <= an)]


def _absent(inputs: Inputs, called: dict[str, np.ndarray]) -> pd.DataFrame:
    """SNVs at callable sites of the test part that no record of the call set has."""
    sites = merge(read_bed_of(inputs.genome, inputs.files["callable"], labelled.contig_names(inputs)))
    sample = Sample("bin", 2 * inputs.options.max_items, inputs.seed + 1)
    for contig, _, _, table in snvs.variants(inputs):
        key = 4 * table["start"].to_numpy() + table["alt"].to_numpy()
        known = np.isin(key, called.get(contig, np.array([], dtype=np.int64)))
        table = table.loc[~known & inside(table, sites), ["contig", "start", "ref", "alt"]]
        sample.add(table.assign(af=0.0, maf=0.0, flipped=False, bin=ABSENT))
    return sample.rows()


def _described(table: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """A sample of the candidates with baselines; stratum and trinucleotide of the change from major to minor allele."""
    sample = Sample("bin", inputs.options.max_items, inputs.seed)
    sample.add(table)
    table, context = snvs.describe(sample.rows(), inputs)
    ref, alt, flipped = (table[name].to_numpy() for name in ("ref", "alt", "flipped"))
    major, minor = np.where(flipped, alt, ref), np.where(flipped, ref, alt)
    context[:, 1] = major
    substitution = np.array([f"{a}>{b}" for a in BASES for b in BASES], dtype=object)[4 * major.astype(int) + minor]
    table = table.assign(
        trinucleotide=baselines.strata(context, minor),
        stratum=substitution + np.where(baselines.is_cpg(context), " at CpG", ""),
    )
    return labelled.with_known(table, inputs)


def _against_common(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Items of one contrast, with the rates of label 1 among substitutions fitted in other blocks."""
    label = (rows["bin"] == name).to_numpy(dtype=np.int8)
    ref, alt, flipped = (rows[column].to_numpy() for column in ("ref", "alt", "flipped"))
    change = pd.DataFrame(
        {"ref": np.where(flipped, alt, ref), "alt": np.where(flipped, ref, alt), "block": rows["block"].to_numpy()}
    )
    rates = baselines.label_rates(change, rows["trinucleotide"], label)
    return rows.assign(contrast=f"{name} vs common", label=label, **rates)


def _matched(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """As many items of either label in each stratum; what was matched must score one half.

    The rate of a substitution type is that before matching and not cross-fitted: it has one value in each stratum.
    """
    cell, label = pd.factorize(rows["stratum"])[0], rows["label"].to_numpy()
    kept = matched(cell, label, seed)
    types = pd.factorize(rows["stratum"].astype(str).str[:3])[0]
    rows = rows.assign(baseline_substitution=baselines.rate(types, label), contrast=rows["contrast"] + MATCHED)
    return rows[kept]


def score(items: pd.DataFrame, llr: np.ndarray, calibration: Calibration | None = None) -> pd.DataFrame:
    """-llr of the change from the major to the minor allele, and that corrected."""
    return labelled.score(items, llr, items["flipped"].to_numpy(), calibration)


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """One for each bin of frequency; the result is read in those of rare and absent alleles.

    Odds ratios are of tails of at least 10 items.
    """
    ends = tuple(f"{name} vs common{more}" for name in (RARE, ABSENT) for more in ("", MATCHED))
    found = []
    for contrast in labelled.contrasts(items, METRICS[0].name):
        told = {metric.name for metric in METRICS} if contrast.metrics is None else contrast.metrics
        short = {name for name, share in TAIL_METRICS.items() if share * len(contrast.rows) < statistics.MIN_CLASS}
        found.append(replace(contrast, headline=contrast.name in ends, metrics=frozenset(told - short)))
    return found


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns."""
    return columns.scorers(items, TOWARD_DAMAGE)
