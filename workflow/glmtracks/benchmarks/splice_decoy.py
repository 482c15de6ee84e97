"""Does a model know a splice site from the same two letters elsewhere in the gene? Annotated GT and AG against decoys.

Label 1 = the GT that begins, or the AG that ends, an annotated intron; label 0 = the same letters on the same strand
of the same gene, at most 20 kb away, that no transcript splices at. Each site gets one decoy of its class of distance
from the gene's 5' end and of its class of flanking k-mer score: how much more often the 3-mers of the sequence on
either side, without the 5 bases next to the site, stand beside splice sites than beside decoys. That score is fitted
outside the test part, so a model has to know more than what introns and exons are made of. What the matched covariates
alone make of the pairs is printed.

The score is how strongly a model insists on the two letters: minus the mean llr of their six changes. A weight matrix
of the sites, fitted outside the test part as well, is printed beside, but is no bar for a model that was given no site.
"""

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd

from glmtracks.annotation.gene_parts import ACCEPTOR, DONOR, STRANDS, transcript_parts
from glmtracks.benchmarks import baselines, columns, matching, snvs
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, assign_blocks, in_genome_order
from glmtracks.benchmarks.matching import Coverage
from glmtracks.benchmarks.summary import Contrast, Scorer
from glmtracks.genome import UNKNOWN, Genome, complement, encode
from glmtracks.intervals import unwrap

logger = logging.getLogger(__name__)

REACH = 20_000  # bases between a site and its decoys
FLANK, NEAREST = 40, 5  # bases on either side that are scored, and those next to the site that are not
K = 3
FITTED = 2_000  # sites to which scores are fitted
LEAST_FITTED = 10
MOST_DECOYS = 100  # candidates for each site
FLANK_CLASSES = 8
START_CLASSES = 50 * 2 ** (np.arange(32) / 2)  # bases from the gene's 5' end, upper ends
TOWARD_FUNCTION = 1

READS = ("llr_mean",)
METRICS = (snvs.AUROC, snvs.within_stratum(()), snvs.AUPRC)


class Kind(NamedTuple):
    """A kind of splice site: its part of a transcript, its letters, and where its weight matrix begins and ends."""

    part: int
    letters: str
    first: int
    last: int


KINDS = {"donor": Kind(DONOR, "GT", -3, 6), "acceptor": Kind(ACCEPTOR, "AG", -18, 5)}  # from the site's first letter


def items(inputs: Inputs) -> pd.DataFrame:
    """Sites and their decoys in the test split, at most `max_items`; the stratum is the cell in which they agree."""
    parts = transcript_parts(inputs.features, inputs.genome.contigs)
    genes = _genes(inputs.features, inputs.genome)
    in_test = Coverage(inputs.test)
    tables = []
    for name, kind in KINDS.items():
        sites = _sites(inputs.genome, parts, kind)
        spliced = set(zip(sites["contig"], sites["start"], sites["forward"], strict=True))
        sites = sites[sites["letters"]].merge(genes, on=["contig", "gene", "forward"])
        covered = in_test(sites)
        rng = np.random.default_rng(inputs.seed)
        held_out = _shuffled(sites[covered == 2], inputs.options.max_items // 4, rng)
        table = _with_decoys(inputs.genome, held_out, kind, spliced, rng)
        table = table[in_test(table) == 2].reset_index(drop=True)
        fitted = _with_decoys(inputs.genome, _shuffled(sites[covered == 0], FITTED, rng), kind, spliced, rng)
        tables.append(_matched(inputs, name, table, fitted[in_test(fitted) == 0]))
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=list(ITEM_COLUMNS))
    table = in_genome_order(pd.concat(tables), inputs.genome, "contrast")
    gc, cpg, _ = baselines.window_content(inputs.genome, table, inputs.options.gc_window)
    nothing = pd.array([None] * len(table), dtype="string")
    table = table.assign(ref=nothing, alt=nothing, gc=gc, cpg=cpg, block=assign_blocks(table, inputs.regions))
    wanted = {*ITEM_COLUMNS, "gc", "cpg", "baseline_matched_covariates", "baseline_weight_matrix"}
    return columns.with_baselines(table[[name for name in table if name in wanted]], inputs.seed, TOWARD_FUNCTION)


def _genes(features: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    """contig, gene, forward, low, high (0-based half-open) of every gene with a strand.

    Those across the origin of a circular contig, which are no interval of it, are left out.
    """
    start, end = unwrap(features, genome.contigs)
    stranded = features.assign(start=start, end=end)[features["strand"] != "."]
    spans = stranded.groupby(["contig", "gene", "strand"], observed=True, sort=False)
    spans = spans.agg(low=("start", "min"), high=("end", "max")).reset_index()
    across = (spans["high"] > spans["contig"].astype("str").map(genome.contigs)).to_numpy()
    if across.any():
        logger.info("%d genes across the origin of a circular contig are left out", across.sum())
    spans = spans[~across].reset_index(drop=True)
    return spans.assign(forward=spans["strand"] == "+").drop(columns="strand").astype({"contig": "str"})


def _sites(genome: Genome, parts: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Annotated sites, each once: contig, start, end, gene, forward, and whether they have the usual letters."""
    sites = parts[parts["region"] == kind.part].drop_duplicates(["contig", "start", "strand"])
    sites = sites[sites["end"] - sites["start"] == 2].reset_index(drop=True).astype({"contig": "str"})
    sites = sites.assign(forward=sites["strand"] == STRANDS.index("+"))
    read = read_around(genome, sites, 0, 2)
    return sites.assign(letters=(read == encode(kind.letters)).all(axis=1))[
        ["contig", "start", "end", "gene", "forward", "letters"]
    ]


def _shuffled(table: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    return table.iloc[rng.permutation(len(table))[: max(most, 1)]].reset_index(drop=True)


def read_around(genome: Genome, sites: pd.DataFrame, first: int, last: int) -> np.ndarray:
    """Bases from `first` to before `last` of each site, counted from its first letter on its strand: uint8 (n, length).

    sites  contig, start, end (of two bases), forward
    """
    result = np.full((len(sites), last - first), UNKNOWN, dtype=np.uint8)
    start, forward = sites["start"].to_numpy(), sites["forward"].to_numpy()
    offsets = np.arange(first, last)
    for (contig, _), rows in sites.groupby(["contig", start >> 20], observed=True, sort=False).indices.items():
        low, high = start[rows].min() - 100, start[rows].max() + 100
        position = np.where(forward[rows, None], start[rows, None] + offsets, start[rows, None] + 1 - offsets)
        codes = genome.codes(contig, int(low), int(high), wrap=False)[position - low]
        result[rows] = np.where(forward[rows, None], codes, complement(codes))
    return result


def _with_decoys(
    genome: Genome, sites: pd.DataFrame, kind: Kind, spliced: set, rng: np.random.Generator
) -> pd.DataFrame:
    """Sites (label 1) and a random choice of decoys of their genes (label 0), each once, with `offset` from its 5' end.

    spliced  (contig, start, forward) of all annotated sites
    """
    wanted = {True: encode(kind.letters), False: complement(encode(kind.letters))[::-1]}
    starts = []
    for site in sites.itertuples():
        low, high = max(site.low, site.start - REACH), min(site.high, site.start + REACH)
        codes = genome.codes(site.contig, low, high)
        left, right = wanted[site.forward]
        places = np.flatnonzero((codes[:-1] == left) & (codes[1:] == right)) + low
        places = rng.permutation(places)[:MOST_DECOYS]
        starts.append([place for place in places.tolist() if (site.contig, place, site.forward) not in spliced])
    start = np.array([place for places in starts for place in places], dtype=np.int64)
    decoys = sites.iloc[np.repeat(np.arange(len(sites)), [len(places) for places in starts])]
    found = [sites.assign(label=1), decoys.assign(start=start, end=start + 2, label=0)]
    table = pd.concat(found, ignore_index=True).drop_duplicates(["contig", "start", "forward"], ignore_index=True)
    offset = np.where(table["forward"], table["start"] - table["low"], table["high"] - table["end"])
    return table.assign(offset=offset).astype({"label": np.int8})


def _matched(inputs: Inputs, name: str, table: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
    """As many decoys as sites in every cell of gene, distance and flank score, with what is printed beside."""
    label = table["label"].to_numpy()
    flank = _scored(inputs.genome, table, fitted, [(-FLANK, -NEAREST), (2 + NEAREST, 2 + FLANK)], K)
    matrix = _scored(inputs.genome, table, fitted, [(KINDS[name].first, KINDS[name].last)], 1, by_place=True)
    if not fitted["label"].sum() >= LEAST_FITTED:
        logger.warning("%s: fewer than %d sites outside the test part: flanks are not matched", name, LEAST_FITTED)
    edges = np.quantile(flank[label == 1], np.linspace(0, 1, FLANK_CLASSES + 1)[1:-1]) if label.any() else []
    table = table.assign(
        contrast=f"{name} vs decoy",
        flank=flank,
        log_offset=np.log1p(table["offset"]),
        flank_class=np.searchsorted(np.unique(edges), flank),
        start_class=np.searchsorted(START_CLASSES, table["offset"]),
        baseline_weight_matrix=matrix,
    )
    keys = ["contig", "gene", "forward", "start_class", "flank_class"]
    cell = table.groupby(keys, observed=True, sort=False).ngroup().to_numpy()
    kept = matching.matched(cell, label, inputs.seed) if len(table) else np.zeros(0, dtype=bool)
    logger.info(
        "%s: %d sites matched, %d without a decoy left out", name, kept.sum() // 2, label.sum() - kept.sum() // 2
    )
    sides = [table[label == value] for value in (1, 0)]
    pairs = table[kept]
    score = matching.covariate_score(*sides, ["flank", "log_offset"], pairs, inputs.seed) if len(pairs) else []
    return pairs.assign(stratum=[f"{name} {number}" for number in cell[kept]], baseline_matched_covariates=score)


def _scored(
    genome: Genome, table: pd.DataFrame, fitted: pd.DataFrame, spans: list[tuple[int, int]], k: int, by_place=False
) -> np.ndarray:
    """Log-odds of each row's words of k bases at sites against decoys, summed over the spans: float64 (n,).

    Frequencies are those of `fitted`, of each span as a whole or of each place in it, with a pseudo-count of one; words
    with unknown bases say nothing. 0 where too few sites are there to fit.
    """
    total = np.zeros(len(table))
    label = fitted["label"].to_numpy()
    if label.sum() < LEAST_FITTED or label.sum() == len(label):
        return total
    for first, last in spans:
        here, there = (_words(read_around(genome, rows, first, last), k) for rows in (table, fitted))
        place = np.arange(here.shape[1]) * by_place * (4**k + 1)
        size = int(place[-1]) + 4**k + 1
        counts = [np.bincount((there[label == value] + place).ravel(), minlength=size) + 1.0 for value in (1, 0)]
        odds = np.log(counts[0] / len(there[label == 1])) - np.log(counts[1] / len(there[label == 0]))
        odds[4**k :: 4**k + 1] = 0  # words with an unknown base
        total += odds[here + place].sum(axis=1)
    return total


def _words(codes: np.ndarray, k: int) -> np.ndarray:
    """Numbers of the words of k bases along each row, 4**k where one holds an unknown base."""
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), k, axis=1)
    return np.where((windows == UNKNOWN).any(axis=-1), 4**k, windows @ 4 ** np.arange(k - 1, -1, -1))


def score(items: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """Column `score`, float32: minus the mean llr of the changes of every item's bases; values float32 (n, 1)."""
    return pd.DataFrame({"score": -values[:, 0]})


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """Donors and acceptors, both headlines."""
    return columns.contrasts(items, lambda name: frozenset({"weight_matrix"}))


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The baselines of the items' columns."""
    return columns.scorers(items, TOWARD_FUNCTION)
