"""The server of results/: files as they are, parts of them as the standard has it, nothing beside the folder."""

import http.client
import socket
import threading
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from glmtracks.errors import InputError
from glmtracks.serve import byte_range, server

BODY = bytes(range(256)) * 40


@pytest.fixture
def url(tmp_path):
    folder = tmp_path / "results"
    (folder / "report").mkdir(parents=True)
    (folder / "track.bw").write_bytes(BODY)
    (folder / "report" / "index.html").write_text("<p>page</p>")
    (tmp_path / "secret").write_text("secret")
    with server(folder, port=0) as http_server:
        threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()


def _get(url, **headers):
    with urlopen(Request(url, headers={key.replace("_", "-"): value for key, value in headers.items()})) as answer:
        return answer.status, answer.headers, answer.read()


def test_a_whole_file_and_its_kind(url):
    status, headers, body = _get(f"{url}/track.bw")
    assert (status, body, headers["Accept-Ranges"]) == (200, BODY, "bytes")
    assert _get(f"{url}/report/index.html")[1]["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=10200-", 10200, 10240), ("bytes=-40", 10200, 10240)],
)
def test_a_part_of_a_file(url, asked, first, end):
    status, headers, body = _get(f"{url}/track.bw", Range=asked)
    assert (status, body) == (206, BODY[first:end])
    assert headers["Content-Range"] == f"bytes {first}-{end - 1}/10240"


def test_a_part_that_is_not_there_is_416(url):
    with pytest.raises(HTTPError, match="416"):
        _get(f"{url}/track.bw", Range="bytes=10240-")


def test_a_part_of_another_version_is_the_whole_of_this_one(url):
    tag = _get(f"{url}/track.bw")[1]["ETag"]
    assert _get(f"{url}/track.bw", Range="bytes=0-9", If_Range=tag)[0] == 206
    assert _get(f"{url}/track.bw", Range="bytes=0-9", If_Range='"old"')[0] == 200


def test_many_requests_share_a_connection(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    for first in range(0, 1000, 100):
        connection.request("GET", "/track.bw", headers={"Range": f"bytes={first}-{first + 9}"})
        assert connection.getresponse().read() == BODY[first : first + 10]
    connection.request("HEAD", "/track.bw")
    assert connection.getresponse().headers["Content-Length"] == "10240"
    connection.close()


def test_a_listing_is_whole_after_a_question_about_a_part_of_a_file_alone(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request("HEAD", "/track.bw", headers={"Range": "bytes=0-9"})
    connection.getresponse().read()
    connection.request("GET", "/")
    assert connection.getresponse().read().endswith(b"</html>\n")
    connection.close()


def test_a_browser_that_goes_away_is_no_word_on_the_terminal(tmp_path, capsys):
    (tmp_path / "track.bw").write_bytes(BODY)
    with server(tmp_path, port=0) as http_server:
        http_server.daemon_threads = False  # so that their end is waited for
        threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        with socket.create_connection(http_server.server_address) as browser:
            browser.sendall(b"GET /track.bw HTTP/1.1\r\n\r\n")
            browser.recv(1)  # the rest is left unread, which resets the connection
        http_server.shutdown()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "path", ["/../secret", "/report/../../secret", "/%2e%2e/secret", "/nowhere", "/%00", f"/{'a' * 999}"]
)
def test_nothing_beside_the_folder(url, path):
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    connection.close()


def test_lists_of_ranges_and_other_units_are_ignored():
    assert byte_range("bytes=0-1,5-6", 10) is None
    assert byte_range("lines=0-1", 10) is None
    assert byte_range("bytes=-", 10) is None


def test_no_folder_and_a_taken_port_are_sentences(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        server(tmp_path / "none")
    with server(tmp_path, port=0) as taken, pytest.raises(InputError, match="choose another: --port"):
        server(tmp_path, port=taken.server_port)


@pytest.mark.parametrize("place", [{"port": 99_999}, {"host": "nowhere.invalid"}])
def test_no_port_and_no_host_are_sentences(tmp_path, place):
    with pytest.raises(InputError, match=r"cannot be used \(.+\); choose another: --port, --host"):
        server(tmp_path, **place)
