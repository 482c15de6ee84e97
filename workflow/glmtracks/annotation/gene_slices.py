"""Genes of parts of a genome, read through the index of its canonical annotation."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pysam

from glmtracks.annotation import read_annotation

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
        genes = [_extent(line) for interval in near for line in _lines(file, [interval])]
        lines = _lines(file, sorted({*genes, *near}))
    if not any("\texon\t" in line or "\tCDS\t" in line for line in lines):
        return None
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "part.gff3")
        part.write_text("\n".join(["##gff-version 3", *lines, ""]), encoding="utf-8")
        return read_annotation(part)


def _lines(file: pysam.TabixFile, intervals: Iterable[Interval]) -> list[str]:
    """Lines that overlap any of the intervals, each once."""
    return list(dict.fromkeys(line for interval in intervals for line in file.fetch(*interval)))


def _extent(line: str) -> Interval:
    fields = line.split("\t", 5)
    return fields[0], int(fields[3]) - 1, int(fields[4])


def drawn(features: pd.DataFrame | None) -> list[list]:
    """Transcripts as a genome browser draws them: [contig, start, end, name, strand, exons].

    exons   [start, end, coding start, coding end] each; the last two are null where nothing of the exon is coding
    """
    if features is None:
        return []
    found = []
    for (contig, transcript), rows in features.groupby(["contig", "transcript"], observed=True, sort=False):
        coding = rows[rows["feature"] == "CDS"]
        exons = rows[rows["feature"] == "exon"]
        exons = exons if len(exons) else coding
        first = rows.iloc[0]
        name = next(
            (text for text in (first["gene_name"], first["gene"]) if isinstance(text, str) and text), transcript
        )
        parts = [[int(exon.start), int(exon.end), *_coding(exon, coding)] for exon in exons.itertuples()]
        begin, end = int(rows["start"].min()), int(rows["end"].max())
        found.append([str(contig), begin, end, name, first["strand"], sorted(parts, key=lambda part: part[0])])
    return found


def _coding(exon, coding: pd.DataFrame) -> tuple[int | None, int | None]:
    inside = coding[(coding["start"] < exon.end) & (coding["end"] > exon.start)]
    return (int(inside["start"].min()), int(inside["end"].max())) if len(inside) else (None, None)
