"""Verbs that read tasks read those with tool claims too: report, witness, gates, the second extractor, export."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from agent.client import AsyncClient
from corpus import Snapshot
from corpus.facts.base import open_facts
from corpus.facts.records import Fact, Value
from tests.env_server.test_determinism import running_server
from tests.training.edited import Edited, edited, proof_of
from tests.training.made_records import an_episode
from tests.training.small_world import SmallWorld
from training.cli_task_files import report, verify, witness
from training.synthesis.confirm import index_for, opinion_on, survival
from training.synthesis.evolving import read_first
from training.synthesis.export import write_export
from training.synthesis.gates import alternatives
from training.synthesis.make import make_tasks
from training.synthesis.measuring import measured
from training.synthesis.recipe import Recipe
from training.synthesis.solve import solve
from training.synthesis.structure import figures_of, histograms
from training.synthesis.told import facts_text
from training.synthesis.tool_proof import Edit, constraints_of, evidence_of, whole_of
from training.synthesis.tool_verify import SLACK, ToolGround
from training.synthesis.tooling import Quotient, without_tools
from training.synthesis.verify import Ground
from training.synthesis.witness import Oracle, play, plays, witnessed
from training.tasks import Task, read_tasks, write_tasks


async def played(url: str, tasks: tuple[Task, ...]) -> list[Task]:
    async with AsyncClient(url) as env:
        found = [(task, one) async for task, one in witnessed(tasks, env)]
    assert [one.reason for _, one in found] == [""] * len(tasks)
    return [task for task, _ in found]


def changed(task: Task, **parts: Any) -> Task:
    """The task with its first edit changed."""
    proof = proof_of(task)
    edits = (proof.edits[0].model_copy(update=parts), *proof.edits[1:])
    stored = proof.model_copy(update={"edits": edits}).model_dump(mode="json", by_alias=True)
    return task.model_copy(update={"proof": stored})


def computable(made: Edited, claim: Quotient) -> str:
    """The first entity that a quotient has a value for."""
    values = made.index.desk.values(claim)
    return made.index.ids[int(np.flatnonzero(~np.isnan(values))[0])]


def test_the_report_counts_what_is_left_of_the_old_proof_and_the_claims_beside_it(
    made: Edited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for task in made.tasks:
        proof, figures = proof_of(task), figures_of(task)
        assert figures["tool claims"] == 1
        assert figures["clues"] == len(proof.base.clues) - 1
        assert figures["variables"] == len(proof.solution)
        assert figures["evidence pages"] == len(evidence_of(proof))
        assert figures["dispersion"] <= figures["evidence pages"]
    counts = histograms(made.tasks)
    assert sum(counts["tools"].values()) == len(made.tasks)
    assert Counter(counts["tools"]) == Counter(tool for task in made.tasks for tool in task.meta["tools"])
    write_tasks(made.tasks, tmp_path / "tools.jsonl")
    report(tmp_path / "tools.jsonl")
    assert f"{len(made.tasks)} tasks, {len(made.tasks)} with a proof" in (told := capsys.readouterr().out)
    assert "\ntools\n" in told


async def test_a_witness_reads_the_pages_that_are_left_and_asks_a_tool_for_every_claim(
    made: Edited, world_server: str
) -> None:
    for task in await played(world_server, made.tasks):
        proof = proof_of(task)
        assert proof.witness is not None
        assert sorted(hop.doc_id for hop in proof.witness.hops) == sorted(task.evidence)
        assert [told.edit for told in proof.witness.measured] == [0]
        assert abs(proof.witness.measured[0].value - proof.edits[0].value) <= SLACK
        hops = sum(len(hop.queries) + len(hop.parts) for hop in proof.witness.hops)
        assert proof.witness.calls == hops + len(proof.witness.measured) + 1
        assert made.ground.flaw_of(task) is None
        assert figures_of(task)["least calls"] == proof.witness.least_calls
        assert len(plays([task])[task.task_id].calls) == hops


async def test_no_witness_where_a_page_is_hidden_or_the_tool_tells_another_value(
    made: Edited, world_server: str
) -> None:
    task = made.tasks[0]
    async with AsyncClient(world_server) as env:
        oracle = Oracle(env)
        for doc_id in task.evidence:
            assert (await play(task, env, oracle, hidden=[doc_id])).reason == "not in the top 10"
        value = proof_of(task).edits[0].value
        assert (await play(changed(task, value=value + 1), env, oracle)).reason == "a tool tells another value"
        assert (await play(task, env, oracle)).witness is not None


async def test_a_false_witness_is_found(made: Edited, world_server: str) -> None:
    (task,) = await played(world_server, made.tasks[:1])
    witness = proof_of(task).witness
    assert witness is not None
    for broken in (
        {"measured": ()},
        {"measured": (witness.measured[0].model_copy(update={"value": witness.measured[0].value + 1}),)},
        {"hops": witness.hops[1:]},
    ):
        stored = proof_of(task).model_copy(update={"witness": witness.model_copy(update=broken)})
        flaw = made.ground.flaw_of(task.model_copy(update={"proof": stored.model_dump(mode="json", by_alias=True)}))
        assert flaw is not None
        assert flaw.gate == "witness"


async def test_a_quotient_is_computed_from_the_numbers_that_pages_state(made: Edited, world_server: str) -> None:
    index = made.index
    claim = Quotient(over="population", under="area", low=0, high=1e12)
    entity = computable(made, claim)
    value = float(index.desk.values(claim)[index.number[entity]])
    edit = Edit(
        clue=0, variable=0, entity=entity, kind="", claim=claim, value=value, candidates=1, without=2,
        facts=read_first(claim, entity, index.base),
    )  # fmt: skip

    async def nothing(_: object) -> Any:
        raise AssertionError("no server is asked")

    async with AsyncClient(world_server) as env:
        (told,) = await measured((edit,), env, nothing, nothing)
    assert (told.tool, told.value) == ("python", value)


def test_what_a_model_is_shown_has_the_values_that_tools_told(made: Edited, world: SmallWorld) -> None:
    for task in made.tasks:
        edit = proof_of(task).edits[0]
        text = facts_text(task, world.ground)
        assert text.count("\n- ") + 1 == len(dict.fromkeys(proof_of(task).facts)) + 1
        told = text.rpartition("\n- ")[2]
        assert made.index.base.entities[edit.entity].name in told
        assert any(f"{edit.value:{digits}}" in told for digits in (".0f", ".1f", ".4g"))


def test_an_alternative_that_only_the_tool_rules_out_is_wrong(made: Edited, world: SmallWorld) -> None:
    index = made.index
    checked = 0
    for task in made.tasks:
        proof = proof_of(task)
        asked = without_tools(constraints_of(proof.base, proof.edits))
        left = [index.ids[at] for at in solve(index, asked, "open", distinct=False).answers]
        other = next(doc_id for doc_id in left if doc_id != proof.solution[0])
        episodes = [an_episode(task.task_id, world.facts.entities[other].name, sample=at) for at in range(2)]
        found = alternatives(task, episodes, made.ground)
        checked += len(found["checked"])
        assert found["passed"]
        # A claim so wide that it says nothing lets that answer in.
        wide = proof.edits[0].claim.model_copy(update={"low": -1e12, "high": 1e12})
        assert not alternatives(changed(task, claim=wide), episodes, made.ground)["passed"]
    assert checked == len(made.tasks)


def test_the_second_extractor_is_asked_with_the_tools_too(world: SmallWorld, made: Edited) -> None:
    second = ToolGround(Ground(open_facts(world.path, extractor="second"), world.web))
    opinions = [opinion_on(task, index_for(task, second)) for task in made.tasks]
    assert survival(opinions).not_read == 0
    assert survival(opinions).share >= 0.9
    # Without the tools' tables, or with a value that no table has, a claim fits nothing.
    far = [changed(task, claim=proof_of(task).edits[0].claim.model_copy(update={"low": 9e9, "high": 9e9 + 1}))
           for task in made.tasks]  # fmt: skip
    assert {opinion_on(task, index_for(task, second)) for task in far} == {"no answer"}


def test_a_second_reading_of_a_number_changes_what_is_computed_from_it(made: Edited, world: SmallWorld) -> None:
    index = made.index
    claim = Quotient(over="population", under="area", low=0, high=1e12)
    entity = computable(made, claim)

    def doubled(fact: Fact) -> Fact:
        if (fact.subject, fact.relation) != (entity, "population") or fact.value is None:
            return fact
        number = 2 * (fact.value.number or 0.0)
        return replace(fact, value=Value("number", f"{number:g} {fact.value.unit}".strip(), number, fact.value.unit))

    other = replace(world.facts, facts=tuple(map(doubled, world.facts.facts)))
    values = ToolGround(Ground(other, world.web)).index().desk.values(claim)
    at = index.number[entity]
    assert values[at] == 2 * index.desk.values(claim)[at]


def test_the_verbs_take_a_file_of_edited_tasks(
    made: Edited, world: SmallWorld, world_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "tools.jsonl", tmp_path / "played.jsonl"
    write_tasks(made.tasks, file)
    witness(file, world_server, out)
    assert capsys.readouterr().out == f"{len(made.tasks)}\n"
    assert all(proof_of(task).witness for task in read_tasks(out))
    verify(out, world.path, second=True)
    told = capsys.readouterr()
    assert told.out == f"{len(made.tasks)}\n"
    assert ", 0 not read" in told.err
    sure = tmp_path / "sure.jsonl"
    verify(out, world.path, second=True, out=sure, confirmed=True)
    kept = int(capsys.readouterr().out)
    assert len(list(read_tasks(sure))) == kept
    second = ToolGround(Ground(open_facts(world.path, extractor="second"), world.web))
    assert kept == sum(opinion_on(task, index_for(task, second)) == "confirmed" for task in made.tasks)
    with pytest.raises(typer.Exit) as stopped:
        verify(out, world.path, confirmed=True)
    assert stopped.value.exit_code == 2


def test_an_export_names_the_page_of_the_answer(made: Edited, tmp_path: Path) -> None:
    write_export(made.tasks, tmp_path / "rows.jsonl", "browsecomp")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    for task, row in zip(made.tasks, rows, strict=True):
        answer = proof_of(task).solution[0]
        gold = [doc["docid"] for doc in row["gold_docs"]]
        assert gold == ([answer] if answer in task.evidence else list(task.evidence))


@pytest.mark.slow
def test_quotients_of_the_factbook_are_read_on_pages_and_played(factbook: Snapshot) -> None:
    facts = open_facts(factbook.path)
    tasks = tuple(make_tasks(factbook, facts, Recipe(treewidths=(1,)), count=16))
    found = edited(Ground(facts, factbook), tasks)
    computed = tuple(task for task in found.tasks if "python" in task.meta["tools"])
    assert computed
    second = ToolGround(Ground(open_facts(factbook.path, extractor="second"), factbook))
    for task in computed:
        proof = proof_of(task)
        assert {proof.edits[0].entity} == {fact.subject for fact in proof.edits[0].facts}
        assert whole_of(task.proof or {}).pages == task.evidence
        assert opinion_on(task, index_for(task, second)) == "confirmed"
        flaw = found.ground.flaw_of(changed(task, facts=proof.edits[0].facts[:1]))
        assert flaw is not None
        assert flaw.gate in ("task", "tools")
    with running_server(factbook.path) as url:
        for task in asyncio.run(played(url, computed)):
            assert found.ground.flaw_of(task) is None
