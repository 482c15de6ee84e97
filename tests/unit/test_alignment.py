"""A sister genome made from the reference by known changes must come back with exactly these."""

import numpy as np
import pytest

from glmtracks.errors import InputError
from glmtracks.evidence import alignment
from glmtracks.genome import UNKNOWN, Genome, decode, normalise, reverse_complement

LENGTH = 20_000


@pytest.fixture
def pair(make_genome, tmp_path):
    """A reference of two random contigs, and a function that writes sister sequences to a FASTA."""
    rng = np.random.default_rng(0)
    contigs = {name: rng.integers(0, 4, LENGTH).astype(np.uint8) for name in ("a", "b")}
    genome = make_genome({name: decode(codes) for name, codes in contigs.items()})

    def write(*sequences):
        path = tmp_path / "sister.fa"
        path.write_text("".join(f">{n}\n{decode(codes)}\n" for n, codes in enumerate(sequences)))
        return path

    return genome, contigs, write


def substitute(codes, rate, seed=1):
    rng = np.random.default_rng(seed)
    hit = rng.random(len(codes)) < rate
    return np.where(hit, (codes + rng.integers(1, 4, len(codes))) % 4, codes).astype(np.uint8)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_substitutions_come_back_on_the_forward_strand(pair, strand):
    genome, contigs, write = pair
    changed = substitute(contigs["a"], 0.08)
    path = write(changed if strand == "+" else reverse_complement(changed))
    bases = alignment.align(genome, path, ["a"])["a"]
    assert np.mean(bases != UNKNOWN) > 0.95
    known = bases != UNKNOWN
    assert (bases == changed)[known].all()


def test_what_occurs_twice_in_either_genome_is_left_out(pair):
    genome, contigs, write = pair
    twice = contigs["a"][5_000:10_000]
    bases = alignment.align(genome, write(contigs["a"], twice), ["a", "b"])
    assert (bases["a"][5_000:10_000] == UNKNOWN).all()
    assert np.mean(bases["a"][:4_900] != UNKNOWN) > 0.98
    assert (bases["b"] == UNKNOWN).all()


def test_what_occurs_twice_in_the_reference_is_left_out(make_genome, tmp_path):
    rng = np.random.default_rng(3)
    single, repeat = rng.integers(0, 4, 20_000), rng.integers(0, 4, 6_000)
    whole = np.concatenate([single[:10_000], repeat, single[10_000:], repeat]).astype(np.uint8)
    genome = make_genome({"a": decode(whole)})
    path = tmp_path / "sister.fa"
    path.write_text(f">s\n{decode(np.concatenate([single[:10_000], repeat, single[10_000:]]))}\n")
    bases = alignment.align(genome, path, ["a"])["a"]
    assert (bases[26_000:] == UNKNOWN).all()
    assert np.mean(bases[:9_900] != UNKNOWN) > 0.98


def test_bases_beside_a_gap_are_left_out(pair):
    genome, contigs, write = pair
    bases = alignment.align(genome, write(np.delete(contigs["a"], slice(8_000, 8_030))), ["a"])["a"]
    assert (bases[7_996:8_034] == UNKNOWN).all()
    assert (bases[7_900:7_980] == contigs["a"][7_900:7_980]).all()
    stretches = alignment.intervals(bases)
    assert stretches["start"].tolist() == sorted(stretches["start"])
    assert sum(stretches["end"] - stretches["start"]) == np.sum(bases != UNKNOWN)


def test_a_long_sister_contig_is_aligned_piece_by_piece(pair, monkeypatch):
    """What stands twice in it is left out as well where the copies lie in two pieces."""
    genome, contigs, write = pair
    path = write(np.concatenate([contigs["b"], contigs["a"], contigs["b"][5_000:10_000]]))
    monkeypatch.setattr(alignment, "PIECE", 7_000)
    bases = alignment.align(genome, path, ["a", "b"])
    assert (bases["b"][5_000:10_000] == UNKNOWN).all()
    for codes, whole in ((bases["a"], contigs["a"]), (bases["b"][10_100:], contigs["b"][10_100:])):
        assert np.mean(codes != UNKNOWN) > 0.98 and (codes == whole)[codes != UNKNOWN].all()


@pytest.mark.parametrize("copies, known", [(1, True), (2, False), (257, False)])
def test_what_occurs_once_is_told_from_any_number_of_copies(copies, known):
    """A byte counts them, which comes back to 1 after 256."""
    place = np.array([0]), np.array([0]), np.array([50])
    hits = [alignment._Hit("a", 60, np.ones(50, np.uint8), np.arange(50) + 50 * n, *place) for n in range(copies)]
    bases, depth = {"a": np.full(50, UNKNOWN, np.uint8)}, {"a": np.zeros(50, np.uint8)}
    alignment._project(hits, 50 * copies, bases, depth)
    assert (depth["a"] == 1).all() == known
    used = [alignment._Hit("a", 60, np.ones(50, np.uint8), np.arange(50), *place)] * copies
    bases, depth = {"a": np.full(50, UNKNOWN, np.uint8)}, {"a": np.zeros(50, np.uint8)}
    alignment._project(used, 50, bases, depth)
    assert (bases["a"] != UNKNOWN).any() == known


def test_a_diverged_stretch_is_left_out(pair):
    genome, contigs, write = pair
    changed = contigs["a"].copy()
    changed[10_000:10_150] = substitute(changed[10_000:10_150], 0.8)
    bases = alignment.align(genome, write(changed), ["a"])["a"]
    assert (bases[10_040:10_110] == UNKNOWN).all()


def test_unrelated_sequence_does_not_align(pair):
    genome, _, write = pair
    other = np.random.default_rng(9).integers(0, 4, LENGTH).astype(np.uint8)
    assert (alignment.align(genome, write(other), ["a"])["a"] == UNKNOWN).all()


def test_seed_length_grows_with_the_genome():
    assert [alignment.seed_length(size) for size in (16_569, 12_000_000, 120_000_000, 3_100_000_000)] == [
        11,
        13,
        15,
        17,
    ]


def test_a_sister_genome_without_sequence_is_refused(pair, tmp_path):
    genome, _, _ = pair
    (tmp_path / "empty.fa").write_text("")
    with pytest.raises(InputError, match=r"empty\.fa holds no sequence"):
        alignment.align(genome, tmp_path / "empty.fa", ["a"])
    with pytest.raises(InputError, match=r"absent\.fa cannot be read"):
        alignment.align(genome, tmp_path / "absent.fa", ["a"])


def test_yeast_species_align_over_most_of_their_sequence(shared_data, tmp_path):
    """S. paradoxus: near a tenth diverged; substitutions in it are mostly transitions, as everywhere in nature."""
    fasta = tmp_path / "genome.fa.gz"
    folder = shared_data / "yeast"
    normalise(
        folder / "sacCer3.fa.gz",
        fasta,
        sizes_out=tmp_path / "sizes",
        provenance_out=tmp_path / "p.json",
        include="^chrVI$",
    )
    genome, sister = Genome(fasta), Genome(_chromosome(folder / "genomes" / "CBS432.genome.fa.gz", tmp_path))
    reference = genome.codes("chrVI", 0, genome.contigs["chrVI"])
    bases = alignment.align(genome, sister.path, ["chrVI"], threads=2)["chrVI"]
    known = (bases != UNKNOWN) & (reference != UNKNOWN)
    substituted = known & (bases != reference)
    assert 0.75 < np.mean(bases != UNKNOWN) < 1
    assert 0.08 < np.sum(substituted) / np.sum(bases != UNKNOWN) < 0.15
    assert np.mean((reference ^ bases)[substituted] == 2) > 2 / 3  # codes of A and G, and of C and T, differ by 2


def _chromosome(source, folder):
    normalise(
        source,
        folder / "sister.fa.gz",
        sizes_out=folder / "sister.sizes",
        provenance_out=folder / "sister.json",
        include="^chrVI$",
    )
    return folder / "sister.fa.gz"
