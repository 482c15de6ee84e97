"""Consequences agree with changing the base, splicing and translating anew; severity follows the printed order."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.annotation import read_features
from glmtracks.annotation.codons import read_code, terminal_codons
from glmtracks.annotation.consequences import CONSEQUENCES, snv_consequences
from glmtracks.annotation.transcripts import COLUMNS
from glmtracks.errors import InputError
from glmtracks.genome import BASES, UNKNOWN, encode

# Severity with the place of sequence that cannot be read.
ORDER = [*CONSEQUENCES[:8], None, *CONSEQUENCES[8:]]


class Text:
    """A genome of one contig, "c", from a string."""

    def __init__(self, sequence):
        self.sequence, self.contigs = sequence, {"c": len(sequence)}

    def codes(self, contig, start, end):
        inside = encode(self.sequence[max(start, 0) : end])
        return np.pad(inside, (max(-start, 0), end - start - len(inside) - max(-start, 0)), constant_values=UNKNOWN)


def table(rows):
    """Features from tuples (start, end, strand, feature, transcript, phase)."""
    rows = [
        ("c", s, e, strand, kind, name, f"g{name}", "protein_coding", phase, f"g{name}", True)
        for s, e, strand, kind, name, phase in rows
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"start": np.int64, "end": np.int64, "phase": np.int8})


@st.composite
def genes(draw, name="T"):
    """(sequence, strand, exons, coding spliced positions in reading order, phase, features): a gene of 1-4 exons."""
    strand = draw(st.sampled_from("+-"))
    steps = draw(st.lists(st.tuples(st.integers(10, 16), st.integers(1, 14)), min_size=1, max_size=4))
    ends = np.cumsum([gap + length for gap, length in steps])
    exons = [(int(end) - length, int(end)) for end, (_, length) in zip(ends, steps, strict=True)]
    read = [base for start, end in exons for base in range(start, end)][:: 1 if strand == "+" else -1]
    first = draw(st.integers(0, min(3, len(read) - 1)))
    last = draw(st.integers(first + 1, len(read)))
    phase = draw(st.sampled_from([0, 0, 1, 2]))
    coding = read[first:last]
    size = int(ends[-1]) + 5
    bases = draw(st.lists(st.sampled_from("ACGTACGTACGTACGTN"), min_size=size, max_size=size))
    letters = list("ATG") + list(draw(st.sampled_from(["TAA", "AGA", "TGA", "TTG"])))
    for place, letter in zip(coding[:3] + coding[-3:], letters, strict=False):
        bases[place] = letter if strand == "+" else str(Seq(letter).complement())
    rows = []
    for start, end in exons:
        rows.append((start, end, strand, "exon", name, -1))
        inside = [place for place in coding if start <= place < end]
        if inside:
            before = coding.index(inside[0])
            rows.append((min(inside), max(inside) + 1, strand, "CDS", name, (phase - before) % 3))
    return "".join(bases), strand, exons, coding, phase, table(rows)


def codon_of(sequence, strand, coding, phase, place):
    """(number of the codon, its letters, whether the CDS ends with it) of a place; None where it is incomplete."""
    number = (coding.index(place) - phase) // 3
    codon = coding[phase + 3 * number : phase + 3 * number + 3]
    if coding.index(place) < phase or len(codon) < 3:
        return None
    letters = Seq("".join(sequence[base] for base in codon))
    return number, str(letters if strand == "+" else letters.complement()), codon[-1] == coding[-1]


def expected(sequence, strand, exons, coding, phase, place, alt, code):
    """The consequence of one SNV: what it does to its codon or site, or that it lies next to a splice site."""
    alone = without_regions(sequence, strand, exons, coding, phase, place, alt, code)
    severe = alone is not None and CONSEQUENCES.index(alone) < CONSEQUENCES.index("splice_region")
    return "splice_region" if not severe and next_to_splice_site(exons, place) else alone


def next_to_splice_site(exons, place):
    """Within 3 bases of an exon, or 3 to 8 bases of an intron, of a junction."""
    for (left, start), (end, right) in pairwise(exons):
        if max(left, start - 3) <= place < start or end <= place < min(end + 3, right):
            return True
        if start <= place < end and (place - start < 8 or end - 1 - place < 8):
            return True
    return False


def without_regions(sequence, strand, exons, coding, phase, place, alt, code):
    """The consequence of one SNV, by changing the base and translating the codon with Biopython."""
    if place in coding:
        before = codon_of(sequence, strand, coding, phase, place)
        changed = sequence[:place] + alt + sequence[place + 1 :]
        if before is None or "N" in before[1]:
            return None
        number, old, is_last = before
        new = codon_of(changed, strand, coding, phase, place)[1]
        return of_codon(old, new, code, number == 0 and phase == 0, is_last)
    if any(start <= place < end for start, end in exons):
        return "5UTR" if (place < min(coding)) == (strand == "+") else "3UTR"
    for (_, start), (end, _) in pairwise(exons):
        if start <= place < end:
            from_start, from_end = place - start, end - 1 - place
            upstream, downstream = (from_start, from_end) if strand == "+" else (from_end, from_start)
            return "splice_donor" if upstream < 2 else "splice_acceptor" if downstream < 2 else "intron"
    return "intergenic"


def of_codon(old, new, code, is_first, is_last):
    """The consequence of one codon become another."""
    starts = ["ATG"] if code == 1 else CodonTable.unambiguous_dna_by_id[code].start_codons
    if is_first and old in starts:
        return "synonymous" if new in starts else "start_lost"
    old, new = str(Seq(old).translate(code)), str(Seq(new).translate(code))
    if old == "*" and is_last:
        return "synonymous" if new == "*" else "stop_lost"
    return "synonymous" if old == new else "stop_gained" if new == "*" else "missense"


@settings(max_examples=60, deadline=None)
@given(genes(), st.sampled_from([1, 2, 11]))
def test_every_snv_of_a_random_gene_does_what_translation_says(gene, code):
    sequence, strand, exons, coding, phase, features = gene
    found = snv_consequences(Text(sequence), features, "c", 0, len(sequence), code)
    assert len(found) == 3 * sum(base != "N" for base in sequence)
    assert (found["ref"].to_numpy() == encode(sequence)[found["start"]]).all()
    for row in found.itertuples():
        wanted = expected(sequence, strand, exons, coding, phase, row.start, BASES[row.alt], code)
        assert (None if pd.isna(row.consequence) else row.consequence) == wanted
        assert (row.gene == "gT") if wanted != "intergenic" else pd.isna(row.gene)


@settings(max_examples=25, deadline=None)
@given(genes("A"), genes("B"), st.integers(0, 10))
def test_the_most_severe_consequence_over_transcripts_is_reported(one, two, shift):
    """Together two transcripts do the worse of what each does alone; an interval of the whole shows the same."""
    sequence = (one[0] + two[0])[: max(len(one[0]), len(two[0]) + shift)]
    genome = Text(sequence)
    features = [one[-1], two[-1].assign(start=two[-1]["start"] + shift, end=two[-1]["end"] + shift)]
    size = len(sequence)
    alone = [snv_consequences(genome, part, "c", 0, size, 1)["consequence"].astype(object) for part in features]
    both = snv_consequences(genome, pd.concat(features, ignore_index=True), "c", 0, size, 1)
    severity = [[ORDER.index(None if pd.isna(name) else name) for name in names] for names in alone]
    worst = [ORDER[number] for number in np.min(severity, axis=0)]
    assert [None if pd.isna(name) else name for name in both["consequence"]] == worst
    middle = snv_consequences(genome, pd.concat(features, ignore_index=True), "c", 7, size - 9, 1)
    within = both[(both["start"] >= 7) & (both["start"] < size - 9)].reset_index(drop=True)
    pd.testing.assert_frame_equal(middle, within)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_gene_across_the_origin_of_a_circle_reads_as_on_a_line(strand, tmp_path):
    rng = np.random.default_rng(3)
    line = "".join(rng.choice(list(BASES), 60))
    turned = line[40:] + line[:40]  # the gene at 10-52 now begins at 30 and passes the end
    (tmp_path / "a.gff").write_text(f"c\tx\tCDS\t11\t52\t.\t{strand}\t0\tID=a\n")
    circle = "c\tx\tregion\t1\t60\t.\t+\t.\tID=c;Is_circular=true\n"
    (tmp_path / "b.gff").write_text(circle + f"c\tx\tCDS\t31\t72\t.\t{strand}\t0\tID=a\n")
    on_line = snv_consequences(Text(line), read_features(tmp_path / "a.gff"), "c", 0, 60, 11)
    features = read_features(tmp_path / "b.gff", None, {"c": 60})
    on_circle = snv_consequences(Text(turned), features, "c", 0, 60, 11)
    on_circle = on_circle.assign(start=(on_circle["start"] + 40) % 60).sort_values(["start", "alt"], ignore_index=True)
    pd.testing.assert_frame_equal(on_circle, on_line)
    half = snv_consequences(Text(turned), features, "c", 0, 8, 11)
    assert half["consequence"].tolist() == on_line.loc[on_line["start"].between(40, 47), "consequence"].tolist()


@pytest.mark.parametrize("pieces", [["-85:96", "+21:37 +51:60"], ["+51:60", "+11:37"], ["-11:22", "-71:80 -51:60"]])
def test_every_snv_of_a_trans_spliced_gene_does_what_its_protein_says(pieces, tmp_path):
    """Of codons that two pieces share nothing is known; the second piece is no start, though it may begin with ATG."""
    sequence = np.random.default_rng(5).choice(list(BASES), 100)
    rows, read, piece_of = [], [], []
    for number, piece in enumerate(pieces):
        for strand, low, high in re.findall(r"([+-])(\d+):(\d+)", piece):
            note = "Parent=gene-G;exception=trans-splicing"
            rows.append(f"c\tx\tCDS\t{low}\t{high}\t.\t{strand}\t{-len(read) % 3}\tID=P;{note}\n")
            here = [(base, strand) for base in range(int(low) - 1, int(high))]
            read += here if strand == "+" else here[::-1]
            piece_of += [number] * len(here)
    begin = -(-piece_of.index(1) // 3) * 3  # of the first codon of the second piece
    for (base, strand), letter in zip(read[:3] + read[begin : begin + 3], "ATGATG", strict=True):
        sequence[base] = letter if strand == "+" else str(Seq(letter).complement())
    (tmp_path / "a.gff").write_text("".join(rows))
    found = snv_consequences(Text("".join(sequence)), read_features(tmp_path / "a.gff"), "c", 0, 100, 11)
    found = found.set_index(["start", "alt"])["consequence"]
    spliced = [sequence[base] if strand == "+" else str(Seq(sequence[base]).complement()) for base, strand in read]
    for place, (base, strand) in enumerate(read):
        codon = slice(place // 3 * 3, place // 3 * 3 + 3)
        for alt in set("ACGT") - {sequence[base]}:
            changed = [*spliced]
            changed[place] = alt if strand == "+" else str(Seq(alt).complement())
            old, new = ("".join(bases[codon]) for bases in (spliced, changed))
            whole = len(old) == 3 and len({*piece_of[codon]}) == 1
            wanted = of_codon(old, new, 11, place < 3, codon.stop == len(read)) if whole else None
            given = found[base, BASES.index(alt)]
            assert given in (wanted, "splice_region") or (wanted is None and pd.isna(given))
    spans = [[base for (base, _), number in zip(read, piece_of, strict=True) if number == piece] for piece in (0, 1)]
    outside = [base for base in range(100) if not any(min(span) <= base <= max(span) for span in spans)]
    assert set(found.loc[outside]) == {"intergenic"}


def test_internal_stops_are_read_as_amino_acids_and_do_not_stop_the_reading():
    """A selenocysteine codon TGA: leaving it is missense, only the stop that ends the CDS can be lost."""
    sequence = "ATGTGAAAATAA"
    features = table([(0, 12, "+", "exon", "T", -1), (0, 12, "+", "CDS", "T", 0)])
    found = snv_consequences(Text(sequence), features, "c", 0, 12, 1).set_index(["start", "alt"])["consequence"]
    assert found[3, BASES.index("C")] == "missense"  # TGA > CGA
    assert found[9, BASES.index("C")] == "stop_lost"  # TAA > CAA
    assert found[10, BASES.index("G")] == "synonymous"  # TAA > TGA
    assert found[6, BASES.index("T")] == "stop_gained"  # AAA > TAA
    assert found[2, BASES.index("A")] == "start_lost"  # ATG > ATA


@pytest.mark.parametrize(
    ("sequence", "cds", "starts", "stops", "broken"),
    [
        ("CATGAAATAA", [(0, 10, 1)], False, True, False),  # the first whole codon, of a CDS whose start is not known
        ("ATGTAACCCCATGAAA", [(0, 6, 0), (9, 16, 1)], True, False, True),  # reading begins anew behind the stop
    ],
)
def test_only_the_ends_of_a_whole_cds_are_its_start_and_its_stop(sequence, cds, starts, stops, broken):
    features = table([(start, end, "+", "CDS", "T", phase) for start, end, phase in cds])
    found = terminal_codons(Text(sequence), features)
    assert found[["starts", "stops", "broken"]].to_numpy().tolist() == [[starts, stops, broken]]


def test_no_gene_no_consequence_but_every_snv_is_listed():
    found = snv_consequences(Text("ACGTN"), table([]), "c", 0, 5, 1)
    assert found["consequence"].tolist() == ["intergenic"] * 12 and found["gene"].isna().all()
    assert found[["ref", "alt"]].to_numpy().tolist()[:3] == [[0, 1], [0, 2], [0, 3]]


def test_a_genetic_code_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="genetic_code 7 is not a genetic code of NCBI; use one of 1, 2, 3"):
        snv_consequences(Text("ACGT"), table([]), "c", 0, 4, 7)


@pytest.mark.parametrize("code", [1, 6, 10, 12, 26])
def test_nuclear_genes_begin_with_atg_alone(code):
    features = table([(0, 9, "+", "exon", "T", -1), (0, 9, "+", "CDS", "T", 0)])
    found = snv_consequences(Text("ATGAAATAA"), features, "c", 0, 3, code)
    assert set(found["consequence"]) == {"start_lost"}  # CTG is none


def test_vertebrate_mitochondria_read_tga_as_tryptophan_and_aga_as_stop():
    code, standard = read_code(2), read_code(1)
    tga, aga = (int(encode(codon) @ np.array([16, 4, 1])) for codon in ("TGA", "AGA"))
    assert chr(code.amino_acid[tga]) == "W" and chr(standard.amino_acid[tga]) == "*"
    assert code.stop[aga] and not standard.stop[aga]


# Variants of human mtDNA with their effects as MITOMAP lists them.
MITOMAP = {
    (3308, "C"): "start_lost",  # ND1 M1T
    (3460, "A"): "missense",  # ND1 A52T, Leber's optic neuropathy
    (11778, "A"): "missense",  # ND4 R340H, Leber's optic neuropathy
    (14484, "C"): "missense",  # ND6 M64V, on the minus strand
    (8993, "G"): "missense",  # ATP6 L156R, NARP
    (9952, "A"): "stop_gained",  # CO3 W249*
    (15059, "A"): "stop_gained",  # CYB G190*
    (7028, "T"): "synonymous",  # CO1 A375
    (11719, "A"): "synonymous",  # ND4 G320
    (12705, "T"): "synonymous",  # ND5 I123
    (3243, "G"): "ncRNA",  # tRNA-Leu, MELAS
    (263, "G"): "intergenic",  # control region
}


def test_known_variants_of_the_human_mitochondrion(shared_data):
    sequence = "".join((shared_data / "human_mito" / "chrM.fa").read_text().split("\n")[1:])
    features = read_features(shared_data / "human_mito" / "chrM.gff3").assign(contig="c")
    found = snv_consequences(Text(sequence), features, "c", 0, len(sequence), 2).set_index(["start", "alt"])
    for (position, alt), consequence in MITOMAP.items():
        assert found.loc[(position - 1, BASES.index(alt)), "consequence"] == consequence, position
    assert len(found) == 3 * 16_568  # the N at 3107 has no variants
    ends = terminal_codons(Text(sequence), features, 2).set_index("transcript")
    assert ends["starts"].all() and ends.loc["MT-ND6", "stops"]
