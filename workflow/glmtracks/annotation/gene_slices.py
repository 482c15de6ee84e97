"""Genes of parts of a genome, read through the index of its canonical annotation."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pysam

from glmtracks.annotation import read_annotation
from glmtracks.intervals import unwrap

Interval = tuple[str, int, int]  # contig, start, end; 0-based half-open


def features_within(gff3: str | Path, intervals: Iterable[Interval]) -> pd.DataFrame | None:
    """Transcript features of all genes that reach into the intervals, each gene as a whole.

    Args:
        gff3: file of `annotation.write_gff3`, with its index beside it.
        intervals: where; on other contigs than the file's there are no genes.

    Returns:
        the transcript features table of `glmtracks.annotation`, or None where there is no gene.
    """
    with pysam.TabixFile(str(gff3)) as file:
        known = set(file.contigs)
        near = [interval for interval in intervals if interval[0] in known]
        circles = [line for line in _lines(file, near) if _type(line) == "region"]
        lengths = {contig: end for contig, _, end in map(_extent, circles)}
        genes = [line for line in _lines(file, _laps(near, lengths)) if _type(line) == "gene"]
        lines = _lines(file, _laps(sorted(map(_extent, genes)), lengths))
    parts = _parts(lines, genes)
    if not parts:
        return None
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "part.gff3")
        part.write_text("\n".join(["##gff-version 3", *circles, *genes, *parts, ""]), encoding="utf-8")
        return read_annotation(part)


def _lines(file: pysam.TabixFile, intervals: Iterable[Interval]) -> list[str]:
    """Lines that overlap any of the intervals, each once."""
    return list(dict.fromkeys(line for interval in intervals for line in file.fetch(*interval)))


def _laps(intervals: Iterable[Interval], circles: Mapping[str, int]) -> Iterator[Interval]:
    """The intervals, and on circles the same places a lap on or back, since genes across the origin end on a second."""
    for contig, start, end in intervals:
        yield contig, start, end
        if length := circles.get(contig):
            yield contig, start + length, end + length
            if end > length:
                yield contig, max(start - length, 0), end - length


def _type(line: str) -> str:
    return line.split("\t", 3)[2]


def _extent(line: str) -> Interval:
    fields = line.split("\t", 5)
    return fields[0], int(fields[3]) - 1, int(fields[4])


def _parts(lines: list[str], genes: list[str]) -> list[str]:
    """Of the lines those of the transcripts of some genes, and of their exons and CDS."""
    names = {_attributes(gene)["ID"] for gene in genes}
    attributes = [_attributes(line) for line in lines]
    names |= {own["ID"] for own in attributes if "ID" in own and own.get("Parent") in names}
    return [line for line, own in zip(lines, attributes, strict=True) if own.get("Parent") in names]


def _attributes(line: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in line.rsplit("\t", 1)[1].split(";"))


def drawn(features: pd.DataFrame | None, contigs: Mapping[str, int]) -> list[list]:
    """Transcripts as a genome browser draws them: [contig, start, end, name, strand, exons].

    exons   [start, end, coding start, coding end] each; the last two are null where nothing of the exon is coding

    One across the origin of a circle is drawn twice, up to the end of the contig and on from its start.

    Args:
        features: the transcript features table, or None.
        contigs: lengths.
    """
    if features is None:
        return []
    beyond = unwrap(features, contigs)[0] != features["start"]
    cut = set(features.loc[beyond, "transcript"])
    found = []
    for (contig, transcript, second), rows in features.groupby(["contig", "transcript", beyond], sort=False):
        coding = rows[rows["feature"] == "CDS"]
        exons = rows[rows["feature"] == "exon"]
        exons = exons if len(exons) else coding
        first = rows.iloc[0]
        name = next(
            (text for text in (first["gene_name"], first["gene"]) if isinstance(text, str) and text), transcript
        )
        parts = [[int(exon.start), int(exon.end), *_coding(exon, coding)] for exon in exons.itertuples()]
        begin = 0 if second else int(rows["start"].min())
        end = contigs[contig] if transcript in cut and not second else int(rows["end"].max())
        found.append([str(contig), begin, end, name, first["strand"], sorted(parts, key=lambda part: part[0])])
    return found


def _coding(exon, coding: pd.DataFrame) -> tuple[int | None, int | None]:
    inside = coding[(coding["start"] < exon.end) & (coding["end"] > exon.start)]
    return (int(inside["start"].min()), int(inside["end"].max())) if len(inside) else (None, None)
