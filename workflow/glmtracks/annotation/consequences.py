"""What every possible single-nucleotide variant does to the transcripts it falls in."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from glmtracks.annotation import gene_parts
from glmtracks.annotation.codons import STOP, GeneticCode, codon_index, read_code, read_codons
from glmtracks.annotation.gene_parts import transcript_parts, transcript_ranks
from glmtracks.genome import BASES, UNKNOWN, Genome, complement
from glmtracks.intervals import paint, transcript_runs, unwrap

CONSEQUENCES = [
    "stop_gained",
    "stop_lost",
    "start_lost",
    "splice_donor",
    "splice_acceptor",
    "missense",
    "splice_region",
    "synonymous",
    "5UTR",
    "3UTR",
    "ncRNA",
    "intron",
    "intergenic",
]
# Severity of each consequence; coding sequence that cannot be read comes after what can, before all that is not coding.
_CODED = CONSEQUENCES.index("synonymous") + 1
_SEVERITY = {name: number + (number >= _CODED) for number, name in enumerate(CONSEQUENCES)}
_UNREAD = _CODED
_OF_PART = np.array([_SEVERITY.get(name, _UNREAD) for name in [*gene_parts.CLASSES, "splice_region"]])
_OF_PART[gene_parts.PROMOTER] = _SEVERITY["intergenic"]


def snv_consequences(
    genome: Genome, features: pd.DataFrame, contig: str, start: int, end: int, genetic_code: int
) -> pd.DataFrame:
    """The most severe consequence of every single-nucleotide variant of an interval over all transcripts.

    stop_gained, missense, synonymous compare the codon before and after; stop_lost is a change of the stop codon that
    ends the CDS (an internal one, as of selenocysteine, is an amino acid like others); start_lost a change of the
    first codon from one that the code lists as a start to one that it does not, a change between two start codons
    being synonymous. Splice sites and their regions, UTRs, introns: see `gene_parts.transcript_parts`.

    Args:
        genome: the bases.
        features: the transcript features table (see `annotation`).
        contig, start, end: 0-based half-open, inside the contig; memory is some hundred bytes per base.
        genetic_code: NCBI number.

    Returns:
        Three rows for every defined base, by position, then alternative: start (int64), ref, alt (uint8, base codes),
        consequence (ordered categorical, most severe first; null where nothing but coding sequence of unknown reading
        is hit: codons that are incomplete or hold an N), gene (string or null).

    Raises:
        InputError: unknown genetic code.
    """
    table = read_code(genetic_code)
    features = transcripts_within(features, genome.contigs, contig, start, end)
    ranks = transcript_ranks(features)
    transcripts = ranks.max(initial=-1) + 1
    genes = np.full(transcripts + 1, None, dtype=object)  # the last: no transcript at all
    genes[ranks] = features["gene"].to_numpy()

    worst = np.repeat(_without_codons(features, genome.contigs, start, end, transcripts)[:, None], len(BASES), axis=1)
    codons = read_codons(genome, features)
    near = ((codons.position >= start) & (codons.position < end)).any(axis=1) & (codons.index >= 0)
    alternative, severity = _changes(codons.code[near], codons.first[near], codons.last[near], table)
    alternative = np.where(codons.forward[near, None, None], alternative, complement(alternative))
    position = np.broadcast_to(codons.position[near][:, :, None], severity.shape)
    key = severity * (transcripts + 1) + ranks[codons.row[near]][:, None, None]
    inside = (position >= start) & (position < end)
    np.minimum.at(worst, (position[inside] - start, alternative[inside]), key[inside])

    reference = genome.codes(contig, start, end)
    offset, alternative = np.nonzero((reference != UNKNOWN)[:, None] & (np.arange(len(BASES)) != reference[:, None]))
    severity, rank = np.divmod(worst[offset, alternative], transcripts + 1)
    code = np.where(severity == _UNREAD, -1, severity - (severity > _UNREAD))
    return pd.DataFrame(
        {
            "start": offset + start,
            "ref": reference[offset],
            "alt": alternative.astype(np.uint8),
            "consequence": pd.Categorical.from_codes(code, CONSEQUENCES, ordered=True),
            "gene": pd.array(genes, dtype="str").take(rank),  # of three rows a base, none made into a string by itself
        }
    )


def transcripts_within(
    features: pd.DataFrame, contigs: Mapping[str, int], contig: str, start: int, end: int
) -> pd.DataFrame:
    """All rows of the transcripts that reach into the interval with an exon or an intron."""
    features = features[features["contig"] == contig]
    starts, ends = unwrap(features, contigs)
    run = pd.Series(transcript_runs(features))
    low, high = pd.Series(starts).groupby(run).transform("min"), pd.Series(ends).groupby(run).transform("max")
    within = (low < end) & (high > start)
    within |= (low - contigs[contig] < end) & (high - contigs[contig] > start)  # beyond the origin of a circle
    return features[within.to_numpy(dtype=bool)]


def _without_codons(
    features: pd.DataFrame, contigs: Mapping[str, int], start: int, end: int, transcripts: int
) -> np.ndarray:
    """The worst known of each base without reading codons: severity * (transcripts + 1) + rank, int64 (L,)."""
    parts = transcript_parts(features, contigs, splice_region=True)
    keys = _OF_PART[parts["region"]] * (transcripts + 1) + parts["rank"].to_numpy()
    order = np.argsort(keys, kind="stable")
    borders, owners = paint(parts["start"].to_numpy()[order], parts["end"].to_numpy()[order], start, end)
    nothing = _SEVERITY["intergenic"] * (transcripts + 1) + transcripts
    return np.repeat(np.append(keys[order], nothing)[owners], np.diff(borders))


def _changes(
    code: np.ndarray, first: np.ndarray, last: np.ndarray, table: GeneticCode
) -> tuple[np.ndarray, np.ndarray]:
    """Every base of every codon changed to every base.

    Args:
        code: uint8 (n, 3), defined bases in reading direction.
        first, last: bool (n,), codons at the very start and end of a CDS.
        table: genetic code.

    Returns:
        the new base as read (uint8) and the severity (int64), both (n, 3, 4), also where the base is the old one.
    """
    index, new = codon_index(code)[:, None, None], np.arange(len(BASES))
    changed = index + (new - code[:, :, None].astype(np.int64)) * np.array([16, 4, 1])[:, None]
    before, after = table.amino_acid[index], table.amino_acid[changed]
    severity = np.where(before == after, _SEVERITY["synonymous"], _SEVERITY["missense"])
    severity[(after == STOP) & (before != STOP)] = _SEVERITY["stop_gained"]
    ends = np.where(table.stop[changed], _SEVERITY["synonymous"], _SEVERITY["stop_lost"])
    severity = np.where(last[:, None, None] & table.stop[index], ends, severity)
    begins = np.where(table.start[changed], _SEVERITY["synonymous"], _SEVERITY["start_lost"])
    severity = np.where(first[:, None, None] & table.start[index], begins, severity)
    return np.broadcast_to(new.astype(np.uint8), severity.shape), severity
