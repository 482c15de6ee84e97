"""The workflow's own server of a folder, which misbehaves when told to."""

import threading
import time
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from glmtracks.serve import FileHandler


class FolderServer:
    """Serves a folder, parts of files too, until the with block ends.

    Attributes:
        folder: what is served.
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
        handler = partial(type("Handler", (_Faulty,), {"told": self}), directory=str(folder))
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __enter__(self) -> "FolderServer":
        return self

    def __exit__(self, *_) -> None:
        self.http.shutdown()
        self.http.server_close()


class _Faulty(FileHandler):
    protocol_version = "HTTP/1.0"  # each request meets a server that knows nothing of those before
    told: FolderServer

    def do_GET(self) -> None:
        told = self.told
        told.now += 1
        told.most = max(told.most, told.now)
        time.sleep(told.slow)
        self.answer(told)
        told.now -= 1

    def answer(self, told: FolderServer) -> None:
        told.asked.append((self.path, self.headers.get("Range")))
        is_gz = self.path.split("?")[0].endswith(".gz")
        self.fault = told.faults.pop(0) if told.faults and is_gz else None
        if self.fault == "other":
            told.etag = '"2"'
        if isinstance(self.fault, int):
            self.send_error(self.fault)
        else:
            super().do_GET()

    def version(self, status) -> str:
        return self.told.etag

    def part(self, size, tag):
        return None if self.fault == "whole" else super().part(size, tag)

    def copyfile(self, source, outputfile) -> None:
        if self.fault == "cut":
            self.left //= 2
        self.told.sent += self.left or 0
        super().copyfile(source, outputfile)
