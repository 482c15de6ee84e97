"""Downloads from servers that misbehave, all of them on the loopback interface."""

import contextlib
import gzip
import hashlib
import os
import subprocess
import sys
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pysam
import pytest

from glmtracks.download import certificates, download, is_remote
from glmtracks.download.transfer import Absent
from glmtracks.errors import InputError

FASTA = b">chrM\n" + b"GATCACAGGTCTATCACCCTATTAACCACTCACGGGAGCTCTCC\n" * 5000
HTML = b"<html><head>\n<title>Please log in</title></head></html>"


class Server:
    """A loopback server that gives the answers of a list, the last one for ever, and remembers what it was asked.

    An answer is a dictionary: status (200), body, headers, send (how many bytes of the body really go out), hang (for
    how many seconds nothing more happens then) and ranges (whether a Range request is honoured).
    """

    def __init__(self, *answers: dict):
        self.answers, self.asked = list(answers), []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.endswith(".md5"):  # looked for before anything else; this server has none
                    return server.answer(self, {"status": 404})
                server.asked.append(dict(self.headers))
                server.answer(self, server.answers.pop(0) if len(server.answers) > 1 else server.answers[0])

            do_CONNECT = do_GET  # of a proxy

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/genome.fa"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request, answer: dict) -> None:
        body, status = answer.get("body", b""), answer.get("status", 200)
        headers = dict(answer.get("headers", {}))
        asked = request.headers.get("Range")
        if asked and answer.get("ranges") and request.headers.get("If-Range") in (None, headers.get("ETag")):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                status, body = 416, b""
            else:
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                status, body = 206, body[start:]
        request.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(key, value)
        request.end_headers()
        with contextlib.suppress(ConnectionError):
            request.wfile.write(body[: answer.get("send")])
            self.released.wait(answer.get("hang", 0))


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(*answers: dict) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.released.set()
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "downloads" / "genome.fa"


def fetch(server, destination, **options):
    return download(server.url, destination, **{"wait": 0.01, "attempts": 4, **options})


def refused(server, destination, left=(), **options) -> str:
    with pytest.raises(InputError) as error:
        fetch(server, destination, **options)
    assert sorted(path.name for path in destination.parent.iterdir()) == sorted(left)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_arrives_whole_and_alone(serve, destination):
    server = serve({"body": FASTA})
    assert fetch(server, destination, checksum=hashlib.sha256(FASTA).hexdigest()) == server.url
    assert destination.read_bytes() == FASTA
    assert list(destination.parent.iterdir()) == [destination]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(serve, destination, status):
    server = serve({"status": status, "body": b"busy"}, {"status": status}, {"body": FASTA})
    fetch(server, destination)
    assert destination.read_bytes() == FASTA
    assert len(server.asked) == 3


@pytest.mark.parametrize(("asked", "waited"), [("120", 120), (formatdate(4e9, usegmt=True), 300), ("soon", 1)])
def test_a_server_is_given_the_time_that_it_asks_for(serve, destination, monkeypatch, asked, waited):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    server = serve({"status": 503, "headers": {"Retry-After": asked}}, {"body": FASTA})
    download(server.url, destination)
    assert pauses == [waited]


def test_a_failure_that_stays_is_an_error(serve, destination):
    server = serve({"status": 503, "body": HTML})
    assert "in 3 attempts: the server answered 503" in refused(server, destination, attempts=3)
    assert len(server.asked) == 3


def test_a_missing_file_is_not_asked_for_twice(serve, destination):
    server = serve({"status": 404, "body": HTML})
    assert "answered 404" in refused(server, destination)
    assert len(server.asked) == 1


@pytest.mark.parametrize("version", [{"ETag": '"a"'}, {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}])
def test_a_broken_transfer_goes_on_where_it_stopped(serve, destination, version):
    cut = {"body": FASTA, "send": 100_000, "headers": version}
    server = serve(cut, {"body": FASTA, "headers": version, "ranges": "ETag" in version})
    fetch(server, destination)
    assert destination.read_bytes() == FASTA
    assert server.asked[1]["Range"] == "bytes=100000-"
    assert server.asked[1]["If-Range"] == next(iter(version.values()))


def test_a_later_call_goes_on_where_an_earlier_one_stopped(serve, destination):
    answer = {"body": FASTA, "headers": {"ETag": '"a"'}, "ranges": True}
    server = serve({**answer, "send": 70_000}, answer)
    left = ["genome.fa.part", "genome.fa.part.json"]
    assert "in 1 attempts" in refused(server, destination, left, attempts=1)
    fetch(server, destination)
    assert server.asked[1]["Range"] == "bytes=70000-"
    assert destination.read_bytes() == FASTA
    assert list(destination.parent.iterdir()) == [destination]


def test_a_file_that_changed_in_between_is_fetched_anew(serve, destination):
    new = FASTA.replace(b"A", b"T")
    cut = {"body": FASTA, "send": 100_000, "headers": {"ETag": '"old"'}}
    server = serve(cut, {"body": new, "headers": {"ETag": '"new"'}, "ranges": True})
    fetch(server, destination)
    assert destination.read_bytes() == new


def test_a_server_that_ignores_if_range_is_not_believed(serve, destination):
    new = FASTA.replace(b"A", b"T")
    rest = {
        "status": 206,
        "body": new[100_000:],
        "headers": {"ETag": '"new"', "Content-Range": f"bytes 100000-{len(new) - 1}/{len(new)}"},
    }
    cut = {"body": FASTA, "send": 100_000, "headers": {"ETag": '"old"'}}
    server = serve(cut, rest, {"body": new, "headers": {"ETag": '"new"'}})
    fetch(server, destination)
    assert destination.read_bytes() == new
    assert "Range" not in server.asked[2]


def test_a_connection_that_stalls_counts_as_broken(serve, destination):
    answer = {"body": FASTA, "headers": {"ETag": '"a"'}, "ranges": True}
    server = serve({**answer, "send": 50_000, "hang": 30}, answer)
    fetch(server, destination, stall=1)
    assert destination.read_bytes() == FASTA
    assert len(server.asked) == 2


def test_without_a_version_the_transfer_starts_again(serve, destination):
    server = serve({"body": FASTA, "send": 100_000}, {"body": FASTA, "ranges": True})
    fetch(server, destination)
    assert destination.read_bytes() == FASTA
    assert "Range" not in server.asked[1]


def test_a_part_that_is_already_whole_does_no_harm(serve, destination):
    answer = {"body": FASTA, "headers": {"ETag": '"a"'}, "ranges": True}
    server = serve({**answer, "headers": {"ETag": '"a"', "Content-Length": str(len(FASTA) + 1)}}, answer)
    fetch(server, destination)
    assert destination.read_bytes() == FASTA


def test_a_redirection_is_followed(serve, destination):
    target = serve({"body": FASTA})
    fetch(serve({"status": 302, "headers": {"Location": target.url}}), destination)
    assert destination.read_bytes() == FASTA


def test_a_redirection_to_a_local_file_is_not_followed(serve, destination, tmp_path):
    (tmp_path / "secret").write_bytes(FASTA)
    server = serve({"status": 302, "headers": {"Location": f"file://{tmp_path}/secret"}})
    assert "could not be downloaded" in refused(server, destination)


@pytest.mark.parametrize("checksum", [None, "0" * 32])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_an_html_page_is_not_a_genome(serve, destination, compress, checksum):
    message = refused(serve({"body": compress(HTML)}), destination, checksum=checksum)
    assert "served an HTML page (title 'Please log in') instead of a FASTA" in message


def test_a_wrong_checksum_names_both(serve, destination):
    message = refused(serve({"body": FASTA}), destination, checksum="0" * 64)
    assert hashlib.sha256(FASTA).hexdigest() in message
    assert "expected 000" in message


def test_damaged_gzip_is_refused(serve, destination, tmp_path):
    whole = gzip.compress(FASTA)
    broken = whole[:-20] + b"\0" * 12 + whole[-8:]
    for body in (whole[: len(whole) // 2], broken):
        assert "damaged or cut-off gzip" in refused(serve({"body": body}), destination)
    with pysam.BGZFile(str(tmp_path / "a.gz"), "wb") as handle:
        handle.write(FASTA)
    body = (tmp_path / "a.gz").read_bytes()
    assert "end-of-file block is missing" in refused(serve({"body": body[:-28]}), destination)
    fetch(serve({"body": body}), destination)
    assert gzip.decompress(destination.read_bytes()) == FASTA


def test_file_urls_are_copied(tmp_path, destination):
    (tmp_path / "a.fa").write_bytes(FASTA)
    download(f"file://{tmp_path}/a.fa", destination)
    assert destination.read_bytes() == FASTA
    with pytest.raises(InputError, match="could not be downloaded"):
        download(f"file://{tmp_path}/b.fa", destination)


@pytest.mark.parametrize("escaped", [False, True])
def test_an_address_may_hold_any_letters_and_blanks(tmp_path, destination, escaped):
    file = tmp_path / "données, 50%25" / "le génome.fa"
    file.parent.mkdir()
    file.write_bytes(FASTA)
    download(file.as_uri() if escaped else f"file://{file}".replace("%", "%25"), destination)
    assert destination.read_bytes() == FASTA
    with pytest.raises(InputError, match=r"là\.fa could not be downloaded"):
        download(f"file://{tmp_path}/là.fa", destination)


def test_other_schemes_are_refused(destination):
    with pytest.raises(InputError, match=r"gopher://host/.* is not an address .* http, https, ftp, s3 or file"):
        download("gopher://host/genome.fa", destination)


def test_what_is_remote():
    remote = [
        "https://a/b.fa.gz",
        "FTP://a/b",
        "file:///a",
        "s3://a/b",
        "ucsc:sacCer3",
        "Ensembl:R64-1-1",
        "ncbi:GCF_1.2",
    ]
    local = ["genome.fa", "/data/ucsc/hg38.fa", "resources/demo/a.fa.gz", "ucsc:", "c:/genome.fa", ""]
    assert all(map(is_remote, remote))
    assert not any(map(is_remote, local))


def test_asking_whether_something_is_remote_is_cheap():
    heavy = "('pycurl', 'genomepy', 'numpy', 'tqdm')"
    code = f"import sys, glmtracks.download; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert run.stdout.strip() == "[]"


class Provider:
    """Stands in for a provider of genomepy, with one assembly that the loopback server has."""

    name = "UCSC"

    def __init__(self, url: str, links: list[str]):
        self.url, self.links = url, links
        self.genomes = {"sacCer1": {}, "sacCer3": {"annotations": links}}

    def search(self, term, exact=False):
        return [(name,) for name in self.genomes if (name.lower() == term.lower() if exact else term in name)]

    def get_genome_download_link(self, name, mask="soft"):
        assert mask == "soft"
        return self.url

    def annotation_links(self, name):
        return self.links


@pytest.fixture
def provider(serve, monkeypatch):
    genomepy = pytest.importorskip("genomepy")
    server = serve({"body": FASTA})
    provider = Provider(server.url, [])
    monkeypatch.setattr(genomepy.Provider, "create", lambda name: provider)
    return provider


@pytest.mark.parametrize("name", ["sacCer3", "SACCER3"])
def test_a_provider_id_leads_to_its_file(provider, destination, name):
    assert download(f"ucsc:{name}", destination) == provider.url
    assert destination.read_bytes() == FASTA


def test_an_annotation_of_a_provider(provider, destination):
    with pytest.raises(InputError, match="UCSC has no annotation of sacCer3"):
        download("ucsc:sacCer3", destination, kind="annotation")
    provider.links += [provider.url]
    assert download("ucsc:sacCer3", destination, kind="annotation") == provider.url


def test_tables_of_ucsc_are_served_as_gtf(provider):
    from glmtracks.download.providers import provider_url

    provider.links += ["ncbiRefSeq", "ensGene"]
    url = provider_url("ucsc", "sacCer3", "annotation")
    assert url == "https://hgdownload.soe.ucsc.edu/goldenPath/sacCer3/bigZips/genes/sacCer3.ncbiRefSeq.gtf.gz"


def test_an_unknown_id_gets_suggestions(provider, destination):
    with pytest.raises(InputError, match=r"UCSC has no assembly of that name; did you mean sacCer1, sacCer3\?"):
        download("ucsc:sacCer9", destination)
    with pytest.raises(InputError, match="genomepy search zzz"):
        download("ucsc:zzz", destination)


def test_providers_have_no_variants(provider, destination):
    with pytest.raises(InputError, match="give a vcf file by path or URL"):
        download("ucsc:sacCer3", destination, kind="vcf")


def test_a_provider_that_is_down_is_said(destination, monkeypatch):
    genomepy = pytest.importorskip("genomepy")

    def create(name):
        raise ConnectionError("UCSC appears to be offline.")

    monkeypatch.setattr(genomepy.Provider, "create", create)
    with pytest.raises(InputError, match="could not be looked up"):
        download("ucsc:sacCer3", destination)


@pytest.mark.parametrize("variable", certificates.VARIABLES)
def test_certificates_are_those_that_any_usual_variable_names(serve, destination, monkeypatch, tmp_path, variable):
    for name in certificates.VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    with pytest.raises(InputError, match=r"ca\.pem; where a proxy has an authority of its own, CURL_CA_BUNDLE"):
        download(serve({}).url.replace("http:", "https:"), destination)
    certificates.share()  # which does not pass on what is not there
    assert os.environ[variable] and sum(not os.environ[name] for name in certificates.VARIABLES) == 2
    (tmp_path / "ca.pem").touch()
    certificates.share()
    assert {os.environ[name] for name in certificates.VARIABLES} == {str(tmp_path / "ca.pem")}


@pytest.mark.parametrize("status", [403, 407, 503])
def test_a_proxy_that_refuses_is_not_taken_for_the_server(serve, destination, monkeypatch, status):
    proxy = serve({"status": status})
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(InputError, match=f"far.invalid/x.*: the proxy answered {status}") as error:
        download("https://far.invalid/x.fa", destination, attempts=2, wait=0)
    assert not isinstance(error.value, Absent)
    assert ("no_proxy" in str(error.value)) == (status < 500)
