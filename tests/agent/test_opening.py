"""An agent as the command line asks for it: summaries by a model, Python in the sandbox, and what is refused."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent.client import AsyncClient
from agent.failures import AgentError
from agent.loop import Limits
from agent.models.local import LocalModel
from agent.models.protocol import Sampling
from agent.opening import Asked, open_player
from agent.plan import Plan, settle
from agent.questions import Question
from agent.records import Episode, ModelRef
from agent.runner import run
from agent.sandbox import Sandbox
from agent.tools.profiles import NAMES, WITH_GOALS, WITH_PYTHON, profile
from agent.world import look_at
from tests.agent.fake_openai import FakeOpenAI, fake
from tests.agent.loop_parts import QUESTION, episodes, gates
from tests.conftest import ROOT
from tests.env_server.test_determinism import running_server

ADA = "https://tiny.example/people/ada"
HARBOUR = "https://tiny.example/places/harbour"
VISIT = f'<tool_call>{{"name": "visit", "arguments": {{"url": ["{ADA}", "{HARBOUR}"], "goal": "depth"}}}}</tool_call>'
CODE = '<tool_call>{"name": "PythonInterpreter", "arguments": {"code": "print(6 * 7)"}}</tool_call>'
SUMMARY = {"rational": "r", "evidence": "It is nine fathoms deep.", "summary": "Nine fathoms."}
LINES = [VISIT, CODE, "<answer>42</answer>"]


def speak(request: web.Request, body: Any) -> web.StreamResponse:
    """The agent's model and the reader of pages behind one URL: the reader is the one that is given a page."""
    if request.path == "/v1/models":
        return web.json_response({"data": [{"id": "both"}]})
    messages = body["messages"]
    if "one JSON object" in messages[-1]["content"]:
        text = json.dumps(SUMMARY)
    else:
        text = LINES[sum(message["role"] == "assistant" for message in messages)]
    return web.json_response({"choices": [{"message": {"role": "assistant", "content": text}}]})


def read_pages(server: FakeOpenAI) -> int:
    """How often the reader was asked."""
    return sum(body is not None and "one JSON object" in body["messages"][-1]["content"] for _, body in server.asked)


@pytest.fixture(scope="module")
def server(tiny_path: Path) -> Iterator[str]:
    with running_server(tiny_path) as url:
        yield url


async def rolled_out(asked: Asked, url: str, out: Path) -> list[Episode]:
    async with open_player(asked) as opened, AsyncClient(url) as client:
        world = await look_at(client)
        played = opened.player
        model = ModelRef(name=played.model.name, sampling=asdict(played.sampling))
        questions = (QUESTION, Question("q2", "?"))
        plan = Plan(questions, 1, 0, opened.ref, model, played.manner.schemas, world.identity())
        settle(out, plan, {})
        await run(plan, played, world, gates(), out)
    return episodes(out)


def asked(*model: str, **how: Any) -> Asked:
    return Asked(model, Limits(turns=5), Sampling(max_tokens=64), **how)


async def test_pages_are_read_by_the_model_once_for_all_rollouts_and_runs(server: str, tmp_path: Path) -> None:
    kept = tmp_path / "summaries.sqlite"
    async with fake(speak) as (endpoint, url):
        how = asked(url, profile="tongyi", python=True, summarize_with=url, summaries=kept)
        made = await rolled_out(how, server, tmp_path / "one")
        assert read_pages(endpoint) == 2
        await rolled_out(how, server, tmp_path / "two")
        assert read_pages(endpoint) == 2
        plain = await rolled_out(replace(how, summarize_with=None), server, tmp_path / "three")
        assert read_pages(endpoint) == 2
    prompts = [body for _, body in endpoint.asked if body and "one JSON object" in body["messages"][-1]["content"]]
    assert all("Goal: depth" in body["messages"][-1]["content"] for body in prompts)
    assert {body["temperature"] for body in prompts} == {0.0}
    assert len(made) == 2
    for episode in made:
        assert episode.agent.summaries == "both"
        visit, code = episode.tool_events
        assert (visit.name, visit.status, len(visit.opened)) == ("visit", "ok", 2)
        assert "Nine fathoms." in str(episode.path(visit.node_id)[-1]["content"])
        assert "\n42\n" in str(episode.path(code.node_id)[-1]["content"])
        assert (code.status, episode.stop_reason) == ("ok", "answered")
    assert plain[0].agent.summaries is None
    assert "Nine fathoms." not in str(plain[0].path())


async def test_a_reader_that_cannot_take_the_page_is_asked_of_less_and_one_that_fails_ends_the_rollout(
    server: str, tmp_path: Path
) -> None:
    def small(request: web.Request, body: Any) -> web.StreamResponse:
        told = "This model's maximum context length is 8 tokens."
        return web.json_response({"error": {"message": told}}, status=400)

    def wrong(request: web.Request, body: Any) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no such model"}}, status=404)

    async with fake(speak) as (_, url), fake(small) as (little, small_url), fake(wrong) as (_, wrong_url):
        how = asked(url, profile="tongyi", python=True, summarize_with=small_url, summary_model="m")
        (episode, _) = await rolled_out(how, server, tmp_path / "small")
        assert episode.status == "ok"
        assert "Nine fathoms." not in str(episode.path())
        sizes = [len(body["messages"][0]["content"]) for _, body in little.asked]
        assert len(set(sizes)) == 6  # three for each page
        (episode, _) = await rolled_out(replace(how, summarize_with=wrong_url), server, tmp_path / "wrong")
        assert (episode.status, episode.stop_reason) == ("error", "model_error")
        assert "no such model" in episode.errors[0].message


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"profile": "browser", "python": True}, "browser has no tool for Python.*tongyi"),
        ({"profile": "default", "summarize_with": "http://127.0.0.1:9"}, "reads no page for a goal.*tongyi"),
        ({"profile": "tongyi", "summarize_with": "gpt"}, "--summarize-with gpt: take the URL"),
        ({"profile": "tongyi", "summarize_with": "http://127.0.0.1:9"}, "does not list its models.*--summary-model"),
        ({"profile": "nobody"}, "'nobody' is no profile"),
        ({"format": "latin"}, "'latin' is no format"),
        ({"context": "forget"}, "'forget' is no context policy"),
        ({"threads": 2}, "--threads is for `--model local`"),
    ],
)
async def test_what_cannot_be_had_is_said_before_anything_begins(how: dict[str, Any], told: str) -> None:
    with pytest.raises(AgentError, match=told):
        async with open_player(asked("random", **how)):
            pass


async def test_the_local_model_takes_the_threads_it_is_given() -> None:
    async with open_player(asked("local", threads=1)) as opened:
        assert isinstance(opened.player.model, LocalModel)
        assert opened.player.model.threads == 1


def test_profiles_that_take_python_and_goals_are_those_that_say_so() -> None:
    bare = {name: set(profile(name).fresh()) for name in NAMES}
    added = {name: set(profile(name, sandbox=Sandbox()).fresh()) - bare[name] for name in NAMES}
    assert {name for name in NAMES if added[name]} == set(WITH_PYTHON)
    goals = {name for name in NAMES if any("goal" in tool.description for tool in profile(name).fresh().values())}
    assert set(WITH_GOALS) == (goals - {"default"}) | {"offseeker"}


@pytest.mark.slow
async def test_the_verbs_sum_up_run_python_and_replay_both(server: str, tmp_path: Path) -> None:
    tasks, out = tmp_path / "q.jsonl", tmp_path / "run"
    tasks.write_text('{"id": "lamp", "question": "How deep is the harbour?"}\n')

    async def stillweb(*words: str | Path) -> tuple[int, str, str]:
        environment = {**os.environ, "STILLWEB_URL": server, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "stillweb", "agent", *map(str, words)]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment, cwd=ROOT
        )
        printed, said = await process.communicate()
        assert process.returncode is not None
        return process.returncode, printed.decode(), said.decode()

    async with fake(speak) as (endpoint, url):
        how = ("--model", url, "--profile", "tongyi", "--summarize-with", url, "--python")
        code, _, said = await stillweb("run", "--tasks", tasks, *how, "--out", out)
        assert code == 0, said
        code, printed, said = await stillweb("ask", "How deep is the harbour?", *how)
        assert (code, printed) == (0, "42\n"), said
        assert read_pages(endpoint) == 4
    # Summaries are kept in the run: no model is needed to show the same again.
    assert (out / "summaries.sqlite").is_file()
    code, printed, said = await stillweb("replay", out)
    assert (code, printed) == (0, "2 observations of 1 rollouts are equal.\n"), printed + said
    code, printed, said = await stillweb("export", out, "--to", "sharegpt", "--out", tmp_path / "s.jsonl")
    assert (code, said) == (0, "1 rollouts written.\n")
    code, _, said = await stillweb("import", tmp_path / "s.jsonl", "--from", "sharegpt", "--out", tmp_path / "again")
    assert (code, said) == (0, "1 rollouts read.\n")
    (again,), (first,) = episodes(tmp_path / "again"), episodes(out)
    assert [message["content"] for message in again.path()] == [message["content"] for message in first.path()]
    code, _, said = await stillweb("export", out, "--to", "openenv", "--out", tmp_path / "o.jsonl")
    assert code == 2
    assert said.startswith("stillweb: No rollout can be written as openenv (1: a turn has no token ids;")
    code, _, said = await stillweb("import", tmp_path / "none", "--from", "sharegpt", "--out", tmp_path / "x")
    assert code == 2
    assert "is not there" in said
