"""Gene annotation of any style in, one table of transcript features and one canonical GFF3 out.

The transcript features table has one row per exon and per CDS segment: contig, start, end (int64, 0-based half-open),
strand ("+", "-", "."), feature ("exon" or "CDS"), transcript, gene, biotype (strings), phase (int8, bases to skip to
the next codon as in GFF3; -1 for exons), gene_name and begins (bool, False where the start codon of the transcript's
CDS lies elsewhere, as before a piece of a trans-spliced gene). Rows are ordered by contig, then transcript, then in the
direction of the plus strand: by start, except that in a transcript that crosses the origin of a circular contig the
rows before the origin (at the contig's end) come first. A row that itself crosses the origin is two rows.
"""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pysam
from pyarrow import csv

from glmtracks.annotation.codons import terminal_codons
from glmtracks.annotation.gff import NO_START, read_rows
from glmtracks.annotation.transcripts import PARTS, assemble
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import Genome
from glmtracks.genome.contigs import ORGANELLE, ContigNames, a_few
from glmtracks.intervals import unwrap, wrap
from glmtracks.tabix import write_index

logger = logging.getLogger(__name__)

TRUSTED_PHASES = 0.6  # phases agree by chance in a third of the exons; in a sound file in nearly all


def read_features(
    path: str | Path,
    names: ContigNames | None = None,
    contigs: Mapping[str, int] | None = None,
    circles: Collection[str] = (),
    genetic_code: int | None = None,
) -> pd.DataFrame:
    """Transcript features of a GFF3 or GTF file.

    The phase of the first CDS segment is the file's, or 0; the others follow from the lengths. Where the file states
    another phase (a frameshift, a gap of the assembly) the file is believed, unless on a strand it disagrees so often
    that its phase column cannot be right there: then the first is 0.

    Args:
        path: GFF3 or GTF; plain, gzip or bgzip.
        names: contig names of the genome; features on other contigs are dropped and counted in the log. Without it
            names stay as they are.
        contigs: lengths of the genome's contigs, in genome order. Features past the end of a contig that the file calls
            circular (`Is_circular=true`) continue at its start.
        circles: of these contigs those that are known to be circular whatever the file says.
        genetic_code: NCBI number that the genome sheet gives; a file that says otherwise is warned of.

    Returns:
        the transcript features table (see the module); contigs in the order of `contigs`, else of the file.

    Raises:
        InputError: unreadable file (see `gff.read_rows`), no contig in common, a feature past the end of a contig.
    """
    rows = read_rows(path)
    if names is not None:
        rows = _rename_contigs(rows, names, path)
    if genetic_code is not None:
        _compare_code(rows, genetic_code, path)
    order = list(contigs) if contigs is not None else list(rows["contig"].unique())
    circular = rows[(rows["kind"] == "circular") & (rows["start"] == 0)].set_index("contig")["end"].to_dict()
    if not rows["kind"].isin(PARTS).any():
        raise InputError(f"{path} has no exon, CDS or transcript row; leave the annotation of this genome empty.")
    if contigs is not None:
        if unnamed := sorted(circular.keys() - set(circles)):
            logger.warning(
                "%s: by this file %s is a circle; windows and scores go on over its origin, as genes do, only where "
                "the column circular of the genome sheet names it",
                path,
                ", ".join(unnamed[:5]),
            )
        circular |= {contig: contigs[contig] for contig in circles}
    features = assemble(rows, circular)
    if contigs is not None:
        _check_ends(features, contigs, circular, path)
        circular = {contig: contigs[contig] for contig in circular}
    features = _cross_origin(features, circular)
    features["phase"] = _phases(features)
    rank = {contig: number for number, contig in enumerate(order)}
    features = features.assign(_contig=features["contig"].map(rank), _exon=features["feature"] != "exon")
    features = features.sort_values(
        ["_contig", "transcript", "along", "_exon", "end"], kind="stable", ignore_index=True
    )
    return features.drop(columns=["_contig", "_exon", "along", "row_end"])


def read_annotation(path: str | Path) -> pd.DataFrame:
    """The transcript features table from a file written by `write_gff3`, contigs in the file's order."""
    return read_features(path)


def _rename_contigs(rows: pd.DataFrame, names: ContigNames, path: str | Path) -> pd.DataFrame:
    """The rows on contigs of the genome, under its names for them."""
    found = {name: names.resolve(name) or names.resolve(unquote(name)) for name in rows["contig"].unique()}
    unknown = [name for name, contig in found.items() if contig is None]
    if len(unknown) == len(found):
        raise InputError(
            f"{path}: none of its {len(found)} contigs is a contig of the genome; "
            f"for {unknown[0]}: {names.suggest(unknown[0])}."
        )
    contig = rows["contig"].map(found)
    if unknown:
        named = set(found.values())
        bare = [contig for contig in names.contigs if contig not in named]
        message = (
            f"{path}: {contig.isna().sum()} rows on {len(unknown)} contigs that the genome lacks are left out: "
            f"{a_few(unknown)}"
        )
        if bare:  # else the genome is a part of the assembly
            message += f"; without any row are {a_few(bare)}; if these are the same contigs, set contig_aliases"
        logger.log(logging.WARNING if bare else logging.INFO, message)
    return rows.assign(contig=contig)[contig.notna()]


def _compare_code(rows: pd.DataFrame, genetic_code: int, path: str | Path) -> None:
    """Warn of a file by which proteins are read by another genetic code, organelles apart, which have one of their own.

    NCBI states all codes but the standard one. By that, genes of bacteria that begin with GTG would have no start.
    """
    organelles = [name for name in rows["contig"].unique() if ORGANELLE.fullmatch(name)]
    stated = rows.loc[~rows["contig"].isin(organelles), "transl_table"].dropna()
    codes = stated.value_counts()
    if len(codes) and 2 * codes.drop(str(genetic_code), errors="ignore").sum() > len(stated):
        logger.warning(
            "%s: says that its proteins are read by genetic code %s (transl_table), and the genome sheet that they are "
            "by %d; correct its column genetic_code",
            *(path, codes.index[0], genetic_code),
        )


def _check_ends(features: pd.DataFrame, contigs: Mapping[str, int], circular: Mapping, path: str | Path) -> None:
    laps = 1 + features["contig"].isin(list(circular))
    over = features[features["end"] > features["contig"].map(contigs) * laps]
    if len(over):
        row = over.iloc[0]
        raise InputError(
            f"{path}: {row['feature']} of {row['transcript']} at {row['contig']}:{row['start'] + 1}-{row['end']} runs "
            f"past the end of {row['contig']} ({contigs[row['contig']]} bases), one of {len(over)} such rows; use the "
            "annotation of this very assembly, or name circular contigs in the column circular of the genome sheet."
        )


def _cross_origin(features: pd.DataFrame, circular: Mapping[str, int]) -> pd.DataFrame:
    """Features cut at the origins, with a column `along`: their start on a line that does not break there."""
    features = features.assign(along=features["start"])
    on_circle = features["contig"].isin(list(circular))
    if not on_circle.any():
        return features
    circle = features[on_circle].reset_index(drop=True)
    length = circle["contig"].map(circular)
    circle["beyond"] = circle["start"] >= length
    pieces = wrap(circle, circular).reset_index()
    second = np.arange(len(pieces)) >= len(circle)
    # Of a cut CDS segment only the piece that is read first keeps the file's phase.
    downstream = np.where(pieces["strand"] == "-", ~second & pieces["index"].isin(pieces["index"][second]), second)
    pieces["phase"] = pieces["phase"].where(~downstream, -1).astype("int8")
    pieces = pieces.drop(columns="index").sort_values(["transcript", "start"], kind="stable", ignore_index=True)
    length = pieces["contig"].map(circular)
    by = pieces["transcript"]
    at_end, at_start = (pieces["end"] == length).groupby(by), (pieces["start"] == 0).groupby(by)
    crosses = (at_end.transform("any") & at_start.transform("any")) | pieces["beyond"].groupby(by).transform("any")
    # The widest gap between its pieces is where such a transcript is not: what lies before it comes after the origin.
    gap = pieces["start"] - pieces.groupby("transcript")["end"].cummax().groupby(by).shift()
    widest = gap.groupby(by).transform("max")
    resume = pieces["start"].where((gap == widest) & (gap > 0)).groupby(by).transform("min")
    past = pieces["row_end"] - length  # where a transcript's own row ends on the second lap, it says it itself
    second_lap = (pieces["end"] <= past).where(past > 0, crosses & (pieces["start"] < resume))
    pieces["along"] = pieces["start"] + length.where(second_lap, 0)
    return pd.concat([features[~on_circle], pieces.drop(columns="beyond")], ignore_index=True)


def _phases(features: pd.DataFrame) -> np.ndarray:
    """Phase of every row (int8, -1 for exons), from the file's phases and the lengths of the CDS segments."""
    cds = features[features["feature"] == "CDS"]
    forward = cds["strand"] != "-"
    cds = cds.assign(reading=np.where(forward, cds["along"], -cds["along"]), group=pd.factorize(cds["transcript"])[0])
    cds = cds.sort_values(["group", "reading"], kind="stable")
    group, given = cds["group"].to_numpy(), cds["phase"].to_numpy().astype(np.int64)
    length = (cds["end"] - cds["start"]).to_numpy()
    first = np.diff(group, prepend=-1) != 0
    total = np.cumsum(length) - length
    before = total - np.repeat(total[first], np.bincount(group)) if len(group) else total

    def from_anchors(anchor: np.ndarray) -> np.ndarray:
        nearest = np.maximum.accumulate(np.where(anchor, np.arange(len(anchor)), 0))
        return ((np.maximum(given, 0) + before)[nearest] - before) % 3

    stated = ~first & (given >= 0)
    differs = stated & (given != from_anchors(first))
    forward = (cds["strand"] != "-").to_numpy()
    for strand in (forward, ~forward):  # phases that were counted along the plus strand are wrong on the other alone
        wrong, of = (differs & strand).sum(), (stated & strand).sum()
        if wrong > (1 - TRUSTED_PHASES) * of:
            logger.info("phases of %d of %d CDS segments of a strand contradict the lengths: ignored", wrong, of)
            stated, given = stated & ~strand, np.where(strand, 0, given)
    if count := (differs & stated).sum():
        logger.info("%d CDS segments are not in frame with the one before them", count)
    phase = from_anchors(first | stated)
    return pd.Series(phase, cds.index).reindex(features.index, fill_value=-1).to_numpy(dtype=np.int8)


def write_gff3(features: pd.DataFrame, contigs: Mapping[str, int], path: str | Path) -> None:
    """Write a transcript features table as GFF3 in the style of Ensembl, sorted, bgzipped and indexed (tabix).

    Rows are gene, mRNA (has CDS) or ncRNA, exon and CDS, joined by `ID=gene:…`, `ID=transcript:…` and Parent, with
    biotype and Name; an mRNA whose start codon lies elsewhere has `tag=cds_start_NF`. A contig whose origin some
    transcript crosses gets a region row with `Is_circular=true`; exons and CDS cut there are two rows, and the rows of
    that transcript and gene end on a second lap, past the contig's end.
    `read_annotation` gives the same table back.

    Args:
        features: the transcript features table.
        contigs: lengths, in genome order.
        path: output, ending in .gz; its index is written to `path`.tbi.
    """
    rows = _gff_rows(features, contigs)
    header = ["##gff-version 3", *(f"##sequence-region {contig} 1 {length}" for contig, length in contigs.items())]
    with atomic(path) as temporary, atomic(f"{path}.tbi") as index:
        plain = temporary.with_suffix("")
        with plain.open("wb") as handle:
            handle.write(("\n".join(header) + "\n").encode())
            options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
            # In one chunk, because pyarrow writes rubbish for empty chunks.
            csv.write_csv(pa.Table.from_pandas(rows, preserve_index=False).combine_chunks(), handle, options)
        pysam.tabix_compress(str(plain), str(temporary), force=True)
        write_index(temporary, index, preset="gff")


def _gff_rows(features: pd.DataFrame, contigs: Mapping[str, int]) -> pd.DataFrame:
    """The nine columns of GFF3, sorted."""
    names = ["transcript", "gene", "gene_name", "biotype"]
    table = features.assign(**{name: _escape(features[name]) for name in names})
    table["coding"] = table["feature"] == "CDS"
    start, end = unwrap(features, contigs)
    whole = table.assign(start=start, end=end).groupby(["contig", "transcript"], sort=False)
    spans = {"start": ("start", "min"), "end": ("end", "max"), "coding": ("coding", "any")}
    same = ["strand", "gene", "gene_name", "biotype", "begins"]
    transcripts = whole.agg(**spans, **{name: (name, "first") for name in same})
    transcripts = transcripts.reset_index().sort_values("coding", ascending=False, kind="stable")
    genes = transcripts.groupby(["contig", "gene"], sort=False)
    strands = genes["strand"].transform("nunique")
    genes = transcripts.assign(strand=transcripts["strand"].where(strands == 1, ".")).groupby(
        ["contig", "gene"], sort=False
    )
    genes = genes.agg(**spans, **{name: (name, "first") for name in ["strand", "gene_name", "biotype"]}).reset_index()
    circles = pd.DataFrame({"contig": table["contig"][start != table["start"]].unique()}).assign(start=0, strand=".")
    circles["end"] = circles["contig"].map(contigs)

    biotype = genes["biotype"].where(~genes["coding"], "protein_coding")
    genes["attributes"] = "ID=gene:" + genes["gene"] + ";Name=" + genes["gene_name"] + ";biotype=" + biotype
    of = ";Parent=gene:" + transcripts["gene"] + ";biotype=" + transcripts["biotype"]
    tag = (transcripts["coding"] & ~transcripts["begins"]).map({True: f";tag={NO_START}", False: ""})
    transcripts["attributes"] = "ID=transcript:" + transcripts["transcript"] + of + tag
    table["attributes"] = "Parent=transcript:" + table["transcript"]
    circles["attributes"] = "ID=region:" + circles["contig"] + ";Is_circular=true"
    kind = transcripts["coding"].map({True: "mRNA", False: "ncRNA"})
    levels = [
        circles.assign(type="region"),
        genes.assign(type="gene"),
        transcripts.assign(type=kind),
        table.assign(type=table["feature"]),
    ]
    rows = pd.concat([frame.assign(level=level) for level, frame in enumerate(levels)], ignore_index=True)
    rows["contig_rank"] = rows["contig"].map({contig: number for number, contig in enumerate(contigs)})
    rows["length"] = rows["start"] - rows["end"]
    rows = rows.sort_values(["contig_rank", "start", "level", "length"], kind="stable")
    rows["phase"] = rows["phase"].where(rows["coding"] & (rows["level"] == 3)).astype("Int8").astype("str").fillna(".")
    rows = rows.assign(source="glmtracks", score=".", start=rows["start"] + 1)
    return rows[["contig", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]]


def _escape(values: pd.Series) -> pd.Series:
    """Strings with the characters that GFF3 reserves percent-encoded."""
    plain = pd.Series(values.unique())
    escaped = plain.str.replace(r"[%;=&,\"\t\r\n]", lambda match: f"%{ord(match[0]):02X}", regex=True)
    return values.map(pd.Series(escaped.to_numpy(), index=plain.to_numpy()))


def summarise(features: pd.DataFrame, genome: Genome | None = None, genetic_code: int = 1) -> dict[str, int]:
    """Counts that tell whether an annotation fits its genome.

    Args:
        features: the transcript features table.
        genome: with it also the coding transcripts without a start codon, without a stop codon, and with one inside.
        genetic_code: NCBI number.

    Returns:
        genes, transcripts, coding_transcripts, cds_not_multiple_of_3, and with a genome without_start_codon,
        without_stop_codon, with_stop_inside.
    """
    cds = features[features["feature"] == "CDS"]
    coding = cds.groupby(["contig", "transcript"], sort=False)
    bases = (cds["end"] - cds["start"]).groupby([cds["contig"], cds["transcript"]], sort=False).sum()
    counts = {
        "genes": features["gene"].nunique(),
        "transcripts": len(features[["contig", "transcript"]].drop_duplicates()),
        "coding_transcripts": coding.ngroups,
        "cds_not_multiple_of_3": int((bases % 3 != 0).sum()),
    }
    if genome is not None:
        ends = terminal_codons(genome, features, genetic_code)
        counts["without_start_codon"] = int((~ends["starts"]).sum())
        counts["without_stop_codon"] = int((~ends["stops"]).sum())
        counts["with_stop_inside"] = int(ends["broken"].sum())
    return counts


def canonicalise(
    source: str | Path, fasta: str | Path, output: str | Path, aliases: Mapping[str, str], genetic_code: int = 1
) -> None:
    """Read an annotation of any style and write it as canonical GFF3 (see `write_gff3`) for a normalised genome.

    Genes of which most are none in this genome, as those of another assembly, are warned of, those of organelles that
    are read by the standard code, and those of which most have stop codons inside by the genetic code.

    Raises:
        InputError: as from `read_features`.
    """
    genome = Genome(fasta)
    names = ContigNames(genome.contigs, aliases)
    features = read_features(source, names, genome.contigs, genome.circular, genetic_code)
    write_gff3(features, genome.contigs, output)
    counts = summarise(features, genome, genetic_code)
    logger.info("%s: %s", source, ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items()))
    coded = features.loc[features["feature"] == "CDS", "contig"].unique()
    organelles = [contig for contig in coded if ORGANELLE.fullmatch(contig)]
    if genetic_code == 1 and organelles:
        logger.warning(
            "%s: coding sequence on %s is read by the standard code, and most organelles have another; leave them out "
            "of this genome (exclude), and give them a row of their own (include, genetic_code)",
            source,
            ", ".join(organelles),
        )
    coding = counts["coding_transcripts"]
    if coding and 2 * min(counts["without_start_codon"], counts["without_stop_codon"]) > coding:
        logger.warning(
            "%s: of its %d coding transcripts most begin with no start codon and most end with no stop codon; is it "
            "the annotation of this very assembly, and genetic_code %d that of its genes?",
            source,
            coding,
            genetic_code,
        )
    elif 2 * counts["with_stop_inside"] > coding:
        logger.warning(
            "%s: of its %d coding transcripts %d have a stop codon inside by genetic_code %d; if their proteins are "
            "read by another (4 in Mycoplasma; transl_table of GFF3), set that for this genome",
            source,
            coding,
            counts["with_stop_inside"],
            genetic_code,
        )
