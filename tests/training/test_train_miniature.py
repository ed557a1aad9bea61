"""Parts of the miniature that need no trainer: tasks and their split, rows, pairs, forms, figures in the docs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import orjson
import pytest
import yaml

from agent.client import AsyncClient
from agent.models.playback import Play, PlaybackModel
from agent.models.random_policy import RandomPolicy
from agent.records import Episode
from corpus.answers import score_answer
from corpus.build import BuildOptions, build_snapshot
from corpus.facts.base import build_facts
from corpus.snapshot import Snapshot, open_snapshot
from tests.bench.render_training import PAGES, page
from training.data.dpo import Recipe, build_dpo
from training.data.sft import build_sft
from training.miniature import SIEVE, STEP_KINDS
from training.miniature_agent import LIMITS, small_manner
from training.miniature_forms import FORMS
from training.miniature_report import UnlikeRuns, pooled, write_report
from training.miniature_rollouts import episodes_of, roll_out_all
from training.miniature_server import serving
from training.miniature_tasks import candidates, pages_of, split, witnessed
from training.tasks import Task, write_tasks


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_figures_of_a_page_are_those_that_were_measured(name: str) -> None:
    assert page(name) == (Path(__file__).parents[2] / "docs" / PAGES[name]).read_text()


def test_the_forms_are_those_that_the_docs_name() -> None:
    cpu = FORMS["cpu"]
    assert (cpu.pages, cpu.held_out, cpu.sft_steps, cpu.dpo_steps, cpu.grpo_steps) == (5000, 60, 40, 40, 30)
    assert cpu.own_tasks * cpu.own_samples <= 150
    assert LIMITS.calls == 3
    assert (FORMS["smoke"].sft_steps, FORMS["smoke"].held_out) == (2, 5)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_caps_can_be_shared_out_anew_and_are_no_part_of_what_a_run_is(name: str) -> None:
    form, short = FORMS[name], FORMS[name].within(10)
    caps = short.sft_minutes + short.own_minutes + short.dpo_minutes + short.grpo_minutes + 4 * short.eval_minutes
    assert caps == pytest.approx(10)
    assert short.identity() == form.identity()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    path = tmp_path_factory.mktemp("miniature") / "world"
    build_snapshot(["world:seed=7,pages=400"], path, BuildOptions(encoder="none"))
    return open_snapshot(path)


@pytest.fixture(scope="module")
def parts(world: Snapshot) -> dict[str, list[tuple[Task, Play]]]:
    facts = build_facts(world.path)

    async def play(url: str) -> list[tuple[Task, Play]]:
        async with AsyncClient(url) as env:
            found = [await witnessed(one, env) for one in islice(candidates(facts, seed=0), 120)]
        return [one for one in found if one is not None]

    with serving(world.path) as server:
        return split(asyncio.run(play(server.url)), held_out=10, train=20)


@pytest.mark.slow
def test_tasks_are_proven_by_spans_of_their_pages_and_share_no_page_across_the_split(
    world: Snapshot, parts: dict[str, list[tuple[Task, Play]]]
) -> None:
    facts = build_facts(world.path)
    assert {name: len(found) for name, found in parts.items()} == {"held-out": 10, "train": 20}
    met: set[str] = set()
    for task, _ in parts["held-out"]:
        assert not pages_of(task) & met
        met |= pages_of(task)
    for task, _ in parts["train"]:
        assert not pages_of(task) & met
    for task, play in (*parts["held-out"], *parts["train"]):
        assert len(play.calls) <= LIMITS.calls
        assert set(task.evidence) <= pages_of(task)
        assert isinstance(task.answer, str)
        *_, last = task.meta["facts"]
        for doc_id, start, end in last["supports"]:
            # Stated from the object's side, the words name the subject, and the page is the answer's.
            text = world.document(doc_id=doc_id).text
            named = facts.entities[last["subject"]]
            ways = [task.answer, *task.aliases, named.name, *named.aliases]
            assert any(one.casefold() in text[start:end].casefold() for one in ways)
            assert any(one.casefold() in text.casefold() for one in ways[: 1 + len(task.aliases)])


@pytest.mark.slow
def test_the_witness_is_right_chance_is_not_and_what_is_made_of_them_is_what_is_learned(
    world: Snapshot, parts: dict[str, list[tuple[Task, Play]]], tmp_path: Path
) -> None:
    tasks = [task for task, _ in parts["held-out"]]
    plays = {task.task_id: play for task, play in parts["held-out"]}
    form = small_manner().format
    with serving(world.path) as server:
        told = roll_out_all(
            "witness", lambda ids: PlaybackModel(plays, task_of=ids.__getitem__, format=form), tasks, server.url,
            tmp_path / "rollouts" / "witness-held-out", seed=0, samples=1, temperature=0.0, minutes=1,
        )  # fmt: skip
        roll_out_all(
            "random", lambda ids: RandomPolicy(format=form, tools=small_manner().schemas), tasks, server.url,
            tmp_path / "rollouts" / "random-held-out", seed=0, samples=2, temperature=0.0, minutes=1,
        )  # fmt: skip
    assert told == {"planned": 10, "done": 10, "capped": False}
    known = {task.task_id: task for task in tasks}
    witness = list(episodes_of(tmp_path / "rollouts" / "witness-held-out"))
    chance = list(episodes_of(tmp_path / "rollouts" / "random-held-out"))
    assert sum(_is_right(one, known) for one in witness) >= 9
    assert sum(_is_right(one, known) for one in chance) <= 2

    build_sft(lambda: [*witness, *chance], tasks, tmp_path / "sft", sieve=SIEVE)
    rows = [orjson.loads(line) for line in (tmp_path / "sft" / "messages.jsonl").read_bytes().splitlines()]
    assert 9 <= len(rows) <= 10
    assert all(row["messages"][-1]["content"].startswith("Answer: ") for row in rows)
    assert len({row["task_id"] for row in rows}) == len(rows)

    recipe = Recipe(tokens=LIMITS.context_tokens, kinds=STEP_KINDS, snippets=True)
    build_dpo([*chance, *witness], tasks, tmp_path / "dpo", recipe=recipe)
    found = [orjson.loads(line) for line in (tmp_path / "dpo" / "steps.jsonl").read_bytes().splitlines()]
    assert found
    for pair in found:
        assert [one["role"] for one in (*pair["chosen"], *pair["rejected"])] == ["assistant", "assistant"]
        assert pair["chosen"] != pair["rejected"]
        assert pair["prompt"][-1]["role"] == "user"

    (tmp_path / "run.json").write_bytes(orjson.dumps({"form": {}, "seed": 0}))
    (tmp_path / "stages").mkdir()
    report = write_report(tmp_path, tasks, ("base", "sft", "random", "witness"), 0)
    assert report["held_out"]["witness"]["correct"]["mean"] >= 0.9
    assert report["claim"] == "The run does not say whether SFT beats its base: one of the two was not evaluated."

    shutil.copytree(tmp_path / "rollouts" / "random-held-out", tmp_path / "rollouts" / "base-held-out")
    (tmp_path / "tasks").mkdir()
    write_tasks(tasks, tmp_path / "tasks" / "held-out.jsonl")
    names = ("base", "random", "witness")
    again = tmp_path / "again"
    shutil.copytree(tmp_path, again, ignore=shutil.ignore_patterns("again"))
    (again / "run.json").write_bytes(orjson.dumps({"form": {}, "seed": 1}))
    for out in (tmp_path, again):
        write_report(out, tasks, names, 0)
    both = pooled([tmp_path, again], tasks, names)
    assert (both["seeds"], both["tasks"], both["left_out"]) == ([0, 1], 10, 0)
    witness_row, random_row = both["held_out"]["witness"], both["held_out"]["random"]
    assert witness_row["seeds"] == [witness_row["correct"]["mean"]] * 2
    assert witness_row["against_base"]["low"] > 0
    assert random_row["against_base"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "error": 0.0}
    with pytest.raises(UnlikeRuns, match="a seed each"):
        pooled([tmp_path, tmp_path], tasks, names)
    with pytest.raises(UnlikeRuns, match="no rollouts of sft"):
        pooled([tmp_path, again], tasks, (*names, "sft"))
    write_tasks(tasks[1:], again / "tasks" / "held-out.jsonl")
    with pytest.raises(UnlikeRuns, match="are others"):
        pooled([tmp_path, again], tasks, names)


@pytest.mark.slow
def test_what_a_miniature_trained_can_be_an_ablation_s_arms(
    world: Snapshot, parts: dict[str, list[tuple[Task, Play]]], tmp_path: Path
) -> None:
    run = tmp_path / "long-0"
    (run / "tasks").mkdir(parents=True)
    (run / "run.json").write_bytes(orjson.dumps({"form": FORMS["smoke"].identity(), "seed": 0}))
    write_tasks((task for task, _ in parts["held-out"]), run / "tasks" / "held-out.jsonl")
    plays = {task.task_id: asdict(play) for task, play in parts["held-out"]}
    (run / "tasks" / "plays.json").write_bytes(orjson.dumps(plays))
    words = ["--run", str(tmp_path / "long-{seed}"), "--out", "{out}", "--server", "{server}", "--model", "witness"]
    config = {
        "name": "weathers",
        "backend": "command",
        "command": [sys.executable, "-m", "training.miniature_arm", *words],
        "seeds": [0],
        "arms": {"calm": {}, "faults": {"environment": {"fault_rate": 0.6}}, "chance": {}, "no-time": {}},
    }
    config["arms"]["chance"] = {"trainer": {"arguments": ["--model", "random"]}}
    config["arms"]["no-time"] = {"trainer": {"arguments": ["--minutes", "0"]}}
    (tmp_path / "weathers.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    asked = ["--snapshot", world.path, "--tasks", run / "tasks" / "held-out.jsonl", "--out", tmp_path / "out", "--json"]
    command = [sys.executable, "-m", "stillweb", "ablate", tmp_path / "weathers.yaml", *asked]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 1, "one arm had no time"
    report = orjson.loads(done.stdout)
    assert [one["arm"] for one in report["failures"]] == ["no-time"]
    assert "of 10 rollouts were done in 0 minutes" in report["failures"][0]["reason"]
    arms = report["arms"]
    assert arms["calm"]["mean"] == 1.0
    assert arms["chance"]["mean"] <= 0.2
    assert (arms["calm"]["faults"], arms["calm"]["failures"]) == (0, 0)
    assert arms["faults"]["faults"] > 0


def _is_right(episode: Episode, tasks: dict[str, Task]) -> bool:
    task = tasks[episode.task.id]
    assert isinstance(task.answer, str)
    return episode.answer is not None and score_answer(episode.answer.text, task.answer).correct
