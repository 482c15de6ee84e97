"""What a task is given, how a genome is walked through in pieces, and how items are put into blocks."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation import read_annotation
from glmtracks.annotation.regions import read_regions
from glmtracks.benchmarks import get_task, task_module
from glmtracks.benchmarks.statistics import MIN_BLOCKS
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import Genome, read_aliases
from glmtracks.parquet import WITH_CHECKSUMS

logger = logging.getLogger(__name__)

PIECE = 1_000_000  # bases handled at once
RUN = 50  # items per block where there are too few contigs and genes
MAX_BLOCKS = 500  # beyond it neighbouring blocks are joined: coarser blocks are as valid, and the bootstrap stays quick
ITEM_COLUMNS = ("contig", "start", "end", "ref", "alt", "label", "contrast", "stratum", "block")
TEXT = ("contig", "ref", "alt", "contrast", "stratum", "block")


@dataclass(frozen=True)
class Options:
    """Settings of all tasks.

    max_items  most items drawn for one task and genome
    gc_window  bases around an item for its GC and CpG content
    stars      fewest review stars of a ClinVar variant
    max_af     highest frequency in a population of a variant that counts as pathogenic
    common     lowest minor allele frequency of a common variant
    called     least share of a call set's samples in which the site of a variant must have been called
    shuffles   most elements that are also compared with dinucleotide shuffles of themselves; a model is asked afresh
               about both
    correction further scores: "synonymous", without the mean llr of the substitution type over synonymous changes;
               "pentanucleotide", as `glmtracks.tracks.calibration` has them; "none"
    """

    max_items: int = 300_000
    gc_window: int = 201
    stars: int = 1
    max_af: float = 0.05
    common: float = 0.05
    called: float = 0.5
    shuffles: int = 1_000
    correction: str = "synonymous"


@dataclass(frozen=True)
class Inputs:
    """Everything a task may use to draw its items; none of it depends on a model.

    genome        the reference
    regions       region classes that tile it (regions.parquet)
    test          held-out intervals: contig, start, end; 0-based half-open, in genome order
    features      transcript features, or None for a genome without annotation
    outgroups     name -> FASTA path of sister genomes
    files         file of each key of `Task.inputs`, and of those of `Task.optional` that are given
    aliases       other names of the genome's contigs, for what stands in those files
    genetic_code  NCBI number
    """

    genome: Genome
    regions: pd.DataFrame
    test: pd.DataFrame
    features: pd.DataFrame | None = None
    outgroups: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    genetic_code: int = 1
    options: Options = Options()
    seed: int = 0
    threads: int = 1


def read_inputs(
    fasta: str | Path,
    regions: str | Path,
    split: str | Path,
    annotation: str | Path | None = None,
    outgroups: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
    contig_aliases: str = "",
    genetic_code: int = 1,
    options: dict | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Inputs:
    """Read the inputs of a task from files of the results scheme.

    contig_aliases  cell of the genome sheet, see `contigs.read_aliases`

    Raises InputError where split.tsv names a contig that the genome does not have, or the aliases are no such list.
    """
    genome = Genome(str(fasta))
    table = pd.read_csv(split, sep="\t", dtype={"contig": str})
    unknown = sorted(set(table["contig"]) - set(genome.contigs))
    if unknown:
        raise InputError(f"{split} names {unknown[0]}, which is not a contig of {fasta}; make the windows again")
    test = table.loc[table["split"] == "test", ["contig", "start", "end"]]
    rank = test["contig"].map({contig: rank for rank, contig in enumerate(genome.contigs)})
    test = test.assign(rank=rank).sort_values(["rank", "start"], ignore_index=True).drop(columns="rank")
    features = read_annotation(annotation) if annotation else None
    return Inputs(
        genome=genome,
        regions=read_regions(regions),
        test=test,
        features=features,
        outgroups=outgroups or {},
        files=files or {},
        aliases=read_aliases(contig_aliases),
        genetic_code=int(genetic_code or 1),
        options=Options(**(options or {})),
        seed=seed,
        threads=threads,
    )


def draw_items(task: str, inputs: Inputs, output: str | Path) -> None:
    """Draw the items of a task and write them as Parquet, sorted along the genome.

    Columns: contig, start, end (0-based, half-open), ref, alt (null where an item is not a base, or not a change),
    label (int8: 1 = class of interest, 0 = comparison), contrast, stratum, block, `baseline_<name>` (float32, higher =
    more like label 1) and what the task adds. No item at all is written as an empty table, and said. Raises InputError
    where a file that the task needs is not given.
    """
    for key in get_task(task).inputs:
        if key not in inputs.files:
            raise InputError(f"the task {task} needs {key}=FILE in the column inputs of the benchmark sheet")
    items = task_module(task).items(inputs)
    if items.empty:
        logger.warning("%s: the test split of %s holds no item of this task", task, inputs.genome.path)
        items = items.reindex(columns=[*ITEM_COLUMNS, *getattr(task_module(task), "USES", ())])  # as scoring reads them
    floats = {name: "float32" for name in items.columns if name.startswith("baseline_")}
    items = items.astype({**floats, "label": "Int8", **dict.fromkeys(TEXT, "category")})
    extra = [name for name in items.columns if name not in ITEM_COLUMNS]
    with atomic(output) as temporary:
        items[[*ITEM_COLUMNS, *extra]].to_parquet(temporary, index=False, compression="zstd", **WITH_CHECKSUMS)
    logger.info("%s: %d items in %d contrasts", task, len(items), items["contrast"].nunique())


def test_pieces(inputs: Inputs, size: int = PIECE) -> Iterator[tuple[str, int, int]]:
    """The held-out intervals as (contig, start, end), none longer than `size` bases."""
    for row in inputs.test.itertuples():
        for start in range(row.start, row.end, size):
            yield row.contig, start, min(start + size, row.end)


def stretches(items: pd.DataFrame, size: int = PIECE) -> Iterator[tuple[str, slice]]:
    """Rows of sorted items as (contig, slice of rows), so that each slice spans at most `size` bases of one contig."""
    contig = items["contig"].astype("category")
    start = items["start"].to_numpy()
    key = contig.cat.codes.to_numpy().astype(np.int64) * (2**32) + start // size
    edges = np.flatnonzero(np.diff(key, prepend=-1, append=-1)) if len(items) else np.array([], dtype=np.int64)
    for first, last in pairwise(edges.tolist()):
        yield contig.iloc[first], slice(first, last)


def in_genome_order(items: pd.DataFrame, genome: Genome, *then_by: str) -> pd.DataFrame:
    """Items sorted by contig in genome order, start, and further columns; `contig` becomes an ordered categorical."""
    contig = pd.Categorical(items["contig"], categories=list(genome.contigs), ordered=True)
    return items.assign(contig=contig).sort_values(["contig", "start", *then_by], ignore_index=True, kind="stable")


def assign_blocks(items: pd.DataFrame, regions: pd.DataFrame) -> np.ndarray:
    """The block of every item, for the bootstrap, as text "kind:name".

    Contigs if the items lie on at least 8; else genes if they lie near at least 8, an item between genes going to the
    nearest one; else runs of 50 items. More than 500 blocks are joined with their neighbours and keep the first name.

    items    sorted along the genome; contig, start
    regions  contig, start, end, gene (null outside genes)
    """
    if not len(items):
        return np.array([], dtype=object)
    contigs = items["contig"].astype(str).to_numpy()
    kind, names = "contig", contigs
    if len(pd.unique(names)) < MIN_BLOCKS:
        kind, names = "gene", nearest_gene(items, regions)
    if len(pd.unique(names)) < MIN_BLOCKS:
        kind, names = "run", (np.arange(len(items)) // RUN).astype(str)
    codes, labels = pd.factorize(names)
    joined = codes * min(len(labels), MAX_BLOCKS) // len(labels)
    first = np.unique(joined, return_index=True)[1]
    return (f"{kind}:" + pd.Series(labels[codes[first]]).astype(str)).to_numpy(dtype=object)[joined]


def nearest_gene(items: pd.DataFrame, regions: pd.DataFrame) -> np.ndarray:
    """Name of the gene in which, or nearest to which, each item lies: object (n,), "" where its contig has no gene."""
    names = np.full(len(items), "", dtype=object)
    genic = regions[regions["gene"].notna()]
    genic = dict(list(genic.groupby("contig", observed=True, sort=False)))
    for contig, rows in items.groupby("contig", observed=True, sort=False).indices.items():
        if contig in genic:
            here = genic[contig].sort_values("start")
            start, end = here["start"].to_numpy(), here["end"].to_numpy()
            position = items["start"].to_numpy()[rows]
            right = np.searchsorted(start, position, side="right")
            before, after = np.maximum(right - 1, 0), np.minimum(right, len(start) - 1)
            nearer_after = np.abs(start[after] - position) < np.maximum(position - end[before] + 1, 0)
            nearer_after |= right == 0
            names[rows] = here["gene"].to_numpy(dtype=object)[np.where(nearer_after, after, before)]
    return names


class Sample:
    """A random sample, without replacement, of rows that arrive piece by piece, balanced between groups.

    Every row gets a random key; the rows with the lowest keys of each group are kept. Groups smaller than their equal
    share of `size` are kept whole and the others share what is left, so that rare groups are never thinned out.

    by    column that holds the group
    size  most rows kept in all
    """

    def __init__(self, by: str, size: int, seed: int):
        self._by, self._size = by, size
        self._rng = np.random.default_rng(seed)
        self._seen = pd.Series(dtype=np.int64)
        self._kept: list[pd.DataFrame] = []
        self._rows = 0

    def add(self, rows: pd.DataFrame) -> None:
        """Offer rows; memory stays within twice the sample's size and the rows offered."""
        counts = rows[self._by].value_counts()
        self._seen = self._seen.add(counts[counts > 0].rename(index=str), fill_value=0)
        self._kept.append(rows.assign(_key=self._rng.random(len(rows))))
        self._rows += len(rows)
        if self._rows > 2 * self._size:
            self._kept = [self._trimmed()]
            self._rows = len(self._kept[0])

    def rows(self) -> pd.DataFrame:
        """The sample, in the order in which rows were offered."""
        return self._trimmed().drop(columns="_key") if self._kept else pd.DataFrame()

    def _trimmed(self) -> pd.DataFrame:
        table = pd.concat(self._kept, ignore_index=True)
        share = equal_shares(self._seen.to_numpy(), self._size)
        key, kept = table["_key"].to_numpy(), np.zeros(len(table), dtype=bool)
        for rows in table.groupby(self._by, observed=True, sort=False).indices.values():
            if len(rows) > share:  # parted and not ranked: of a piece of a genome millions of rows are offered
                rows = rows[np.argpartition(key[rows], share - 1)[:share]]
            kept[rows] = True
        return table[kept]


def equal_shares(counts: np.ndarray, total: int) -> int:
    """The largest cap such that groups cut down to it hold at most `total` members (at least 1 each)."""
    counts = np.sort(np.asarray(counts))
    taken = np.concatenate([[0], np.cumsum(counts)])[:-1]
    left = len(counts) - np.arange(len(counts))
    caps = (total - taken) // left
    open_ = np.flatnonzero(caps < counts)
    return max(int(caps[open_[0]]), 1) if len(open_) else int(counts.max(initial=1))
