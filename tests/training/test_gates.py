"""Gates that ask a model, with an endpoint that is a script: what is sent, how it is read, kept and stored."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from agent.models.openai_api import ChatModel
from tests.agent.fake_openai import FakeOpenAI, fake
from tests.training.made_records import an_episode
from tests.training.small_world import SmallWorld, write_run
from training.cli_task_gates import gates
from training.synthesis import gates as of
from training.synthesis.proof import Proof
from training.synthesis.tool_verify import ToolGround
from training.synthesis.verify import Ground
from training.tasks import Task, read_tasks, write_tasks

Script = Callable[[str], str]
FINE = {"constraints": [{"text": "it is so", "label": "Supported"}], **dict.fromkeys(of.BOOLEANS, True)}


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[FakeOpenAI, ChatModel, str]]:
    """A model whose reply is a function of the prompt, over a real socket."""

    def answer(request: Any, body: Any) -> Any:
        from aiohttp import web

        if body is None:
            return web.json_response({"data": [{"id": "scripted"}]})
        said = script(body["messages"][-1]["content"])
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})

    async with fake(answer) as (server, url):
        model = ChatModel(url, "scripted")
        try:
            yield server, model, url
        finally:
            await model.close()


async def test_a_task_that_is_answered_from_memory_does_not_pass_and_its_count_is_kept(world: SmallWorld) -> None:
    known, unknown = world.tasks[:2]
    replies = of.Replies(None)
    async with scripted(lambda prompt: str(known.answer) if known.question in prompt else "Atlantis") as (_, model, _):
        assert await of.no_tool(known, model, replies) == {
            "passed": False, "samples": 4, "right": 4, "model": "scripted",
        }  # fmt: skip
        assert (await of.no_tool(unknown, model, replies))["passed"]


async def test_a_reply_is_asked_for_once_and_survives_a_line_cut_short(world: SmallWorld, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    async with scripted(lambda prompt: "Atlantis") as (server, model, _):
        first = await of.no_tool(world.tasks[0], model, of.Replies(path))
        assert len(server.asked) == 4
        with path.open("ab") as file:
            file.write(b'{"key": "cut')
        again = of.Replies(path)
        assert await of.no_tool(world.tasks[0], model, again) == first
        assert (len(server.asked), again.asked) == (4, 0)
        await of.no_tool(world.tasks[1], model, again)
        assert len(path.read_bytes().splitlines()) == len(server.asked) == 8


async def test_five_booleans_decide_and_labels_and_the_exact_answer_overrule_them(world: SmallWorld) -> None:
    task = world.tasks[0]
    broken = {**FINE, "constraints": [{"text": "it is not", "label": "Contradictory"}]}
    leaking = task.model_copy(update={"question": f"{task.question} {task.answer}?"})
    for reply, asked, passed, wrong in (
        (FINE, task, True, None),
        ({**FINE, "semantic_ok": False}, task, False, "semantic_ok"),
        (broken, task, False, "hallucination_ok"),
        (FINE, leaking, False, "leakage_ok"),
    ):
        async with scripted(lambda prompt, reply=reply: f"Here it is: {json.dumps(reply)}") as (server, model, _):  # type: ignore[misc]
            found = await of.consistent(asked, world.ground, model, of.Replies(None))
        assert found["passed"] is passed
        assert [name for name in of.BOOLEANS if not found[name]] == ([wrong] if wrong else [])
        prompt = server.asked[0][1]["messages"][-1]["content"]
        for fact in Proof.model_validate(asked.proof).facts:
            assert world.facts.entities[fact.subject].name in prompt


async def test_a_reply_that_is_no_json_is_asked_for_again_and_then_given_up(world: SmallWorld) -> None:
    said = iter(["no", '{"half": ', json.dumps(FINE)])
    async with scripted(lambda prompt: next(said)) as (server, model, _):
        assert (await of.consistent(world.tasks[0], world.ground, model, of.Replies(None)))["passed"]
        assert len(server.asked) == 3
    async with scripted(lambda prompt: "no") as (server, model, _):
        found = await of.consistent(world.tasks[0], world.ground, model, of.Replies(None))
        assert found == {"passed": False, "unread": True, "model": "scripted"}
        assert len(server.asked) == 4


async def test_a_reader_of_the_evidence_finds_wrong_labels(world: SmallWorld) -> None:
    """The script looks whether the answer stands in the evidence that it is given, and says so."""

    def read(prompt: str) -> str:
        evidence = prompt.partition("<evidence>")[2].partition("</evidence>")[0]
        answer = re.findall("<answer>(.*)</answer>", prompt)[0]
        return json.dumps({"reason": "", "right": answer in evidence})

    wrong = [task.model_copy(update={"answer": "Nowhere-on-Sea"}) for task in world.tasks]
    async with scripted(read) as (_, model, _):

        async def gate(task: Task) -> of.Result:
            return await of.verified(task, world.ground, model, of.Replies(None))

        assert all(found["passed"] for found in await of.each(world.tasks, gate))
        assert not any(found["passed"] for found in await of.each(wrong, gate))


def test_the_answer_among_the_results_of_the_question_is_told_with_its_place(world: SmallWorld) -> None:
    task = world.tasks[0]
    asked = task.model_copy(update={"question": f"{task.answer}"})
    found = of.retrievable(asked, world.web)
    assert (found["passed"], found["rank"]) == (True, 1)
    nobody = task.model_copy(update={"answer": "Nobody at all", "aliases": ()})
    assert of.retrievable(nobody, world.web) == {"passed": False, "rank": None, "doc_id": None, "results": 50}


@pytest.mark.parametrize(("right", "passed"), [(0, False), (1, True), (4, False)])
def test_a_pass_rate_lies_in_the_band_or_not_and_errors_do_not_count(
    right: int, passed: bool, world: SmallWorld
) -> None:
    task = world.tasks[0]
    episodes = [
        an_episode(task.task_id, str(task.answer) if at < right else "Nobody", sample=at) for at in range(4)
    ] + [an_episode(task.task_id, "Nobody", sample=9, status="error"), an_episode("other", "Nobody")]
    found = of.rollouts(task, episodes, (0.125, 0.75))
    assert (found["passed"], found["n"], found["pass_rate"]) == (passed, 4, right / 4)
    assert of.with_gates(task, {"rollouts": found}).meta["pass_rate"] == right / 4


def test_an_alternative_that_satisfies_every_constraint_stops_a_task(world: SmallWorld) -> None:
    """One clue is left out of a proof, so that there is a second answer; rollouts agree on it."""
    task = next(task for task in world.tasks if Proof.model_validate(task.proof).clues)
    proof = Proof.model_validate(task.proof)
    loose = task.model_copy(update={"proof": {**(task.proof or {}), "clues": (task.proof or {})["clues"][1:]}})
    second = _second_answer(world.ground, loose, proof.solution[0])
    stranger = next(name for name in task.wrong_answers if name != second)
    for about, said, verdict in (
        (loose, second, "verified right"),
        (task, stranger, "verified wrong"),
        (task, "Atlantis", "unknown"),
    ):
        episodes = [an_episode(task.task_id, said, sample=at) for at in range(2)]
        found = of.alternatives(about, episodes, ToolGround(world.ground))
        assert list(found["checked"].values()) == [verdict]
        assert found["passed"] is (verdict != "verified right")
        assert of.alternatives(about, episodes[:1], ToolGround(world.ground))["checked"] == {}


def _second_answer(ground: Ground, task: Task, answer: str) -> str:
    from training.synthesis.solve import solve
    from training.synthesis.verify import constraints_of

    index = ground.index(False)
    found = solve(index, constraints_of(Proof.model_validate(task.proof)), "open", distinct=False).answers
    return next(ground.facts.entities[index.ids[at]].name for at in found if index.ids[at] != answer)


def test_the_verb_asks_gates_in_order_stores_their_results_and_drops_who_fails(
    world: SmallWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out, run = (tmp_path / name for name in ("tasks.jsonl", "out.jsonl", "run"))
    write_tasks(world.tasks, file)
    known = world.tasks[0]
    write_run(
        run,
        [
            an_episode(task.task_id, str(task.answer) if at % 2 else "Nobody", sample=at)
            for task in world.tasks[:5]
            for at in range(2)
        ],
    )

    async def go() -> None:
        script: Script = lambda prompt: str(known.answer) if known.question in prompt else "Atlantis"  # noqa: E731
        async with scripted(script) as (_, _, url):
            await asyncio.to_thread(
                gates, file, out, ["rollouts", "no_tool"], url=url, run=run, samples=2, replies=tmp_path / "kept"
            )

    asyncio.run(go())
    told = capsys.readouterr()
    assert told.out == "4\n"
    assert "1  no_tool: failed" in told.err
    assert "3  rollouts: failed" in told.err
    kept = list(read_tasks(out))
    assert [task.task_id for task in kept] == [task.task_id for task in world.tasks[1:5]]
    assert {tuple(task.meta["gates"]) for task in kept} == {("no_tool", "rollouts")}
    assert all(task.meta["pass_rate"] == 0.5 for task in kept)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"gate": ["guess"]}, "no gate guess"),
        ({"gate": ["no_tool"]}, "needs --url"),
        ({"gate": ["rollouts"]}, "needs --run"),
        ({"gate": ["retrievable"]}, "needs --snapshot"),
    ],
)
def test_a_gate_that_misses_what_it_needs_is_told(
    options: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stopped:
        gates(tmp_path / "tasks.jsonl", tmp_path / "out.jsonl", **options)
    assert stopped.value.exit_code == 2
    assert told in capsys.readouterr().err
