from __future__ import annotations

from pathlib import Path

import pytest
import typer

from agent.client import AsyncClient
from agent.loop import roll_out
from agent.models.playback import PlaybackModel
from agent.notes import Identity
from agent.questions import Question
from agent.records import GroupRef, ModelRef
from agent.speech import agent_ref
from agent.world import enter, look_at
from tests.agent.loop_parts import gates, player
from tests.training.small_world import SmallWorld
from training.cli_task_files import witness as witness_verb
from training.rubric import score_episode
from training.synthesis.proof import Proof
from training.synthesis.verify import flaw_of
from training.synthesis.witness import Oracle, play, plays, witnessed
from training.tasks import Task, read_tasks, write_tasks


async def solved(url: str, tasks: tuple[Task, ...]) -> list[Task]:
    async with AsyncClient(url) as env:
        found = [(task, played) async for task, played in witnessed(tasks, env)]
    assert [played.reason for _, played in found] == [""] * len(tasks)
    return [task for task, _ in found]


async def test_every_task_is_solved_within_ranks_and_queries_and_the_proof_still_holds(
    world: SmallWorld, world_server: str
) -> None:
    for task in await solved(world_server, world.tasks):
        witness = Proof.model_validate(task.proof).witness
        assert witness is not None
        assert sorted(hop.doc_id for hop in witness.hops) == sorted(task.evidence)
        assert all(1 <= hop.rank <= 10 and 1 <= len(hop.queries) <= 2 and hop.parts for hop in witness.hops)
        assert witness.calls == sum(len(hop.queries) + len(hop.parts) for hop in witness.hops) + 1
        assert len(task.evidence) + 2 <= witness.least_calls <= witness.calls
        assert flaw_of(task, world.ground) is None


async def test_without_any_one_page_of_evidence_no_task_is_solved(world: SmallWorld, world_server: str) -> None:
    async with AsyncClient(world_server) as env:
        oracle = Oracle(env)
        for task in world.tasks:
            for doc_id in task.evidence:
                played = await play(task, env, oracle, hidden=[doc_id])
                assert (played.witness, played.reason, played.doc_id) == (None, "not in the top 10", doc_id)
            stranger = next(d for d in sorted(world.facts.entities) if d not in task.evidence and d in _pages(world))
            assert (await play(task, env, oracle, hidden=[stranger])).witness is not None


def _pages(world: SmallWorld) -> set[str]:
    return {world.web.store.doc_id(number) for number in range(len(world.web.store))}


async def test_the_gold_episode_replays_as_a_rollout_that_opens_all_evidence_and_answers_right(
    world: SmallWorld, world_server: str
) -> None:
    tasks = await solved(world_server, world.tasks[:3])
    played = player(PlaybackModel(plays(tasks)))
    async with AsyncClient(world_server) as client:
        env, ref = await enter(await look_at(client), 1)
        for task in tasks:
            question = Question(task.task_id, task.question)
            identity = Identity(
                task.task_id, question.ref(), GroupRef(sample=0, seed=1), ref,
                agent_ref(played.manner, str(played.policy), {}), ModelRef(name="playback", sampling={}),
                played.manner.schemas,
            )  # fmt: skip
            episode = await roll_out(played, identity, env, gates())
            score = score_episode(episode, task)
            assert (score["correct"], score["opened"]) == (1.0, 1.0)
            witness = Proof.model_validate(task.proof).witness
            assert witness is not None
            assert len(episode.tool_events) == witness.calls - 1  # the answer ends it


def test_the_verb_writes_the_tasks_with_their_witnesses_and_counts_beside(
    world: SmallWorld, world_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    write_tasks(world.tasks[:4], file)
    witness_verb(file, world_server, out)
    assert capsys.readouterr().out == "4\n"
    assert all(Proof.model_validate(task.proof).witness for task in read_tasks(out))
    assert '"witnessed": 4' in (tmp_path / "out.jsonl.yields.json").read_text()


def test_a_server_that_is_not_there_or_has_another_snapshot_is_told(
    world: SmallWorld, world_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tasks.jsonl"
    write_tasks([world.tasks[0].model_copy(update={"snapshot_id": "0" * 32})], file)
    for url in (world_server, "http://127.0.0.1:9"):
        with pytest.raises(typer.Exit) as stopped:
            witness_verb(file, url, tmp_path / "out.jsonl")
        assert stopped.value.exit_code == 2
        assert "stillweb: " in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
