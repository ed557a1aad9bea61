"""What adapters share: the list, the files, Stillweb by the standard library alone. And slime's, by its contract."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from agent.acting import NOT_THE_MODELS_BUSINESS
from tests.clients.environments import HERE, ROOT
from tests.env_server.test_determinism import running_server
from tests.render_adapters import PAGE, rendered
from training.adapters import web as web_module
from training.adapters.bundling import CannotWrite, files_of, write
from training.adapters.catalogue import ADAPTERS
from training.adapters.web import OF_THE_RUN, Web, WebError, final_answer, tagged_action, web_from_environment
from training.cli_adapters import adapters
from training.environment import SearchEnvironment

TASKS = [
    {"id": "t1", "question": "Who drew the harbour map?", "answer": "Ada Verne", "split": "test"},
    {"id": "t2", "question": "Which ship sank in 1887?", "answer": ["Gull", "Tern"], "split": "train"},
]
WORDS = ("harbour", "lighthouse", "kelp")
SHUT = {"name": "shut", "faults": [{"kind": "rate_limit", "rate": 1.0}]}


@pytest.fixture(scope="module")
def url(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tiny web with tasks; a rollout's token opens no episode."""
    folder = tmp_path_factory.mktemp("adapters")
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    database, tasks = str(folder / "episodes.sqlite"), str(folder / "tasks.jsonl")
    with running_server(tiny_path, database=database, tasks=tasks, token="t", control_token="c") as url:
        yield url


@pytest.fixture
def web(url: str) -> Web:
    return Web(url, token="t", control_token="c", max_calls=3)


# --- the list, the files ---


def verb(*words: str) -> Result:
    app = typer.Typer(add_completion=False)
    app.command()(adapters)
    return CliRunner().invoke(app, list(words))


def test_every_adapter_is_listed_with_what_it_gives() -> None:
    front = [sys.executable, "-P", "-m", "stillweb", "adapters"]
    listed = subprocess.run(front, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(ADAPTERS)
    told = json.loads(verb("verl", "--json").stdout)
    assert told["package"] == "verl 0.9.1"
    assert "max_tool_response_length=8000" in verb("verl").stdout


def test_what_is_no_adapter_is_refused_and_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    wrong = verb("unheard-of")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "verifiers" in wrong.stderr
    assert verb("search-r1", "--write", str(tmp_path)).exit_code == 2
    (tmp_path / "stillweb_inspect.py").write_text("mine\n")
    taken = verb("inspect", "--write", str(tmp_path))
    assert taken.exit_code == 2
    assert "--force" in taken.stderr
    assert (tmp_path / "stillweb_inspect.py").read_text() == "mine\n"
    with pytest.raises(CannotWrite):
        write(ADAPTERS["inspect"], tmp_path / "stillweb_inspect.py")
    write(ADAPTERS["inspect"], tmp_path, force=True)
    write(ADAPTERS["inspect"], tmp_path)  # the same again is no harm
    (tmp_path / "stillweb_inspect.py").write_bytes(b"\xff not text\n")
    assert "says something else" in verb("inspect", "--write", str(tmp_path)).stderr
    (tmp_path / "stillweb_slime.py").mkdir()
    for more in ([], ["--force"]):
        assert "is a folder" in verb("slime", "--write", str(tmp_path), *more).stderr
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_a_written_file_asks_for_nothing_of_ours_and_has_no_name_twice(name: str) -> None:
    for path, text in files_of(ADAPTERS[name]).items():
        if not path.endswith(".py"):
            continue
        tree = ast.parse(text)
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not {module.partition(".")[0] for module in imported} & {"agent", "corpus", "env_server", "training"}
        defined = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
        assert len(defined) == len(set(defined))


@pytest.mark.slow
def test_trl_cuts_a_rollout_at_512_tokens_where_nothing_is_said() -> None:
    from trl import GRPOConfig

    assert {field.name: field.default for field in fields(GRPOConfig)}["max_completion_length"] == 512
    assert "max_completion_length=8192" in ADAPTERS["trl"].lines


def test_the_lines_in_python_name_what_there_is() -> None:
    for adapter in ADAPTERS.values():
        if adapter.lines.lstrip().startswith(("from ", "import ")):
            for node in ast.walk(ast.parse(adapter.lines)):
                if isinstance(node, ast.ImportFrom):
                    assert all(hasattr(import_module(node.module or ""), alias.name) for alias in node.names)


def test_versions_are_those_that_the_tests_install() -> None:
    pinned = {
        line for file in (HERE / "requirements").glob("*.txt") for line in file.read_text().splitlines() if "==" in line
    }
    for name in ("verifiers", "verl", "skyrl", "openenv", "nemo-gym", "inspect"):
        package, version = ADAPTERS[name].package.split()
        assert f"{package}=={version}" in pinned


def test_the_page_of_adapters_shows_the_lines_of_the_verb() -> None:
    page = PAGE.read_text("utf-8")
    assert rendered(page) == page, "run python -m tests.render_adapters"


# --- Stillweb by the standard library alone ---


def test_a_model_reads_the_same_by_an_adapter_and_by_trl_s_environment(web: Web) -> None:
    ours = SearchEnvironment(web.url, token="t")
    ours.reset(task_id="t1")
    found = web.search("harbour", top_k=3)
    assert found == ours.search("harbour", top_k=3)
    page = found.split("\n")[1]
    assert web.fetch(page) == ours.fetch(page)
    parts = replace(web, observation_chars=200)
    assert "[There is more: page=2.]" in parts.fetch(page)
    assert parts.fetch(page, page=2) != parts.fetch(page)


def test_an_episode_is_opened_by_task_held_to_its_budget_and_answered_once(web: Web) -> None:
    assert [task["id"] for task in web.tasks()] == ["t1", "t2"]
    assert [task["id"] for task in web.tasks("test")] == ["t1"]
    assert "Ada" not in str(web.tasks())
    episode = web.open("t1")
    first = web.search("harbour", episode=episode)
    assert web.search("harbour", episode=episode) == first
    web.fetch(first.split("\n")[1], episode=episode)
    with pytest.raises(WebError, match="Give your final answer") as spent:
        web.search("lighthouse", episode=episode)
    assert not spent.value.of_the_run
    assert web.answer(episode, "Ada Verne")["reward"] == 1.0
    assert web.answer(episode, "Ada Verne")["reward"] == 1.0  # a reply that was lost
    with pytest.raises(WebError, match="over|answered"):
        web.answer(episode, "another")
    with pytest.raises(WebError) as over:
        web.search("harbour", episode=episode)
    assert over.value.of_the_run
    web.close(web.open("t2"))


def test_rollouts_of_one_task_have_one_seed_and_others_have_others(web: Web) -> None:
    def seed(web: Web, task: str) -> Any:
        found = httpx.get(f"{web.url}/v1/episodes/{web.open(task)}", headers={"Authorization": "Bearer c"})
        return found.json()["seed"]

    assert seed(web, "t1") == seed(web, "t1")
    assert len({seed(web, "t1"), seed(web, "t2"), seed(replace(web, seed=1), "t1")}) == 3


def test_an_episode_is_under_the_weather_that_was_asked_for(web: Web) -> None:
    def met(web: Web) -> list[str]:
        episode = web.open("t2")
        return [web_module.shown(lambda word=word: web.search(word, episode=episode)) for word in WORDS]  # type: ignore[misc]

    calm, limited = met(web), replace(web, weather=SHUT)
    assert all(not text.startswith("Error: ") for text in calm)
    assert all(text.startswith("Error: ") for text in met(limited))
    assert met(limited) == met(limited)
    with pytest.raises(WebError, match="weather|profile"):
        replace(web, weather="unheard-of").open("t2")


def test_what_says_nothing_of_the_policy_is_raised_and_the_rest_is_shown(web: Web) -> None:
    assert OF_THE_RUN == NOT_THE_MODELS_BUSINESS
    missing = "https://tiny.example/nothing-here"
    assert web_module.shown(lambda: web.fetch(missing)).startswith("Error: ")
    for wrong in (replace(web, token="x"), replace(web, url="http://127.0.0.1:9")):
        with pytest.raises(WebError) as raised:
            web_module.shown(lambda wrong=wrong: wrong.search("harbour"))  # type: ignore[misc]
        assert raised.value.of_the_run
    with pytest.raises(WebError, match="control|token"):
        replace(web, control_token=None).open("t1")
    with pytest.raises(WebError, match="No task 'nothing'"):
        web.open("nothing")
    assert "'t'" not in repr(web)


def test_an_mcp_server_is_named_by_a_url_that_needs_no_header(web: Web) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    episode = web.open("t1")
    for where in (web.mcp_url(), web.mcp_url(episode)):
        assert len(httpx.post(where, json=message).json()["result"]["tools"]) == 5
    assert httpx.post(where.partition("?")[0], json=message).status_code == 401


def test_settings_come_from_the_environment() -> None:
    with pytest.raises(WebError, match="STILLWEB_URL is not set"):
        web_from_environment()  # tests/conftest.py hides what a developer has set
    about = {
        "STILLWEB_URL": "http://127.0.0.1:1/s/x",
        "STILLWEB_WEATHER": '{"name": "mine"}',
        "STILLWEB_MAX_CALLS": "7",
    }
    known = Web("http://127.0.0.1:1/s/x", weather={"name": "mine"}, max_calls=7)
    assert web_from_environment(about) == known
    assert web_from_environment(about, max_calls=8, seed=None) == replace(known, max_calls=8)
    assert web_from_environment({}, url="http://127.0.0.1:2") == Web("http://127.0.0.1:2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STILLWEB_SEED", "abc"),
        ("STILLWEB_MAX_CALLS", "many"),
        ("STILLWEB_OBSERVATION_CHARS", "4k"),
        ("STILLWEB_WEATHER", "{bad"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(WebError, match=name) as raised:
        web_from_environment({"STILLWEB_URL": "http://127.0.0.1:1", name: value})
    assert raised.value.of_the_run


def test_a_url_a_token_or_an_answer_that_is_none_is_of_the_run_and_not_the_model_s(web: Web) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = replace(web, url=f"http://127.0.0.1:{server.server_port}")
        wrong = [page, replace(web, url="http://127.0.0.1:port"), replace(web, url="http://[")]
        for one in [*wrong, replace(web, token="t\n"), replace(web, token="t\u4e00")]:
            with pytest.raises(WebError) as raised:
                web_module.shown(lambda one=one: one.search("harbour"))  # type: ignore[misc]
            assert raised.value.of_the_run
    finally:
        server.shutdown()
        server.server_close()


def test_a_process_that_was_forked_has_connections_of_its_own(tmp_path: Path) -> None:
    asked_from: list[int] = []

    class Nothing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked_from.append(self.client_address[1])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b'{"hits":[]}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    write(ADAPTERS["slime"], tmp_path)
    script = (
        "import os, stillweb_slime as s; web = s.web_from_environment(); web.search('a'); web.search('b')\n"
        "if os.fork():\n    assert os.wait()[1] == 0\nweb.search('c')"
    )
    about = {"STILLWEB_URL": f"http://127.0.0.1:{server.server_port}", "PATH": "/usr/bin:/bin"}
    try:
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=about, check=True)
    finally:
        server.shutdown()
        server.server_close()
    mine, again, child, after = asked_from
    assert mine == again == after != child


def test_rows_are_written_whole_or_not_at_all_and_what_is_wrong_is_said_in_a_line(tmp_path: Path, url: str) -> None:
    write(ADAPTERS["slime"], tmp_path)

    def made(*words: str, **about: str) -> subprocess.CompletedProcess[str]:
        given = {"STILLWEB_URL": url, "STILLWEB_CONTROL_TOKEN": "c", "PATH": "/usr/bin:/bin", **about}
        return subprocess.run(
            [sys.executable, "stillweb_slime.py", *words], cwd=tmp_path, env=given, capture_output=True, text=True
        )

    assert made("rows.jsonl").returncode == 0
    rows = (tmp_path / "rows.jsonl").read_text()
    assert len(rows.splitlines()) == 2
    for told, words, about in (
        ("no task of split 'tset'", ("rows.jsonl", "--split", "tset"), {}),
        ("Check that the server runs", ("rows.jsonl",), {"STILLWEB_URL": "http://127.0.0.1:9"}),
        ("STILLWEB_URL is not set", ("rows.jsonl",), {"STILLWEB_URL": ""}),
        ("token", ("rows.jsonl",), {"STILLWEB_CONTROL_TOKEN": "x"}),
        ("cannot be written", ("nowhere/rows.jsonl",), {}),
        ("cannot be written", (".",), {}),
    ):
        failed = made(*words, **about)
        assert failed.returncode == 2
        assert told in failed.stderr
        assert len(failed.stderr.splitlines()) == 1
    assert (tmp_path / "rows.jsonl").read_text() == rows
    assert not list(tmp_path.glob("*.part"))


def test_an_answer_is_what_stands_in_its_last_tags_or_all_but_the_thoughts() -> None:
    assert final_answer("<think>Graz? <answer>Graz</answer></think> Vienna ") == "Vienna"
    assert final_answer("no opening tag</think><answer>Graz</answer> or <answer> Vienna </answer>") == "Vienna"
    assert final_answer("<think>and nothing else</think>") == ""
    assert tagged_action("<think><search>a</search></think><fetch> u </fetch><answer>b</answer>") == ("fetch", "u")
    assert tagged_action("<search>never closed") == ("", "")


# --- Search-R1, and slime, whose package is not to be had ---


@pytest.fixture(scope="module")
def slime(url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Samples that scripts/adapter_slime.py played with the written file, beside fakes of slime's two modules.

    They are written from slime's repository (examples/search-r1, slime/utils/types.py, November 2026): that the file
    keeps to the contract, this shows; that slime runs it, it does not.
    """
    project = tmp_path_factory.mktemp("slime")
    write(ADAPTERS["slime"], project)
    about = {"STILLWEB_URL": url, "STILLWEB_TOKEN": "t", "STILLWEB_CONTROL_TOKEN": "c", "PYTHONPATH": str(project)}
    command = [sys.executable, "-P", str(HERE / "scripts" / "adapter_slime.py")]
    done = subprocess.run(command, env=about, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_sample_of_slime_learns_from_what_it_drew_and_not_from_what_it_read(slime: dict[str, Any]) -> None:
    sample = slime["answered"]
    assert sample["status"] == "completed"
    said, mask, logprobs = sample["response"], sample["loss_mask"], sample["rollout_log_probs"]
    assert sample["response_length"] == len(mask) == len(logprobs) == len(said)
    assert "".join(one for one, learnt in zip(said, mask, strict=True) if learnt) == "".join(slime["said"])
    assert {one for one, learnt in zip(logprobs, mask, strict=True) if learnt} == {-0.5}
    # A token of the fake tokenizer is a character: what the engine is given next is what it drew and what was read.
    asked = sample["asked"][-1]["input_ids"]
    assert asked == sample["tokens"][: len(asked)]
    assert "".join(map(chr, sample["tokens"])).endswith(said)
    assert all(one["sampling_params"]["no_stop_trim"] for one in sample["asked"])
    assert "https://tiny.example/" in said
    assert sample["reward"] == 1.0


def test_a_sample_of_slime_without_room_or_answer_is_truncated_and_worth_nothing(slime: dict[str, Any]) -> None:
    for name, room in (("no room", 60), ("cut", 900)):
        sample = slime[name]
        assert (sample["status"], sample["reward"]) == ("truncated", 0.0)
        assert sample["response_length"] == len(sample["response"]) <= room


def test_rows_of_slime_hold_no_answer(slime: dict[str, Any]) -> None:
    (row,) = slime["rows"]
    assert row["metadata"] == {"task_id": "t1"}
    assert "Ada" not in json.dumps(row)


def test_search_r1_s_retriever_is_answered_as_it_stands(url: str) -> None:
    lines = ADAPTERS["search-r1"].lines
    assert "/retrieve" in lines
    body = {"queries": ["harbour"], "topk": 3, "return_scores": True}
    found = httpx.post(f"{url}/retrieve", json=body, headers={"Authorization": "Bearer t"}).json()["result"][0]
    assert len(found) == 3
    assert all('"' in one["document"]["contents"].split("\n")[0] for one in found)


def test_a_project_with_folders_named_as_ours_is_left_in_peace(tmp_path: Path, url: str) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__init__.py").write_text("MINE = True\n")
    write(ADAPTERS["slime"], tmp_path)
    script = "import stillweb_slime, training; print(training.MINE, len(stillweb_slime.rows()))"
    about = {"STILLWEB_URL": url, "STILLWEB_CONTROL_TOKEN": "c", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=about, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True 2\n"
    assert str(ROOT) not in done.stdout
