"""Shared by the tests of adapters: a server with tasks, the adapters' files, a scripted model."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from corpus import Snapshot
from tests.clients.environments import ROOT
from tests.env_server.test_determinism import running_server
from training.adapters.bundling import write
from training.adapters.catalogue import ADAPTERS

ALPS = {
    "id": "alps",
    "question": "Which doubly landlocked principality lies in the Alps?",
    "answer": "Liechtenstein",
    "aliases": ["Principality of Liechtenstein"],
    "split": "test",
}
DANUBE = {"id": "danube", "question": "Which country has Vienna as its capital?", "answer": "Austria", "split": "train"}
QUERY = "doubly landlocked principality in the Alps"

Written = Callable[[str], Path]
Played = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def tasked(factbook: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo with episodes and two tasks."""
    folder = tmp_path_factory.mktemp("tasked")
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in (ALPS, DANUBE)))
    database, tasks = str(folder / "episodes.sqlite"), str(folder / "tasks.jsonl")
    with running_server(factbook.path, database=database, tasks=tasks) as url:
        yield url


def project_of(name: str, folder: Path) -> Path:
    """A project with the adapter's files, and folders of its own that are named as ours are: who imports one fails."""
    project = folder / "project"
    for clash in ("agent", "training", "corpus", "env_server"):
        (project / clash).mkdir(parents=True)
        (project / clash / "__init__.py").write_text(f'raise ImportError("{clash} of the project")\n')
    write(ADAPTERS[name], project)
    return project


class Watch:
    """`watch("alps")`: a task's episodes since the watch began: calls by tool, status and observation; rewards."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = set(self._listed())

    def __call__(self, task: str) -> list[dict[str, Any]]:
        seen = []
        for name, one in self._listed().items():
            if name not in self._before and one["task"] == task:
                told = httpx.get(f"{self._url}/v1/episodes/{name}").json()
                calls = [(call["tool"], call["status"], call["observation"]) for call in told["calls"]]
                seen.append({"calls": calls, "state": one["state"], "reward": one["reward"], "seed": told["seed"]})
        return seen

    def _listed(self) -> dict[str, dict[str, Any]]:
        found = httpx.get(f"{self._url}/v1/episodes", params={"limit": 1000}).json()["episodes"]
        return {one["id"]: one for one in found}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """`written("verl")`: `project_of` it."""
    return lambda name: project_of(name, tmp_path)


@pytest.fixture
def played(tasked: str) -> Played:
    return Watch(tasked)


class FakeModel:
    """An OpenAI-compatible endpoint that plays the same rollout for everyone: search, read the first page, answer.

    It knows the tools it is given by their names and their arguments, answers whole or as a stream, and keeps what it
    was asked. `answer` is what it says in the end, `beside` what it says beside its first call.
    """

    def __init__(self, answer: str = "Liechtenstein", beside: str | None = None) -> None:
        self.answer, self.beside = answer, beside
        self.asked: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeModel:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """What it says next."""
        self.asked.append(body)
        tools = {tool["function"]["name"]: tool["function"]["parameters"]["properties"] for tool in body["tools"]}
        seen = [message for message in body["messages"] if message["role"] == "tool"]
        if not seen:
            return {**_call("search", {"query": QUERY}, 0), "content": self.beside}
        if len(seen) == 1:
            page = "https://www.cia.gov/the-world-factbook/countries/liechtenstein/"
            return _call("fetch", {"id" if "id" in tools["fetch"] else "url": page}, 1)
        if "submit" in tools:
            return {**_call("submit", {"answer": self.answer}, 2), "content": "I have read enough."}
        return {"role": "assistant", "content": f"<think>It says so.</think>{self.answer}"}


def run_in(command: list[str], cwd: Path, timeout_s: float = 150.0, **variables: str) -> str:
    """Standard output of a command that ran well, in a project, with nothing of this checkout on its path."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("STILLWEB_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env={**known, **variables}, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert str(ROOT) not in variables.get("PYTHONPATH", "")
    return done.stdout


def _call(name: str, arguments: dict[str, Any], number: int) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _handler(model: FakeModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(b'{"object": "list", "data": [{"id": "scripted", "object": "model"}]}', "application/json")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = model.message(body)
            choice = {"index": 0, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            about = {"id": "scripted", "created": 0, "model": "scripted"}
            if not body.get("stream"):
                whole = {"object": "chat.completion", "choices": [{**choice, "message": message}], "usage": usage}
                return self._send(json.dumps({**about, **whole}).encode(), "application/json")
            calls = [{"index": at, **call} for at, call in enumerate(message.get("tool_calls", []))]
            delta = {**message, "tool_calls": calls} if calls else message
            chunks = [
                {**about, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]},
                {**about, "object": "chat.completion.chunk", "choices": [{**choice, "delta": {}}]},
                {**about, "object": "chat.completion.chunk", "choices": [], "usage": usage},
            ]
            events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
            return self._send(events.encode(), "text/event-stream")

        def _send(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
