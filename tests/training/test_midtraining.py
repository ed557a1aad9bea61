"""Mid-training data of each kind: clean rows pass their checker, and every planted defect is caught."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from agent.client import AsyncClient
from tests.training.small_world import SmallWorld, write_run
from training.cli_midtrain import check, midtrain
from training.midtraining.dialogues import dialogue, dialogue_flaws, make_dialogues
from training.midtraining.grounding import DISTRACTORS, FACTS, grounding_flaws, make_grounding, states
from training.midtraining.plans import make_plans, plan_flaws
from training.midtraining.rows import (
    SHORT_TOKENS,
    BadData,
    GroundingRow,
    PlanRow,
    ToolsRow,
    TrajectoryRow,
    read_rows,
    reckoned,
    record_of,
    write_rows,
)
from training.midtraining.service import Service
from training.midtraining.trajectories import make_trajectories, play_witnesses, trajectory_flaws
from training.synthesis.verify import Ground
from training.synthesis.witness import witnessed
from training.tasks import Task, write_tasks

Edit = Callable[[dict[str, Any]], None]


def edited(row: Any, change: Edit, *, resized: bool = True) -> Any:
    """The row with a defect. Its size is set right, so that size is not what the checker finds."""
    values = json.loads(row.model_dump_json(by_alias=True))
    change(values)
    if resized:
        values["tokens"] = reckoned(values["messages"], values.get("tools", []))
    return type(row).model_validate(values)


# Grounding


@pytest.fixture(scope="module")
def grounding(world: SmallWorld) -> list[GroundingRow]:
    return list(make_grounding(world.web, world.facts, count=10, counts=Counter()))


def test_grounding_has_facts_that_pages_state_among_distractors_that_do_not(
    world: SmallWorld, grounding: list[GroundingRow]
) -> None:
    assert len(grounding) == 10 == len({row.id for row in grounding})
    places = Counter[int]()
    for row in grounding:
        assert grounding_flaws(row, world.ground) == []
        assert row.tokens <= SHORT_TOKENS
        assert FACTS[0] <= len(row.facts) <= FACTS[1]
        relevant = {one.doc_id for one in row.facts}
        away = [page for page in row.context if page.doc_id not in relevant]
        assert DISTRACTORS[0] <= len(away) <= DISTRACTORS[1]
        places.update(at for at, page in enumerate(row.context) if page.doc_id in relevant)
        for one in row.facts:
            page = next(page for page in row.context if page.doc_id == one.doc_id)
            assert one.quote in page.text
            assert one.quote in row.messages[1]["content"]
            assert not any(one.quote in other.text for other in away)
    assert len(places) >= 5  # relevant pages stand anywhere among the others
    again = list(make_grounding(world.web, world.facts, count=10, counts=Counter()))
    assert again == grounding
    assert list(make_grounding(world.web, world.facts, count=5, seed=1, counts=Counter())) != grounding[:5]


def test_grounding_is_cut_down_to_the_tokens_that_it_may_have(world: SmallWorld, grounding: list[GroundingRow]) -> None:
    limit = min(row.tokens for row in grounding)
    for row in make_grounding(world.web, world.facts, count=5, tokens_limit=limit, counts=Counter()):
        assert row.tokens <= limit
        assert grounding_flaws(row, world.ground, tokens_limit=limit) == []


def first_distractor(values: dict[str, Any]) -> dict[str, Any]:
    relevant = {one["doc_id"] for one in values["facts"]}
    found: dict[str, Any] = next(page for page in values["context"] if page["doc_id"] not in relevant)
    return found


def other_value(values: dict[str, Any]) -> None:
    fact = values["facts"][0]
    fact["object" if fact["object"] else "value"] = "0" * 16


def swapped_quotes(values: dict[str, Any]) -> None:
    one, other = values["facts"][:2]
    one["quote"], other["quote"] = other["quote"], one["quote"]


def invented_page(values: dict[str, Any]) -> None:
    first_distractor(values)["text"] += " And more."


def quoted_elsewhere(values: dict[str, Any]) -> None:
    first_distractor(values)["text"] += values["facts"][0]["quote"]


def page_twice(values: dict[str, Any]) -> None:
    values["context"].append(first_distractor(values))


def telling_intent(values: dict[str, Any]) -> None:
    values["intent"] += " It is known already."


def other_reply(values: dict[str, Any]) -> None:
    values["messages"][1]["content"] += "\n- and more"


def no_distractors(values: dict[str, Any]) -> None:
    relevant = {one["doc_id"] for one in values["facts"]}
    values["context"] = [page for page in values["context"] if page["doc_id"] in relevant]


def moved_span(values: dict[str, Any]) -> None:
    values["facts"][0]["start"] += 1


def fact_lost(values: dict[str, Any]) -> None:
    values["facts"].pop()


def no_such_wording(values: dict[str, Any]) -> None:
    values["variant"] = -10


def nobody(values: dict[str, Any]) -> None:
    values["subject"], values["facts"] = "0" * 16, []


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (other_value, "a fact is not one of the snapshot's"),
        (swapped_quotes, "a fact is not in the words quoted for it"),
        (moved_span, "a fact is not stated where the row says"),
        (invented_page, "are not those of the page"),
        (quoted_elsewhere, "a distractor has the words quoted for a fact"),
        (page_twice, "a page comes twice"),
        (telling_intent, "the intent does not ask for the facts"),
        (other_reply, "the messages are not those of the fields"),
        (no_distractors, "too few distractors"),
        (fact_lost, "the intent does not ask for the facts"),
        (no_such_wording, "the intent does not ask for the facts"),
        (nobody, "a fact is not one of the snapshot's"),
    ],
)
def test_defects_of_grounding_are_caught(
    world: SmallWorld, grounding: list[GroundingRow], change: Edit, flaw: str
) -> None:
    for row in grounding:
        assert any(flaw in found for found in grounding_flaws(edited(row, change), world.ground)), row.id


def test_a_distractor_that_states_a_fact_is_caught(world: SmallWorld, grounding: list[GroundingRow]) -> None:
    planted = 0
    for row in grounding:
        used = {page.doc_id for page in row.context}
        known = [world.ground.fact(one.subject, one.relation, one.object, one.value) for one in row.facts]
        also = next((s.doc_id for fact in known if fact for s in fact.supports if s.doc_id not in used), None)
        if also is None:
            continue
        planted += 1
        document = world.web.document(doc_id=also)

        def plant(values: dict[str, Any], document: Any = document) -> None:
            first_distractor(values).update(
                doc_id=document.doc_id, url=document.url, title=document.title, start=0, text=document.text
            )

        flaws = grounding_flaws(edited(row, plant), world.ground)
        assert "a distractor states a fact" in flaws
    assert planted >= 3


def test_words_alone_tell_that_a_page_states_a_fact(world: SmallWorld, grounding: list[GroundingRow]) -> None:
    row = grounding[0]
    one = row.facts[0]
    fact = world.ground.fact(one.subject, one.relation, one.object, one.value)
    assert fact is not None
    page = next(page for page in row.context if page.doc_id not in {one.doc_id for one in row.facts})
    assert not states(world.facts, fact, page)
    value = world.facts.entities[one.object].name if one.object else f"{fact.value.text if fact.value else ''}"
    if fact.value is not None and fact.value.number is not None:
        value = f"{fact.value.number:,.10g}"
    said = page.model_copy(update={"text": f"{world.facts.entities[one.subject].name} and {value}."})
    assert states(world.facts, fact, said)


# Plans


@pytest.fixture(scope="module")
def plans(world: SmallWorld) -> list[tuple[PlanRow, Task]]:
    found = list(make_plans(world.tasks, world.ground, count=100, counts=Counter()))
    by_id = {task.task_id: task for task in world.tasks}
    return [(row, by_id[row.task_id]) for row in found]


def test_plans_use_every_part_once_in_an_order_that_settles_the_answer(
    world: SmallWorld, plans: list[tuple[PlanRow, Task]]
) -> None:
    assert len(plans) == len(world.tasks)
    sorts = Counter(step.sort for row, _ in plans for step in row.steps)
    assert sorts["concrete"] >= len(plans)
    assert sorts["ambiguous"] >= len(plans)
    assert {row.done > 0 for row, _ in plans} == {True, False}
    for row, task in plans:
        assert plan_flaws(row, task, world.ground) == []
        assert row.steps[-1].target == 0
        assert 0 in row.steps[-1].settles
        assert isinstance(task.answer, str)
        assert all(task.answer not in step.goal for step in row.steps)
        assert row.messages[0]["content"].startswith(f"Question: {task.question}")


def first_two_swapped(values: dict[str, Any]) -> None:
    values["steps"] = [values["steps"][-1], *values["steps"][:-1]]


def part_lost(values: dict[str, Any]) -> None:
    values["steps"][0]["uses"].pop()


def part_twice(values: dict[str, Any]) -> None:
    values["steps"][-1]["uses"].append(values["steps"][0]["uses"][0])


def all_in_one(values: dict[str, Any]) -> None:
    first, *_, last = values["steps"]
    last["uses"], first["uses"] = [*first["uses"], *last["uses"]], []


def another_snapshot(values: dict[str, Any]) -> None:
    values["snapshot_id"] = "0" * 32


def other_sort(values: dict[str, Any]) -> None:
    step = values["steps"][0]
    step["sort"] = "concrete" if step["sort"] == "ambiguous" else "ambiguous"


def other_count(values: dict[str, Any]) -> None:
    values["steps"][0]["candidates"] += 1


def settles_early(values: dict[str, Any]) -> None:
    values["steps"][0]["settles"] = [0]


def other_goal(values: dict[str, Any]) -> None:
    values["steps"][0]["goal"] = "Find the town A that is small."


def other_plan(values: dict[str, Any]) -> None:
    values["messages"][1]["content"] = "1. Just answer."


def all_done(values: dict[str, Any]) -> None:
    values["done"] = len(values["steps"])


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (first_two_swapped, "a step rests on what comes later"),
        (part_lost, "a part of the proof is not used, or used twice"),
        (part_twice, "a part of the proof is not used, or used twice"),
        (all_in_one, "a part of the proof is not used, or used twice"),
        (another_snapshot, f"it is of snapshot {'0' * 32}"),
        (other_sort, "a goal is not of the sort that it says"),
        (other_count, "a step leaves another number of candidates"),
        (settles_early, "a step settles something else"),
        (other_goal, "a goal does not say its parts"),
        (other_plan, "the messages are not those of the fields"),
        (all_done, "nothing is left to plan"),
    ],
)
def test_defects_of_plans_are_caught(
    world: SmallWorld, plans: list[tuple[PlanRow, Task]], change: Edit, flaw: str
) -> None:
    for row, task in plans:
        assert flaw in plan_flaws(edited(row, change), task, world.ground)


def test_a_goal_that_names_the_answer_and_a_plan_of_another_task_are_caught(
    world: SmallWorld, plans: list[tuple[PlanRow, Task]]
) -> None:
    for row, task in plans:

        def name_it(values: dict[str, Any], task: Task = task) -> None:
            values["steps"][0]["goal"] += f" It is {task.answer}."

        assert "a goal names what it hides" in plan_flaws(edited(row, name_it), task, world.ground)
        other = next(one for one in world.tasks if one.task_id != row.task_id)
        assert plan_flaws(row, other, world.ground) == ["it is not of this task"]


def test_plans_held_against_another_snapshot_are_refused(world: SmallWorld, plans: list[tuple[PlanRow, Task]]) -> None:
    row, task = plans[0]
    other = Ground(replace(world.ground.facts, snapshot_id="0" * 32, entities={}), world.ground.snapshot)
    assert plan_flaws(row, task, other) == [f"it is of snapshot {row.snapshot_id}"]
    unread = task.model_copy(update={"proof": {"a": 1}})
    assert plan_flaws(row, unread, world.ground) == ["the proof of its task cannot be read"]
    counts: Counter[str] = Counter()
    assert list(make_plans([unread], world.ground, count=5, counts=counts)) == []
    assert counts == {"no proof that can be read": 1}


def test_tasks_without_a_proof_are_counted_and_left_out(world: SmallWorld) -> None:
    counts: Counter[str] = Counter()
    bare = world.tasks[0].model_copy(update={"proof": None})
    assert list(make_plans([bare], world.ground, count=5, counts=counts)) == []
    assert counts == {"no proof": 1}


# Tool dialogues


def test_dialogues_are_of_many_services_with_valid_calls_and_several_turns() -> None:
    counts: Counter[str] = Counter()
    rows = list(make_dialogues(count=100, counts=counts))
    assert rows == list(make_dialogues(count=100, counts=Counter()))
    assert all(dialogue_flaws(row) == [] for row in rows)
    assert len({row.id for row in rows}) == 100
    names = {tool["function"]["name"] for row in rows for tool in row.tools}
    assert len(names) > 100
    assert counts["calls"] >= 4 * 100
    errors = sum(
        '"error"' in message["content"] for row in rows for message in row.messages if message["role"] == "tool"
    )
    assert errors > 10  # what is asked for is not always there
    parallel = sum(len(message.get("tool_calls") or ()) > 1 for row in rows for message in row.messages)
    assert parallel > 30


def test_a_service_gives_equal_returns_until_something_is_written_and_then_the_new_value() -> None:
    for seed in range(40):
        service, other = Service(seed), Service(seed)
        names = service.names
        record = service.records[0]
        read = (names.get, {names.id: record[names.id]})
        assert service.call(*read) == service.call(*read) == other.call(*read)
        field, values = names.choices[-1]
        wanted = next(value for value in values if value != record[field])
        listed = service.call(names.find, {field: wanted})
        written = service.call(names.set, {names.id: record[names.id], "value": wanted})
        assert service.call(*read) == written
        assert written[field] == wanted != other.call(*read)[field]
        assert service.call(names.find, {field: wanted})["total"] == listed["total"] + 1
        counted = service.call(names.count, {"by": field})
        assert sum(counted.values()) == len(service.records)
        with pytest.raises(ValueError, match="missing"):
            service.call(names.get, {})
        with pytest.raises(ValueError, match="no tool"):
            service.call("nothing", {})


def message_of(values: dict[str, Any], role: str, *, calls: bool | None = None) -> dict[str, Any]:
    """The last message of a role, with calls or without."""
    found: dict[str, Any] = next(
        message
        for message in reversed(values["messages"])
        if message["role"] == role and calls in (None, bool(message.get("tool_calls")))
    )
    return found


def other_return(values: dict[str, Any]) -> None:
    message = message_of(values, "tool")
    message["content"] = message["content"].replace("{", '{"extra": 1, ', 1)


def bad_argument(values: dict[str, Any]) -> None:
    call = message_of(values, "assistant", calls=True)["tool_calls"][0]
    call["function"]["arguments"] = '{"nonsense": 1}'


def no_json(values: dict[str, Any]) -> None:
    message_of(values, "assistant", calls=True)["tool_calls"][0]["function"]["arguments"] = "{'id': 1}"


def unknown_tool(values: dict[str, Any]) -> None:
    message_of(values, "assistant", calls=True)["tool_calls"][0]["function"]["name"] = "guess"


def invented_figure(values: dict[str, Any]) -> None:
    message_of(values, "assistant", calls=False)["content"] += " There are 98765 in all."


def invented_id(values: dict[str, Any]) -> None:
    message_of(values, "assistant", calls=False)["content"] += " See XX-0001."


def return_lost(values: dict[str, Any]) -> None:
    values["messages"].remove(message_of(values, "tool"))


def unasked_return(values: dict[str, Any]) -> None:
    values["messages"].insert(2, {"role": "tool", "tool_call_id": "call_99", "content": "{}"})


def answer_lost(values: dict[str, Any]) -> None:
    values["messages"].pop()


def tool_lost(values: dict[str, Any]) -> None:
    values["tools"].pop()


def id_twice(values: dict[str, Any]) -> None:
    called = [message for message in values["messages"] if message.get("tool_calls")]
    called[-1]["tool_calls"][0]["id"] = called[0]["tool_calls"][0]["id"]


def one_turn(values: dict[str, Any]) -> None:
    users = [at for at, message in enumerate(values["messages"]) if message["role"] == "user"]
    values["messages"] = values["messages"][: users[1]]


def message_without_role(values: dict[str, Any]) -> None:
    del values["messages"][1]["role"]


def another_role(values: dict[str, Any]) -> None:
    values["messages"][0]["role"] = "oracle"


def content_of_numbers(values: dict[str, Any]) -> None:
    message_of(values, "tool")["content"] = 5


def call_without_function(values: dict[str, Any]) -> None:
    del message_of(values, "assistant", calls=True)["tool_calls"][0]["function"]


def arguments_not_as_text(values: dict[str, Any]) -> None:
    message_of(values, "assistant", calls=True)["tool_calls"][0]["function"]["arguments"] = {"id": 1}


def nothing_said(values: dict[str, Any]) -> None:
    values["messages"] = []


def seed_below_zero(values: dict[str, Any]) -> None:
    values["seed"] = -1


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (message_without_role, "a message is not as it may be"),
        (another_role, "a message is not as it may be"),
        (content_of_numbers, "a message is not as it may be"),
        (call_without_function, "a message is not as it may be"),
        (arguments_not_as_text, "a message is not as it may be"),
        (nothing_said, "a message is not as it may be"),
        (seed_below_zero, "the tools are not those of its seed"),
        (other_return, "a return is not what the service gives"),
        (bad_argument, "a call does not fit its schema"),
        (no_json, "a call does not fit its schema"),
        (unknown_tool, "a call does not fit its schema: no such tool"),
        (invented_figure, "the assistant tells what no tool gave"),
        (invented_id, "the assistant tells what no tool gave"),
        (return_lost, "a call has no return"),
        (unasked_return, "a return answers no call"),
        (answer_lost, "it does not end with an answer"),
        (tool_lost, "the tools are not those of its seed"),
        (id_twice, "an id is used twice"),
        (one_turn, "it is not of several turns"),
    ],
)
def test_defects_of_dialogues_are_caught(change: Edit, flaw: str) -> None:
    for seed in range(30):
        flaws = dialogue_flaws(edited(dialogue(seed), change))
        assert any(found.startswith(flaw) for found in flaws), (seed, flaws)


def test_a_row_whose_size_is_not_its_own_or_too_large_is_caught() -> None:
    row = dialogue(3)
    assert dialogue_flaws(row.model_copy(update={"tokens": 5})) == ["it is longer than it may be"]
    assert dialogue_flaws(row, tokens_limit=row.tokens) == []
    assert dialogue_flaws(row, tokens_limit=row.tokens - 1) == ["it is longer than it may be"]


# Trajectories


@pytest.fixture(scope="module")
def witnessed_tasks(world: SmallWorld, world_server: str) -> list[Task]:
    async def go() -> list[Task]:
        async with AsyncClient(world_server) as env:
            return [task async for task, played in witnessed(world.tasks, env) if played.witness]

    found = asyncio.run(go())
    assert len(found) == len(world.tasks)
    return found


@pytest.fixture(scope="module")
def trajectories(witnessed_tasks: list[Task], world_server: str) -> list[tuple[TrajectoryRow, Task]]:
    async def go() -> list[Any]:
        return [episode async for episode in play_witnesses(witnessed_tasks, world_server)]

    by_id = {task.task_id: task for task in witnessed_tasks}
    rows = list(make_trajectories(asyncio.run(go()), by_id, counts=Counter()))
    return [(row, by_id[row.task_id]) for row in rows]


def test_every_witness_becomes_a_record_that_solves_its_task(
    trajectories: list[tuple[TrajectoryRow, Task]], witnessed_tasks: list[Task]
) -> None:
    assert [row.task_id for row, _ in trajectories] == [task.task_id for task in witnessed_tasks]
    for row, task in trajectories:
        assert trajectory_flaws(row, task) == []
        assert (row.source, row.snapshot_id) == ("witness", task.snapshot_id)
        assert row.calls >= 2 * len(task.evidence)
        assert row.messages[-1]["role"] in ("assistant", "tool")
        assert row.tools
        assert row.episode["schema"] == "stillweb.episode/1"


def wrong_answer(values: dict[str, Any]) -> None:
    values["episode"]["answer"]["text"] = "Nobody in particular"


def other_snapshot(values: dict[str, Any]) -> None:
    values["snapshot_id"] = values["episode"]["env"]["snapshot_id"] = "0" * 32


def other_observation(values: dict[str, Any]) -> None:
    node = next(node for node in values["episode"]["messages"] if node["message"]["role"] == "tool")
    node["message"]["content"] += " And more."
    message = next(message for message in values["messages"] if message["role"] == "tool")
    message["content"] += " And more."


def other_messages(values: dict[str, Any]) -> None:
    values["messages"].pop(3)


def ended_badly(values: dict[str, Any]) -> None:
    values["episode"]["status"] = "error"


def from_elsewhere(values: dict[str, Any]) -> None:
    values["episode"]["origin"] = {"format": "sharegpt", "row": "0" * 32, "unknown": []}


def message_lost(values: dict[str, Any]) -> None:
    values["episode"]["messages"].pop(2)


def no_message(values: dict[str, Any]) -> None:
    values["episode"]["messages"][3]["message"] = None


def no_record(values: dict[str, Any]) -> None:
    values["episode"] = {"id": "x"}


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (wrong_answer, "it does not solve its task"),
        (other_snapshot, "it is of another snapshot than its task"),
        (other_observation, "an observation is not the one that the server gave"),
        (other_messages, "the messages are not those of the record"),
        (ended_badly, "it ended in an error"),
        (from_elsewhere, "it was not rolled out here"),
        (no_record, "it holds no record"),
        (message_lost, "it holds no record"),
        (no_message, "it holds no record"),
    ],
)
def test_defects_of_trajectories_are_caught(
    trajectories: list[tuple[TrajectoryRow, Task]], change: Edit, flaw: str
) -> None:
    for row, task in trajectories:
        assert flaw in trajectory_flaws(edited(row, change), task)


def test_episodes_that_are_wrong_too_long_or_of_no_task_are_counted_and_left_out(
    trajectories: list[tuple[TrajectoryRow, Task]],
) -> None:
    (row, task), (other, other_task) = trajectories[:2]
    wrong = record_of(edited(row, wrong_answer))
    counts: Counter[str] = Counter()
    tasks = {task.task_id: task}
    episodes = [wrong, record_of(row), record_of(other)]
    assert [one.task_id for one in make_trajectories(episodes, tasks, counts=counts)] == [task.task_id]
    assert counts["it does not solve its task"] == counts["of no task of the file"] == counts["rows"] == 1
    counts.clear()
    tasks = {other_task.task_id: other_task, **tasks}
    kept = list(make_trajectories(episodes[1:], tasks, tokens_limit=row.tokens - 1, counts=counts))
    assert row.id not in {one.id for one in kept}
    assert counts["it is longer than it may be"] >= 1


# Files and verbs


def test_rows_of_all_kinds_come_back_from_one_file_and_a_bad_line_is_named(
    grounding: list[GroundingRow],
    plans: list[tuple[PlanRow, Task]],
    trajectories: list[tuple[TrajectoryRow, Task]],
    tmp_path: Path,
) -> None:
    rows = [grounding[0], plans[0][0], dialogue(1), trajectories[0][0]]
    file = tmp_path / "rows.jsonl"
    assert write_rows(rows, file) == 4
    assert list(read_rows(file)) == rows
    assert [type(row) for row in read_rows(file)] == [GroundingRow, PlanRow, ToolsRow, TrajectoryRow]
    with file.open("a") as more:
        more.write('{"kind": "tools"}\n')
    with pytest.raises(BadData, match="line 5"):
        list(read_rows(file))
    with pytest.raises(BadData, match="Not one row"):
        write_rows([], tmp_path / "none.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_each_kind_is_made_and_checked_by_its_verb(
    world: SmallWorld,
    world_server: str,
    witnessed_tasks: list[Task],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tasks = tmp_path / "tasks.jsonl"
    write_tasks(witnessed_tasks[:3], tasks)
    for kind, more in (
        ("grounding", {"snapshot": world.path}),
        ("plans", {"snapshot": world.path, "tasks": tasks}),
        ("tools", {}),
        ("trajectories", {"tasks": tasks, "server": world_server}),
    ):
        out = tmp_path / f"{kind}.jsonl"
        midtrain(kind, out, 3, **more)  # type: ignore[arg-type]
        assert capsys.readouterr().out == "3\n"
        more.pop("server", None)
        check(out, **more)  # type: ignore[arg-type]
        assert capsys.readouterr().out == "3\n"
    good = list(read_rows(tmp_path / "tools.jsonl"))
    write_rows([edited(good[0], invented_figure), *good[1:]], tmp_path / "tools.jsonl")
    with pytest.raises(typer.Exit) as stopped:
        check(tmp_path / "tools.jsonl")
    assert stopped.value.exit_code == 1
    shown = capsys.readouterr()
    assert (shown.out, good[0].id in shown.err) == ("2\n", True)


def test_records_of_runs_become_trajectories_and_wrong_ones_do_not(
    trajectories: list[tuple[TrajectoryRow, Task]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row, _ in trajectories[:3]]
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    write_tasks([task for _, task in trajectories[:3]], tasks)

    def by_agent(values: dict[str, Any]) -> None:
        values["episode"]["model"]["name"] = "an agent"

    rolled = [record_of(edited(row, by_agent)) for row in rows[:2]] + [record_of(edited(rows[2], wrong_answer))]
    write_run(tmp_path / "run", rolled)
    midtrain("trajectories", out, 5, tasks=tasks, run=[tmp_path / "run"])
    shown = capsys.readouterr()
    assert shown.out == "2\n"
    assert "1  it does not solve its task" in shown.err
    assert [row.source for row in read_rows(out) if isinstance(row, TrajectoryRow)] == ["rollout", "rollout"]
    least = rows[0].calls + 1
    with pytest.raises(typer.Exit):
        midtrain("trajectories", tmp_path / "none.jsonl", 5, tasks=tasks, run=[tmp_path / "run"], calls=least + 50)
    assert "too few calls" in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("poems", {}, "There is no kind poems"),
        ("grounding", {}, "grounding needs --snapshot"),
        ("plans", {"snapshot": Path("x")}, "plans needs --tasks"),
        ("trajectories", {"tasks": Path("x")}, "needs --run, or --server"),
        ("grounding", {"snapshot": Path("nowhere")}, "nowhere"),
        ("trajectories", {"tasks": Path("nowhere"), "server": "http://127.0.0.1:9"}, "nowhere cannot be read"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    kind: str, more: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stopped:
        midtrain(kind, tmp_path / "out.jsonl", 3, **more)
    assert stopped.value.exit_code == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_witnesses_are_played_wherever_they_stand_in_the_file(
    world_server: str, witnessed_tasks: list[Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    bare = witnessed_tasks[0].model_copy(update={"task_id": "bare", "proof": None})
    write_tasks([bare, witnessed_tasks[0]], tasks)
    midtrain("trajectories", out, 1, tasks=tasks, server=world_server)
    assert capsys.readouterr().out == "1\n"
    write_tasks([bare], tasks)
    with pytest.raises(typer.Exit):
        midtrain("trajectories", tmp_path / "none.jsonl", 1, tasks=tasks, server="http://127.0.0.1:9")
    assert "has a witness" in capsys.readouterr().err


def test_what_the_checker_refuses_is_not_counted_as_a_row_and_a_file_without_rows_is_not_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        midtrain("tools", tmp_path / "out.jsonl", 3, tokens=1)
    told = capsys.readouterr().err
    assert "        3  refused: it is longer than it may be\n        0  rows\n" in told
    with pytest.raises(typer.Exit):
        midtrain("tools", tmp_path, 3)
    assert f"{tmp_path} is a folder" in capsys.readouterr().err
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(typer.Exit) as stopped:
        check(tmp_path / "empty.jsonl")
    assert stopped.value.exit_code == 2
    assert "has no rows" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["empty.jsonl"]
