"""Recordings in both databases, from many processes at once, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from env_server.errors import EnvServerError
from env_server.recording.answers import Answer, Findings, Page, Result
from env_server.recording.requests import outgoing
from env_server.recording.store import Recording, about

ASKED = outgoing("serper", "POST", "/search", body=b'{"q":"lakes"}', content_type="application/json")
GIVEN = Answer(200, "application/json", b'{"organic":[]}', "google.serper.dev", fetched_at=1.5)

KILLS = int(os.environ.get("STILLWEB_KILLS", "3"))
"""How often a process that records is killed; `make full` sets 20."""
KEEPING = """
import sys
from env_server.recording.answers import Answer
from env_server.recording.requests import outgoing
from env_server.recording.store import Recording
recording = Recording(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    asked = outgoing("serper", "POST", "/search", body=b'{"q":"%d"}' % number)
    kept = recording.keep(asked, Answer(200, "text/plain", f"{number} by {sys.argv[2]}".encode(), fetched_at=1.0))
    print(kept.body.decode(), flush=True)
"""


def keeper(url: str, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", KEEPING, url, name, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_what_is_kept_comes_back_whole_with_whence_and_when(url: str) -> None:
    recording = Recording(url)
    assert recording.get(ASKED.digest) is None
    assert recording.keep(ASKED, GIVEN) == GIVEN
    again = Recording(url)
    assert again.get(ASKED.digest) == GIVEN
    assert [(kept.outgoing, kept.answer) for kept in again.rows()] == [(ASKED, GIVEN)]


def test_the_first_answer_to_a_request_is_the_one_that_stays(url: str) -> None:
    recording = Recording(url)
    recording.keep(ASKED, GIVEN, Findings([Result("https://e.org/")]))
    other = Answer(200, "application/json", b'{"organic":[1]}', fetched_at=9.0)
    assert recording.keep(ASKED, other, Findings([Result("https://other.org/")])) == GIVEN
    assert [row["url"] for row in recording.found()] == ["https://e.org/"]


def test_equal_bodies_of_two_requests_are_kept_once(url: str) -> None:
    recording = Recording(url)
    other = outgoing("serper", "POST", "/search", body=b'{"q":"rivers"}')
    assert recording.keep_all([(ASKED, GIVEN, None), (other, GIVEN, None), (other, GIVEN, None)]) == 2
    assert recording.counts()["body_bytes"] == len(GIVEN.body)


def test_results_and_pages_are_read_back_by_time_and_hold_no_text_that_a_database_refuses(url: str) -> None:
    recording = Recording(url)
    late = Answer(200, "text/html", b"<p>late", fetched_at=9.0)
    asked = outgoing("origin", "GET", "/late", host="e.org")
    recording.keep(asked, late, Findings(pages=[Page("https://e.org/late")]))
    recording.keep(
        ASKED, GIVEN, Findings([Result("https://e.org/a", "A\0\udc80", "s")], [Page("https://e.org/a", "A", "t\0")])
    )
    assert [(row["url"], row["title"]) for row in recording.found()] == [("https://e.org/a", "A\ufffd")]
    read = list(recording.read())
    assert [(row["url"], row["text"]) for row in read] == [("https://e.org/a", "t"), ("https://e.org/late", None)]
    assert bytes(read[1]["data"]) == b"<p>late"
    assert recording.counts()["answers"] == [
        {"dialect": "origin", "status": 200, "answers": 1},
        {"dialect": "serper", "status": 200, "answers": 1},
    ]


def test_processes_that_keep_the_same_requests_end_with_one_row_each_and_answer_alike(url: str) -> None:
    keepers = [keeper(url, name, 40) for name in "abc"]
    for process in keepers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = []
    for process in keepers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in keepers:
        said.append(process.communicate(timeout=60)[0].splitlines())
        assert process.returncode == 0
    assert said[0] == said[1] == said[2]
    kept = sorted(kept.answer.body.decode() for kept in Recording(url).rows())
    assert kept == sorted(said[0])


def test_a_killed_process_loses_no_answer_that_it_acknowledged(url: str) -> None:
    acknowledged: set[str] = set()
    for number in range(KILLS):
        process = keeper(url, f"killed-{number}", 1_000_000)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        # What an earlier one kept is told in its words; 50 are this one's own.
        said = [process.stdout.readline() for _ in range(len(acknowledged) + 50)]
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().splitlines(keepends=True)
        process.wait()
        acknowledged |= {line.strip() for line in said if " by killed-" in line and line.endswith("\n")}
        kept = {kept.answer.body.decode() for kept in Recording(url).rows()}
        assert len(acknowledged) >= 49 * (number + 1)
        assert acknowledged <= kept


def test_a_recording_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "web.db"
    recording = Recording(path)
    with recording.engine.begin() as connection:
        connection.execute(sa.update(about).values(version=99))
    with pytest.raises(EnvServerError, match="version 99"):
        Recording(path)


def test_a_recording_that_must_be_there_and_is_not_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(EnvServerError, match="no recording"):
        Recording(tmp_path / "web.db", must_exist=True)
    assert not (tmp_path / "web.db").exists()
