"""A transcript cut into the parts that region classes and consequences are made of."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from glmtracks.intervals import COLUMNS, transcript_runs, unwrap, wrap

# By priority: where transcripts disagree about a base, the first of these wins.
CLASSES = ["CDS", "splice_donor", "splice_acceptor", "5UTR", "3UTR", "ncRNA", "intron", "promoter", "intergenic"]
CDS, DONOR, ACCEPTOR, UTR5, UTR3, NCRNA, INTRON, PROMOTER, INTERGENIC = range(len(CLASSES))
STRANDS = ["+", "-", "."]
MIN_INTRON = 10  # bases; shorter gaps between exons are frameshifts and ribosomal slippage
SPLICE_SITE = 2  # bases at each end of an intron
SPLICE_REGION = len(CLASSES)  # no region class: bases next to splice sites, which only consequences tell apart
OF_EXON, OF_INTRON = 3, 8  # bases on either side of a splice junction that are its region


def transcript_parts(
    features: pd.DataFrame, contigs: Mapping[str, int], promoter: int = 0, splice_region: bool = False
) -> pd.DataFrame:
    """Every transcript cut into its parts: CDS, UTRs, introns and so on.

    Exon bases of a coding transcript before its CDS are 5UTR, after it 3UTR; within it, the few bases that a frameshift
    skips are CDS without a codon position. Exons of a transcript without CDS are ncRNA. Gaps of at least 10 bases
    between exons are introns, of which the first and last 2 bases are splice donor and acceptor, on the strand of the
    transcript; not of a tRNA, whose introns an endonuclease cuts out, whatever their ends. The promoter is what lies
    upstream of the first base, within the contig. Without a strand there are neither splice sites nor promoters.

    Args:
        features: the transcript features table (see `annotation`).
        contigs: lengths.
        promoter: bases; 0 for none.
        splice_region: also the last 3 and first 3 bases of exons at an intron, and its bases 3 to 8 from either end.

    Returns:
        contig, start, end (0-based half-open, inside the contig), region (int8, index into CLASSES, or SPLICE_REGION),
        strand (int8, index into STRANDS), phase (int8, -1 where there is no codon position), gene, rank (int64:
        smaller goes before larger where parts of one class overlap: longer CDS of the transcript, then plus strand,
        then transcript name).
    """
    table = features.drop(columns=["transcript", "gene_name"]).assign(
        run=transcript_runs(features), rank=transcript_ranks(features)
    )
    table["strand"] = pd.Categorical(features["strand"], STRANDS).codes
    cds = table[table["feature"] == "CDS"].assign(region=CDS)
    table["start"], table["end"] = unwrap(features, contigs)
    coding = (
        table[table["feature"] == "CDS"].groupby("run").agg(first_coding=("start", "min"), last_coding=("end", "max"))
    )
    exons = table[table["feature"] == "exon"].drop(columns="phase").join(coding, on="run")
    exons = exons.sort_values(["run", "start"], kind="stable")
    parts = [cds, *_exon_parts(exons)]
    if splice_region:
        parts += _splice_regions(exons)
    if promoter:
        parts.append(_promoters(table, contigs, promoter))
    parts = pd.concat([part.assign(phase=part.get("phase", -1)) for part in parts], ignore_index=True)
    parts = wrap(parts[parts["start"] < parts["end"]], contigs)
    parts = parts.astype({"region": np.int8, "strand": np.int8, "phase": np.int8})
    return parts[[*COLUMNS, "region", "strand", "phase", "gene", "rank"]].reset_index(drop=True)


def transcript_ranks(features: pd.DataFrame) -> np.ndarray:
    """The precedence of each row's transcript among all, 0 first: int64, shape (n,).

    Longer CDS first, then the plus strand, then the transcript's name in alphabetical order.
    """
    run = transcript_runs(features)
    is_cds = (features["feature"] == "CDS").to_numpy()
    bases = np.bincount(run, (features["end"] - features["start"]).to_numpy() * is_cds).astype(np.int64)
    strand = pd.Categorical(features["strand"], STRANDS).codes
    whole = pd.DataFrame({"run": run, "strand": strand, "transcript": features["transcript"].to_numpy()})
    whole = whole.drop_duplicates("run").assign(bases=-bases)
    order = whole.sort_values(["bases", "strand", "transcript"], kind="stable")["run"].to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[run]


def _exon_parts(exons: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """What follows from exons: UTR, ncRNA, skipped coding bases, introns and splice sites."""
    forward = exons["strand"] == STRANDS.index("+")
    reached, gap = _gaps(exons)
    filled = exons["start"].where(~((gap > 0) & (gap < MIN_INTRON)), reached).astype(np.int64)
    exons, introns = exons.assign(start=filled), exons.assign(start=reached, end=exons["start"])[gap >= MIN_INTRON]
    coding = exons["first_coding"].notna()
    yield exons[~coding].assign(region=NCRNA)
    exons, forward = exons[coding].astype({"first_coding": np.int64, "last_coding": np.int64}), forward[coding]
    low, high = exons["first_coding"], exons["last_coding"]
    yield exons.assign(end=exons["end"].clip(upper=low), region=np.where(forward, UTR5, UTR3))
    yield exons.assign(start=exons["start"].clip(lower=high), region=np.where(forward, UTR3, UTR5))
    yield exons.assign(start=exons["start"].clip(lower=low), end=exons["end"].clip(upper=high), region=CDS)
    introns = introns.astype({"start": np.int64})
    yield introns.assign(region=INTRON)
    introns = introns[_is_spliced(introns)]
    forward = introns["strand"] == STRANDS.index("+")
    yield introns.assign(end=introns["start"] + SPLICE_SITE, region=np.where(forward, DONOR, ACCEPTOR))
    yield introns.assign(start=introns["end"] - SPLICE_SITE, region=np.where(forward, ACCEPTOR, DONOR))


def _is_spliced(exons: pd.DataFrame) -> pd.Series:
    """Whether the introns of the transcripts of exons have splice sites, and it is known which end has which."""
    return (exons["strand"] != STRANDS.index(".")) & (exons["biotype"] != "tRNA")


def _gaps(exons: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """How far the exons before each one of its transcript reach, and how many bases lie between."""
    reached = exons.groupby("run")["end"].cummax().groupby(exons["run"]).shift()
    return reached, exons["start"] - reached


def _splice_regions(exons: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The bases next to the splice sites of stranded transcripts."""
    reached, gap = _gaps(exons)
    exons = exons.assign(region=SPLICE_REGION, low=reached, high=exons["start"], last=exons["end"])
    exons["first"] = exons.groupby("run")["start"].shift()
    exons = exons[(gap >= MIN_INTRON) & _is_spliced(exons)]
    low, high = exons["low"].astype(np.int64), exons["high"]
    inner_low, inner_high = low + SPLICE_SITE, high - SPLICE_SITE
    yield exons.assign(start=np.maximum(low - OF_EXON, exons["first"].astype(np.int64)), end=low)
    yield exons.assign(start=inner_low, end=np.minimum(low + OF_INTRON, inner_high))
    yield exons.assign(start=np.maximum(high - OF_INTRON, inner_low), end=inner_high)
    yield exons.assign(start=high, end=np.minimum(high + OF_EXON, exons["last"]))


def _promoters(table: pd.DataFrame, contigs: Mapping[str, int], length: int) -> pd.DataFrame:
    """What lies upstream of the first base of every transcript."""
    same = {name: (name, "first") for name in ["contig", "strand", "gene", "rank"]}
    stranded = table[table["strand"] != STRANDS.index(".")].groupby("run")
    stranded = stranded.agg(**same, start=("start", "min"), end=("end", "max"))
    forward = stranded["strand"] == STRANDS.index("+")
    size = stranded["contig"].map(contigs).astype(np.int64)
    edge = size.where(stranded["end"] <= size, 2 * size)  # a transcript across the origin goes on for a second lap
    start = (stranded["start"] - length).clip(lower=0).where(forward, stranded["end"])
    end = stranded["start"].where(forward, (stranded["end"] + length).clip(upper=edge))
    return stranded.assign(start=start, end=end, region=PROMOTER)
