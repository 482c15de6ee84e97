"""Calibration against a slow reference: means of contexts on both strands, ranks as SciPy has them."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import rankdata

from glmtracks import tracks
from glmtracks.annotation.regions import make_regions, write_regions
from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN, ContigNames, decode, encode, reverse_complement
from glmtracks.track_names import CORRECTED_TRACKS, LLR_COLUMNS, PHRED_TRACKS
from glmtracks.tracks import calibrate
from glmtracks.tracks.calibration import Calibration, context_names
from glmtracks.tracks.neutral import Neutral, neutral_of_bed, neutral_of_regions

SIZES = {"chr1": 70_000, "chr2": 3_000, "short": 3}
MADE_BY = {"model_sha256": "m", "genome_sha256": "g"}


def everywhere(sizes: dict[str, int]) -> Neutral:
    return Neutral("all bases", {name: (np.array([0]), np.array([size])) for name, size in sizes.items()})


def write_scores(folder: Path, contigs: dict[str, np.ndarray], seed: int = 0) -> Path:
    """A dataset in which the letter before a base matters to its scores."""
    rng = np.random.default_rng(seed)
    with tracks.ScoresWriter(folder / "s.parquet", MADE_BY) as writer:
        for contig, codes in contigs.items():
            logits = rng.normal(0, 1, (len(codes), 4)) + 0.5 * np.roll(codes, 1)[:, None] * np.arange(4)
            writer.write(contig, 0, codes, log_softmax(logits, axis=1))
    sizes = {contig: len(codes) for contig, codes in contigs.items()}
    tracks.write_dataset([folder / "s.parquet"], sizes, folder / "scores")
    return folder / "scores"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> tuple[Path, pd.DataFrame, Neutral]:
    """A calibrated dataset, its scores with the context of each base, and its neutral positions."""
    folder, rng = tmp_path_factory.mktemp("calibrated"), np.random.default_rng(1)
    contigs = {name: rng.integers(0, 4, size).astype(np.uint8) for name, size in SIZES.items()}
    contigs["chr1"][rng.integers(0, 70_000, 50)] = UNKNOWN
    contigs["chr2"][:20] = UNKNOWN
    dataset = write_scores(folder, contigs)
    neutral = Neutral("given", {"chr1": (np.array([5, 60_000]), np.array([9_000, 69_999]))})
    calibrate.calibrate(dataset, neutral, folder / "calibration")
    frame = tracks.read(dataset)
    padded = ["NN" + decode(codes) + "NN" for codes in contigs.values()]
    frame["context"] = [letters[i : i + 5] for letters in padded for i in range(len(letters) - 4)]
    return dataset, frame, neutral


def is_neutral(frame: pd.DataFrame) -> np.ndarray:
    inside = frame["start"].between(5, 8_999) | frame["start"].between(60_000, 69_998)
    return (frame["contig"] == "chr1") & inside & (frame["ref"] != "N")


def slow_means(frame: pd.DataFrame, flank: int) -> dict[tuple[str, str], list[float]]:
    """(context, alternative) -> llr of both strands."""
    found = defaultdict(list)
    for row in frame[is_neutral(frame)].itertuples():
        context = row.context[2 - flank : 3 + flank]
        for alt in "ACGT".replace(row.ref, ""):
            llr = getattr(row, f"llr_{alt}")
            other = decode(reverse_complement(encode(context))), decode(reverse_complement(encode(alt)))
            found[context, alt].append(llr)
            found[other].append(llr)
    return found


@pytest.mark.parametrize("flank", [0, 1, 2])
def test_means_of_contexts_and_where_they_come_from(world, flank):
    dataset, frame, _ = world
    table = pd.read_csv(dataset.parent / "calibration" / "pentanucleotides.tsv", sep="\t", keep_default_na=False)
    assert len(table) == 3 * (4**5 + 4**3 + 4)
    expected, edge = slow_means(frame, flank), "N" * (2 - flank)
    rows = table[table["context"].str.fullmatch(f"{edge}[ACGT]{{{2 * flank + 1}}}{edge}")]
    assert len(rows) == 3 * 4 ** (2 * flank + 1)
    for row in rows.itertuples():
        llr = expected[row.context.strip("N"), row.alt]
        assert row.positions == len(llr)
        assert float(row.mean_llr or "nan") == pytest.approx(np.mean(llr) if llr else np.nan, abs=1e-4, nan_ok=True)
        own = {0: "base", 1: "trinucleotide", 2: "pentanucleotide"}[flank]
        assert (row[-1] == own) == (len(llr) >= (30 if flank else 1))
        assert row[-1] != own or row.correction == float(row.mean_llr)


def test_rare_contexts_take_the_mean_of_fewer_neighbours():
    counts, sums = np.zeros(5**5, np.int64), np.zeros((4, 5**5))
    number = {name: number for number, name in enumerate(context_names())}
    for context, positions, total in (("AACGA", 29, -29.0), ("TACGT", 31, -62.0), ("TACTT", 5, -15.0)):
        counts[number[context]] = positions
        sums[0, number[context]] = total
    table = calibrate.correction_table(counts, sums).set_index(["context", "alt"])
    assert table.loc[("TACGT", "A"), "correction"] == -2 and table.loc[("TACGT", "A"), "from"] == "pentanucleotide"
    assert table.loc[("AACGA", "A"), "correction"] == round(-91 / 60, 4)
    assert table.loc[("AACGA", "A"), "from"] == "trinucleotide"
    assert (
        table.loc[("TACTT", "A"), "correction"] == round(-106 / 65, 4) and table.loc[("TACTT", "A"), "from"] == "base"
    )
    assert (
        table.loc[("TAGTT", "A"), "correction"] == round(-106 / 195, 4) and table.loc[("TAGTT", "A"), "from"] == "all"
    )


def test_columns_are_what_the_calibration_says(world):
    dataset, frame, _ = world
    found = tracks.read(dataset, None, [*CORRECTED_TRACKS, *PHRED_TRACKS])
    calibration = Calibration.open(dataset.parent / "calibration")
    context = encode("".join(frame["context"])).reshape(-1, 5)
    for alt, base in enumerate("ACGT"):
        llr, reference = frame[f"llr_{base}"].to_numpy(), (frame["ref"] == base).to_numpy()
        corrected = calibration.corrected(llr, context, np.full(len(llr), alt, np.uint8))
        assert np.array_equal(found[f"llr_corrected_{base}"], corrected, equal_nan=True)
        assert (corrected[reference] == 0).all()
        assert np.array_equal(np.isnan(corrected), frame["ref"] == "N")
        phred = np.where(reference, np.nan, calibration.phred(llr))
        assert np.array_equal(found[f"phred_{base}"], phred, equal_nan=True)


def test_neutral_positions_are_corrected_to_a_mean_of_zero(world):
    dataset, frame, _ = world
    found = tracks.read(dataset, None, CORRECTED_TRACKS).loc[is_neutral(frame), list(CORRECTED_TRACKS)]
    assert abs(found.to_numpy().sum() / (3 * len(found))) < 0.005
    assert found.to_numpy().std() < frame.loc[is_neutral(frame), list(LLR_COLUMNS)].to_numpy().std() - 0.02


def test_ends_of_contigs_and_neighbours_of_n_take_shorter_contexts(world):
    calibration = Calibration.open(world[0].parent / "calibration")
    corrections = dict(zip(context_names(), calibration.corrections, strict=True))
    for name, same in (("NACGT", "NACGN"), ("AACGN", "NACGN"), ("ANCGT", "NNCNN"), ("NNCGT", "NNCNN")):
        assert corrections[name].tolist() == corrections[same].tolist()
    assert np.isnan(corrections["ACNGT"]).all()
    assert corrections["NNCNN"][1] == 0


@pytest.mark.parametrize(("score", "columns"), [("llr", LLR_COLUMNS), ("llr_corrected", CORRECTED_TRACKS)])
def test_ranks_are_those_of_scipy(world, score, columns):
    dataset, frame, _ = world
    values = tracks.read(dataset, None, columns).to_numpy()[:, 2:].astype(np.float32)
    snv = (frame["ref"] != "N").to_numpy()[:, None] & (frame["ref"].to_numpy()[:, None] != np.array(list("ACGT")))
    ranks = rankdata(values[snv], method="max")
    found = Calibration.open(dataset.parent / "calibration").phred(values[snv], score)
    assert np.abs(found + 10 * np.log10(ranks / snv.sum())).max() < 0.0006
    assert json.loads((dataset.parent / "calibration" / "calibration.json").read_text())["snvs"] == snv.sum()


@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=60), st.integers(-5000, 5000))
def test_low_values_rank_high_and_unknown_ones_have_no_rank(steps, asked):
    counts = calibrate._Counts()
    for some in np.array_split(np.array(steps) / 1000, 3):
        counts.add(some.astype(np.float32))
    calibration = Calibration(
        np.zeros((5**5, 4), np.float32), dict.fromkeys(("llr", "llr_corrected"), counts.trimmed()), {}
    )
    asked_for = np.array([asked, asked + 7, max(steps), np.nan], np.float32) / 1000
    low, high, highest, nothing = calibration.phred(asked_for)
    assert low >= high >= highest == 0 and np.isnan(nothing)
    rank = np.sum(np.array(steps) <= max(asked, min(steps)))
    assert low == pytest.approx(-10 * np.log10(rank / len(steps)), abs=0.0006)


def test_a_calibration_of_other_scores_is_refused(world, tmp_path):
    dataset, _, _ = world
    other = write_scores(tmp_path, {"c": np.zeros(50, np.uint8)})
    with pytest.raises(InputError, match="is not calibrated, so it has no llr_corrected"):
        tracks.read(other, "c", ["phred_A"])
    assert len(tracks.read(other, "c", ["llr_min"])) == 50
    (tmp_path / "calibration").symlink_to(dataset.parent / "calibration")
    tracks.read(other, "c", ["phred_A"])
    said = json.loads((dataset.parent / "calibration" / "calibration.json").read_text())
    with pytest.raises(InputError, match="holds no calibration"):
        Calibration.open(tmp_path)
    (tmp_path / "calibration").unlink()
    (tmp_path / "calibration").mkdir()
    for file in (dataset.parent / "calibration").iterdir():
        (tmp_path / "calibration" / file.name).write_bytes(file.read_bytes())
    said["scores"]["model_sha256"] = "another"
    (tmp_path / "calibration" / "calibration.json").write_text(json.dumps(said))
    with pytest.raises(InputError, match="model_sha256 is another in the first and m in the second"):
        tracks.read(other, "c", ["llr_corrected_A"])


def test_a_genome_without_any_score_is_refused(tmp_path):
    dataset = write_scores(tmp_path, {"c": np.full(50, UNKNOWN, np.uint8)})
    with pytest.raises(InputError, match=r"no neutral position .* has a score"):
        calibrate.calibrate(dataset, everywhere({"c": 50}), tmp_path / "calibration")


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=6), st.integers(0, 60), st.integers(0, 30))
def test_neutral_covers_what_its_intervals_cover(gaps, start, length):
    ends = np.cumsum([gap + size for gap, size in gaps], dtype=np.int64)
    starts = ends - np.array([size for _, size in gaps], dtype=np.int64)
    expected = [any(a <= p < b for a, b in zip(starts, ends, strict=True)) for p in range(start, start + length)]
    assert Neutral("x", {"c": (starts, ends)}).covers("c", start, start + length).tolist() == expected
    assert not Neutral("x", {}).covers("c", start, start + length).any()


@pytest.mark.parametrize(
    ("length", "repeats", "what", "bases"),
    [
        (30_000, [], "all bases outside repeats", 30_000),
        (30_000, [("c", 100, 200)], "all bases outside repeats", 29_900),
        (30_000, [("c", 0, 25_000)], "all bases", 30_000),
        (500, [], "all bases", 500),
    ],
)
def test_genomes_without_annotation_or_with_little_sequence(make_genome, tmp_path, length, repeats, what, bases):
    genome = make_genome({"c": "ACGTA" * (length // 5), "unscored": "ACGT" * 5000})
    regions = make_regions(genome, None, pd.DataFrame(repeats, columns=["contig", "start", "end"]))
    write_regions(regions, tmp_path / "regions.parquet")
    neutral = neutral_of_regions(tmp_path / "regions.parquet", {"c": length})
    assert neutral.what == what and set(neutral.contigs) == {"c"}
    assert neutral.covers("c", 0, length).sum() == bases


def test_intergenic_bases_of_an_annotated_genome(make_genome, tmp_path):
    genome = make_genome({"c": "ACGTA" * 6000})
    regions = make_regions(genome, None, pd.DataFrame([("c", 0, 100)], columns=["contig", "start", "end"]))
    regions = pd.concat([regions, regions.tail(1)], ignore_index=True)
    regions.loc[1:, ["start", "end"]] = [[100, 20_000], [20_000, 30_000]]
    regions["region"] = pd.Categorical(["intergenic", "intergenic", "CDS"], categories=regions["region"].cat.categories)
    write_regions(regions, tmp_path / "regions.parquet")
    neutral = neutral_of_regions(tmp_path / "regions.parquet", {"c": 30_000})
    assert neutral.what == "intergenic bases outside repeats"
    assert np.flatnonzero(neutral.covers("c", 0, 30_000)).tolist() == list(range(100, 20_000))


def test_a_bed_of_neutral_positions_under_other_names(make_genome, tmp_path):
    genome = make_genome({"chrI": "ACGTA" * 20})
    (tmp_path / "n.bed").write_text("# ours\n1\t50\t60\n1\t10\t20\tx\n1\t15\t30\n")
    neutral = neutral_of_bed(genome, tmp_path / "n.bed", ContigNames(genome.contigs, {"1": "chrI"}))
    assert np.flatnonzero(neutral.covers("chrI", 0, 100)).tolist() == [*range(10, 30), *range(50, 60)]
