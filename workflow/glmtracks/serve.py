"""A web server for the folder results/: `python -m glmtracks.serve results` and open the address that it prints.

A page that was opened as a file may read no other file, so the report shows what it carries; from a server it reads
whole genomes. Browsers of genomes fetch parts of files, which Python's own `http.server` does not give (RFC 9110, 14).
Beside files it answers what changes do to genes, which no file holds:

    consequences/{genome}/{contig}:{start}-{end}?genetic_code={number}    0-based half-open
"""

import argparse
import contextlib
import json
import os
import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from glmtracks.errors import InputError

PAGE = "report/index.html"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")  # of one range; a list of several is answered with the whole file
_BLOCK = 1 << 18
_CONSEQUENCES = re.compile(r"/consequences/([\w.-]+)/(.+):(\d{1,12})-(\d{1,12})\?genetic_code=(\d{1,3})")
_MOST_BASES = 10_000  # of one question about consequences


class FileHandler(SimpleHTTPRequestHandler):
    """Answers GET and HEAD for the files of `directory`, for one range of a file too."""

    protocol_version = "HTTP/1.1"  # a browser that asks for many ranges keeps its connection
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".gz": "application/octet-stream",  # bgzip is read as it is; named gzip, a proxy might unpack it
        ".tsv": "text/plain; charset=utf-8",
    }

    def handle(self) -> None:
        """Answer until the browser has enough, which may be before it has read all that it asked for."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """A file, or the consequences of changes."""
        asked = _CONSEQUENCES.fullmatch(unquote(self.path))
        if not asked:
            return super().do_GET()
        genome, contig, start, end, code = asked.groups()
        try:
            found = consequences(Path(self.directory), genome, contig, int(start), int(end), int(code))
        except (InputError, OSError) as error:
            return self.send_error(HTTPStatus.NOT_FOUND, explain=str(error))
        body = json.dumps(found).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_head(self) -> BinaryIO | None:
        """Status and headers; the file, at the first byte to send, or None where there is no body."""
        path, self.left = Path(self.translate_path(self.path)), None  # of a HEAD before, which no body followed
        if os.path.isdir(path):  # which, unlike that of Path, says no of what no file can be called
            return super().send_head()
        try:
            file = path.open("rb")
        except (OSError, ValueError):  # the latter of a name with a null byte
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        status = os.fstat(file.fileno())
        tag = self.version(status)
        try:
            part = self.part(status.st_size, tag)
        except ValueError:
            file.close()
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{status.st_size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        first, end = part or (0, status.st_size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
        if part:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{status.st_size}")
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(end - first))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Last-Modified", self.date_time_string(status.st_mtime))
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", "no-cache")  # results change under the same names
        self.end_headers()
        file.seek(first)
        self.left = end - first
        return file

    def version(self, status: os.stat_result) -> str:
        """The ETag of a file: another as soon as it is written anew."""
        return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'

    def part(self, size: int, tag: str) -> tuple[int, int] | None:
        """First byte and end (exclusive) of what is asked for; None for all. Raises ValueError where there is none."""
        if self.headers.get("If-Range") not in (None, tag):
            return None
        return byte_range(self.headers.get("Range"), size)

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:
        """Send as much of `source` as the headers promised, or the whole of a listing."""
        left = self.left
        while block := source.read(_BLOCK if left is None else min(_BLOCK, left)):
            outputfile.write(block)
            left = None if left is None else left - len(block)

    def log_message(self, *_) -> None:
        """Say nothing: a genome browser asks hundreds of times."""


def consequences(results: Path, genome: str, contig: str, start: int, end: int, genetic_code: int) -> dict:
    """What each change of each base of an interval does, and the genes there.

    Returns consequences, packed as `slices.consequences_of` does it, and genes as of `gene_slices.drawn`.

    Raises InputError for a genome without bases or genes here, and for an interval that is too long or no part of it.
    """
    from glmtracks.annotation.gene_slices import drawn, features_within
    from glmtracks.genome import Genome
    from glmtracks.report.slices import consequences_of

    folder = results / "genomes" / genome
    fasta, genes = folder / "genome.fa.gz", folder / "annotation.gff3.gz"
    if set(genome) <= {"."} or not (fasta.is_file() and genes.is_file()):
        raise InputError(f"there are no genes of {genome}")
    bases = Genome(fasta)
    if not 0 <= start < end <= bases.contigs.get(contig, 0) or end - start > _MOST_BASES:
        raise InputError(f"{contig}:{start}-{end} is no interval of {genome} of at most {_MOST_BASES:,} bases")
    interval = (contig, start, end)
    features = features_within(genes, [interval])
    found = consequences_of(bases, features, [interval], genetic_code)
    return {"consequences": found, "genes": drawn(features, bases.contigs)}


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and end (exclusive) that a Range header asks of `size` bytes; None where it asks for all.

    >>> byte_range("bytes=0-99", 1000), byte_range("bytes=-10", 1000), byte_range(None, 1000)
    ((0, 100), (990, 1000), None)

    Raises ValueError where the range holds no byte. Lists of ranges and other units are ignored.
    """
    found = _RANGE.match(header or "")
    if not found or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if begin >= end:
        raise ValueError(f"{header} holds no byte of {size}")
    return begin, end


def server(folder: str | Path, host: str = "127.0.0.1", port: int = 8000) -> ThreadingHTTPServer:
    """A server of the files in `folder`; call its `serve_forever`. Port 0 takes a free one.

    Raises InputError if there is no such folder, or the port or the host cannot be had.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder} is not a folder; give the results/ of a run")
    try:
        return ThreadingHTTPServer((host, port), partial(FileHandler, directory=str(folder)))
    except (OSError, OverflowError) as error:  # the latter of a number that is no port
        reason = getattr(error, "strerror", error)
        raise InputError(f"port {port} of {host} cannot be used ({reason}); choose another: --port, --host") from error


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m glmtracks.serve", description="Serve a results/ folder.")
    parser.add_argument("results", nargs="?", default="results", help="the folder (results)")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in (127.0.0.1)")
    options = parser.parse_args(arguments)
    try:
        http = server(options.results, options.host, options.port)
    except InputError as error:
        sys.exit(f"glmtracks: {error}")
    page = PAGE if Path(options.results, PAGE).exists() else ""
    print(f"http://{options.host}:{http.server_port}/{page}  (stop with Ctrl-C)", flush=True)
    with contextlib.suppress(KeyboardInterrupt), http:
        http.serve_forever()


if __name__ == "__main__":
    main()
