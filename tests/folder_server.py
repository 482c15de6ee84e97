"""A loopback server for the files of a folder, which misbehaves when told to."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class FolderServer:
    """Serves a folder, parts of files too, until the with block ends.

    Attributes:
        url: what stands before the path of a file.
        faults: what requests for a .gz meet, one after the other, before all is well; a status, "cut" (half of the body
            is sent), "whole" (Range is ignored) or "other" (the file has another version by now).
        asked: path and Range of each request.
        sent: bytes of all bodies.
        slow: seconds that each answer takes.
        most: how many requests were under way at once.
    """

    def __init__(self, folder: Path):
        self.folder, self.faults, self.sent, self.asked = folder, [], 0, []
        self.etag, self.slow, self.most, self.now = '"1"', 0.0, 0, 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.now += 1
                server.most = max(server.most, server.now)
                time.sleep(server.slow)
                server.answer(self)
                server.now -= 1

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request) -> None:
        self.asked.append((request.path, request.headers.get("Range")))
        file = self.folder / request.path.split("?")[0].strip("/")
        fault = self.faults.pop(0) if self.faults and file.suffix == ".gz" else None
        body, status, headers = file.read_bytes() if file.exists() else b"", 200 if file.exists() else 404, {}
        if isinstance(fault, int):
            status, body = fault, b"sorry"
        if fault == "other":
            self.etag = '"2"'
        asked = request.headers.get("Range")
        if status == 200 and asked and fault != "whole" and request.headers.get("If-Range") in (None, self.etag):
            first, last = asked.removeprefix("bytes=").split("-")
            first, last = int(first), min(int(last or len(body)), len(body) - 1)
            status, headers = (206 if first <= last else 416), {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
            body = body[first : last + 1]
        request.send_response(status)
        for key, value in {"Content-Length": str(len(body)), "ETag": self.etag, **headers}.items():
            request.send_header(key, value)
        request.end_headers()
        body = body[: len(body) // 2] if fault == "cut" else body
        with contextlib.suppress(ConnectionError):
            request.wfile.write(body)
            self.sent += len(body)

    def __enter__(self) -> "FolderServer":
        return self

    def __exit__(self, *_) -> None:
        self.http.shutdown()
        self.http.server_close()
