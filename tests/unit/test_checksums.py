"""Checksums of sheets and of providers, the shared cache, mirrors and proxies; on the loopback interface."""

import gzip
import hashlib
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from folder_server import FolderServer

from glmtracks.download import cache as caches
from glmtracks.download import download
from glmtracks.download.checksums import Checksum, parse_checksum
from glmtracks.download.mirrors import mirrored
from glmtracks.errors import InputError

DATA = gzip.compress(b">chrM\n" + b"GATTACA" * 20_000 + b"\n", mtime=0)
MD5, SHA256 = hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest()
HOSTS = {  # what each provider's folders hold, for the file x.fa.gz
    "https://hgdownload.soe.ucsc.edu": ("md5sum.txt", "{md5}  x.fa.gz\n{zeros}  y.fa.gz\n"),
    "https://ftp.ensembl.org": ("CHECKSUMS", "00007 3 y.fa.gz\n{sum} x.fa.gz\n"),
    "https://ftp.ncbi.nlm.nih.gov": ("md5checksums.txt", "{zeros}  ./y.fa.gz\n{md5}  ./x.fa.gz\n"),
    "https://ftp.ebi.ac.uk": ("MD5SUMS", "{zeros}  y.fa.gz\n{md5}  x.fa.gz\n"),
    "https://example.org": ("x.fa.gz.md5", "{md5} *x.fa.gz\n"),
    "http://example.net": ("x.fa.gz.md5", "{md5}\n"),
}


def bsd_sum(data: bytes) -> str:
    """As the manual of sum -r says it."""
    total = 0
    for byte in data:
        total = ((total >> 1) + ((total & 1) << 15) + byte) & 0xFFFF
    return f"{total:05d} {-(-len(data) // 1024)}"


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "x.fa.gz").write_bytes(DATA)
    with FolderServer(folder) as server:
        yield server


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out" / "x.fa.gz"


def fetch(source: str, out: Path, **options) -> dict:
    """Download, and give the record of it."""
    note = out.with_name("note.json")
    download(source, out, provenance_out=note, **{"wait": 0.01, "attempts": 3, **options})
    assert out.read_bytes() == DATA
    return json.loads(note.read_text())


@pytest.mark.parametrize("host", HOSTS)
def test_what_providers_publish_beside_a_file_is_compared(served, out, host, caplog):
    name, text = HOSTS[host]
    right = {"md5": MD5, "sum": bsd_sum(DATA), "zeros": "0" * 32}
    (served.folder / name).write_text(text.format(**right))
    caplog.set_level("INFO")
    record = fetch(f"{host}/x.fa.gz", out, mirrors={host: served.url})
    assert record["published"] == f"{host}/{name}" and record["compared"].split()[0] in ("md5", "sum")
    assert record["url"] == f"{host}/x.fa.gz" and record["mirror"] == f"{served.url}/x.fa.gz"
    assert f"{record['compared'].removesuffix(' x.fa.gz')} is right" in caplog.text
    (served.folder / name).write_text(text.format(md5="1" * 32, sum="12345 20", zeros="0" * 32))
    out.unlink()
    with pytest.raises(InputError, match=rf"has (md5|sum) .* expected 1.*so says {host}/{name}"):
        fetch(f"{host}/x.fa.gz", out, mirrors={host: served.url})
    assert not out.exists()
    fetch(f"{host}/x.fa.gz", out, mirrors={host: served.url}, checksum=SHA256)  # a sheet knows better


@pytest.mark.parametrize(
    ("kind", "way_out"), [("fasta", "give sha256"), ("vcf", "give sha256"), ("annotation", "fetch it yourself")]
)
def test_a_checksum_is_asked_for_only_where_a_sheet_has_a_column_for_it(served, out, kind, way_out):
    (served.folder / "x.fa.gz.md5").write_text("1" * 32)
    with pytest.raises(InputError, match=rf"so says .*\.md5; try again later, or {way_out}"):
        fetch(f"{served.url}/x.fa.gz", out, kind=kind)


def test_a_checksum_alone_beside_a_file_may_call_it_by_its_date(served, out):
    (served.folder / "x.fa.gz.md5").write_text(f"{MD5}  /there/x_20261130.fa.gz\n")
    assert fetch(f"{served.url}/x.fa.gz", out)["compared"]


@pytest.mark.parametrize(
    "text", ["", f"<html>{'x' * 32}</html>", f"{MD5}  x.fa\n", f"{MD5}  y.fa.gz\n{MD5}  z.fa.gz\n", "\xff" * 40]
)
def test_a_page_in_place_of_a_checksum_is_none(served, out, text):
    (served.folder / "x.fa.gz.md5").write_text(text)
    record = fetch(f"{served.url}/x.fa.gz", out)
    assert record["compared"] is None and record["published"] is None and record["sha256"] == SHA256


@pytest.mark.parametrize("cell", [MD5, MD5.upper(), f"md5:{MD5}", SHA256, f"sha256:{SHA256}"])
def test_sheets_name_md5_or_sha256(served, out, cell):
    record = fetch(f"{served.url}/x.fa.gz", out, checksum=cell)
    assert record["compared"] == str(parse_checksum(cell)) and record["published"] is None
    with pytest.raises(InputError, match=r"x\.fa\.gz has (md5|sha256) [0-9a-f]+, expected 0+; correct sha256"):
        fetch(f"{served.url}/x.fa.gz", out, checksum="0" * len(cell.partition(":")[2] or cell))


def test_the_sum_of_macos_will_do_which_takes_no_options(tmp_path, monkeypatch):
    command = tmp_path / "sum"
    command.write_text(
        f'#!/bin/sh\n[ $# = 0 ] && exec {shutil.which("sum")}\necho "sum: $1: No such file" >&2; exit 1\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    (tmp_path / "x").write_bytes(DATA)
    number, blocks = map(int, bsd_sum(DATA).split())
    assert Checksum("sum", "0 0").of(tmp_path / "x") == Checksum("sum", f"{number} {blocks}")


def test_what_is_no_checksum_is_refused():
    for wrong in ("0" * 40, f"md5:{SHA256}", "sha1:" + "0" * 32, "z" * 32):
        with pytest.raises(InputError, match="is no checksum"):
            parse_checksum(wrong)
    assert parse_checksum("") is parse_checksum(None) is None


@pytest.mark.parametrize("cell", [MD5, SHA256])
def test_a_file_of_the_cache_is_not_fetched(served, out, tmp_path, cell):
    options = {"checksum": cell, "cache": tmp_path / "cache"}
    assert fetch(f"{served.url}/x.fa.gz", out, **options)["cache"] is False
    asked = len(served.asked)
    again = fetch("https://nowhere.invalid/elsewhere.gz", out.with_name("again"), **options)
    assert again["cache"] is True and len(served.asked) == asked
    assert (tmp_path / "cache" / "sha256" / SHA256).samefile(out)  # no room is taken twice for one run


def test_a_run_that_takes_a_file_of_the_cache_makes_it_no_newer_for_another(served, out, tmp_path):
    """Snakemake touches what a job has made; results of the other run would be older than it and be made anew."""
    options = {"checksum": SHA256, "cache": tmp_path / "cache"}
    for path in (out, out.with_name("second"), out.with_name("third")):
        fetch(f"{served.url}/x.fa.gz", path, **options)
        os.utime(path, (len(path.name), len(path.name)))
    assert [path.stat().st_mtime for path in (out, out.with_name("second"))] == [len(out.name), len("second")]


def test_a_published_checksum_finds_the_file_in_the_cache(served, out, tmp_path):
    (served.folder / "x.fa.gz.md5").write_text(MD5)
    options = {"cache": tmp_path / "cache"}
    fetch(f"{served.url}/x.fa.gz", out, **options)
    served.asked.clear()
    assert fetch(f"{served.url}/x.fa.gz", out, **options)["cache"] is True
    assert [path for path, _ in served.asked] == ["/x.fa.gz.md5"]


def test_a_damaged_file_of_the_cache_is_fetched_anew(served, out, tmp_path):
    held = tmp_path / "cache" / "sha256" / SHA256
    held.parent.mkdir(parents=True)
    held.write_bytes(DATA[:-1])
    record = fetch(f"{served.url}/x.fa.gz", out, checksum=SHA256, cache=tmp_path / "cache")
    assert record["cache"] is False and held.read_bytes() == DATA
    assert sorted(path.name for path in held.parent.iterdir()) == [SHA256]


def test_a_cache_without_links_is_copied_from(served, out, tmp_path, monkeypatch):
    def link(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    fetch(f"{served.url}/x.fa.gz", out, checksum=SHA256, cache=tmp_path / "cache")
    held = tmp_path / "cache" / "sha256" / SHA256
    assert held.stat().st_ino != out.stat().st_ino and held.read_bytes() == DATA
    assert caches.take(tmp_path / "cache", Checksum("md5", MD5), tmp_path / "taken")


def test_a_cache_that_cannot_be_written_does_no_harm(served, out, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file")
    fetch(f"{served.url}/x.fa.gz", out, checksum=SHA256, cache=tmp_path / "cache")
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("method", ["is_file", "unlink"])
def test_a_cache_of_somebody_else_that_cannot_be_read_or_mended_does_no_harm(
    served, out, tmp_path, monkeypatch, caplog, method
):
    held = tmp_path / "cache" / "sha256" / SHA256
    held.parent.mkdir(parents=True)
    held.write_bytes(DATA[:-1])
    original = getattr(Path, method)

    def refuse(path, *arguments, **options):
        if path == held:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, method, refuse)
    assert fetch(f"{served.url}/x.fa.gz", out, checksum=SHA256, cache=tmp_path / "cache")["cache"] is False
    assert out.read_bytes() == DATA and "Permission denied" in caplog.text


def _put_and_take(folder: Path, number: int) -> None:
    for turn in range(30):
        source = folder / f"{number}-{turn}"
        source.write_bytes(DATA)
        caches.put(folder / "cache", source)
        taken = folder / f"{number}-{turn}-taken"
        assert caches.take(folder / "cache", Checksum("sha256", SHA256), taken) and taken.read_bytes() == DATA


def test_two_runs_at_once_share_a_cache(tmp_path):
    fork = multiprocessing.get_context("fork")
    runs = [fork.Process(target=_put_and_take, args=(tmp_path, number)) for number in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0]
    assert [path.name for path in (tmp_path / "cache" / "sha256").iterdir()] == [SHA256]


def test_the_longest_prefix_wins():
    mirrors = {"https://h/": "file:///all/", "https://h/pub/": "http://near/", "ftp://h/": "file:///ftp/"}
    assert mirrored("https://h/pub/x?y=1", mirrors) == "http://near/x?y=1"
    assert mirrored("https://h/x", mirrors) == "file:///all/x"
    assert mirrored("https://other/x", mirrors) == "https://other/x"


def test_a_mirror_may_be_a_folder(tmp_path, out):
    (tmp_path / "x.fa.gz").write_bytes(DATA)
    (tmp_path / "md5sum.txt").write_text(f"{MD5}  x.fa.gz\n")
    mirrors = {"https://hgdownload.soe.ucsc.edu/goldenPath/": f"{tmp_path.as_uri()}/"}
    record = fetch("https://hgdownload.soe.ucsc.edu/goldenPath/x.fa.gz", out, mirrors=mirrors)
    assert record["compared"] == f"md5 {MD5}" and record["mirror"] == (tmp_path / "x.fa.gz").as_uri()
    (tmp_path / "x.fa.gz").unlink()
    with pytest.raises(InputError, match=f"{tmp_path.as_uri()}/x.fa.gz could not be downloaded"):
        fetch("https://hgdownload.soe.ucsc.edu/goldenPath/x.fa.gz", out, mirrors=mirrors)


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_proxies_of_the_environment_are_used(served, out, monkeypatch, variable):
    """The loopback server takes a proxy's request, whose path is a whole URL."""
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, served.url)
    (served.folder / "http:/far.invalid").mkdir(parents=True)
    (served.folder / "http:/far.invalid/x.fa.gz").write_bytes(DATA)
    fetch("http://far.invalid/x.fa.gz", out)
    assert ("http://far.invalid/x.fa.gz", None) in served.asked
    monkeypatch.setenv("no_proxy", "far.invalid")
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch("http://far.invalid/x.fa.gz", out, attempts=1)
