"""One URL to one file over an unreliable network, through libcurl."""

import json
import logging
import os
import string
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit

import certifi
import pycurl
from tqdm import tqdm

from glmtracks import __version__, files
from glmtracks.download import certificates, object_storage
from glmtracks.errors import InputError

logger = logging.getLogger(__name__)

LONGEST_WAIT = 60
LONGEST_RETRY_AFTER = 300
SLOW = 100  # bytes a second

_WEB = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS | pycurl.PROTO_FTP
_PASSING = {
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_PARTIAL_FILE,
    pycurl.E_OPERATION_TIMEDOUT,
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_GOT_NOTHING,
    pycurl.E_SEND_ERROR,
    pycurl.E_RECV_ERROR,
    pycurl.E_HTTP2,
    92,  # CURLE_HTTP2_STREAM, which pycurl does not name
}


# what libcurl says of a file that is not there, over file: and ftp:
_ABSENT = {pycurl.E_FILE_COULDNT_READ_FILE, pycurl.E_FTP_COULDNT_RETR_FILE, pycurl.E_REMOTE_FILE_NOT_FOUND}

_OWN_AUTHORITY = "where a proxy has an authority of its own, CURL_CA_BUNDLE must name the file of its certificates"
_PROXY = "check the environment variables of the proxy, such as https_proxy and no_proxy"
_WAYS_OUT = {
    pycurl.E_PEER_FAILED_VERIFICATION: _OWN_AUTHORITY,
    pycurl.E_SSL_CACERT_BADFILE: _OWN_AUTHORITY,
    pycurl.E_COULDNT_RESOLVE_PROXY: _PROXY,
}


class Absent(InputError):
    """The server answered, and has no such file."""


@dataclass(frozen=True)
class Answer:
    """What a server said of a file: its version (strong ETag or Last-Modified) and size in bytes; None = not said."""

    version: str | None
    size: int | None


class _Broken(Exception):
    """A failure that may pass; `wait` is how many seconds the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


def fetch(
    url: str, part: Path, *, attempts: int, wait: float, stall: int, span: tuple[int, int] | None = None
) -> Answer:
    """Fetch `url` into `part`, going on where an earlier attempt or call stopped if the file is still the same.

    See `glmtracks.download.download` for the other arguments. `part`.json remembers, while a transfer is incomplete, of
    which version of which URL the bytes in `part` are.

    Args:
        span: the bytes to fetch, 0-based and half-open, or fewer if the file ends before; None = the whole file.

    Raises:
        Absent: there is no such file.
        InputError: the server refuses, does not serve a `span` by itself, or the last attempt failed; `part` stays if
            it can be resumed.
    """
    for attempt in range(1, attempts + 1):
        try:
            return _Transfer(url, part, span).run(stall)
        except _Broken as error:
            if attempt == attempts:
                raise InputError(
                    f"{url} could not be downloaded in {attempts} attempts: {error}; try later."
                ) from error
            pause = max(min(wait * 2 ** (attempt - 1), LONGEST_WAIT), min(error.wait, LONGEST_RETRY_AFTER))
            logger.warning("%s: %s; attempt %d of %d in %.0f s", url, error, attempt + 1, attempts, pause)
            time.sleep(pause)


class _Transfer:
    """One attempt: what was asked, what the server said, and the file its body goes to."""

    def __init__(self, url: str, part: Path, span: tuple[int, int] | None):
        self.url, self.part, self.span = url, part, span
        self.start = span[0] if span else 0
        self.note = part.with_name(part.name + ".json")
        self.status, self.headers = 0, {}
        self.file = None
        self.failure: OSError | InputError | None = None
        self.version = self._remembered()
        self.offset = part.stat().st_size if self.version and part.exists() else 0

    def run(self, stall: int) -> Answer:
        curl = pycurl.Curl()
        name = Path(urlsplit(self.url).path).name
        with tqdm(unit="B", unit_scale=True, desc=name, initial=self.offset, disable=None) as self.bar:
            try:
                self._set_options(curl, stall)
                curl.perform()
                self._check_status()
            except pycurl.error as error:
                self._check_proxy(curl)
                self._explain(*error.args, curl.getinfo(pycurl.RETRY_AFTER))
            finally:
                curl.close()
                if self.file:
                    self.file.close()
        self.part.touch()  # a file of no bytes has no body that would create it
        self.note.unlink(missing_ok=True)
        return Answer(self._version(), self._size())

    def _set_options(self, curl: pycurl.Curl, stall: int) -> None:
        in_storage = object_storage.is_object(self.url)
        signature = object_storage.signature() if in_storage else None
        address = object_storage.web_address(self.url) if in_storage else self.url
        headers = [f"If-Range: {self.version}"] if self.offset else []
        authorities = certificates.named() or certifi.where()
        options = {
            pycurl.URL: quote(address, safe=string.punctuation),  # blanks and é, as browsers do; what is escaped stays
            pycurl.PROTOCOLS: _WEB | pycurl.PROTO_FILE,
            pycurl.FOLLOWLOCATION: True,
            pycurl.MAXREDIRS: 10,
            pycurl.REDIR_PROTOCOLS: _WEB,
            pycurl.FAILONERROR: True,
            pycurl.USERAGENT: f"glmtracks/{__version__}",
            pycurl.CAPATH if os.path.isdir(authorities) else pycurl.CAINFO: authorities,
            pycurl.CONNECTTIMEOUT: min(stall, 30),
            pycurl.LOW_SPEED_LIMIT: SLOW,
            pycurl.LOW_SPEED_TIME: stall,
            pycurl.NOSIGNAL: True,
            pycurl.HEADERFUNCTION: self._header,
            pycurl.WRITEFUNCTION: self._body,
            pycurl.NOPROGRESS: False,
            pycurl.XFERINFOFUNCTION: self._progress,
        }
        if self.offset or self.span:
            options[pycurl.RANGE] = f"{self.start + self.offset}-{self.span[1] - 1 if self.span else ''}"
        if signature:
            options[pycurl.AWS_SIGV4], options[pycurl.USERPWD], further = signature
            headers += further
        options[pycurl.HTTPHEADER] = headers
        for option, value in options.items():
            curl.setopt(option, value)

    def _header(self, line: bytes) -> None:
        text = line.decode("latin-1").strip()
        if text.startswith("HTTP/"):  # again after every redirection
            self.status, self.headers = int(text.split()[1]), {}
        elif self.status:
            key, _, value = text.partition(":")
            self.headers[key.lower()] = value.strip()

    def _body(self, block: bytes) -> int | None:
        try:
            if self.file is None:
                self.file = self._open()
            self.file.write(block)
        except (OSError, InputError) as error:
            self.failure = error
            return -1  # tells libcurl to stop
        return None

    def _open(self) -> BinaryIO:
        version, first = self._version(), self.start + self.offset
        if self.status == 206 and (
            (self.offset and version != self.version)
            or not self.headers.get("content-range", "").startswith(f"bytes {first}-")
        ):
            raise OSError("the server continued another version of the file")
        if self.span and self.status == 200 and not (self.start == 0 and 0 <= (self._size() or -1) <= self.span[1]):
            if self.offset:  # what a server says to If-Range that has another version by now
                raise OSError("the file changed while it was fetched")
            raise InputError(
                f"{self.url}: the server does not serve parts of a file; fetch all of it, without #, or use a copy."
            )
        # anything but 206 is the whole file, asked for or not, except over file: and ftp:, where libcurl sees to parts
        self.bar.n = self.offset = self.offset if self.status == 206 else 0
        if version:
            files.write_json(self.note, {"url": self.url, "version": version})
        else:
            self.note.unlink(missing_ok=True)
        return self.part.open("ab" if self.offset else "wb")

    def _progress(self, total: int, now: int, *_upload: int) -> None:
        self.bar.total = total + self.offset or None
        self.bar.update(now + self.offset - self.bar.n)

    def _version(self) -> str | None:
        """What names this version of the file; a weak ETag does not name bytes (RFC 9110, 13.1.5)."""
        etag = self.headers.get("etag", "")
        return etag if etag.startswith('"') else self.headers.get("last-modified")

    def _size(self) -> int | None:
        """Bytes of the whole file, where the server tells."""
        size = self.headers.get("content-range", "").rpartition("/")[2] or self.headers.get("content-length", "")
        return int(size) if size.isdecimal() else None

    def _remembered(self) -> str | None:
        note = json.loads(self.note.read_text(encoding="utf-8")) if self.note.exists() else {}
        return note["version"] if note.get("url") == self.url else None

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _check_status(self) -> None:
        if self.status not in (0, 200, 206):  # 0: not HTTP
            self._forget()
            raise InputError(f"{self.url}: the server answered {self.status} without a file; check the address.")

    def _check_proxy(self, curl: pycurl.Curl) -> None:
        """Raise what is wrong with a proxy that answered in place of the server."""
        status = 407 if self.status == 407 else curl.getinfo(pycurl.HTTP_CONNECTCODE)
        if status in (408, 429) or status >= 500:
            raise _Broken(f"the proxy answered {status}")
        if status >= 300:
            raise InputError(f"{self.url}: the proxy answered {status}; {_PROXY}.")

    def _explain(self, code: int, message: str, wait: float) -> None:
        """Turn an error of libcurl into one that passes, after the `wait` asked for, or that a person must mend."""
        if code == pycurl.E_HTTP_RETURNED_ERROR:
            if self.status == 416:
                self._forget()
                if self.span and not self.offset:
                    raise InputError(f"{self.url} ends before byte {self.start}; an older or damaged copy is there.")
                raise _Broken("what was there of the file does not fit the server's")
            if self.status in (408, 429) or self.status >= 500:
                raise _Broken(f"the server answered {self.status}", wait)
            error = Absent if self.status in (403, 404, 410) else InputError  # 403: how S3 says 404 to strangers
            way_out = "check the address"
            if self.status in (401, 403) and object_storage.is_object(self.url):
                way_out += ", AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION"
            raise error(f"{self.url}: the server answered {self.status}; {way_out}.")
        if self.failure is not None:
            if isinstance(self.failure, InputError) or self.failure.errno is not None:
                raise self.failure
            self._forget()
            raise _Broken(str(self.failure))
        if code in _PASSING:
            raise _Broken(message)
        error = Absent if code in _ABSENT else InputError
        raise error(f"{self.url} could not be downloaded: {message}; {_WAYS_OUT.get(code, 'check the address')}.")
