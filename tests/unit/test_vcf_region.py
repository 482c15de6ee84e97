"""A region of an indexed VCF, from disk and from a loopback server that misbehaves and counts what it sends."""

import contextlib
import gzip
import json
import random
from pathlib import Path

import pysam
import pytest
from folder_server import FolderServer

from glmtracks.download import split_region
from glmtracks.errors import InputError
from glmtracks.tabix import Region, parse_regions
from glmtracks.variants.vcf_region import cut_vcf

HEADER = ["##fileformat=VCFv4.2", '##INFO=<ID=END,Number=1,Type=Integer,Description="end">']
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
CONTIGS = {"1": 20_000, "2": 20_000, "HLA-A*01:01": 50, "MT": 300}


def write_indexed(path: Path, lines: list[str], *, csi: bool = False) -> Path:
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write("".join(f"{line}\n" for line in [*HEADER, COLUMNS, *lines]).encode())
    index = path.with_name(path.name + (".csi" if csi else ".tbi"))
    pysam.tabix_index(str(path), preset="vcf", csi=csi, index=str(index), force=True)
    return path


def records() -> list[str]:
    """Records with noise that does not compress, so that the file has many blocks; some reach far to the right."""
    rng, lines = random.Random(3), []
    for contig, count in CONTIGS.items():
        position = 0
        for number in range(count):
            position += rng.randint(0, 40)
            noise = rng.randbytes(20).hex()
            far = number % 97 == 5
            ref = rng.choice(["A", "C", "GATTACA"])
            info = f"N={noise};END={position + 60_000}" if far else f"N={noise}"
            lines.append(f"{contig}\t{max(position, 1)}\t{number}\t{ref}\tT\t.\tPASS\t{info}")
    return lines


@pytest.fixture(scope="module", params=["tbi", "csi"])
def vcf(tmp_path_factory, request) -> Path:
    return write_indexed(tmp_path_factory.mktemp("vcf") / "calls.vcf.gz", records(), csi=request.param == "csi")


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with contextlib.ExitStack() as stack:
        yield lambda folder: stack.enter_context(FolderServer(folder))


def cut(source: str, folder: Path, **options) -> list[str]:
    """The records of a region, after all that must hold of the files was checked."""
    out = folder / "out" / "cut.vcf.gz"
    cut_vcf(source, out, f"{out}.json", **{"wait": 0.01, "attempts": 4, **options})
    text = gzip.decompress(out.read_bytes()).decode().splitlines()
    header = [*HEADER, COLUMNS]
    assert text[: len(header)] == header
    assert {path.name for path in out.parent.iterdir()} == {"cut.vcf.gz", "cut.vcf.gz.tbi", "cut.vcf.gz.json"}
    with pysam.TabixFile(str(out)) as indexed:
        assert sorted(indexed.fetch()) == sorted(text[len(header) :])
    assert json.loads((out.parent / "cut.vcf.gz.json").read_text())["records"] == len(text) - len(header)
    return text[len(header) :]


def refused(source: str, folder: Path, **options) -> str:
    with pytest.raises(InputError) as error:
        cut(source, folder, **options)
    assert list((folder / "out").iterdir()) == [] and "\n" not in str(error.value)
    return str(error.value)


def by_htslib(vcf: Path, text: str) -> list[str]:
    index = next(path for path in vcf.parent.iterdir() if path.suffix in (".tbi", ".csi"))
    with pysam.TabixFile(str(vcf), index=str(index)) as file:
        return [line for r in parse_regions(text) for line in file.fetch(r.contig, r.start or None, r.end)]


@pytest.mark.parametrize(
    "text",
    [
        "MT",
        "1",
        "2:100-110",
        "2:200001-200100",
        "2:100000-300000",
        "1:390000-500000",
        "1:1-100,MT:50-60",
        "HLA-A*01:01",
        "2:9000000-9000001",
    ],
)
def test_a_region_is_what_htslib_gives(vcf, tmp_path, text):
    found = cut(f"{vcf}#{text}", tmp_path)
    assert found == by_htslib(vcf, text)
    assert found or text == "2:9000000-9000001"


def test_random_regions_are_what_htslib_gives(vcf, tmp_path):
    rng = random.Random(1)
    for _ in range(15):
        start = rng.randint(1, 400_000)
        text = f"{rng.choice('12')}:{start}-{start + rng.choice([0, 10, 10_000])}"
        assert cut(f"{vcf}#{text}", tmp_path) == by_htslib(vcf, text)


@pytest.mark.parametrize(
    "record",
    [
        (0, "N", ".[1:9[", "."),
        (50, "ACGT", "<DEL>", "SVLEN=-300"),
        (50, "A", "C,<DUP:TANDEM>", "X;SVLEN=.,300"),
        (50, "A", "<INV>,<CNV>", "END=60;SVLEN=9,300"),
        (50, "A", "<INS>", "SVLEN=300"),
        (50, "A", "C", "SVLEN=300"),
        (50, "A", "<DEL>", "SVLEN=many"),
    ],
)
def test_a_record_reaches_as_far_as_to_htslib(record, tmp_path):
    position, ref, alt, info = record
    vcf = write_indexed(tmp_path / "sv.vcf.gz", [f"1\t{position}\t.\t{ref}\t{alt}\t.\t.\t{info}"])
    for text in ["1", "1:1-1", "1:2-3", *(f"1:{end}-{end}" for end in (50, 53, 54, 300, 349, 350, 351))]:
        assert cut(f"{vcf}#{text}", tmp_path) == by_htslib(vcf, text)


def test_overlapping_regions_give_each_record_once_in_the_order_of_the_file(vcf, tmp_path):
    assert cut(f"{vcf}#MT:1-100,1:5-50,MT:50-200", tmp_path) == by_htslib(vcf, "1:5-50,MT:1-200")


def test_a_server_sends_no_more_than_it_must(vcf, serve, tmp_path):
    server = serve(vcf.parent)
    assert cut(f"{server.url}/calls.vcf.gz#MT", tmp_path) == by_htslib(vcf, "MT")
    assert server.sent < vcf.stat().st_size / 4
    noted = json.loads((tmp_path / "out/cut.vcf.gz.json").read_text())
    assert noted["url"] == f"{server.url}/calls.vcf.gz" and noted["region"] == "MT" and noted["version"] == '"1"'
    assert noted["size"] == vcf.stat().st_size and noted["bytes"] < server.sent
    assert all(ranged for path, ranged in server.asked if path.endswith(".gz"))


def test_a_query_stays_behind_the_name_of_the_index(vcf, serve, tmp_path):
    server = serve(vcf.parent)
    assert cut(f"{server.url}/calls.vcf.gz?token=1#MT:1-900", tmp_path)
    assert server.asked[0][0] == "/calls.vcf.gz.tbi?token=1"


def test_a_mirror_serves_vcf_and_index(vcf, serve, tmp_path):
    server = serve(vcf.parent)
    mirrors = {"https://far.example/": f"{server.url}/", "https://far.example/other": "file:///nowhere"}
    assert cut("https://far.example/calls.vcf.gz#MT", tmp_path, mirrors=mirrors) == by_htslib(vcf, "MT")
    noted = json.loads((tmp_path / "out/cut.vcf.gz.json").read_text())
    assert noted["url"] == "https://far.example/calls.vcf.gz" and noted["mirror"] == f"{server.url}/calls.vcf.gz"
    server.faults = [404]
    complaint = refused("https://far.example/calls.vcf.gz#MT", tmp_path / "again", mirrors=mirrors)
    assert f"{server.url}/calls.vcf.gz: the server answered 404" in complaint


@pytest.mark.parametrize("faults", [[503, 503], [429], ["cut"], ["cut", "cut"], [None, "cut", 500], ["cut", "other"]])
def test_what_passes_is_tried_again(vcf, serve, tmp_path, faults):
    server = serve(vcf.parent)
    server.faults = list(faults)
    assert cut(f"{server.url}/calls.vcf.gz#MT", tmp_path) == by_htslib(vcf, "MT")
    assert not server.faults
    whole = "other" in faults  # what a server sends if the version that is asked for is no more
    assert server.sent < vcf.stat().st_size * (1.5 if whole else 0.5)


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [
        ([404], "answered 404; check the address"),
        ([503] * 9, "in 4 attempts: the server answered 503; try later"),
        (["cut"] * 9, "in 4 attempts"),
        (["whole"] * 9, "does not serve parts of a file"),
        ([None, "whole"], "does not serve parts of a file"),
        ([None, "other"], "changed while it was fetched; run again"),
    ],
)
def test_what_stays_is_one_sentence(vcf, serve, tmp_path, faults, complaint):
    server = serve(vcf.parent)
    server.faults = list(faults)
    message = refused(f"{server.url}/calls.vcf.gz#MT", tmp_path)
    assert complaint in message and f"{server.url}/calls.vcf.gz" in message


def test_a_missing_index_is_said_with_the_way_out(serve, tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    write_indexed(folder / "calls.vcf.gz", records()[:10])
    (folder / "calls.vcf.gz.tbi").unlink()
    for source in (f"{serve(folder).url}/calls.vcf.gz", str(folder / "calls.vcf.gz")):
        message = refused(f"{source}#1", tmp_path)
        assert "has neither .tbi nor .csi beside it" in message and "tabix -p vcf" in message


def test_an_index_of_another_file_is_noticed(serve, tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    write_indexed(folder / "calls.vcf.gz", records())
    index = (folder / "calls.vcf.gz.tbi").read_bytes()
    write_indexed(folder / "calls.vcf.gz", records()[:30_000:3])
    (folder / "calls.vcf.gz.tbi").write_bytes(index)
    server = serve(folder)
    assert "an older or damaged copy is there" in refused(f"{server.url}/calls.vcf.gz#MT", tmp_path)
    (folder / "calls.vcf.gz.tbi").write_bytes(index[:-40])
    assert "calls.vcf.gz.tbi is cut off: its end" in refused(f"{server.url}/calls.vcf.gz#MT", tmp_path)
    (folder / "calls.vcf.gz.tbi").write_bytes(gzip.compress(b"TBI\1\1\0\0\0"))
    assert "damaged or cut-off index" in refused(f"{server.url}/calls.vcf.gz#MT", tmp_path)


@pytest.mark.parametrize("size", [1, 65_280, 300_000])
def test_records_of_many_blocks_are_cut_out_as_they_are(tmp_path, size):
    noise = random.Random(size).randbytes(size).hex()
    lines = [f"1\t{position}\t.\tA\tC\t.\t.\tX={noise}" for position in (5, 9, 90)]
    vcf = write_indexed(tmp_path / "long.vcf.gz", lines)
    assert cut(f"{vcf}#1:1-50", tmp_path) == lines[:2]


def test_an_unknown_contig_is_said_with_those_that_there_are(vcf, tmp_path):
    assert "no contig 'chrM'; the file has 1, 2, HLA-A*01:01, MT" in refused(f"{vcf}#chrM", tmp_path)


def test_regions_are_read_as_in_a_browser():
    assert parse_regions("MT, 1:5-9,HLA-A*01:01") == [Region("MT"), Region("1", 4, 9), Region("HLA-A*01:01")]
    for wrong in ("", "MT,,1", "1:9-5", "1:0-5", "a b"):
        with pytest.raises(InputError, match="is not a region"):
            parse_regions(wrong)


def test_only_indexed_vcfs_have_regions():
    assert split_region("https://h/a.vcf.bgz?x=1#MT") == ("https://h/a.vcf.bgz?x=1", "MT")
    for source in ("calls.vcf.gz", "https://h/a.bed#MT", "a.vcf#1", "odd#name.vcf.gz"):
        assert split_region(source) == (source, "")
