"""Training windows hold defined bases only, stay in their part, and follow the recipe."""

from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmtracks.genome import Genome, normalise
from glmtracks.windows.cutting import make_windows

RECIPE = {
    "recipe": "balanced",
    "size": 100,
    "step": 50,
    "jitter": 20,
    "exon_flank": 10,
    "promoter": 100,
    "random": 1.0,
    "seed": 0,
}


def regions(*rows):
    return pd.DataFrame(rows, columns=["contig", "start", "end", "region", "strand", "gene"])


NO_GENES = regions(("a", 0, 3000, None, ".", None))


def split_of(genome, **parts):
    names = list(genome.contigs)
    lengths = list(genome.contigs.values())
    return pd.DataFrame(
        {"contig": names, "start": 0, "end": lengths, "split": [parts.get(name, "train") for name in names]}
    )


@pytest.fixture
def genome(make_genome):
    rng = np.random.default_rng(0)
    draw = lambda n: "".join(rng.choice(list("ACGT"), n))  # noqa: E731
    return make_genome(
        {"a": draw(1000) + "N" * 10 + draw(1990), "b": draw(450) + "R" + draw(49), "short": draw(70), "tiny": draw(30)}
    )


def test_windows_hold_defined_bases_only_wherever_jitter_moves_them(genome):
    windows = make_windows(genome, split_of(genome), NO_GENES, **RECIPE)
    for row in windows.itertuples():
        for shift in (-row.slack_left, row.slack_right):
            assert (genome.codes(row.contig, row.start + shift, row.end + shift) < 4).all()
    assert windows["slack_left"].between(0, 20).all() and windows["slack_right"].between(0, 20).all()
    assert (windows["end"] - windows["start"]).isin([100, 70]).all()


def test_windows_cover_every_stretch_that_is_long_enough(genome):
    windows = make_windows(genome, split_of(genome), NO_GENES, **RECIPE)
    covered = {contig: np.zeros(length, bool) for contig, length in genome.contigs.items()}
    for row in windows.itertuples():
        covered[row.contig][row.start : row.end] = True
    assert covered["a"].sum() == 2990
    assert covered["b"].sum() == 450
    assert covered["short"].all()
    assert not covered["tiny"].any()


def test_the_balanced_recipe_takes_exons_promoters_and_as_many_others(genome):
    table = regions(
        ("a", 0, 1500, "intergenic", ".", None),
        ("a", 1500, 1700, "CDS", "-", "g"),
        ("a", 1700, 3000, "intergenic", ".", None),
    )
    windows = make_windows(genome, split_of(genome), table, **RECIPE)
    counts = windows["kind"].value_counts()
    assert counts["exon"] + counts["promoter"] == counts["other"]
    exon = windows[windows["kind"] == "exon"]
    assert ((exon["start"] < 1710) & (exon["end"] > 1490)).all()
    promoter = windows[windows["kind"] == "promoter"]  # upstream of a gene on the minus strand lies to its right
    assert ((promoter["start"] < 1800) & (promoter["end"] > 1700)).all()
    everything = make_windows(genome, split_of(genome), table, **RECIPE | {"recipe": "genome"})
    assert len(everything) > len(windows)


def test_each_part_of_the_split_is_balanced_by_itself(genome):
    split = pd.DataFrame({"contig": "a", "start": [0, 1500], "end": [1500, 3000], "split": ["train", "validation"]})
    exons = [("a", 1100, 1400, "CDS", "+", "g"), ("a", 1600, 1610, "CDS", "+", "h")]
    windows = make_windows(genome, split, regions(*exons), **RECIPE | {"promoter": 0})
    counts = windows.assign(other=windows["kind"] == "other").groupby("split")["other"].agg(["sum", "size"])
    assert (2 * counts["sum"] == counts["size"]).all() and counts["size"].nunique() == 2
    assert not windows.duplicated(["contig", "start"]).any()


def test_promoters_lie_before_all_exons_of_a_gene_on_its_own_contig(genome):
    """Of every window against every exon and promoter, the ends of each being 0-based and half-open."""
    exons = [
        ("a", 550, 600, "+", "g"),
        ("a", 800, 850, "+", "g"),
        ("a", 2000, 2050, "-", "h"),
        ("a", 2300, 2350, "-", "h"),
    ]
    exons.append(("b", 220, 250, "+", "i"))
    kinds = ("5UTR", "CDS", "3UTR", "ncRNA", "CDS")
    table = regions(*((*exon[:3], kind, *exon[3:]) for exon, kind in zip(exons, kinds, strict=True)))
    flanked = [(contig, start - 10, end + 10) for contig, start, end, *_ in exons]
    promoters = [("a", 450, 550), ("a", 2350, 2450), ("b", 120, 220)]

    def touches(window, places) -> bool:
        return any(
            contig == window.contig and window.start < end and start < window.end for contig, start, end in places
        )

    windows = make_windows(genome, split_of(genome), table, **RECIPE | {"recipe": "genome"})
    for window in windows.itertuples():
        other = "promoter" if touches(window, promoters) else "other"
        assert window.kind == ("exon" if touches(window, flanked) else other), window
    assert windows.groupby("contig")["kind"].nunique().to_dict() == {"a": 3, "b": 3, "short": 1}


def test_windows_stay_in_their_part(genome):
    split = pd.DataFrame(
        {
            "contig": "a",
            "start": [0, 400, 700, 1600],
            "end": [400, 700, 1600, 3000],
            "split": ["train", "gap", "test", "validation"],
        }
    )
    windows = make_windows(genome, split, NO_GENES, **RECIPE)
    for part, low, high in (("train", 0, 400), ("test", 700, 1600), ("validation", 1600, 3000)):
        rows = windows[windows["split"] == part]
        assert len(rows)
        assert (rows["start"] - rows["slack_left"] >= low).all() and (rows["end"] + rows["slack_right"] <= high).all()


def test_a_genome_of_unknown_bases_has_no_window(make_genome):
    genome = make_genome({"a": "N" * 500}, circular=".")
    windows = make_windows(genome, split_of(genome), NO_GENES, **RECIPE)
    assert windows.empty and "slack_right" in windows


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    length=st.integers(64, 700),
    holes=st.lists(st.integers(0, 699), max_size=3),
    parts=st.lists(st.sampled_from(["train", "test", "gap"]), min_size=1, max_size=3),
)
def test_windows_of_a_circle_go_over_its_origin_and_hold_no_base_twice(tmp_path_factory, length, holes, parts):
    """Wherever jitter moves them they stay in their part, and where a circle is whole they cover all of it."""
    rng, folder = np.random.default_rng(length), tmp_path_factory.mktemp("circle")
    parts = [part for part, _ in groupby(parts)]  # neighbours in a split are of different parts
    sequence = rng.choice(list("ACGT"), length)
    sequence[[hole for hole in holes if hole < length]] = "N"
    (folder / "source.fa").write_text(">a\n" + "".join(sequence) + "\n")
    outputs = {"sizes_out": folder / "sizes", "provenance_out": folder / "provenance.json"}
    normalise(folder / "source.fa", folder / "genome.fa.gz", circular="a", **outputs)
    edges = np.linspace(0, length, len(parts) + 1).astype(int)
    split = pd.DataFrame({"contig": "a", "start": edges[:-1], "end": edges[1:], "split": parts})
    windows = make_windows(Genome(folder / "genome.fa.gz"), split, NO_GENES, **RECIPE)
    owner = np.repeat(parts, np.diff(edges))
    covered = np.zeros(length, dtype=bool)
    for row in windows.itertuples():
        assert row.end - row.start <= min(100, length) and 0 <= row.start - row.slack_left < length
        seen = np.arange(row.start - row.slack_left, row.end + row.slack_right) % length
        assert (owner[seen] == row.split).all() and (sequence[seen] != "N").all()
        covered[np.arange(row.start, row.end) % length] = True
    if set(parts) == {"train"} and (sequence != "N").all():
        assert covered.all()
        assert length < 100 or (windows["end"] > length).any()


def test_kinds_of_windows_over_the_origin(make_genome):
    """A gene at the beginning of a circle makes a promoter, or an exon, of the windows before it."""
    rng = np.random.default_rng(1)
    sequence = {"a": "".join(rng.choice(list("ACGT"), 3000))}
    table = regions(("a", 0, 200, "CDS", "+", "g"), ("a", 200, 3000, "intergenic", ".", None))
    found = {}
    for pattern in ("", "a"):
        genome = make_genome(sequence, f"circular{pattern}", circular=pattern)
        found[pattern] = make_windows(genome, split_of(genome), table, **RECIPE | {"recipe": "genome"})
    last = {pattern: windows.iloc[-1] for pattern, windows in found.items()}
    assert last[""]["end"] == 3000 and last[""]["kind"] == "other"
    assert last["a"]["end"] == 3050 and last["a"]["kind"] == "exon"
    assert found["a"].iloc[-3]["kind"] == "promoter"


def test_a_gene_at_the_end_of_a_circle_reaches_the_windows_behind_its_origin(make_genome):
    """Its promoter, on the minus strand, lies behind the origin, and so does the flank of its first exon."""
    rng = np.random.default_rng(1)
    genome = make_genome({"a": "".join(rng.choice(list("ACGT"), 3000))}, circular="a")
    table = regions(("a", 0, 2800, "intergenic", ".", None), ("a", 2800, 3000, "CDS", "-", "g"))
    windows = make_windows(genome, split_of(genome), table, **RECIPE | {"recipe": "genome"})
    assert windows["start"].tolist()[:3] == [0, 50, 100]
    assert windows["kind"].tolist()[:3] == ["exon", "promoter", "other"]
