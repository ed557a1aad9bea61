"""Tasks that only a tool closes: made, proved, verified, and solved by a solver that has the tools and by none else."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.client import Client
from corpus import Snapshot
from corpus.facts.base import open_facts
from corpus.geography import distance_km, travel_minutes
from tests.env_server.test_determinism import running_server
from tests.training.edited import Edited, edited, proof_of
from tests.training.small_world import SmallWorld
from tests.training.tool_solver import solved_with_tools, without_tables
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.evolving import Editor, generator_of
from training.synthesis.index import FactIndex
from training.synthesis.make import make_tasks
from training.synthesis.predicates import Named
from training.synthesis.recipe import Recipe
from training.synthesis.solve import Edge, solve
from training.synthesis.tool_proof import Edit, ToolProof, constraints_of, tool_task_id
from training.synthesis.tool_verify import has_tools
from training.synthesis.tooling import Distance, Listed, Quotient, as_predicate, without_tools
from training.synthesis.verify import Ground
from training.synthesis.windows import said, windows
from training.tasks import Task, read_tasks, write_tasks


def resealed(task: Task, proof: ToolProof, **changes: Any) -> Task:
    """The task with another proof, its id made again: only what the proof claims may give it away."""
    told = {"task_id": tool_task_id(proof.base, proof.edits), "proof": proof.model_dump(mode="json", by_alias=True)}
    return task.model_copy(update={**told, **changes})


def with_edit(proof: ToolProof, **changes: Any) -> ToolProof:
    first, *rest = proof.edits
    return proof.model_copy(update={"edits": (first.model_copy(update=changes), *rest)})


def check_solvers(found: Edited, url: str) -> None:
    """Text alone leaves several answers or none; the tools, asked over HTTP, leave the right one."""
    facts = found.index.base
    blind = FactIndex(without_tables(facts))
    with Client(url) as client:
        for task in found.tasks:
            proof = proof_of(task)
            asked = constraints_of(proof.base, proof.edits)
            right = proof.base.solution[0]
            read = solve(blind, without_tools(asked), "closed", distinct=True, cap=SEARCH_CAP).answers
            assert [blind.ids[entity] for entity in read] != [right], task.question
            every_page = solve(found.index, without_tools(asked), "closed", distinct=True, cap=SEARCH_CAP).answers
            assert len(every_page) == proof.text_only >= 2
            assert solved_with_tools(proof, found.index, client) == [right], task.question
            assert facts.entities[right].name == task.answer


def test_a_solver_of_pages_fails_where_one_with_tools_succeeds(made: Edited, world_server: str) -> None:
    check_solvers(made, world_server)


def test_edited_tasks_pass_every_gate(made: Edited) -> None:
    for task in made.tasks:
        assert has_tools(task)
        assert made.ground.flaw_of(task) is None
        assert task.meta["tools"]


def test_the_same_task_and_seed_give_the_same_edit(world: SmallWorld, made: Edited, many: tuple[Task, ...]) -> None:
    again = edited(world.ground, many)
    assert again.tasks == made.tasks
    editor = Editor(made.index, world.ground.leaks)
    others = [editor.evolved(task, generator_of(1, task.task_id))[0] for task in many]
    assert [t for t in others if t] != list(made.tasks)


def test_a_claim_stands_in_the_question_and_what_it_stands_for_does_not(
    world: SmallWorld, made: Edited, many: tuple[Task, ...]
) -> None:
    before = {task.task_id: task for task in many}
    assert not before.keys() & {task.task_id for task in made.tasks}
    for task in made.tasks:
        proof = proof_of(task)
        (edit,) = proof.edits
        (phrase,) = [p for p in proof.wording if p.part == "tool:0"]
        words = task.question[phrase.start : phrase.end]
        if isinstance(edit.claim, Distance):
            assert made.index.base.entities[edit.claim.origin].name in words
        assert words not in proof.base_question
        old = next(p for p in proof.base.wording if p.part == f"clue:{edit.clue}")
        assert task.question != proof.base_question
        if edit.variable < len(proof.base.solution):
            assert proof.base_question[old.start : old.end] not in task.question
        for part in proof.wording:
            if not part.part.startswith("tool"):
                ends = next(p for p in proof.base.wording if p.part == part.part and p.start <= part.start)
                assert (task.question[part.start : part.end] == proof.base_question[ends.start : ends.end]) or (
                    part.start <= phrase.start and phrase.end <= part.end
                )


def test_planted_defects_are_caught_at_their_gate(made: Edited) -> None:
    task = made.tasks[0]
    proof = proof_of(task)
    (edit,) = proof.edits
    wide = edit.claim.model_copy(update={"low": 0.0 if not isinstance(edit.claim, Distance) else 1.0, "high": 1e9})
    missed = edit.claim.model_copy(update={"low": edit.value + 1, "high": edit.value + 2})
    caught = {
        "false value": resealed(task, with_edit(proof, value=edit.value + 1)),
        "not true": resealed(task, with_edit(proof, claim=missed)),
        "wrong count": resealed(task, with_edit(proof, candidates=edit.candidates + 1)),
        "all too wide": resealed(task, with_edit(proof, claim=wide, candidates=made.index.fitting(wide, edit.kind))),
        "wrong loss": resealed(task, with_edit(proof, without=edit.without + 1)),
        "another entity": resealed(task, with_edit(proof, entity=made.index.ids[0])),
        "no edit": resealed(task, proof.model_copy(update={"edits": ()})),
        "old id": task.model_copy(update={"task_id": "0" * 32}),
        "more evidence": task.model_copy(update={"evidence": (*task.evidence, "f" * 16)}),
        "wrong answer": task.model_copy(update={"answer": "Nobody"}),
        "leak": task.model_copy(update={"question": f"{task.question} Is it {task.answer}?"}),
        "no words": task.model_copy(update={"question": proof.base_question}),
        "another snapshot": task.model_copy(update={"snapshot_id": "0" * 32}),
        "no proof": task.model_copy(update={"proof": {"schema": proof.schema_}}),
    }
    gates = {name: flaw.gate for name, bad in caught.items() if (flaw := made.ground.flaw_of(bad))}
    assert gates == {
        "false value": "tools",
        "not true": "tools",
        "wrong count": "tools",
        "all too wide": "unique",
        "wrong loss": "needed",
        "another entity": "task",
        "no edit": "task",
        "old id": "task",
        "more evidence": "task",
        "wrong answer": "task",
        "leak": "leaks",
        "no words": "question",
        "another snapshot": "proof",
        "no proof": "proof",
    }


def test_the_local_desk_measures_what_the_tables_say(made: Edited) -> None:
    index, desk = made.index, made.index.desk
    origin, *others = sorted(desk.places)[:20]
    here = desk.places[origin]
    km = desk.values(Distance(origin=index.ids[origin], by="km", low=0, high=1))
    drive = desk.values(Distance(origin=index.ids[origin], by="drive", low=0, high=1))
    for other in others:
        there = desk.places[other]
        far = distance_km(here.latitude, here.longitude, there.latitude, there.longitude)
        assert (km[other], drive[other]) == (far, travel_minutes(far, "drive"))
    assert np.isnan(km).sum() == index.size - len(desk.places), "only places are so far away from anything"
    nowhere = Distance(origin="0" * 16, by="km", low=0, high=1)
    assert np.isnan(desk.values(nowhere)).all()
    claim = Listed(figure="citations", low=0, high=1e9)
    closed, open_ = (index.mask(as_predicate(claim), world) for world in ("closed", "open"))
    assert 0 < closed.sum() < index.size
    assert open_.all(), "who is not listed may be cited any number of times"


def test_a_quotient_is_of_numbers_that_no_page_contradicts(made: Edited) -> None:
    index = made.index
    claim = Quotient(over="population", under="area", low=0, high=1e12)
    values = index.desk.values(claim)
    told = {index.ids[entity] for entity in np.flatnonzero(~np.isnan(values)).tolist()}
    assert told
    for doc_id in told:
        (people,) = [f for f in index.base.about(doc_id) if f.relation == "population"]
        (area,) = [f for f in index.base.about(doc_id) if f.relation == "area"]
        assert people.value is not None
        assert area.value is not None
        assert people.value.number is not None
        assert area.value.number is not None
        assert values[index.number[doc_id]] == people.value.number / area.value.number
        assert not people.conflict


@pytest.mark.parametrize("value", [3.2, 42.0, 261.9, 1990.0, 12_345.6])
def test_windows_hold_the_value_and_grow_narrower(value: float) -> None:
    claims = (Distance(origin="a", by="km", low=0, high=0), Distance(origin="a", by="drive", low=0, high=0),
              Listed(figure="citations", low=0, high=0), Listed(figure="year", low=0, high=0))  # fmt: skip
    for claim in claims:
        found = list(windows(value, claim, np.random.default_rng(3)))
        assert all(low <= value <= high for low, high in found)
        spans = [high - low for low, high in found]
        assert spans == sorted(spans, reverse=True) or max(spans) <= 3 * max(value, 10)
        for low, high in found:
            words = said(claim.model_copy(update={"low": low, "high": high}), "Ashford", np.random.default_rng(4))
            assert words.split()[0].endswith("s")


@pytest.mark.slow
def test_tasks_of_the_factbook_are_edited_so_that_only_tools_close_them(factbook: Snapshot) -> None:
    facts = open_facts(factbook.path)
    tasks = tuple(make_tasks(factbook, facts, Recipe(treewidths=(1, 2)), count=12))
    found = edited(Ground(facts, factbook), tasks)
    assert len(found.tasks) >= len(tasks) // 2, found.reasons
    kinds = Counter(proof_of(task).edits[0].claim.op for task in found.tasks)
    assert kinds["distance"]
    assert all(found.ground.flaw_of(task) is None for task in found.tasks)
    with running_server(factbook.path) as url:
        check_solvers(found, url)
    twice = edited(Ground(facts, factbook), tasks, min_candidates=8, edits=2)
    assert twice.tasks, twice.reasons
    for task in twice.tasks:
        proof = proof_of(task)
        assert min(edit.without for edit in proof.edits) >= 2
        assert {p.part for p in proof.wording if p.part.startswith("tool:")} == {"tool:0", "tool:1"}
        assert twice.ground.flaw_of(task) is None


@pytest.mark.slow
def test_the_verb_edits_a_file_of_tasks_and_verify_takes_it(
    world: SmallWorld, many: tuple[Task, ...], made: Edited, tmp_path: Path
) -> None:
    source, out = tmp_path / "tasks.jsonl", tmp_path / "tools.jsonl"
    write_tasks(many, source)

    def stillweb(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stillweb", "tasks", *words, "--snapshot", str(world.path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    ran = stillweb("tools", str(source), "--out", str(out))
    assert (ran.returncode, ran.stdout) == (0, f"{len(made.tasks)}\n"), ran.stderr
    assert list(read_tasks(out)) == list(made.tasks)
    assert "not edited" in ran.stderr
    ran = stillweb("verify", str(out))
    assert (ran.returncode, ran.stdout) == (0, f"{len(made.tasks)}\n"), ran.stderr
    again = stillweb("tools", str(out), "--out", str(tmp_path / "again.jsonl"))
    assert again.stdout == "0\n", "what has a tool claim already is left alone"


def test_an_edit_of_a_name_makes_a_hidden_node_of_it(made: Edited) -> None:
    old = proof_of(made.tasks[0]).base
    named = Named(relation="in_region", entity=made.index.ids[0])
    first, *rest = old.clues
    base = old.model_copy(update={"clues": (first.model_copy(update={"predicate": named}), *rest)})
    new = len(base.solution)
    claim = Listed(figure="year", low=1, high=2)
    edit = Edit(
        clue=0, variable=new, entity=named.entity, kind="region", claim=claim, value=1.5, candidates=1, without=2
    )
    asked = constraints_of(base, (edit,))
    assert asked.kinds == (*base.kinds, "region")
    assert asked.edges[-1] == Edge(first.variable, "in_region", new)
    assert len(asked.edges) == len(base.edges) + 1
    assert asked.clues == (*((c.variable, c.predicate) for c in rest), (new, as_predicate(claim)))


def test_the_page_of_tools_shows_what_was_measured() -> None:
    from tests.bench.bench_tools import PAGE, rendered

    assert PAGE.read_text("utf-8") == rendered(), "Run python -m tests.bench.bench_tools --render."
