"""What is held out stands nowhere in training: not as 21-mers, not as homologs, in no genome of the corpus."""

import json

import mappy
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.genome import Genome, decode, normalise
from glmtracks.intervals import tile
from glmtracks.windows import homology, kmer_sets
from glmtracks.windows.corpus import Corpus, CorpusGenome
from glmtracks.windows.cutting import cut_corpus
from glmtracks.windows.kmer_sets import KmerSet
from glmtracks.windows.leakage import check_leakage, lint, purge

COMPLEMENT = str.maketrans("ACGT", "TGCA")
NO_REPEATS = pd.DataFrame({"contig": pd.Series([], dtype=str), "start": [], "end": []}).astype(
    {"start": int, "end": int}
)
WINDOWS = {"recipe": "genome", "size": 128, "step": 64, "jitter": 32, "exon_flank": 50, "promoter": 0, "random": 1.0}
STRETCHES = {"purge": "stretches", "related": 0.02}


def dna(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), length))


def mutated(rng: np.random.Generator, sequence: str, rate: float) -> str:
    """A copy with substitutions at a share `rate` of its bases, and a gap every 300 bases."""
    letters = np.array(list(sequence))
    hit = rng.random(len(letters)) < rate
    letters[hit] = rng.choice(list("ACGT"), hit.sum())
    return "".join(np.delete(letters, np.arange(150, len(letters), 300)))


def other_strand(sequence: str) -> str:
    return sequence[::-1].translate(COMPLEMENT)


def member(genome, name: str = "", **parts: str) -> CorpusGenome:
    """A genome whose contigs go whole to the parts given by name, the others to training."""
    split = tile(genome.contigs)
    split["split"] = [parts.get(contig, "train") for contig in split["contig"]]
    return CorpusGenome(name, genome, NO_REPEATS, split, pd.DataFrame())


def bases(member: CorpusGenome, part: str, contig: str | None = None) -> int:
    rows = member.split[member.split["split"] == part]
    rows = rows[rows["contig"] == contig] if contig else rows
    return int((rows["end"] - rows["start"]).sum())


@pytest.fixture
def leaky(make_genome) -> Corpus:
    """A test contig of which 300 bases also stand, on the other strand, in the middle of a training contig."""
    rng = np.random.default_rng(0)
    test, train = (dna(rng, 3000) for _ in range(2))
    genome = make_genome({"test": test, "train": train[:1500] + other_strand(test[1000:1300]) + train[1500:]})
    return Corpus([member(genome, test="test")])


def test_chunks_of_a_part_hold_each_word_once_over_the_origin_too(make_genome):
    genome = make_genome({"a": dna(np.random.default_rng(0), 1000)}, circular="a")
    split = pd.DataFrame({"contig": "a", "start": [0, 300, 700], "end": [300, 700, 1000]})
    split["split"] = ["train", "test", "train"]
    corpus = Corpus([CorpusGenome("", genome, NO_REPEATS, split, pd.DataFrame())])
    chunks = [(start, len(codes)) for *_, start, codes in corpus.stretches("train", overlap=20, chunk=64)]
    begins = [(start + n) % 1000 for start, length in chunks for n in range(length - 20)]  # of words of 21
    assert sorted(begins) == [*range(280), *range(700, 1000)]
    assert corpus.bases("train") == 600


def test_a_planted_leak_is_found_and_fails_the_lint(leaky):
    leakage = lint(leaky, "none", 0.02)
    assert leakage["parts"]["test"]["shared_kmers"] == 280  # 300 bases hold 280 words of 21
    assert leakage["parts"]["test"]["kmers"] == 2980
    assert leakage["parts"]["test"]["aligned_share"] == pytest.approx(0.1, abs=0.005)
    assert leakage["verdict"] == "warn"


def test_unknown_bases_inside_an_alignment_are_not_counted_as_aligned(make_genome):
    rng = np.random.default_rng(0)
    copy = dna(rng, 1000) + "N" * 30 + dna(rng, 1000)
    genome = make_genome({"test": copy, "train": dna(rng, 500) + copy})
    aligned = lint(Corpus([member(genome, test="test")]), "none", 0.02)["parts"]["test"]["aligned_share"]
    assert 0.98 < aligned <= 1


def test_a_sample_of_the_21_mers_tells_what_all_of_them_do(leaky, monkeypatch):
    every = KmerSet(leaky, "test").words
    monkeypatch.setattr(kmer_sets, "SKETCH", 1500)  # of a part of 3,000 bases
    some, found = KmerSet(leaky, "test"), lint(leaky, "none", 0.02)["parts"]["test"]
    np.testing.assert_array_equal(some.words, some.sample(every))
    assert found["sampled_share"] == 0.5 and found["kmers"] == len(some.words) == pytest.approx(1490, abs=110)
    assert found["shared_kmers"] == pytest.approx(140, abs=35)  # four standard deviations


def test_a_genome_that_is_all_repeat_is_not_called_clean(make_genome):
    contig = dna(np.random.default_rng(0), 500)
    copies = member(make_genome({"a": contig, "b": contig}), b="test")
    copies.repeats = pd.DataFrame({"contig": ["a", "b"], "start": [0, 0], "end": [500, 500]})
    leakage = lint(Corpus([copies]), "stretches", 0.02)
    assert leakage["verdict"] == "warn" and "nothing of it was compared" in leakage["summary"]


def test_purging_takes_the_copy_out_and_leaves_the_rest(leaky):
    purge(leaky, "stretches", 0.02)
    split = leaky.genomes[0].split
    assert lint(leaky, "stretches", 0.02)["verdict"] == "ok"
    purged = split[split["split"] == "purged"]
    assert len(purged) == 1
    assert purged["start"].item() <= 1500 - 64 and purged["end"].item() >= 1800 + 64
    assert (purged["end"] - purged["start"]).item() < 500
    assert (split["end"] - split["start"]).sum() == 6300


def test_a_copy_across_the_origin_of_a_circle_is_purged_on_both_sides(make_genome):
    """Of 30 bases, too few for an alignment, of which neither side of the origin holds a word of 21."""
    rng = np.random.default_rng(0)
    test, ring = dna(rng, 2000), dna(rng, 1970)
    genome = make_genome({"test": test, "ring": test[1015:1030] + ring + test[1000:1015]}, circular="ring")
    corpus = Corpus([member(genome, test="test")])
    purge(corpus, "stretches", 0.02)
    split = corpus.genomes[0].split.query("contig == 'ring'")
    assert split[["start", "end", "split"]].values.tolist() == [
        [0, 79, "purged"], [79, 1921, "train"], [1921, 2000, "purged"],
    ]  # fmt: skip


def test_nothing_is_purged_where_that_is_asked(leaky):
    before = leaky.genomes[0].split.copy()
    purge(leaky, "none", 0.02)
    pd.testing.assert_frame_equal(leaky.genomes[0].split, before)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), copies=st.integers(0, 12), circular=st.booleans())
def test_after_purging_no_21_mer_is_shared(tmp_path_factory, seed, copies, circular):
    """Copies of any length, anywhere, over the origin of circles too; the splits still tile both genomes."""
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("genomes")
    held_out = {"test": dna(rng, 900), "validation": dna(rng, 900)}
    held_out["validation"] = held_out["validation"][:600] + held_out["test"][100:400]
    train = list(dna(rng, 4000))
    for _ in range(copies):
        source = held_out[rng.choice(["test", "validation"])]
        source = source if rng.random() < 0.5 else other_strand(source)
        start, length = rng.integers(0, 870), rng.integers(15, 300)
        piece = (source + source)[start : start + length] if circular else source[start : start + length]
        places = (
            (rng.integers(0, 4000) + np.arange(len(piece))) % 4000
            if circular
            else np.arange(len(piece)) + rng.integers(0, 3700)
        )
        for place, letter in zip(places, piece, strict=True):
            train[place] = letter
    members = []
    for name, contigs in {"one": held_out, "two": {"a": "".join(train)}}.items():
        source, fasta = folder / f"{name}.fa", folder / f"{name}.fa.gz"
        source.write_text("".join(f">{contig}\n{sequence}\n" for contig, sequence in contigs.items()))
        pattern = "." if circular else ""
        outputs = {"sizes_out": folder / f"{name}.sizes", "provenance_out": folder / f"{name}.json"}
        normalise(source, fasta, circular=pattern, **outputs)
        members.append(member(Genome(fasta), name, test="test", validation="validation"))
    corpus = Corpus(members)
    purge(corpus, "stretches", 0.02)
    kept = KmerSet(corpus, "train").words
    for part in ("test", "validation"):
        assert not np.isin(KmerSet(corpus, part).words, kept).any()
    assert not np.isin(KmerSet(corpus, "validation").words, KmerSet(corpus, "test").words).any()
    for genome in members:
        for contig, rows in genome.split.groupby("contig"):
            assert rows["start"].tolist() == [0, *rows["end"][:-1]]
            assert rows["end"].iloc[-1] == genome.genome.contigs[contig]
    assert bases(members[1], "train") >= 4000 - copies * 450


def test_a_diverged_copy_in_another_genome_is_purged_wherever_it_has_moved(make_genome):
    """10 % substitutions and gaps; cut in two, turned round, under other names."""
    rng = np.random.default_rng(3)
    test, own, foreign = dna(rng, 40_000), dna(rng, 30_000), dna(rng, 30_000)
    copy = mutated(rng, test, 0.13)  # of which a quarter hits the same base
    first, second = copy[:18_000], other_strand(copy[18_000:])
    one = member(make_genome({"chrI": test, "chrII": own}, "one"), "one", chrI="test")
    two = member(make_genome({"x": foreign[:9000] + second + foreign[9000:], "y": first}, "two"), "two")
    purge(Corpus([one, two]), "stretches", 0.02)
    assert bases(one, "train") == 30_000
    assert bases(two, "train", "y") < 0.02 * len(first)
    assert 0.98 * len(foreign) < bases(two, "train", "x") <= len(foreign) + 0.02 * len(second)
    left = lint(Corpus([one, two]), "stretches", 0.02)["parts"]["test"]
    assert left["shared_share"] == 0 and left["aligned_share"] < 0.01


@pytest.mark.parametrize("piece, overlap", [(100_000, 20_000), (300, 400)])
def test_homologs_are_found_piece_by_piece(make_genome, monkeypatch, piece, overlap):
    """Also beyond the first few pieces, and across their edges."""
    monkeypatch.setattr(homology, "PIECE", piece)
    monkeypatch.setattr(homology, "OVERLAP", overlap)
    rng = np.random.default_rng(4)
    test, train = dna(rng, 3000), dna(rng, 6000)
    genome = make_genome({"other": dna(rng, 700), "train": train[:4500] + test[1000:1400] + train[4500:], "test": test})
    corpus = Corpus([member(genome, other="validation", test="test")])
    index = homology.HeldOutIndex(corpus, ("validation", "test"), threads=1)
    hits = [found for found in index.hits(corpus, "train") if len(found.here)]
    here = np.concatenate([found.here for found in hits])
    there = np.concatenate([found.there for found in hits])
    assert [here[:, 0].min(), here[:, 1].max()] == pytest.approx([4500, 4900], abs=12)
    assert [there[:, 1].min(), there[:, 2].max()] == pytest.approx([1000, 1400], abs=12)
    assert set(there[:, 0]) == {1} and index.parts == ["validation", "test"]


def test_related_contigs_go_out_whole_and_conserved_stretches_stay(make_genome):
    rng = np.random.default_rng(5)
    human, mouse, fly = dna(rng, 8000), dna(rng, 8000), dna(rng, 8000)
    rrna = dna(rng, 100)  # which all have
    ape = mutated(rng, human, 0.1)
    genome = make_genome(
        {
            "mouse": mouse + rrna,
            "ape": ape + rrna,
            "fly": fly + rrna,
            "fly2": mutated(rng, fly, 0.02) + rrna,
            "worm": dna(rng, 8000) + rrna,
        }
    )
    rcrs = member(make_genome({"chrM": human + rrna}, "rcrs", circular="."), "rcrs", chrM="test")
    others = member(genome, "mitogenomes", fly="validation", worm="validation")
    corpus = Corpus([others, rcrs])
    purge(corpus, "contigs", 0.02)
    parts = dict(zip(others.split["contig"], others.split["split"], strict=True))
    assert parts == {"mouse": "train", "ape": "purged", "fly": "train", "fly2": "train", "worm": "validation"}
    leakage = lint(corpus, "contigs", 0.02)
    assert leakage["verdict"] == "ok" and leakage["closest"]["held_out_contig"] in ("chrM", "worm")
    assert 0.005 < leakage["closest"]["share"] < 0.02
    others.split.loc[others.split["contig"] == "ape", "split"] = "train"
    leakage = lint(corpus, "contigs", 0.02)
    assert leakage["verdict"] == "fail"
    assert leakage["summary"].startswith("ape of mitogenomes shares ") and leakage["limit"] == 0.02


def test_validation_families_with_a_relative_in_training_go_back_to_it(make_genome):
    """a is known to training, b to a alone: neither may judge; c and d, which know but each other, may."""
    rng = np.random.default_rng(8)
    train, b, c = (dna(rng, 4000) for _ in range(3))
    contigs = {"train": train, "a": train[:2000] + b[:2000], "b": b, "c": c, "d": c[:3000] + dna(rng, 500)}
    one = member(make_genome(contigs), "one", **dict.fromkeys("abcd", "validation"))
    purge(Corpus([one]), "contigs", 0.02)
    parts = dict(zip(one.split["contig"], one.split["split"], strict=True))
    assert parts == {"train": "train", "a": "train", "b": "train", "c": "validation", "d": "validation"}


def test_a_corpus_is_written_as_three_files(make_genome, tmp_path, caplog):
    """Of one only held out, no training part is known and no window is cut; of one to learn from, it is said."""
    rng = np.random.default_rng(7)
    test = dna(rng, 2000)
    genomes = {
        "one": make_genome({"a": dna(rng, 3000), "b": dna(rng, 2000) + test[500:900]}, "one"),
        "two": make_genome({"c": dna(rng, 2500)}, "two"),
        "sister": make_genome({"t": test, "u": dna(rng, 2000), "v": dna(rng, 500)}, "sister"),
    }
    (tmp_path / "repeats.bed").write_text("")
    held_out = {"a": "validation", "t": "test", "v": "validation"}
    for name, genome in genomes.items():
        member(genome, name, **held_out).split.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
        regions = tile(genome.contigs).assign(region=None, strand=".", gene=None)
        regions.to_parquet(tmp_path / f"{name}.parquet")
    run = {
        "genomes": ["one", "two"],
        "held_out": ["sister"],
        "fastas": [genome.path for genome in genomes.values()],
        "repeats": [tmp_path / "repeats.bed"] * 3,
        "splits": [tmp_path / f"{name}.tsv" for name in genomes],
        "regions": [tmp_path / "one.parquet", tmp_path / "two.parquet"],
        "windows_out": tmp_path / "out" / "windows.parquet",
        "split_out": tmp_path / "out" / "split.tsv",
        "shared_out": tmp_path / "out" / "shared.json",
        "window_settings": WINDOWS,
        "seed": 1,
    }
    cut_corpus(**run, leakage_settings=STRETCHES | {"purge": "none"})
    with pytest.raises(InputError, match=r"one\+two: 1\d.\d% of the 21-mers and .* \(limit 10%\); .*allow_leak"):
        check_leakage(run["shared_out"], tmp_path / "leakage.json", allow_leak=False)
    assert not (tmp_path / "leakage.json").exists()
    check_leakage(run["shared_out"], tmp_path / "leakage.json", allow_leak=True)
    allowed = json.loads((tmp_path / "leakage.json").read_text())
    assert allowed["allow_leak"] and allowed["verdict"] == "fail"
    cut_corpus(**run, leakage_settings=STRETCHES)
    windows, split = pd.read_parquet(run["windows_out"]), pd.read_csv(run["split_out"], sep="\t")
    assert list(windows.columns[:5]) == ["genome", "contig", "start", "end", "split"]
    assert set(zip(windows["genome"], windows["contig"], windows["split"], strict=True)) == {
        ("one", "a", "validation"),
        ("one", "b", "train"),
        ("two", "c", "train"),
    }
    parts = split[split["genome"] == "sister"].set_index("contig")["split"]
    assert parts.to_dict() == {"t": "test", "v": "validation"}
    leakage = json.loads(run["shared_out"].read_text())
    assert 400 <= leakage["purged_bases"]["one"] < 600 and leakage["verdict"] == "ok"
    assert leakage["held_out"] == ["sister"] and leakage["parts"]["test"]["bases"] == 2000

    corpus = Corpus.read(["two", "one"], run["fastas"][1::-1], run["repeats"][:2], run["split_out"], run["windows_out"])
    assert [len(found.windows) for found in corpus.genomes] == [
        (windows["genome"] == name).sum() for name in ("two", "one")
    ]
    assert corpus.bases("train") == 2500 + 2400 - leakage["purged_bases"]["one"]
    member(genomes["two"], "two", c="test").split.to_csv(run["splits"][1], sep="\t", index=False)
    cut_corpus(**run, leakage_settings=STRETCHES)
    assert caplog.text.count("no training window") == 1 and "two: no training window" in caplog.text


CHROMOSOMES = "^chr(I|III|VIII|XVI)$"  # the held-out ones, and two that share what stands near telomeres with them
YEASTS = {"S288C": {"chrI": "test", "chrXVI": "validation"}, "CBS432": {}, "Sarboricola": {}}


def test_no_homolog_of_held_out_yeast_chromosomes_remains_in_other_species(shared_data, tmp_path):
    """Held out by name in S. cerevisiae alone; an aligner set up here finds what is left in the others."""
    members = []
    for name, parts in YEASTS.items():
        fasta = tmp_path / f"{name}.fa.gz"
        outputs = {"sizes_out": tmp_path / f"{name}.sizes", "provenance_out": tmp_path / f"{name}.json"}
        source = shared_data / "yeast" / "genomes" / f"{name}.genome.fa.gz"
        normalise(source, fasta, include=CHROMOSOMES, **outputs)
        members.append(member(Genome(fasta), name, **parts))
    purge(Corpus(members), "stretches", 0.02)
    held_out = members[0].genome.codes("chrI", 0, members[0].genome.contigs["chrI"])
    aligner = mappy.Aligner(seq=decode(held_out), preset="asm20")
    for other in members[1:]:
        assert bases(other, "purged") > 900_000  # chromosomes I and XVI have 230 and 950 kb
        covered = np.zeros(len(held_out), dtype=bool)
        for row in other.split[other.split["split"] == "train"].itertuples():
            for hit in aligner.map(decode(other.genome.codes(row.contig, row.start, row.end))):
                covered[hit.r_st : hit.r_en] = True
        assert covered.mean() < 0.01, other.name
