"""Alleles that name their change: what a record says of it, and the score of the same change written out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from callset_world import annotate, random_model, read, score, turn, write_vcf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmtracks.arrays import Sequences
from glmtracks.errors import InputError
from glmtracks.genome import Genome, decode, encode
from glmtracks.variants import callset_scores
from glmtracks.variants.structural import STRUCTURES, spell, structures


@pytest.fixture(scope="module")
def sequence() -> str:
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 900))
    return bases[:700] + "N" * 10 + bases[710:]


@pytest.fixture
def genome(make_genome, sequence) -> Genome:
    return make_genome({"a": sequence})


@pytest.fixture(params=["markov", "one_pass", "masked", "causal"])
def model(request, tmp_path) -> Path:
    return random_model(request.param, tmp_path / "model")


def annotated(folder: Path, rows: list[str], genome: Genome, model: Path, plan: Path, **changes) -> pd.DataFrame:
    """The table of a call set with records "POS REF ALT INFO" of contig a."""
    folder.mkdir()
    fields = (row.split(" ") for row in rows)
    vcf = write_vcf(folder / "x.vcf", [("a", pos, ref, alts.split(","), info) for pos, ref, alts, info in fields])
    alleles = read(vcf, genome, 1, max_mismatches=1)
    return annotate(vcf, alleles, score(alleles, genome, model, plan, **changes), genome, folder / "out")


def reasons(table: pd.DataFrame) -> list[str]:
    return table["reason"].astype(object).where(table["reason"].notna(), "scored").tolist()


@pytest.mark.parametrize(
    "ref, alts, info, expected",
    [
        ("A", "<DEL>", "SVTYPE=DEL;END=130;SVLEN=-30", [("deletion", 30)]),
        ("N", "<DEL>", "SVLEN=30", [("deletion", 30)]),  # VCF 4.4
        ("N", "<DEL:ME:ALU>", "END=101", [("deletion", 1)]),
        ("A", "<DUP:TANDEM>", "END=112;SVLEN=12", [("tandem_duplication", 12)]),
        ("A", "<INV>", "END=112;IMPRECISE", [("inversion", 12)]),
        ("A", "<DEL>,<DEL>,<INV>", "END=130;SVLEN=-30,-7,.", [("deletion", 30), ("deletion", 7), ("written", 0)]),
        ("A", "T,<DEL>", "SVLEN=.,-7", [("written", 0), ("deletion", 7)]),
        ("A", "<DEL>,T", "SVLEN=-7", [("deletion", 7), ("written", 0)]),
        ("A", "<DEL>,<DEL>", "END=130", [("written", 0)] * 2),  # of which?
        ("A", "<DEL>", "END=130;SVLEN=-29", [("written", 0)]),
        ("A", "<DEL>", "END=100;SVLEN=0", [("written", 0)]),
        ("A", "<DEL>", "END=90", [("written", 0)]),
        ("A", "<DEL>", "CIEND=0,3;XSVLEN=5;END=;SVLEN=x", [("written", 0)]),
        ("A", "<DEL>", "END=99999999999", [("written", 0)]),
        ("AC", "<DEL>", "END=130", [("written", 0)]),
        *(("A", symbol, "END=130;SVLEN=30", [("written", 0)]) for symbol in ("<DUP>", "<INS>", "<CNV>", "<*>")),
        ("N", "ACGTACG", "SVTYPE=INS;SVLEN=7;END=100", [("insertion", 0)]),
        ("N", "ACGTACG", "SVLEN=9;SVTYPE=INS", [("insertion", 0)]),  # the length is a mean over reads
        ("N", "ACGTACG", "SVTYPE=INS;SVLEN=6", [("written", 0)]),
        ("N", "ACGTACG", "SVTYPE=INS", [("written", 0)]),
        ("N", "NACGTACG", "SVTYPE=INS;SVLEN=7", [("written", 0)]),
        ("N", "ACGTACG", "SVLEN=7", [("written", 0)]),
        ("A", "ACGTACG", "SVTYPE=INS;SVLEN=7", [("written", 0)]),
        ("N", "A]a:3]", "SVTYPE=INS;SVLEN=7", [("written", 0)]),
        ("ACGT", "N", "SVTYPE=DEL;SVLEN=-4;END=104", [("removal", 4)]),
        ("A", "N", "SVLEN=1;SVTYPE=DEL", [("removal", 1)]),
        ("ACGT", "N", "SVTYPE=DEL;SVLEN=-3", [("written", 0)]),
        ("ACGT", "N", "SVTYPE=DEL", [("written", 0)]),
        ("ACGT", "N", "SVLEN=-4", [("written", 0)]),
        ("ACGT", "A", "SVTYPE=DEL;SVLEN=-4", [("written", 0)]),
        ("ACGT", "<DEL>,N", "SVTYPE=DEL;SVLEN=-9,-4", [("written", 0), ("removal", 4)]),
    ],
)  # fmt: skip
def test_what_a_record_says_of_a_change(ref, alts, info, expected):
    """POS is 100."""
    alt = pa.array(alts.split(","))
    record = np.full(len(alt), 1)
    infos = pa.array([b"END=105", info.encode() + b";NAME=\xe9", b"SVLEN=3"], pa.binary())
    found = structures(pa.array([ref] * len(alt)), alt, record, np.array([50, 100, 100]), infos)
    assert [(STRUCTURES[code], width) for code, width in zip(*found, strict=True)] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 800),
            st.sampled_from(range(1, len(STRUCTURES))),
            st.integers(1, 60),
            st.text("ACGT", min_size=1, max_size=9),
        )
    )
)
def test_the_bases_of_a_change(genome, sequence, changes):
    first, structure, width = (np.array([row[n] for row in changes], np.int64) for n in range(3))
    width[structure == STRUCTURES.index("insertion")] = 0
    alt = Sequences.of(pa.array([row[3] for row in changes], pa.string()))
    alt = alt._replace(symbols=encode(alt.symbols))
    before, after = spell(genome, "a", first, structure, width, alt)
    for row, (begin, code, _, inserted) in enumerate(changes):
        bases = sequence[begin : begin + width[row]]
        expected = {
            "deletion": (bases, ""),
            "tandem_duplication": ("", bases),
            "inversion": (bases, turn(bases)),
            "insertion": ("", inserted),
            "removal": (bases, ""),
        }[STRUCTURES[code]]
        assert tuple(decode(side.take(np.array([row])).joined()) for side in (before, after)) == expected


def test_a_change_that_is_named_scores_as_the_same_written_out(genome, sequence, model, make_plan, tmp_path):
    at = sequence[99]
    part = sequence[100:130]
    named = [
        "100 N <DEL> END=130",
        f"100 {at} <DUP:TANDEM> SVLEN=30",
        f"100 {at} <INV> END=130;SVLEN=30",
        "100 N ACGTTTACGG SVTYPE=INS;SVLEN=10",
        f"100 {at} <INV> END=101",
        f"100 {at} {turn(at)},<DEL> SVLEN=.,-1",
        f"101 {part} N SVTYPE=DEL;SVLEN=-30",
    ]
    written = [
        f"100 {at}{part} {at} .",
        f"100 {at} {at}{part} .",
        f"100 {at}{part} {at}{turn(part)} .",
        f"100 {at} {at}ACGTTTACGG .",
        f"101 {part[0]} {turn(part[0])} .",
        f"100 {at}{part[0]} {turn(at)}{part[0]},{at} .",
    ]
    found, expected = (
        annotated(tmp_path / name, rows, genome, model, make_plan(model))
        for name, rows in (("named", named), ("written", [*written[:4], written[5], written[4]]))
    )
    order = [0, 1, 2, 3, 6, 4, 5, 0]  # the one of POS 101 comes last where it is written out
    assert reasons(found) == ["scored"] * 8
    assert found["method"].tolist() == expected["method"].iloc[order].tolist()
    for score_of in ("llr", "llr_norm"):
        np.testing.assert_allclose(found[score_of], expected[score_of].iloc[order], atol=2e-3)
    assert found["alt"].tolist()[:3] == ["<DEL>", "<DUP:TANDEM>", "<INV>"]


def test_a_change_that_is_named_but_cannot_be_read(genome, sequence, model, make_plan, tmp_path):
    rows = [
        "0 N <DEL> END=5",  # POS before the first base
        "650 N <DEL> END=699",
        "650 N <INV> END=701",
        "650 N <DEL> END=720;SVLEN=9",
        f"800 {'ACGT'['ACGT'.index(sequence[799]) - 1]} <DEL> END=810",
        "800 N <DEL> END=861",
        "800 N ACNGT SVTYPE=INS;SVLEN=5",
        "850 N <DEL> END=900",
        "850 N <DEL> END=901",
        f"891 {sequence[890:]} N SVTYPE=DEL;SVLEN=-10",
        f"892 {sequence[891:]}A N SVTYPE=DEL;SVLEN=-10",
        "900 N ACGT SVTYPE=INS;SVLEN=4",
    ]
    table = annotated(tmp_path / "rows", rows, genome, model, make_plan(model), longest=60)
    assert reasons(table) == [
        "scored", "scored", "undefined_base", "symbolic", "ref_mismatch", "too_long", "undefined_base", "scored",
        "ref_mismatch", "scored", "ref_mismatch", "scored",
    ]  # fmt: skip
    wrong = pd.read_csv(tmp_path / "rows" / "wrong.tsv", sep="\t", keep_default_na=False)
    assert wrong["record"].tolist() == [5, 9, 11] and wrong["genome"].tolist() == [sequence[799], "", ""]


def test_a_change_that_reaches_out_of_its_contig_is_not_said_to_stand_outside(genome, tmp_path):
    vcf = write_vcf(tmp_path / "x.vcf", [("a", 850, "N", ["<DEL>"], "END=901")])
    with pytest.raises(InputError, match=r"for example a:850 N reaches out of the contig;"):
        read(vcf, genome, 1)


def test_how_many_are_spelled_at_once_changes_nothing(genome, model, make_plan, tmp_path, monkeypatch):
    rows = [f"{at} N <{kind}> SVLEN={width}" for at in range(50, 600, 25)
            for kind, width in (("DEL", at // 9), ("INV", 40), ("DUP:TANDEM", 3))]  # fmt: skip
    together = annotated(tmp_path / "together", rows, genome, model, make_plan(model))
    monkeypatch.setattr(callset_scores, "AT_ONCE", 100)
    pd.testing.assert_frame_equal(annotated(tmp_path / "few", rows, genome, model, make_plan(model)), together)
    assert together["llr"].notna().all()


def test_nothing_is_spelled_on_contigs_whose_alleles_are_written_out(make_genome, tmp_path, monkeypatch):
    genome = make_genome({f"c{n}": "GATTACA" for n in range(20)})
    rows = [(contig, 2, "A", ["T"]) for contig in genome.contigs] + [("c19", 3, "T", ["<DEL>"], "END=5")]
    (alleles,), spelled = read(write_vcf(tmp_path / "x.vcf", rows), genome, 1), []
    monkeypatch.setattr(callset_scores, "spell", lambda *of: spelled.append(of[1]) or spell(*of))
    scorers = callset_scores.Scorers(genome, lookup=lambda _, places, *codes: np.zeros((2, len(places)), np.float32))
    callset_scores.score_alleles(alleles, scorers, tmp_path / "scores.parquet", {})
    assert spelled == ["c19"]


def test_alleles_of_an_earlier_version_are_to_be_deleted(genome, model, make_plan, tmp_path):
    annotated(tmp_path / "x", ["100 N <DEL> END=130"], genome, model, make_plan(model))
    (shard,) = (tmp_path / "x" / "alleles1").iterdir()
    pq.write_table(pq.read_table(shard).drop_columns(["structure", "width"]), shard)
    scorers = callset_scores.Scorers(genome, lookup=None)
    with pytest.raises(InputError, match=r"alleles1 was made by an earlier version .* delete it and run again"):
        callset_scores.score_alleles(shard, scorers, tmp_path / "again.parquet", {})
    assert not (tmp_path / "again.parquet").exists()
