"""Places of a genome that are worth a look, found in its scores, its genes and its benchmark.

They are the buttons of the report's browser: where nothing is annotated and the model is yet sure, sites that everybody
knows, and the items of the benchmark that a model got most wrong.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation.codons import Codons, read_code, read_codons
from glmtracks.genome import Genome
from glmtracks.overview import percent
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.dataset import contigs as contigs_of

SCANNED = 100_000_000  # bases, in genome order, in which constrained windows are looked for
WINDOW = 50  # bases of such a window
APART = 2_000  # bases between two places of one kind, so that they are not the same one twice
SITES = {"splice_donor": "splice donor", "splice_acceptor": "splice acceptor"}
OUTSIDE_GENES = ("intergenic",)


@dataclass(frozen=True)
class Locus:
    """A place to look at.

    kind        "constrained", "site" or "miss"
    name        short, for a button
    text        one sentence on why it is worth a look
    contig, start, end   0-based half-open
    """

    kind: str
    name: str
    text: str
    contig: str
    start: int
    end: int


def apart(loci: Iterable[Locus], count: int) -> list[Locus]:
    """The first `count` loci, without those that lie within `APART` bases of an earlier one."""
    taken: list[Locus] = []
    for locus in loci:
        if len(taken) == count:
            break
        if all(one.contig != locus.contig or abs(one.start - locus.start) >= APART for one in taken):
            taken.append(locus)
    return taken


def constrained(dataset: str | Path, regions: pd.DataFrame, count: int) -> list[Locus]:
    """The windows outside genes and repeats whose bases a model is surest of.

    Args:
        dataset: folder of scores, see `glmtracks.tracks`.
        regions: contig, start, end, region, repeat; tiles the genome. Without any region class all bases count as
            outside genes.
        count: windows wanted; there may be fewer.

    Returns:
        loci, highest mean constraint (2 - entropy, bits) first.
    """
    named = regions["region"].notna().any()
    outside = ~regions["repeat"].to_numpy(dtype=bool)
    if named:
        outside &= regions["region"].isin(OUTSIDE_GENES).to_numpy()
    free = dict(list(regions[outside].groupby("contig", observed=True)))
    best: list[tuple[float, str, int]] = []
    scanned = 0
    for contig, length in contigs_of(dataset).items():
        if contig in free and scanned < SCANNED:
            scanned += length
            found = _constraint(dataset, contig, free[contig])
            best = heapq.nlargest(200 * count, [*best, *found])
    place = "outside genes and repeats" if named else "outside repeats"
    loci = (
        _window(contig, start, f"Mean constraint of {WINDOW} bases {place}: {value:.2f} bits")
        for value, contig, start in best
    )
    return apart(loci, count)


def _window(contig: str, start: int, text: str) -> Locus:
    return Locus("constrained", f"{contig}:{start + 1:,}", text, contig, start, start + WINDOW)


def _constraint(dataset: str | Path, contig: str, free: pd.DataFrame) -> Iterator[tuple[float, str, int]]:
    """Mean constraint and start of every window of a contig that lies in free intervals as a whole."""
    starts, ends = free["start"].to_numpy(), free["end"].to_numpy()
    order = np.argsort(starts)
    starts, ends = starts[order], ends[order]
    for begin, table in ContigScores(dataset, contig, ["entropy"]):
        entropy = table["entropy"].to_numpy()
        windows = len(entropy) // WINDOW
        means = 2 - entropy[: windows * WINDOW].reshape(windows, WINDOW).mean(axis=1)  # NaN where a base has no score
        first = begin + WINDOW * np.arange(windows)
        row = np.searchsorted(starts, first, side="right") - 1
        inside = (row >= 0) & (first + WINDOW <= ends[np.maximum(row, 0)]) & np.isfinite(means)
        for number in np.flatnonzero(inside)[np.argsort(-means[inside])[:1000]]:
            yield float(means[number]), contig, int(first[number])


def known_sites(
    genome: Genome | None, features: pd.DataFrame | None, regions: pd.DataFrame, genetic_code: int, count: int
) -> list[Locus]:
    """Start and stop codons and splice sites of the genes at hand, `count` of each kind, the strands in turn.

    Args:
        genome: the bases; None without them, and then there are no codons.
        features: transcript features of the part to look at, or None.
        regions: region classes of the same part.
        genetic_code: NCBI number.
    """
    loci: list[Locus] = []
    if genome is not None and features is not None and len(features):
        codons, code = read_codons(genome, features), read_code(genetic_code)
        known = codons.index >= 0
        for name, complete in (
            ("start codon", known & codons.first & code.start[codons.index]),
            ("stop codon", known & codons.last & code.stop[codons.index]),
        ):
            loci += _one_of_each_strand(_codon_sites(features, codons, complete), name, count)
    if features is not None:
        names = dict(zip(features["gene"], _names(features), strict=True))
        regions = regions.assign(gene=[names.get(gene, gene) for gene in regions["gene"]])
    for region, name in SITES.items():
        loci += _one_of_each_strand(regions[regions["region"] == region], name, count)
    return loci


def _codon_sites(features: pd.DataFrame, codons: Codons, wanted: np.ndarray) -> pd.DataFrame:
    """Codons as rows of contig, start, end, strand, gene; those cut by an intron, or by the origin, are left out."""
    position = codons.position[wanted]
    begin, whole = position.min(axis=1), np.ptp(position, axis=1) == 2
    rows = features.iloc[codons.row[wanted]]
    table = rows[["contig", "strand"]].assign(start=begin, end=begin + 3, gene=_names(rows))
    return table[whole].drop_duplicates(["contig", "start"])


def _names(features: pd.DataFrame) -> pd.Series:
    """What people call the gene of each feature: its name, or where it has none its identifier."""
    return features["gene_name"].where(features["gene_name"].notna() & (features["gene_name"] != ""), features["gene"])


def _one_of_each_strand(table: pd.DataFrame, name: str, count: int) -> list[Locus]:
    """Rows of contig, start, end, strand, gene as loci, the strands in turn."""
    turn = table.groupby("strand", observed=True).cumcount()
    table = table.assign(turn=turn).sort_values("turn", kind="stable")
    return apart((_site(row, name) for row in table.itertuples()), count)


def _site(row, name: str) -> Locus:
    gene = row.gene if isinstance(row.gene, str) and row.gene else "a gene"
    text = f"The {name} of {gene}, strand {row.strand}"
    return Locus("site", f"{name} {gene}", text, str(row.contig), int(row.start), int(row.end))


def misses(tables: dict[str, pd.DataFrame], count: int) -> list[Locus]:
    """The items of benchmark tasks that a model ranks most wrongly: of each contrast the worst of either label.

    Args:
        tables: task -> contig, start, end, ref, alt, label, contrast and score (higher = more like label 1).
        count: loci wanted, the tasks and contrasts in turn.
    """
    turns = []
    for task, table in tables.items():
        table = table.dropna(subset=["label", "score"])
        for contrast, rows in table.groupby("contrast", observed=True, sort=False):
            labels = rows["label"].to_numpy(dtype=int)
            if len(set(labels)) == 2:
                turns.append(_worst(task, str(contrast), rows, labels))
    rounds = (locus for several in zip(*turns, strict=True) for locus in several)
    return apart(rounds, count)


def _worst(task: str, contrast: str, rows: pd.DataFrame, labels: np.ndarray) -> tuple[Locus, Locus]:
    """The item of label 1 with the lowest score, and that of label 0 with the highest."""
    score = rows["score"].to_numpy(dtype=float)
    found = []
    for label, sign in ((1, 1), (0, -1)):
        own, other = np.flatnonzero(labels == label), score[labels != label]
        row = own[np.argmin(sign * score[own])]
        share = float(np.mean(sign * other > sign * score[row]))
        item = rows.iloc[row]
        change = f" {item['ref']}>{item['alt']}" if pd.notna(item["alt"]) and item["alt"] else ""
        this, _, that = contrast.replace("_", " ").partition(" vs ")
        what, rest = (this, that or "the rest") if label else (that or f"not {this}", this)
        text = f"Task {task}: {what}, ranked {'below' if label else 'above'} {percent(share)} % of {rest}"
        name = f"{what} {item['contig']}:{int(item['start']) + 1:,}{change}"
        found.append(Locus("miss", name, text, str(item["contig"]), int(item["start"]), int(item["end"])))
    return found[0], found[1]
