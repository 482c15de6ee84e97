"""Call sets in shards: the result does not depend on their number, nor on when the work was interrupted."""

import subprocess
import sys
import tracemalloc
from itertools import chain, pairwise
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pysam
import pytest
from callset_world import annotate, random_model, read, score, turn, write_vcf
from hypothesis import given
from hypothesis import strategies as st
from published_checkpoints import adopt_layout

from glmtracks import arrays, parquet
from glmtracks.arrays import Sequences, common_ends, grouped, in_portions, texts_of
from glmtracks.errors import InputError
from glmtracks.genome import Genome, encode
from glmtracks.parquet import Rows
from glmtracks.shard_count import shard_names
from glmtracks.tracks.calibration import CONTEXTS, RANKED, Calibration
from glmtracks.variants import alleles, callset, callset_scores
from glmtracks.variants import vcf as variants_vcf
from glmtracks.variants.callset_scores import Scorers, score_alleles
from glmtracks.variants.vcf import open_vcf
from glmtracks.variants.vcf_fields import FIELDS


@pytest.fixture
def genome(make_genome) -> Genome:
    rng = np.random.default_rng(0)
    return make_genome({name: "".join(rng.choice(list("ACGT"), length)) for name, length in (("a", 900), ("b", 300))})


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    """So that a small genome has many groups."""
    monkeypatch.setattr(callset, "BLOCK", 64)


@pytest.fixture(params=["markov", "one_pass", "masked", "causal"])
def model(request, tmp_path) -> Path:
    return random_model(request.param, tmp_path / "model")


def variants(genome: Genome, seed: int = 0, count: int = 60) -> list[tuple[str, int, str, list[str]]]:
    """Sorted records (contig, 1-based position, REF, ALTs): SNVs, MNVs, insertions, deletions, several at once."""
    rng, rows = np.random.default_rng(seed), []
    for contig, length in genome.contigs.items():
        sequence = genome.sequence(contig, 0, length)
        for at in np.sort(rng.choice(np.arange(20, length - 30), count, replace=False)).tolist():
            ref = sequence[at : at + int(rng.choice([1, 1, 1, 2, 5]))]
            alts = {"".join(rng.choice(list("ACGT"), int(rng.choice([1, 1, len(ref), 4])))) for _ in range(2)} - {ref}
            rows.append((contig, at + 1, ref, sorted(alts) or ["*"]))
    return rows


def test_a_group_begins_where_no_ref_before_reaches_into_the_block(genome, small_blocks, tmp_path):
    """Blocks of 64 bases; REF of 100 bases reach into the next ones, ALT do not."""
    rng = np.random.default_rng(0)
    places = {contig: np.sort(rng.integers(0, length - 100, 9)).tolist() for contig, length in genome.contigs.items()}
    widths = rng.choice([1, 100], (2, 9)).tolist()
    rows, group, expected = [], -1, []
    for (contig, starts), lengths in zip(places.items(), widths, strict=True):
        reach = -1
        for start, length in zip(starts, lengths, strict=True):
            rows.append((contig, start + 1, genome.sequence(contig, start, start + length), ["*", "T" * 90]))
            group += start // 64 > reach
            reach = max(reach, (start + length - 1) // 64)
            expected += [group, group]
    (shard,) = read(write_vcf(tmp_path / "x.vcf", rows), genome, 1)
    found = pq.read_table(shard)["group"].to_numpy()
    assert (found - found[0]).tolist() == expected and 1 < group < len(rows) - 1


def test_the_number_of_shards_does_not_change_a_byte(genome, model, make_plan, small_blocks, tmp_path):
    vcf, plan = write_vcf(tmp_path / "x.vcf", variants(genome)), make_plan(model)
    results = []
    for shards in (1, 3, 20):
        alleles = read(vcf, genome, shards)
        rows = [pq.read_metadata(file).num_rows for file in alleles]
        assert sum(rows) == sum(len(alts) for *_, alts in variants(genome)) and (shards > 3 or min(rows) > 0)
        annotate(vcf, alleles, score(alleles, genome, model, plan), genome, tmp_path / str(shards))
        results.append([(tmp_path / str(shards) / name).read_bytes() for name in ("o.vcf.gz", "o.parquet")])
    assert results[0] == results[1] == results[2]


def test_other_records_do_not_change_a_score_where_windows_are_short(genome, make_plan, small_blocks, tmp_path):
    model = adopt_layout("nucleotide_transformer", tmp_path, parameters={"context": 72})
    sequence, plan = genome.sequence("a", 0, 900), make_plan(model)
    rows = [
        ("a", at, sequence[at - 1 : at - 1 + width], [turn(sequence[at - 1 : at - 1 + width]) + more])
        for at, width, more in [(100, 1, ""), (101, 2, "GA"), (200, 5, ""), (300, 1, "ACG"), (400, 1, "T" * 20)]
    ]
    long = ("a", 700, sequence[699:733], [sequence[699]])
    tables = []
    for name, records, shards in (("alone", rows, 1), ("more", [*rows, long], 1), ("shards", [*rows, long], 2)):
        (tmp_path / name).mkdir()
        alleles = read(write_vcf(tmp_path / name / "x.vcf", records), genome, shards)
        scores = score(alleles, genome, model, plan)
        assert all(pq.read_metadata(file).num_rows for file in scores)
        tables.append(pd.concat([pd.read_parquet(file) for file in scores], ignore_index=True))
    alone, more, shards = tables
    assert more[["llr", "influence", "embedding_l2"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(alone, more[:-1])
    pd.testing.assert_frame_equal(shards, more)


def test_every_sequence_that_is_written_out_gets_a_score(genome, model, make_plan, tmp_path):
    vcf = write_vcf(tmp_path / "x.vcf", variants(genome))
    alleles = read(vcf, genome, 1)
    table = annotate(vcf, alleles, score(alleles, genome, model, make_plan(model)), genome, tmp_path / "out")
    written = table["alt"] != "*"
    assert table["llr"].notna().equals(written) and table["influence"].notna().equals(written)
    single = table["method"] == "llr"
    assert table["entropy"].notna().equals(single) and table["llr_norm"].notna().equals(written & ~single)
    same = table[~single & (table["ref"].str.len() == table["alt"].str.len())]
    assert len(same) > 5 and same["llr"].equals(same["llr_norm"])
    kind = "likelihood" if "causal" in (model / "config.json").read_text() else "pseudo_likelihood"
    kind = "likelihood" if "markov" in (model / "config.json").read_text() else kind
    assert set(table["method"].dropna()) == {"llr", kind}
    assert ("embedding_cosine" in table) == (kind != "likelihood" or "causal" in (model / "config.json").read_text())


def test_the_other_strand_of_genome_and_call_set(make_genome, genome, model, make_plan, tmp_path):
    """Except for Markov chains, which read one strand; where an allele changes one base, or more, does not matter."""
    if "markov" in (model / "config.json").read_text():
        pytest.skip("asked on one strand")
    mirror = make_genome({c: turn(genome.sequence(c, 0, length)) for c, length in genome.contigs.items()}, "mirror")
    rows = variants(genome)
    turned = [
        (c, genome.contigs[c] - p - len(r) + 2, turn(r), [turn(alt) for alt in alts])
        for c, p, r, alts in reversed(rows)
    ]
    turned.sort(key=lambda row: row[:2])
    tables = []
    for name, of, records in (("there", genome, rows), ("back", mirror, turned)):
        (tmp_path / name).mkdir()
        vcf = write_vcf(tmp_path / name / "x.vcf", records)
        alleles = read(vcf, of, 1)
        table = annotate(
            vcf, alleles, score(alleles, of, model, make_plan(model), extras=["influence"]), of, vcf.parent
        )
        tables.append(table)
    there, back = tables
    length = back["contig"].astype(str).map(genome.contigs)
    back["start"] = length - back["start"] - back["ref"].str.len()
    for column in ("ref", "alt"):
        back[column] = [turn(text) for text in back[column]]
    keys = ["contig", "start", "ref", "alt"]
    there, back = (t.astype({"contig": str}).set_index(keys) for t in (there, back))
    back = back.loc[there.index]
    np.testing.assert_allclose(there[["llr", "entropy"]], back[["llr", "entropy"]], atol=1.1e-3)
    single = there["method"] == "llr"  # the neighbours of an indel in a repeat depend on where it is written
    np.testing.assert_allclose(there.loc[single, "influence"], back.loc[single, "influence"], atol=1e-4)


def test_a_killed_shard_leaves_nothing_and_is_done_again_alone(genome, model, make_plan, small_blocks, tmp_path):
    if "one_pass" not in (model / "config.json").read_text():
        pytest.skip("one model is enough")
    vcf, plan = write_vcf(tmp_path / "x.vcf", variants(genome)), make_plan(model)
    alleles = read(vcf, genome, 3)
    whole = [file.read_bytes() for file in score(alleles, genome, model, plan)]
    (tmp_path / "scores3" / alleles[1].name).unlink()
    killed = """
import os, signal, sys
from glmtracks.variants import callset_scores
callset_scores.Scorers.score = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
callset_scores.score_alleles(sys.argv[1], callset_scores.Scorers(None, None), sys.argv[2], {})
"""
    files = alleles[1], tmp_path / "scores3" / alleles[1].name
    done = subprocess.run([sys.executable, "-c", killed, *files], env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == -9
    there = sorted(file.name for file in (tmp_path / "scores3").iterdir() if file.is_file())
    assert there == [alleles[0].name, alleles[2].name]
    score(alleles[1:2], genome, model, plan)
    assert (tmp_path / "scores1" / alleles[1].name).read_bytes() == whole[1]


def test_a_killed_reading_leaves_nothing_to_the_next(genome, tmp_path):
    write_vcf(tmp_path / "x.vcf", variants(genome))
    code = """
import os, signal, sys
from glmtracks.genome import ContigNames, Genome
from glmtracks.variants import callset
if sys.argv[3] == "killed":
    callset._divide = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
genome, out = Genome(sys.argv[1]), sys.argv[2]
callset.read_callset(
    f"{out}/x.vcf", genome, ContigNames(genome.contigs), shards=2, folder=f"{out}/calls/alleles",
    mismatches=f"{out}/calls/m.tsv", mismatches_if_refused=f"{out}/r.tsv", max_mismatches=0,
)
"""
    environment = {"PYTHONPATH": ":".join(sys.path)}
    for how, status in (("killed", -9), ("whole", 0)):
        command = [sys.executable, "-c", code, genome.path, tmp_path, how]
        assert subprocess.run(command, env=environment, check=False).returncode == status
    assert sorted(file.name for file in (tmp_path / "calls").iterdir()) == ["alleles", "m.tsv"]


@pytest.mark.parametrize("damaged", [slice(100, None), slice(4, 400)])  # without a footer; of damaged pages
def test_of_damaged_alleles_the_folder_is_to_be_deleted_which_a_run_makes_anew(genome, damaged, tmp_path):
    (file,) = read(write_vcf(tmp_path / "x.vcf", variants(genome)), genome, 1)
    data = bytearray(file.read_bytes())
    data[damaged] = bytes(len(data[damaged]) if damaged.stop else 0)
    file.write_bytes(data)
    with pytest.raises(InputError, match=f"delete {file.parent} and run again$"):
        score_alleles(file, Scorers(None, None), tmp_path / "scores.parquet", {})


def test_bases_become_codes_once_however_many_contigs_there_are(genome, model, make_plan, tmp_path, monkeypatch):
    """Drafts of genomes have tens of thousands, and their alleles lie in one array."""
    alleles, read_of = read(write_vcf(tmp_path / "x.vcf", variants(genome)), genome, 1), []
    monkeypatch.setattr(callset_scores, "encode", lambda symbols: read_of.append(len(symbols)) or encode(symbols))
    score(alleles, genome, model, make_plan(model))
    texts = pq.read_table(alleles[0], columns=["ref", "alt"])
    assert sorted(read_of) == sorted(len("".join(texts[name].to_pylist())) for name in ("ref", "alt"))


def test_ref_is_compared_at_once_however_many_contigs_there_are(make_genome, tmp_path, monkeypatch):
    genome = make_genome({f"c{n}": "GATTACA" for n in range(50)})
    rows = [(contig, 2, ref, ["T"]) for contig in genome.contigs for ref in ("A", "AT", "C")]
    read_of = []
    monkeypatch.setattr(alleles, "encode", lambda symbols: read_of.append(len(symbols)) or encode(symbols))
    table = pd.read_parquet(read(write_vcf(tmp_path / "x.vcf", rows), genome, 1, max_mismatches=1)[0])
    assert len(read_of) == 2  # REF, and what of ALT changes
    assert table["reason"].astype(object).fillna("").tolist() == ["", "", "ref_mismatch"] * 50
    wrong = pd.read_csv(tmp_path / "wrong.tsv", sep="\t")
    assert wrong["contig"].tolist() == list(genome.contigs) and set(wrong["genome"]) == {"A"}


def test_ref_is_compared_once_for_all_alts_of_a_record(make_genome, tmp_path, monkeypatch):
    genome = make_genome({"a": "GATTACAN" * 50})
    alts = ["G", "GA", "GATTACAN", "GATTACANG", "GATTACAT" + "GATTACAN" * 3, "*"]
    rows = [("a", at, "GATTACAN" * 4, alts) for at in (1, 2, 9)]
    read_of = []
    windows = genome.windows
    monkeypatch.setattr(genome, "windows", lambda *of, **how: read_of.append(of[1]) or windows(*of, **how))
    table = pd.read_parquet(read(write_vcf(tmp_path / "x.vcf", rows), genome, 1, max_mismatches=1)[0])
    assert sum(map(len, read_of)) == 3 * 32
    of_record = ["undefined_base"] * 5 + ["spanning_deletion"]
    assert table["reason"].tolist() == of_record + ["ref_mismatch"] * 5 + of_record[-1:] + of_record
    wrong = pd.read_csv(tmp_path / "wrong.tsv", sep="\t")
    assert wrong["alt"].tolist() == alts[:5] and set(wrong["genome"]) == {("GATTACAN" * 5)[1:33]}


def test_a_block_of_records_holds_few_bases_of_ref_once_for_each_alt(make_genome, tmp_path, monkeypatch):
    """As of a pangenome: 4 MB of text can be 400 MB of REF beside each ALT."""
    sequence = "GATTACAN" * 50
    alts = [sequence[:n] for n in range(1, 31)]
    rows = [("a", 1, sequence[:300], alts)] * 6 + [("a", 1, "G", ["A"])] * 6
    vcf = write_vcf(tmp_path / "x.vcf", rows)
    monkeypatch.setattr(variants_vcf, "_BASES", 18_000)
    with open_vcf(vcf) as opened:
        assert [block.num_rows for block in opened.blocks] == [2, 2, 2, 6]
    table = pd.read_parquet(read(vcf, make_genome({"a": sequence}), 1)[0])
    assert table["record"].tolist() == [n for n in range(6) for _ in alts] + [*range(6, 12)]
    assert table["alt"].tolist() == alts * 6 + ["A"] * 6


def test_long_alleles_say_so(genome, model, make_plan, tmp_path):
    sequence = genome.sequence("a", 0, 900)
    rows = [("a", 100, sequence[99], [sequence[99] + "ACGT" * 5, "ACGTT"]), ("a", 200, sequence[199:230], ["A"])]
    alleles = read(write_vcf(tmp_path / "x.vcf", rows), genome, 1)
    table = pd.read_parquet(score(alleles, genome, model, make_plan(model), longest=19)[0])
    assert table["reason"].astype(object).where(table["reason"].notna(), "").tolist() == ["too_long", "", "too_long"]


def test_another_assembly_is_refused_and_what_is_wrong_stays(genome, tmp_path):
    rows = [("a", at, "ACGT"["ACGT".index(genome.sequence("a", at - 1, at)) - 1], ["N"]) for at in range(10, 20)]
    rows += [("a", 50, genome.sequence("a", 49, 50), ["T", "*"])]
    rows += [("a", 60, genome.sequence("a", 59, 63)[:3] + "N", ["A"])]  # N agrees with any base
    vcf = write_vcf(tmp_path / "x.vcf", rows)
    with pytest.raises(InputError, match=r"not the genome's in 10 of 12 alleles of .* \(83%, for example a:10 . where"):
        read(vcf, genome, 1)
    assert pd.read_csv(tmp_path / "refused.tsv", sep="\t")["pos"].tolist() == list(range(10, 20))
    assert (tmp_path / "refused.tsv").read_text().startswith("record\tcontig\tpos\tref\talt\tgenome\n1\ta\t10\t")
    assert {path.name for path in tmp_path.iterdir()} & {"alleles1", "wrong.tsv"} == set()
    read(vcf, genome, 1, max_mismatches=0.9)
    assert not (tmp_path / "refused.tsv").exists() and len(pd.read_csv(tmp_path / "wrong.tsv", sep="\t")) == 10


def test_every_base_of_ref_is_compared(genome, tmp_path):
    sequence = genome.sequence("a", 99, 104)
    other = sequence[:4] + "ACGT"["ACGT".index(sequence[4]) - 1]
    vcf = write_vcf(tmp_path / "x.vcf", [("a", 100, other, [other[0], "T" + other[1:]]), ("a", 100, sequence, ["A"])])
    table = pd.read_parquet(read(vcf, genome, 1, max_mismatches=1)[0])
    assert table["reason"].astype(object).where(table["reason"].notna(), "").tolist() == ["ref_mismatch"] * 2 + [""]
    assert pd.read_csv(tmp_path / "wrong.tsv", sep="\t")["genome"].tolist() == [sequence] * 2


def test_memory_does_not_grow_with_the_length_of_ref_times_the_number_of_alts(make_genome, tmp_path):
    """As where many genomes are compared: a long stretch of sequence, and what each of them has there."""
    sequence = "".join(np.random.default_rng(0).choice(list("ACGT"), 50_000))
    vcf = write_vcf(tmp_path / "x.vcf", [("a", 1, sequence, [sequence[:n] for n in range(1, 101)])])
    genome = make_genome({"a": sequence})
    tracemalloc.start()
    table = pd.read_parquet(read(vcf, genome, 1)[0], columns=["front", "back", "reason"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) == 100 and table["reason"].isna().all() and peak < 100e6


@pytest.mark.parametrize("change", ["fewer", "more", "other", "moved"])
def test_shards_of_another_vcf_are_refused(genome, tmp_path, change):
    rows = variants(genome)
    alleles = read(write_vcf(tmp_path / "x.vcf", rows), genome, 1)
    scores = [tmp_path / "scores.parquet"]

    def unknown(contig, positions, ref, alt):
        return np.full((2, len(positions)), np.nan)

    score_alleles(alleles[0], Scorers(genome, unknown), scores[0], {})
    moved = [(*rows[0][:3], [*rows[0][3], *rows[-1][3]]), *rows[1:-1]]  # as many alleles, in other records
    changed = {
        "moved": moved,
        "fewer": rows[:-1],
        "more": [*rows, rows[-1]],
        "other": [(*rows[0][:3], ["A", "C", "G"]), *rows[1:]],
    }
    vcf = write_vcf(tmp_path / "x.vcf", changed[change])
    with pytest.raises(InputError, match=r"was not made of .* as it is now; delete it"):
        annotate(vcf, alleles, scores, genome, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_shards_of_different_models_are_not_mixed(genome, tmp_path):
    vcf = write_vcf(tmp_path / "x.vcf", variants(genome))
    alleles = read(vcf, genome, 2)
    scores = [tmp_path / f"{n}.parquet" for n in range(2)]
    for n, destination in enumerate(scores):
        lookup = lambda *a: np.full((2, len(a[1])), 0.0)  # noqa: E731
        score_alleles(alleles[n], Scorers(genome, lookup), destination, {"model_sha256": str(n)})
    with pytest.raises(InputError, match=r"made by different models"):
        annotate(vcf, alleles, scores, genome, tmp_path / "out")


def test_an_empty_call_set_has_empty_shards_and_every_field(genome, model, make_plan, tmp_path):
    vcf = write_vcf(tmp_path / "x.vcf", [])
    alleles = read(vcf, genome, 3)
    table = annotate(vcf, alleles, score(alleles, genome, model, make_plan(model)), genome, tmp_path / "out")
    assert len(table) == 0 and {"llr", "method", "llr_norm", "influence", "reason"} <= set(table.columns)


def test_calibration_corrects_and_ranks_single_bases_alone(genome, tmp_path):
    class Calibration:
        def corrected(self, llr, context, alt):
            assert context.shape == (len(llr), 5) and (context[:, 2] < 4).all()
            return llr - context[:, 2] - 10 * alt

        def phred(self, llr):
            return -llr

    def lookup(contig, positions, ref, alt):
        return np.stack([positions.astype(np.float32), ref.astype(np.float32)])

    rows = [("a", 1, genome.sequence("a", 0, 1), ["N", "AC"]), ("b", 9, genome.sequence("b", 8, 9), ["*", "A", "C"])]
    alleles = read(write_vcf(tmp_path / "x.vcf", rows), genome, 1)
    score_alleles(alleles[0], Scorers(genome, lookup, None, Calibration()), tmp_path / "s.parquet", {})
    table = pd.read_parquet(tmp_path / "s.parquet")
    scored = table["llr"].notna()
    code = "ACGT".index(rows[1][2])
    expected = [8 - code - 10 * alt for alt in (0, 1)]
    assert table["llr_corrected"][scored].tolist() == expected[-scored.sum() :]
    ranks = [np.nan if alt == rows[1][2] else -8 for alt in "AC"]  # an ALT that is REF has no rank, as in the tracks
    np.testing.assert_array_equal(table["phred"][scored], ranks[-scored.sum() :])
    assert table.loc[~scored, ["llr_corrected", "phred"]].isna().all(axis=None)


def test_the_header_says_which_bases_were_taken_for_neutral(genome, model, make_plan, tmp_path):
    """Where little lies between genes, corrected scores are compared with all of the genome, and not with neutral."""
    ranks = dict.fromkeys(RANKED, (0, np.ones(1, np.int64)))
    calibration = Calibration(np.zeros((CONTEXTS, 4), np.float32), ranks, {"neutral": 'bases of "all" genes'})
    alleles = read(write_vcf(tmp_path / "x.vcf", variants(genome)), genome, 1)
    with mock.patch.object(Calibration, "open", return_value=calibration):
        scores = score(alleles, genome, model, make_plan(model), calibration=tmp_path)
    annotate(tmp_path / "x.vcf", alleles, scores, genome, tmp_path)
    with pysam.VariantFile(tmp_path / "o.vcf.gz") as vcf:
        said = {name: field.description for name, field in vcf.header.info.items()}
    assert "taken for neutral: bases of 'all' genes; genomic" in said["GLM_LLR_CORRECTED"]
    assert "taken for neutral" not in said["GLM_LLR"] + said["GLM_PHRED"]


@given(
    st.lists(st.tuples(st.text("AC", max_size=6), st.text("AC", max_size=6)), min_size=1),
    st.sampled_from([1, 8, arrays.AT_ONCE]),
)
def test_what_two_sequences_share_at_their_ends(pairs, at_once):
    first, second = (Sequences.of(pa.array(column, pa.string())) for column in zip(*pairs, strict=True))
    with mock.patch.object(arrays, "AT_ONCE", at_once):
        ends = common_ends(first, second)
    for (a, b), front, back in zip(pairs, *ends, strict=True):
        assert a[len(a) - back :] == b[len(b) - back :] and a[:front] == b[:front]
        rest = a[front : len(a) - back], b[front : len(b) - back]
        assert not (rest[0] and rest[1] and (rest[0][0] == rest[1][0] or rest[0][-1] == rest[1][-1]))


@given(st.lists(st.text("ACGTN", max_size=5)), st.data())
def test_sequences_are_those_of_the_texts(texts, data):
    sequences = Sequences.of(pa.array(["xx", *texts], pa.string())[1:])
    assert texts_of(sequences.joined(), sequences.lengths).to_pylist() == texts
    chosen = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=5)) if texts else [], np.int64)
    some = sequences.take(chosen)
    assert texts_of(some.joined(), some.lengths).to_pylist() == [texts[n] for n in chosen]
    assert sequences.any_of(sequences.joined() == ord("N")).tolist() == ["N" in text for text in texts]


def test_rows_of_files_come_in_any_number_and_whole_groups(tmp_path):
    for n in range(3):
        pq.write_table(pa.table({"group": [n, n, n, n + 1], "x": range(4 * n, 4 * n + 4)}), tmp_path / f"{n}.parquet")
    files = [tmp_path / f"{n}.parquet" for n in range(3)]
    rows = Rows(files, ["x"])
    assert [rows.take(count)["x"].to_pylist() for count in (0, 5, 6, 9, 1)] == [
        [], [0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10], [11], [],
    ]  # fmt: skip
    for about in (1, 2, 5, 100):
        groups = [table["group"].to_pylist() for table in Rows(files).groups(about)]
        assert list(chain.from_iterable(groups)) == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3]
        assert all(a[-1] != b[0] for a, b in pairwise(groups))
    (tmp_path / "1.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"1\.parquet is damaged or cut off"):
        Rows(files).take(100)


def test_few_long_rows_are_held_at_once(tmp_path, monkeypatch):
    """As of structural variants whose sequences are written out, of which 65,536 have gigabytes."""
    monkeypatch.setattr(parquet, "AT_ONCE", 3000)
    monkeypatch.setattr(callset, "AT_ONCE", 3000)
    table = pa.table({"group": range(9), "x": ["A" * 990] * 9})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=1)
    rows = Rows([tmp_path / "x.parquet"])
    assert [rows.take(5, most).num_rows for most in (3000, 1, 1e6, 1)] == [3, 1, 5, 0]
    assert [some.num_rows for some in Rows([tmp_path / "x.parquet"]).groups(100)] == [5, 3, 1]
    monkeypatch.setattr(callset, "SCHEMA", table.schema)
    callset._divide(tmp_path / "x.parquet", [np.arange(9)], 9, 2, tmp_path)
    shards = [pq.ParquetFile(tmp_path / f"{name}.parquet") for name in shard_names(2)]
    assert [[file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] for file in shards] == [
        [3, 2], [3, 1],
    ]  # fmt: skip
    assert pa.concat_tables([file.read() for file in shards]).equals(table)


@given(st.lists(st.integers(0, 9)), st.integers(1, 20))
def test_portions_hold_every_row_and_little_more_than_they_should(weights, most):
    portions = list(in_portions(np.array(weights, np.int64), most))
    assert list(chain.from_iterable(range(len(weights))[some] for some in portions)) == list(range(len(weights)))
    assert all(sum(weights[some]) < most + 10 for some in portions)


def test_groups_and_keys():
    assert [(key, rows.tolist()) for key, rows in grouped(np.array([2, 1, 2]))] == [(1, [1]), (2, [0, 2])]
    assert list(grouped(np.zeros(0, np.int64))) == []
    assert {field.column for field in FIELDS.values()} >= {"llr", "reason"}
