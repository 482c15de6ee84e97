"""A genome as .2bit, read back by two libraries that know nothing of ours."""

from pathlib import Path

import numpy as np
import py2bit
import pytest
from Bio import SeqIO
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.genome import Genome, twobit
from glmtracks.genome.twobit import write_twobit

CONTIGS = {
    "chr1": "NNNNacgtACGTNNNNNNRYKMacg" * 7 + "T",
    "all_N": "NNNNNNN",
    "gi|1|x.1": "A",
    "lower": "gattacagattaca",
    "plain": "ACGT" * 9 + "ACG",
}


def spelt(sequence: str) -> str:
    """With every letter but A, C, G and T, of either case, as N."""
    return "".join(base if base in "ACGTNacgtn" else "Nn"[base.islower()] for base in sequence)


def by_biopython(path: Path) -> dict[str, str]:
    with path.open("rb") as handle:
        return {record.id: str(record.seq) for record in SeqIO.parse(handle, "twobit")}


@pytest.fixture(params=[4, 64, 1 << 22])
def piece(request, monkeypatch):
    monkeypatch.setattr(twobit, "PIECE", request.param)


def test_two_readers_find_the_genome(make_genome, tmp_path, piece):
    write_twobit(make_genome(CONTIGS), tmp_path / "genome.2bit")
    records = by_biopython(tmp_path / "genome.2bit")
    assert records == {name: spelt(sequence) for name, sequence in CONTIGS.items()}
    assert list(records) == list(CONTIGS)
    file = py2bit.open(str(tmp_path / "genome.2bit"), True)
    assert file.chroms() == {name: len(sequence) for name, sequence in CONTIGS.items()}
    assert {name: file.sequence(name) for name in CONTIGS} == records
    assert file.sequence("chr1", 3, 9) == spelt(CONTIGS["chr1"])[3:9]
    assert file.softMaskedBlocks("lower") == [(0, 14)] and file.hardMaskedBlocks("all_N") == [(0, 7)]
    assert not file.softMaskedBlocks("plain") and not file.hardMaskedBlocks("plain")
    file.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ACGTNacgtnR", min_size=1, max_size=60), min_size=1, max_size=4), st.integers(1, 5))
def test_any_sequence_in_any_pieces(tmp_path_factory, monkeypatch, sequences, quads):
    from glmtracks.genome import normalise

    monkeypatch.setattr(twobit, "PIECE", 4 * quads)
    folder = tmp_path_factory.mktemp("genome")
    (folder / "x.fa").write_text("".join(f">{n}\n{sequence}\n" for n, sequence in enumerate(sequences)))
    normalise(folder / "x.fa", folder / "x.fa.gz", sizes_out=folder / "sizes", provenance_out=folder / "json")
    write_twobit(Genome(folder / "x.fa.gz"), folder / "x.2bit")
    assert list(by_biopython(folder / "x.2bit").values()) == [spelt(sequence) for sequence in sequences]


def test_offsets_of_64_bits_for_genomes_that_need_them(make_genome, tmp_path, monkeypatch):
    monkeypatch.setattr(twobit, "LARGE", 5)
    write_twobit(make_genome(CONTIGS), tmp_path / "genome.2bit")
    content = (tmp_path / "genome.2bit").read_bytes()
    assert np.frombuffer(content, "<u4", 4).tolist() == [0x1A412743, 1, len(CONTIGS), 0]
    offset = int(np.frombuffer(content[16 + 1 + len("chr1") :], "<u8", 1)[0])
    assert np.frombuffer(content[offset:], "<u4", 1)[0] == len(CONTIGS["chr1"])


def test_what_the_format_cannot_hold_is_one_sentence(make_genome, tmp_path, monkeypatch):
    monkeypatch.setattr(twobit, "LONGEST_NAME", 7)
    with pytest.raises(InputError, match=r"gi\|1\|x.1 of .* does not fit the 2bit format"):
        write_twobit(make_genome(CONTIGS), tmp_path / "genome.2bit")
    assert not (tmp_path / "genome.2bit").exists()
