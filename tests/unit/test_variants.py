"""Annotated VCFs: every record comes out again, the right alleles have the right score, and all others a reason."""

import gzip
import logging
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pysam
import pysam.bcftools
import pytest
from cyvcf2 import VCF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from glmtracks import tracks
from glmtracks.errors import InputError
from glmtracks.genome import ContigNames, Genome
from glmtracks.shard_count import shard_names
from glmtracks.variants import annotated_vcf, vcf
from glmtracks.variants.alleles import REASONS, classify
from glmtracks.variants.annotated_vcf import annotate_vcf
from glmtracks.variants.callset import read_callset
from glmtracks.variants.callset_scores import Scorers, score_alleles
from glmtracks.variants.lookups import combine, dataset_lookup

#            1        10        20        30
CONTIGS = {"chr1": "ACGTACGTACGTNNGTACGTACGTACGTACGTAAAA", "chrM": "GATCACAGGT", "chr2": "ACGTACGTAC"}
SCORED = ("chr1", "chrM")
HEADER = "##fileformat=VCFv4.2\n##source=by hand\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


@pytest.fixture
def genome(make_genome) -> Genome:
    return make_genome(CONTIGS)


def write_scores(genome: Genome, contigs, folder: Path) -> Path:
    rng = np.random.default_rng(0)
    with tracks.ScoresWriter(folder / "s.parquet", {"model": "random"}) as writer:
        for contig in contigs:
            size = genome.contigs[contig]
            log_probs = log_softmax(rng.normal(0, 2, (size, 4)), axis=1)
            writer.write(contig, 0, genome.codes(contig, 0, size), log_probs)
    tracks.write_dataset([folder / "s.parquet"], genome.contigs, folder / "scores")
    return folder / "scores"


@pytest.fixture
def scores(genome, tmp_path) -> Path:
    return write_scores(genome, SCORED, tmp_path)


def records(*rows: str) -> str:
    """Records from "contig pos ref alt [info]" with an ID that tells the line."""
    lines = []
    for number, row in enumerate(rows):
        contig, position, ref, alt, *info = row.split()
        lines.append("\t".join([contig, position, f"v{number}", ref, alt, "50.00", "PASS", *(info or ["."])]) + "\n")
    return "".join(lines)


def annotate(path: Path, genome: Genome, lookup, aliases=None, shards: int = 1) -> tuple[list[str], pd.DataFrame]:
    """Lines of the records written, and the table, after all three steps; no haplotype is scored."""
    out = path.parent / "out"
    read_callset(
        path,
        genome,
        ContigNames(genome.contigs, aliases),
        shards=shards,
        folder=path.parent / "alleles",
        mismatches=path.parent / "ref_mismatches.tsv",
        mismatches_if_refused=path.parent / "refused.tsv",
        max_mismatches=1,
    )
    alleles = [path.parent / "alleles" / f"{name}.parquet" for name in shard_names(shards)]
    scores = [path.parent / "model" / file.name for file in alleles]
    for source, destination in zip(alleles, scores, strict=True):
        score_alleles(source, Scorers(genome, lookup), destination, {"model_sha256": "0"})
    annotate_vcf(path, alleles, scores, genome.contigs, out / "o.vcf.gz", out / "o.parquet", model="random")
    assert sorted(entry.name for entry in out.iterdir()) == ["o.parquet", "o.vcf.gz", "o.vcf.gz.tbi"]
    text = gzip.decompress((out / "o.vcf.gz").read_bytes()).decode(errors="replace")
    return [line for line in text.splitlines() if not line.startswith("#")], pd.read_parquet(out / "o.parquet")


def info_of(line: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in line.split("\t")[7].split(";") if "=" in field)


def kinds(*alleles: tuple[str, str]) -> list[str]:
    ref, alt = (pa.array(column, pa.string()) for column in zip(*alleles, strict=True))
    return [REASONS[code] for code in classify(ref, alt)[0]]


def test_kinds_of_change():
    assert kinds(
        ("A", "G"), ("A", "AT"), ("AT", "A"), ("AC", "GT"), ("A", "*"), ("A", "<DEL>"), ("A", "<*>"),
        ("C", "C<ctg1>"), ("C", "C[<ctg1>:7["),
        ("G", "G]17:198982]"), ("T", "]13:123]T"), ("A", "."), ("A", ".TG"), ("CA", "TA"), ("A", "A"), ("", "A"),
    ) == [
        "scored", "scored", "scored", "scored", "spanning_deletion", "symbolic", "symbolic", "symbolic",
        "breakend", "breakend", "breakend", "no_alt", "breakend", "scored", "scored", "undefined_base",
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.text("ACGTN", min_size=1, max_size=5), st.text("ACGTN", min_size=1, max_size=5)), min_size=1)
)
def test_what_an_allele_changes_is_what_ref_and_alt_do_not_share(alleles):
    ref, alt = (pa.array(column, pa.string()) for column in zip(*alleles, strict=True))
    _, fronts, backs = classify(ref, alt)
    for (before, after), front, back in zip(alleles, fronts, backs, strict=True):
        assert before[:front] == after[:front] and before[len(before) - back :] == after[len(after) - back :]
        removed, added = (text[front : len(text) - back] for text in (before, after))
        if before == after:
            assert len(removed) == 1
        elif removed and added:
            assert removed[0] != added[0] and removed[-1] != added[-1]
        else:
            assert len(before) != len(after)


def test_positions_that_a_tbi_index_cannot_hold_are_found_by_it_all_the_same(genome, scores, tmp_path):
    far = 3 << 28  # chromosomes of wheat are as long
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + records("chr1 2 C A", "wheat_3B 7 A C", f"wheat_3B {far} A C"))
    lines, _ = annotate(source, genome, dataset_lookup(scores))
    out = tmp_path / "out" / "o.vcf.gz"
    with pysam.TabixFile(str(out)) as indexed:
        assert list(indexed.fetch("wheat_3B", far - 1, far)) == lines[2:]


def test_every_reason_and_nothing_lost(genome, scores, tmp_path, caplog):
    body = records(
        "1 2 C A",
        "1 2 c g,t,<DEL>,*,CA DP=3",
        "1 3 GT GA,G,AT,AA",
        "1 4 G A",
        "1 13 N A",
        "1 15 G N",
        "1 16 T . DP=0",
        "1 17 A A[MT:3[",
        "1 900 A T",
        "MT 1 G T",
        "chr2 1 A C",
        "chrUn_7 5 A C,AT",
    )
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + body)
    with caplog.at_level(logging.INFO):
        lines, table = annotate(source, genome, dataset_lookup(scores))
    assert [line.split("\t")[:7] for line in lines] == [line.split("\t")[:7] for line in body.splitlines()]
    reasons = table["reason"].astype(object).fillna("").groupby(table["record"]).apply(list).tolist()
    assert reasons == [
        [""],
        ["", "", "symbolic", "spanning_deletion", "not_scored"],
        ["", "not_scored", "", "not_scored"],
        ["ref_mismatch"],
        ["undefined_base"],
        ["undefined_base"],
        ["no_alt"],
        ["breakend"],
        ["ref_mismatch"],
        [""],
        ["not_scored"],
        ["contig_not_in_genome"] * 2,
    ]
    truth = tracks.read(scores, "chr1").set_index("start")
    assert info_of(lines[0])["GLM_LLR"] == str(truth.loc[1, "llr_A"])
    assert lines[1].split("\t")[7].startswith("DP=3;GLM_LLR=")
    fields = info_of(lines[1])
    assert fields["GLM_LLR"].split(",")[2:] == [".", ".", "."]
    assert fields["GLM_REASON"] == ".,.,symbolic,spanning_deletion,not_scored"
    assert fields["GLM_ENTROPY"] == str(truth.loc[1, "entropy"])
    # GT>GA changes position 4, GT>AT position 3
    multi = table[table["record"] == 2]
    assert multi["llr"].iloc[0] == truth.loc[3, "llr_A"] and multi["llr"].iloc[2] == truth.loc[2, "llr_A"]
    assert multi["entropy"].iloc[0] == truth.loc[3, "entropy"]
    assert info_of(lines[6]) == {"DP": "0", "GLM_LLR": ".", "GLM_REASON": "no_alt"}
    assert table.loc[table["vcf_contig"] == "MT", "contig"].tolist() == ["chrM"]
    assert table["contig"].isna().sum() == 2
    assert table["start"].tolist()[0] == 1 and table["id"].tolist()[0] == "v0"
    assert "in 2 of 14 alleles (1:4 G where it has T, 1:900 A reaches out of the contig" in caplog.text
    sheet = pd.read_csv(tmp_path / "ref_mismatches.tsv", sep="\t", dtype={"contig": str}, keep_default_na=False)
    assert sheet.to_dict("records") == [
        {"record": 4, "contig": "1", "pos": 4, "ref": "G", "alt": "A", "genome": "T"},
        {"record": 9, "contig": "1", "pos": 900, "ref": "A", "alt": "T", "genome": ""},
    ]


def test_other_readers_accept_the_result(genome, scores, tmp_path):
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + records("1 2 C A,T,CG", "1 16 T .", "MT 1 G T", "other 5 A C"))
    annotate(source, genome, dataset_lookup(scores))
    out = str(tmp_path / "out" / "o.vcf.gz")
    found = list(VCF(out))
    assert len(found) == 4
    llr = found[0].INFO["GLM_LLR"]
    assert len(llr) == 3 and llr[2] is None
    assert [record.ID for record in VCF(out)("MT:1-10")] == ["v2"]
    with pysam.VariantFile(out) as file:
        assert file.header.info["GLM_LLR"].number == "A" and file.header.info["GLM_ENTROPY"].number == 1
        assert {name: contig.length for name, contig in file.header.contigs.items()} == {
            "1": 36,
            "MT": 10,
            "other": None,
        }
    if shutil.which("bcftools"):
        split = subprocess.run(["bcftools", "norm", "-m-", out], capture_output=True, text=True, check=True)
        split_lines = [line for line in split.stdout.splitlines() if line.startswith("1\t2\t")]
        assert [info_of(line).get("GLM_REASON", ".") for line in split_lines] == [".", ".", "not_scored"]
        assert "Warning" not in split.stderr and "error" not in split.stderr.lower()


def test_record_text_is_kept_to_the_letter(genome, scores, tmp_path):
    """Undeclared fields, odd numbers, several samples, other bytes than UTF-8: all pass through."""
    before = b"chr1\t2\trs1;x\tC\tA\t1e+02\tq10;s50\tAF=9.9700e-01;FLAG;NOTE=na\xefve\tGT:XX\t0|1:7\t./.:.\n"
    source = tmp_path / "x.vcf"
    source.write_bytes(HEADER.encode() + COLUMNS.encode() + b"\tFORMAT\ts1\ts2\n" + before)
    annotate(source, genome, dataset_lookup(scores))
    after = gzip.decompress((tmp_path / "out" / "o.vcf.gz").read_bytes()).splitlines(keepends=True)[-1]
    start, end = before.index(b"\tGT"), after.index(b"\tGT")
    assert after[:start] == before[:start] and after[end:] == before[start:]
    assert after[start:end].startswith(b";GLM_LLR=")


def encoded(kind: str, text: str, path: Path) -> Path:
    if kind == "plain":
        path.write_text(text)
    elif kind == "crlf":
        path.write_bytes(text.replace("\n", "\r\n").encode())
    elif kind == "no final newline":
        path.write_text(text.rstrip("\n"))
    elif kind == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    elif kind == "bgzip":
        with pysam.BGZFile(str(path), "w") as handle:
            handle.write(text.encode())
    else:
        plain = path.with_suffix(".plain.vcf")
        plain.write_text(text)
        with pysam.VariantFile(str(plain)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as bcf:
            for record in source:
                bcf.write(record)
    return path


@pytest.mark.parametrize("kind", ["plain", "crlf", "no final newline", "gzip", "bgzip", "bcf"])
def test_all_encodings_give_the_same(genome, scores, tmp_path, kind):
    text = HEADER + "##contig=<ID=chr1,length=36>\n" + COLUMNS + "\n" + records("chr1 2 C A", "chr1 3 G T,GA")
    lines, table = annotate(encoded(kind, text, tmp_path / "x.vcf"), genome, dataset_lookup(scores))
    assert len(lines) == 2 and table["llr"].notna().tolist() == [True, True, False]
    assert "\r" not in "".join(lines)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 36), st.lists(st.sampled_from(["A", "C", "G", "T", "AT", "*"]), min_size=1, unique=True)
        )
    ),
    st.integers(1, 400),
)
def test_small_blocks_and_large_ones_give_the_same(genome, scores, tmp_path, monkeypatch, rows, size):
    rows = [f"chr1 {position} {CONTIGS['chr1'][position - 1]} {','.join(alts)}" for position, alts in sorted(rows)]
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + records(*rows))
    lines, table = annotate(source, genome, dataset_lookup(scores))
    monkeypatch.setattr(vcf, "_BLOCK", size)
    lines_again, table_again = annotate(source, genome, dataset_lookup(scores))
    assert lines == lines_again and len(lines) == len(rows)
    pd.testing.assert_frame_equal(table.astype(object), table_again.astype(object))
    truth = tracks.read(scores, "chr1")
    for row in table[table["reason"].isna()].itertuples():
        assert row.llr == truth[f"llr_{row.alt}"].iloc[row.start] and row.entropy == truth["entropy"].iloc[row.start]


def test_contigs_without_scores_are_asked_elsewhere(genome, scores, tmp_path):
    asked = []

    def afresh(contig, positions, ref_codes, alt_codes):
        asked.append((contig, positions.tolist(), ref_codes.tolist(), alt_codes.tolist()))
        return np.full(len(positions), -1.23456, np.float32), np.full(len(positions), 0.5, np.float32)

    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + records("chr1 2 C A", "chr2 3 G T,A", "chr2 4 T TA"))
    lines, table = annotate(source, genome, combine(dataset_lookup(scores), afresh))
    assert asked == [("chr2", [2, 2], [2, 2], [3, 0])]
    assert table["llr"].tolist()[1:3] == [np.float32(-1.235)] * 2
    assert info_of(lines[1])["GLM_LLR"] == "-1.235,-1.235"
    _, table = annotate(source, genome, combine())
    assert table["reason"].tolist() == ["not_scored"] * 4


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            records("chr1 5 A C", "chr1 4 T C"),
            r"record 2 of .*x\.vcf \(chr1:4\) comes after position 5; .* bcftools sort",
        ),
        (records("chr1 5 A C", "chrM 1 G C", "chr1 9 A C"), r"record 3 of .* comes after chrM, though chr1 was left"),
        (records("contig9 5 A C"), r"no contig of .* is in the genome .*, contig9 for one"),
        (records("chr1 five A C"), "five"),
        ("chr1 5 . A C . . .\n", r"record 1 of .* has 1 tab-separated columns where its header has 8"),
        (records("chr1 5 A C") + "chr1\t6\t.\tC\n", "record 2 of .* has 4 tab-separated columns"),
    ],
)
def test_records_that_cannot_be_used(genome, scores, tmp_path, body, message):
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + body)
    with pytest.raises(InputError, match=message):
        annotate(source, genome, dataset_lookup(scores))
    assert not list(tmp_path.glob("out/*")) and not list(tmp_path.glob("alleles/*"))


def test_records_out_of_order_are_sorted_as_the_message_says(genome, scores, tmp_path):
    source, body = tmp_path / "x.vcf", records("chr1 5 A C", "chr1 4 T C")
    source.write_text(HEADER + COLUMNS + "\n" + body)
    with pytest.raises(InputError, match="bcftools sort") as caught:
        annotate(source, genome, dataset_lookup(scores))
    line = re.search(r"##contig=<ID=\w+>", str(caught.value))[0]
    source.write_text(HEADER + line + "\n" + COLUMNS + "\n" + body)
    pysam.bcftools.sort("-Oz", "-o", str(tmp_path / "sorted.vcf.gz"), str(source), catch_stdout=False)
    lines, _ = annotate(tmp_path / "sorted.vcf.gz", genome, dataset_lookup(scores))
    assert [line.split("\t")[1] for line in lines] == ["4", "5"]


@pytest.mark.parametrize(
    "header, info, message",
    [
        ("##INFO=<ID=GLM_PHRED,Number=A,Type=Float,Description=x>", "DP=1", "has GLM_PHRED already; remove it first"),
        (
            "##x=y",
            "DP=1;GLM_LLR=77",
            r"record 1 of .* has fields .* in its INFO \(DP=1;GLM_LLR=77\)",
        ),
    ],
)
def test_leftovers_of_an_earlier_run_are_refused(genome, scores, tmp_path, header, info, message):
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + header + "\n" + COLUMNS + f"\nchr1\t1\t.\tA\tC\t.\t.\t{info}\n")
    with pytest.raises(InputError, match=message):
        annotate(source, genome, dataset_lookup(scores))


@pytest.mark.parametrize(
    "info",
    [
        *("END=99999999999", "END=4294967299", "DP=3;SVLEN=9,-99999999999", "SVLEN=18446744073709551619;A"),
        *("END=4294967295;SVLEN=-4294967299", "SVLEN=4294967289"),  # from POS on
    ],
)
def test_a_record_that_ends_farther_than_an_index_reaches_is_named_before_anything_is_scored(
    genome, scores, tmp_path, info
):
    source = tmp_path / "x.vcf"
    near = "XEND=99999999999;END=4294967295;SVLEN=-3,.;N=SVLEN-99999999999"
    source.write_text(HEADER + COLUMNS + "\n" + records(f"chr1 1 A <DEL> {near}", f"chr1 9 A <DEL> {info}"))
    with pytest.raises(InputError, match=r"record 2 of .*: (END|SVLEN)=.*9 in its INFO reaches beyond 4294967295"):
        annotate(source, genome, dataset_lookup(scores))
    source.write_text(HEADER + COLUMNS + "\n" + records(f"chr1 1 A <DEL> {near}"))
    assert len(annotate(source, genome, dataset_lookup(scores))[0]) == 1


@pytest.mark.parametrize(
    "row, message",
    [
        (b"chr1\t1\tgr\xfcn\tA\tC", r"record 2 of .*: ID gr\\xfcn is not in UTF-8; mend it"),
        (b"chr1\tone\t.\tA\tC", "record 2 of .*: POS 'one' is no number from 0 to 4294967295; mend it"),
        (b"chr1\t-1\t.\tA\tC", "record 2 of .*: POS '-1' is no number"),
        (b"chr1\t4294967296\t.\tA\tC", "record 2 of .*: POS '4294967296' is no number"),  # as far as an index goes
        (b"chr1\t18446744073709551616\t.\tA\tC", "record 2 of .*: POS '18446744073709551616' is no number"),
        ("chr1\t٥\t.\tA\tC".encode(), "record 2 of .*: POS '٥' is no number"),
    ],
)
def test_what_is_no_text_or_number_is_named_by_its_record(genome, scores, tmp_path, row, message):
    source = tmp_path / "x.vcf"
    rows = [b"chr1\t1\t.\tA\tC", row, b"chr1\t9\t.\tA\tC"]
    source.write_bytes((HEADER + COLUMNS + "\n").encode() + b"".join(line + b"\t.\t.\t.\n" for line in rows))
    with pytest.raises(InputError, match=message):
        annotate(source, genome, dataset_lookup(scores))


def test_an_empty_entry_of_info_is_left_out(genome, scores, tmp_path):
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\nchr1\t1\t.\tA\tC\t.\t.\tDP=3;XGLM_LLR=1;\n")
    lines, _ = annotate(source, genome, dataset_lookup(scores))
    assert lines[-1].split("\t")[7].startswith("DP=3;XGLM_LLR=1;GLM_LLR=")


def test_scores_are_looked_up_across_row_groups_in_any_order(genome, tmp_path, monkeypatch):
    positions, ref = np.array([33, 2, 17, 3, 16, 0]), genome.codes("chr1", 0, 36)
    expected = dataset_lookup(write_scores(genome, SCORED, tmp_path))
    monkeypatch.setattr(tracks.shards, "ROWS_PER_GROUP", 8)
    (tmp_path / "few").mkdir()
    found = dataset_lookup(write_scores(genome, SCORED, tmp_path / "few"))
    asked = "chr1", positions, ref[positions], (ref[positions] + [1, 2, 3, 1, 2, 3]) % 4
    np.testing.assert_array_equal(found(*asked), expected(*asked))
    assert np.isfinite(found(*asked)).all()


def test_oddities_get_a_reason_rather_than_an_error(genome, scores, tmp_path):
    """POS 0 stands for the telomere; empty and trailing alleles occur in the wild."""
    rows = ["chr1\t0\t.\tN\t<DEL>", "chr1\t0\t.\tA\tC", "chr1\t1\t.\t\t", "chr1\t1\t.\tA\tC,", "chr1\t1\t.\tA\t-"]
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n" + "".join(f"{row}\t.\t.\t.\n" for row in rows))
    _, table = annotate(source, genome, dataset_lookup(scores))
    assert table["reason"].astype(object).where(table["reason"].notna(), "scored").tolist() == [
        "symbolic", "ref_mismatch", "no_alt", "scored", "no_alt", "undefined_base",
    ]  # fmt: skip


def test_the_header_is_searched_for_contigs_once_however_many_there_are(genome, scores, tmp_path, monkeypatch):
    """Drafts of genomes have tens of thousands, in header and records alike."""
    (tmp_path / "i.vcf").write_text(
        HEADER + f"##contig=<ID=chr1>\n{COLUMNS}\n" + records("chr1 2 C A", "chrM 2 A C", "chr2 2 C A", "new 1 A C")
    )
    searched = []
    monkeypatch.setattr(
        annotated_vcf, "header_ids", lambda header, key: searched.append(key) or vcf.header_ids(header, key)
    )
    annotate(tmp_path / "i.vcf", genome, dataset_lookup(scores))
    assert searched == ["contig"]
    assert gzip.decompress((tmp_path / "out" / "o.vcf.gz").read_bytes()).count(b"##contig=<ID=chr1") == 1
    with pysam.VariantFile(tmp_path / "out" / "o.vcf.gz") as written:
        assert {name: contig.length for name, contig in written.header.contigs.items()} == {
            "chr1": None, "chrM": 10, "chr2": 10, "new": None
        }  # fmt: skip


def test_unsorted_across_blocks(genome, scores, tmp_path, monkeypatch):
    monkeypatch.setattr(vcf, "_BLOCK", 10)
    for rows in (["chr1 5 A C", "chr1 4 T C"], ["chr1 5 A C", "chrM 1 G C", "chr1 9 A C"]):
        source = tmp_path / "x.vcf"
        source.write_text(HEADER + COLUMNS + "\n" + records(*rows))
        with pytest.raises(InputError, match=f"record {len(rows)} of .* comes after"):
            annotate(source, genome, dataset_lookup(scores))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with ''"),
        (b"<!DOCTYPE html><html><title>404</title>", "is an HTML page .*404"),
        (b"chr1\t1\tA\tC\n", "begins with 'chr1"),
        (HEADER.encode(), "where its header should end"),
        ((HEADER + "#CHROM POS ID REF ALT\n").encode(), "where its header should end"),
        pytest.param(
            gzip.compress(f"{HEADER}{COLUMNS}\n{records('chr1 2 C A') * 999}".encode())[:-20],
            "damaged or cut-off gzip",
            id="cut-off gzip",
        ),
        (f"{HEADER}##INFO=<ID=GLM_LLR,Number=A,Type=Float>\n{COLUMNS}\n".encode(), "bcftools annotate"),
    ],
)  # fmt: skip
def test_files_that_are_no_vcf(genome, scores, tmp_path, content, message):
    source = tmp_path / "x.vcf.gz"
    source.write_bytes(content)
    with pytest.raises(InputError, match=message):
        annotate(source, genome, dataset_lookup(scores))
    assert not list(tmp_path.glob("out/*"))


def test_cut_off_bgzip(genome, scores, tmp_path):
    whole = encoded("bgzip", HEADER + COLUMNS + "\n" + records("chr1 2 C A"), tmp_path / "x.vcf.gz").read_bytes()
    (tmp_path / "x.vcf.gz").write_bytes(whole[:-28])  # at the border of a block: gzip alone would not notice
    with pytest.raises(InputError, match="cut off"):
        annotate(tmp_path / "x.vcf.gz", genome, dataset_lookup(scores))


def test_a_vcf_without_records(genome, scores, tmp_path):
    source = tmp_path / "x.vcf"
    source.write_text(HEADER + COLUMNS + "\n")
    lines, table = annotate(source, genome, dataset_lookup(scores))
    assert lines == [] and len(table) == 0
    assert "llr" in table


@pytest.mark.parametrize(
    ("file", "variants", "scored"),
    [("clinvar_chrMT.vcf.gz", 2_750, 2_750), ("gnomad.genomes.v3.1.sites.chrM.vcf.bgz", 18_164, 15_770)],
)
def test_human_mitochondrial_variants(shared_data, make_genome, tmp_path, file, variants, scored):
    """Every REF of ClinVar and gnomAD is the base of the rCRS, whatever the contig is called."""
    sequence = "".join((shared_data / "human_mito" / "chrM.fa").read_text().splitlines()[1:])
    genome = make_genome({"chrM": sequence}, name="mito")
    scores = write_scores(genome, ["chrM"], tmp_path)
    source = tmp_path / file
    source.symlink_to(shared_data / "human_mito" / file)
    lines, table = annotate(source, genome, dataset_lookup(scores))
    assert len(lines) == len(table) == variants
    assert table["llr"].notna().sum() == scored
    assert set(table["reason"].dropna()) <= {"not_scored"}
    with gzip.open(source, "rt") as handle:
        originals = [line.rstrip("\n") for line in handle if not line.startswith("#")]
    assert [line.split(";GLM_LLR=")[0] for line in lines] == originals
    truth = tracks.read(scores, "chrM")
    substitutions = table[table["reason"].isna()]
    alt = [tracks.LLR_COLUMNS.index(f"llr_{base}") for base in substitutions["alt"]]
    expected = truth[list(tracks.LLR_COLUMNS)].to_numpy()[substitutions["start"], alt]
    assert np.array_equal(substitutions["llr"], expected)
