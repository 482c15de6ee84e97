"""Genomes: encoding, canonical FASTA, random access, contig names."""

import cProfile
import gzip
import hashlib
import io
import json
import multiprocessing
import pickle
import pstats
import re
import tarfile

import numpy as np
import pyfaidx
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.genome import (
    UNKNOWN,
    ContigNames,
    Genome,
    complement,
    decode,
    encode,
    fasta,
    fasta_reader,
    normalise,
    read_aliases,
    reverse_complement,
)


def run(source, folder, **options):
    return normalise(
        source,
        folder / "genome.fa.gz",
        sizes_out=folder / "chrom.sizes",
        provenance_out=folder / "provenance.json",
        **options,
    )


@pytest.fixture
def write(tmp_path):
    def write(content: bytes | str, name: str = "source.fa"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def refused(source, out, **options) -> str:
    """The one sentence `normalise` refuses with, after checking that it left nothing."""
    with pytest.raises(InputError) as error:
        run(source, out, **options)
    assert list(out.iterdir()) == []
    message = str(error.value)
    assert "\n" not in message
    return message


# --- bases ------------------------------------------------------------------------------------------------------------


def test_watson_crick_pairs():
    assert decode(complement(encode("ACGTN"))) == "TGCAN"
    assert decode(reverse_complement(encode("GATTACA"))) == "TGTAATC"


def test_encode_knows_case_and_rna_and_nothing_else():
    assert encode(b"ACGTacgtUu").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 3, 3]
    assert (encode("NRYSWKMBDHVn-*") == UNKNOWN).all()
    assert encode("").shape == (0,)
    assert encode("A").dtype == np.uint8


@given(st.text("ACGTN"))
def test_reverse_complement_is_an_involution(sequence):
    codes = encode(sequence)
    assert decode(reverse_complement(reverse_complement(codes))) == sequence
    assert reverse_complement(codes).flags.c_contiguous


def test_reverse_complement_works_on_the_last_axis():
    batch = np.stack([encode("AACG"), encode("TTTN")])
    assert [decode(row) for row in reverse_complement(batch)] == ["CGTT", "NAAA"]


# --- canonical FASTA --------------------------------------------------------------------------------------------------


def test_every_letter_survives(write, out):
    provenance = run(write(">a.1|x y z\r\nACGTnnRYu\r\n\r\nacg\n>b\n\nTTTT"), out)
    genome = Genome(out / "genome.fa.gz")
    assert genome.contigs == {"a.1|x": 12, "b": 4}
    assert genome.sequence("a.1|x", 0, 12) == "ACGTnnRYuacg"
    assert (out / "chrom.sizes").read_text() == "a.1|x\t12\nb\t4\n"
    assert (provenance["bases"], provenance["lower_case"], provenance["undefined"]) == (16, 6, 4)
    assert json.loads((out / "provenance.json").read_text()) == provenance


def test_the_checksums_are_those_of_the_source_and_of_the_canonical_text(write, out):
    source = write(">a\nac\ngt\n")
    provenance = run(source, out, origin="ucsc:toy")
    assert provenance["origin"] == "ucsc:toy"
    assert provenance["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    text = gzip.decompress((out / "genome.fa.gz").read_bytes())
    assert text == b">a\nacgt\n"
    assert provenance["sequence_sha256"] == hashlib.sha256(text).hexdigest()


@given(
    contigs=st.lists(st.text("ACGTNacgtn", min_size=1, max_size=200), min_size=1, max_size=5),
    width=st.integers(1, 90),
    end=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    last=st.booleans(),
    block=st.integers(1, 50),
)
def test_line_lengths_line_ends_and_blocks_do_not_matter(tmp_path_factory, contigs, width, end, last, block):
    folder = tmp_path_factory.mktemp("fasta")
    lines = []
    for number, sequence in enumerate(contigs):
        lines += [f">c{number} >not a record"]
        lines += [sequence[start : start + width] for start in range(0, len(sequence), width)]
    (folder / "source.fa").write_bytes((end.join(lines) + end * last).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta_reader, "BLOCK", block)
        run(folder / "source.fa", folder)
    genome = Genome(folder / "genome.fa.gz")
    assert [genome.sequence(name, 0, length) for name, length in genome.contigs.items()] == contigs
    text = gzip.decompress((folder / "genome.fa.gz").read_bytes()).decode()
    assert max(map(len, (line for line in text.splitlines() if not line.startswith(">")))) <= fasta.LINE


def test_plain_gzip_and_bgzip_give_the_same_bytes(write, tmp_path):
    content = (">a\n" + "ACGTTGCA" * 30_000 + "\n").encode()
    sources = [write(content), write(gzip.compress(content), "misnamed.fa")]
    with pysam.BGZFile(str(tmp_path / "b.fa.gz"), "wb") as handle:
        handle.write(content)
    results = set()
    for number, source in enumerate([*sources, tmp_path / "b.fa.gz"]):
        folder = tmp_path / f"out{number}"
        run(source, folder)
        results.add(b"".join((folder / name).read_bytes() for name in ("genome.fa.gz", "genome.fa.gz.gzi")))
    assert len(results) == 1


def test_an_archive_of_chromosomes_is_one_genome(tmp_path, out):
    source = tmp_path / "chromFa.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        for name in ("chr1", "chr2"):
            member = tarfile.TarInfo(f"./{name}.fa")
            member.size = len(content := f">{name}\nACGT".encode())
            archive.addfile(member, io.BytesIO(content))
    run(source, out)
    assert Genome(out / "genome.fa.gz").contigs == {"chr1": 4, "chr2": 4}


def test_other_readers_agree(write, out, capfd):
    rng = np.random.default_rng(1)
    sequences = {f"c|{n}.1": decode(rng.integers(0, 5, 500 + n)) for n in range(20)}
    run(write("".join(f">{name} text\n{sequence}\n" for name, sequence in sequences.items())), out)
    path = str(out / "genome.fa.gz")
    before = (out / "genome.fa.gz.fai").read_bytes()
    faidx = pyfaidx.Fasta(path)
    assert {name: str(faidx[name][:]) for name in sequences} == sequences
    pysam.faidx(path, "c|7.1:11-20")
    assert capfd.readouterr().out.split() == [">c|7.1:11-20", sequences["c|7.1"][10:20]]
    assert (out / "genome.fa.gz.fai").read_bytes() == before


def test_work_grows_with_the_contigs_and_not_their_square(write, tmp_path):
    def calls(contigs: int) -> int:
        """Of functions, which a loop over all contigs for each of them would multiply; a clock depends on the day."""
        source = write("".join(f">scaffold_{n}\n{'ACGTAC' * 20}\n" for n in range(contigs)))
        (tmp_path / str(contigs)).mkdir()
        profile = cProfile.Profile()
        profile.runcall(run, source, tmp_path / str(contigs))
        assert len(Genome(tmp_path / str(contigs) / "genome.fa.gz").contigs) == contigs
        return pstats.Stats(profile).total_calls

    assert calls(5000) < 12 * calls(500)


def test_patterns_are_searched_for_and_exclude_wins(write, out):
    source = write("".join(f">{name}\nACGT\n" for name in ("chr1", "chr10", "chr1_alt", "chrM")))
    provenance = run(source, out, include="chr[0-9]+", exclude="_alt$")
    assert list(Genome(out / "genome.fa.gz").contigs) == ["chr1", "chr10"]
    assert provenance["left_out"] == 2


def test_contigs_are_left_out_by_their_whole_header(write, out):
    """As in a RefSeq release, where the names say nothing; in either case."""
    headers = ("NC_1.1 Homo sapiens mitochondrion", "NC_2.1 Mus musculus", "NC_3.1\tPan paniscus isolate", "Pan.4")
    run(write("".join(f">{header}\nACGT\n" for header in headers)), out, exclude_title="homo SAPIENS|\\bPan\\b")
    assert list(Genome(out / "genome.fa.gz").contigs) == ["NC_2.1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("<!DOCTYPE html>\n<html><head><title>Sign in</title>", "HTML page (title 'Sign in')"),
        ("LOCUS BK006935", "begins with 'LOCUS BK006935' instead of >"),
        (">a\nACGT\n>b\nAC\n>a\nACGT\n", "line 5: a second contig is called a"),
        (">" + 81 * "|" + "\nACGT\n", "too long to name a file by; shorten it"),
        (">a\nACGT\nAC.T\n", "contig a, line 3: '.' is not a nucleotide code"),
        (">a\nAC>T\n", "contig a, line 2: '>'"),
        (">a\n>b\nACGT\n", "contig a has no sequence"),
        (">a\nACGT\n>b", "contig b has no sequence"),
        (">a\nACGT\n> b\nAC\n", "line 3: the header '> b'"),
        (">ä\nACGT\n", "line 1: the header"),
        ('>a"b\nACGT\n', "quotation marks"),
        (">p\nMKVLAAGIVGLCAKQELPF\n", "contig p, line 2: this looks like a protein"),
    ],
)
def test_one_sentence_for_each_bad_file(write, out, content, told):
    source = write(content)
    message = refused(source, out)
    assert told in message
    assert str(source) in message


def test_a_contig_that_no_index_counts_to_the_end_of_is_refused(write, out, monkeypatch):
    monkeypatch.setattr(fasta, "LONGEST_CONTIG", 6)
    source = write(">a\nACGTAC\n>b\nACG\nTACG\n")
    assert "contig b has more than 6 bases" in refused(source, out)
    run(source, out, exclude="b")
    assert Genome(out / "genome.fa.gz").contigs == {"a": 6}


def test_contigs_that_differ_only_in_case_are_refused_where_the_file_system_ignores_it(write, out, monkeypatch):
    source = write(">chr1\nACGT\n>CHR1\nAC\n")
    assert run(source, out)["contigs"] == 2
    monkeypatch.setattr("glmtracks.files.ignores_case", lambda folder: True)  # as that of macOS does
    assert "the names of contigs chr1 and CHR1 differ only in case" in refused(source, out / "again")


def test_a_missing_file_is_named(tmp_path, out):
    assert "nowhere.fa does not exist" in refused(tmp_path / "nowhere.fa", out)


def test_the_line_of_an_illegal_letter_is_right_across_blocks(write, out, monkeypatch):
    monkeypatch.setattr(fasta_reader, "BLOCK", 7)
    source = write(">a\r\nACGT\r\n\r\nACGTACGTACGT\r\n>b text\r\nACGT\r\nAC!T\r\n")
    assert "contig b, line 7: '!'" in refused(source, out)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_cut_gzip_is_refused(write, out, kept):
    content = gzip.compress((">a\n" + decode(np.random.default_rng(0).integers(0, 4, 20_000)) + "\n").encode())
    assert "cut-off gzip" in refused(write(content[: int(len(content) * kept)]), out)


def test_a_bgzip_cut_between_blocks_is_refused(tmp_path, out):
    source = tmp_path / "a.fa.gz"
    with pysam.BGZFile(str(source), "wb") as handle:
        handle.write((">a\n" + "ACGT" * 50_000 + "\n").encode())
    content = source.read_bytes()
    source.write_bytes(content[:-28])
    assert "end-of-file block is missing" in refused(source, out)


def test_a_wrong_checksum_names_both(write, out):
    source = write(">a\nACGT\n")
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    message = refused(source, out, checksum="0" * 64)
    assert found in message
    assert "0" * 64 in message
    run(source, out, checksum=found.upper())


def test_patterns_that_fail_say_why(write, out):
    source = write(">chr1\nACGT\n>chr2\nACGT\n")
    assert "leave no contig; there are chr1, chr2" in refused(source, out, include="^X$")
    assert "not a regular expression" in refused(source, out, exclude="chr(")


# --- random access ----------------------------------------------------------------------------------------------------


def test_a_window_may_hang_over_both_ends(tiny_genome):
    codes = tiny_genome.codes("chrM", -3, 15)
    assert decode(codes) == "NNN" + "GATCACAGGTCT" + "NNN"
    assert decode(tiny_genome.codes("chrM", 20, 22)) == "NN"
    assert decode(tiny_genome.codes("chrM", -9, -7)) == "NN"
    assert tiny_genome.size == sum(tiny_genome.contigs.values()) == 82


@given(st.integers(-50, 50), st.integers(0, 60))
def test_a_circle_goes_on_beyond_its_ends_round_and_round(ring, start, length):
    sequence = "GATTACACCATGAGG"
    expected = "".join(sequence[position % 15] for position in range(start, start + length))
    assert decode(ring.codes("ring", start, start + length)) == expected
    linear = "".join(sequence[n] if 0 <= n < 15 else "N" for n in range(start, start + length))
    assert decode(ring.codes("line", start, start + length)) == linear
    assert decode(ring.codes("ring", start, start + length, wrap=False)) == linear


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    """A circular and a linear contig of the same 15 bases."""
    folder = tmp_path_factory.mktemp("ring")
    (folder / "source.fa").write_text(">ring\nGATTACACCATGAGG\n>line\nGATTACACCATGAGG\n")
    provenance = run(folder / "source.fa", folder, circular="^ring$")
    assert provenance["circular_contigs"] == 1 and provenance["circular"] == "^ring$"
    genome = Genome(folder / "genome.fa.gz")
    assert genome.circular == {"ring"} == pickle.loads(pickle.dumps(genome)).circular
    return genome


def test_a_genome_without_a_list_of_circles_is_linear(write, out):
    run(write(">a\nACGT\n"), out, circular="a")
    (out / "genome.fa.gz.circular").unlink()
    assert decode(Genome(out / "genome.fa.gz").codes("a", -1, 6)) == "NACGTNN"


def test_a_pattern_of_circles_that_matches_nothing_is_told(write, out, caplog):
    run(write(">chrM\nACGT\n"), out, circular="^MT$")
    assert "circular, '^MT$', matches no contig (the first is chrM)" in caplog.text


def test_sequence_keeps_case_and_stays_inside(tiny_genome):
    assert tiny_genome.sequence("chrI", 3, 7) == "TNac"
    assert tiny_genome.sequence("chrI", 5, 5) == ""
    with pytest.raises(ValueError, match="not inside chrM"):
        tiny_genome.sequence("chrM", 5, 13)
    with pytest.raises(KeyError, match="chrX is not a contig"):
        tiny_genome.codes("chrX", 0, 1)


def test_a_genome_can_be_pickled_and_used_after_a_fork(tiny_genome):
    expected = decode(tiny_genome.codes("chrM", 0, 12))
    assert decode(pickle.loads(pickle.dumps(tiny_genome)).codes("chrM", 0, 12)) == expected
    with multiprocessing.get_context("fork").Pool(2) as pool:
        windows = [("chrM", start, start + 4) for start in range(8)] * 20
        assert pool.starmap(tiny_genome.codes, windows, chunksize=1)[3].tolist() == encode(expected[3:7]).tolist()


# --- contig names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contigs", "name", "resolved"),
    [
        (["chrI", "chrII"], "chrI", "chrI"),
        (["chrI", "chrII"], "I", "chrI"),
        (["1", "MT"], "chr1", "1"),
        (["1", "MT"], "chrM", "MT"),
        (["chrM"], "MT", "chrM"),
        (["Chr1"], "chr1", "Chr1"),
        (["Chr01", "Chr10"], "1", "Chr01"),
        (["1", "10"], "chr01", "1"),
        (["1", "01"], "chr1", None),
        (["0", "00A"], "chr00", "0"),
        (["chr1", "1"], "1", "1"),
        (["chr1", "1"], "Chr1", None),
        (["chrI"], "II", None),
        (["chr"], "", None),
    ],
)
def test_everyday_names_of_one_contig(contigs, name, resolved):
    assert ContigNames(contigs).resolve(name) == resolved


def test_given_aliases_come_before_guesses(caplog):
    names = ContigNames(["chrI", "chrII"], {"I": "chrII", "x": "chrIII"})
    assert "chrIII not in this genome" in caplog.text
    assert names.resolve("I") == "chrII"
    assert names.resolve("x") is None


def test_an_automatic_rename_is_said_once(caplog):
    caplog.set_level("INFO")
    names = ContigNames(["chrI"])
    assert [names.resolve("I") for _ in range(3)] == ["chrI"] * 3
    assert caplog.messages == ["contig I is taken for chrI"]


def test_suggestions_name_a_way_out():
    assert ContigNames(["chromosome_1", "MT"]).suggest("chromosom_1") == "did you mean chromosome_1? set contig_aliases"
    assert "the contigs are a, b" in ContigNames(["a", "b"]).suggest("NC_000001.11")


def test_aliases_come_from_a_list_or_a_table(tmp_path):
    assert read_aliases("") == {}
    assert read_aliases("I=chrI, II=chrII") == {"I": "chrI", "II": "chrII"}
    many = {f"NC_{number:06}.1": f"chr{number}" for number in range(40)}  # longer than a name of a file may be
    assert read_aliases(",".join(map("=".join, many.items()))) == many
    table = tmp_path / "aliases.tsv"
    table.write_text("# alias\tcontig\nNC_001133.9\tchrI\n\n")
    assert read_aliases(str(table)) == {"NC_001133.9": "chrI"}


@pytest.mark.parametrize("cell", ["I=chrI,II", "I=", "nowhere.tsv", "I=a,I=b", "I chrI " * 40])
def test_wrong_aliases_are_refused(cell):
    with pytest.raises(InputError, match="contig_aliases"):
        read_aliases(cell)


# --- real genomes -----------------------------------------------------------------------------------------------------


def test_yeast_nuclear_genome(shared_data, out):
    provenance = run(shared_data / "yeast" / "sacCer3.fa.gz", out)
    genome = Genome(out / "genome.fa.gz")
    assert (len(genome.contigs), genome.size, provenance["undefined"]) == (16, 12_071_326, 0)
    # the first element of every centromere is RTCACRTG (Hegemann and Fleig 1993); GenBank has CEN1 at 151,465
    assert re.fullmatch("[AG]TCAC[AG]TG", genome.sequence("chrI", 151464, 151472))
