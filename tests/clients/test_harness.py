"""The harness itself: what it pins, what a row becomes, what counts as repeated."""

from __future__ import annotations

import json
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.clients.environments import HERE
from tests.clients.render import END, START, merged, table, write_table
from tests.clients.tap import Tap


def test_every_version_of_a_client_is_pinned() -> None:
    files = sorted((HERE / "requirements").glob("*.txt"))
    assert len(files) == 15
    for file in files:
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert lines
        assert all(line.count("==") == 1 for line in lines), file
    for version in json.loads((HERE / "node" / "package.json").read_text())["dependencies"].values():
        assert version[0].isdigit()
    lock = json.loads((HERE / "node" / "package-lock.json").read_text())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_rows_of_one_client_pointed_one_way_become_one_line() -> None:
    row = {"client": "a", "version": "1", "pointed": "`A(url)`", "ran": "search", "test": "t1", "result": "passed"}
    rows = [row, {**row, "ran": "overload (429)", "test": "t2", "result": "failed"}, {**row, "version": "2"}]
    first, second = merged(rows)
    assert (first["tests"], first["failed"], first["ran"]) == (2, 1, ["search", "overload (429)"])
    assert (second["tests"], second["failed"]) == (1, 0)
    assert table([first]).splitlines()[-1] == "| a | 1 | `A(url)` | search; overload (429) | 1 of 2 failed |"


def test_a_table_is_written_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_table(page, "new")
    write_table(page, "newer")
    assert page.read_text() == f"before\n{START}\nnewer\n{END}\nafter\n"


def test_the_tap_finds_an_answer_that_is_not_the_same_twice() -> None:
    class Counting(BaseHTTPRequestHandler):
        count = 0

        def do_GET(self) -> None:
            Counting.count += 1
            body = b"same" if self.path == "/same" else b"%d" % Counting.count
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        for path, said in (("/same", None), ("/counted", "answered differently"), ("/once", "asked only once")):
            with Tap(url) as tap:
                for _ in range(1 if path == "/once" else 2):
                    urllib.request.urlopen(tap.url + path).read()
                if said is None:
                    tap.assert_repeated()
                else:
                    with pytest.raises(AssertionError, match=said):
                        tap.assert_repeated()
    finally:
        server.shutdown()
        server.server_close()
