"""DeepForge mode by rules: each step by itself, and all of them against a served world of 600 pages."""

from __future__ import annotations

import ast
import asyncio
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import typer
from pydantic import ValidationError

import training.deepforge
from agent.client import AsyncClient
from corpus import BuildOptions, build_snapshot
from corpus.facts.records import Value
from tests.env_server.test_determinism import running_server
from tests.training.small_facts import answers_by_trying
from tests.training.small_world import SmallWorld
from training.cli_deepforge import deepforge
from training.deepforge.effort import calls_needed
from training.deepforge.factual import FactWeb
from training.deepforge.lint import lint, without_numbers
from training.deepforge.longtail import ENTITIES, Popularity, long_tail, popularity_of
from training.deepforge.make import Tally, make_rows
from training.deepforge.parsing import json_object, texts_by_name
from training.deepforge.reading import words_before
from training.deepforge.rows import BadRows, Chain, Known, Row, Tie, bare, read_rows, row_of, write_rows
from training.deepforge.rules import Rules
from training.deepforge.topics import topics
from training.deepforge.vague import eras, magnitude
from training.deepforge.walk import DEPTHS, WEIGHTS, depths, walk
from training.deepforge.web import Web
from training.deepforge.wording import harder_plan, vague_plan, worded


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Sure:\n```json\n{"a": {"b": "c"}}\n```\nDone.', {"a": {"b": "c"}}),
        ('{broken {"a": 1}', {"a": 1}),
        ("{'a': 'b'}", None),
        ('{"a": True}', None),
        ("__import__('os').system('true')", None),
        ("[1, 2]", None),
        ("{" * 5_000, None),
        ('{"a": "\\ud83d"} {"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ("", None),
    ],
)
def test_only_json_is_read_from_a_reply(reply: str, value: object) -> None:
    assert json_object(reply) == value


def test_no_file_of_deepforge_evaluates_anything() -> None:
    files = sorted(Path(training.deepforge.__path__[0]).glob("*.py"))
    assert len(files) > 10
    called = {
        node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
    }
    assert not called & {"eval", "exec", "literal_eval", "loads_pickle", "__import__"}


def test_an_object_of_a_reply_keeps_strings_and_no_more_than_asked_for() -> None:
    said = {"Ada  Hale": "a poet\nof note", "Bo": 3, "Ce": ["x"], "": "y", "De": True, "Ef": "z"}
    assert texts_by_name(said, at_most=2) == {"Ada Hale": "a poet of note", "Bo": "3"}
    assert texts_by_name(["Ada"], at_most=2) == {}


def test_depths_come_at_their_weights_within_two_points_over_any_1000_draws() -> None:
    assert dict(zip(DEPTHS, WEIGHTS, strict=True)) == {1: 0.1, 2: 0.4, 3: 0.4, 4: 0.1}
    for seed in range(3):
        drawn = list(islice(depths(seed), 1_500))
        for start in (0, 3, 500):
            counts = Counter(drawn[start : start + 1_000])
            assert all(abs(counts[d] / 1_000 - w) <= 0.02 for d, w in zip(DEPTHS, WEIGHTS, strict=True))
    assert drawn != list(islice(depths(0), 1_500))
    assert drawn[:10] != drawn[10:20]


def test_topics_are_each_given_once_and_then_in_pairs_by_seed() -> None:
    def first(seed: int, count: int) -> list[str]:
        found = topics(seed)
        return [next(found) for _ in range(count)]

    some = first(1, 400)
    assert some == first(1, 400) != first(2, 400)
    single = [topic for topic in some if " " not in topic]
    assert len(single) == len(set(single)) >= 150
    assert some[: len(single)] == single


@pytest.mark.parametrize(
    ("question", "flaws"),
    [
        ("Which town was founded in the late nineteenth century and has tens of thousands of people?", ()),
        ("Which town lies west of the forest, at most a day from the west coast?", ()),
        ("Who lived in the twenty-first century?", ()),
        ("哪座城镇建于十九世纪末？", ()),
        ("哪座城镇建于二十一世纪？", ()),
        ("Which town has 3 churches?", ("number",)),
        ("Which town has three churches?", ("number",)),
        ("Which town has about a hundred churches?", ("number",)),
        ("Which town has twenty-one churches?", ("number",)),
        ("哪座城镇有三座教堂？", ("number",)),
        ("Who was born in May?", ("date",)),
        ("Which is the largest town?", ("superlative",)),
        ("Which town has the most churches?", ("superlative",)),
        ("Which town had the first railway?", ("superlative",)),
        ("哪座城镇最大？", ("superlative",)),
        ("Which town near Otterbrook is it?", ("name",)),
        ("Which town near upper otterbrook is it?", ("name",)),
    ],
)
def test_exact_dates_numbers_superlatives_and_hidden_names_are_found(question: str, flaws: tuple[str, ...]) -> None:
    assert lint(question, ["Upper Otterbrook"]) == flaws


def test_number_words_go_out_of_a_phrase() -> None:
    assert without_numbers("is one of the five main partners of {}") == "is one of the main partners of {}"


@pytest.mark.parametrize("year", [1, 33, 34, 66, 67, 100, 101, 1850, 1900, 1901, 2024])
def test_eras_hold_their_year_say_no_figure_and_lie_within_each_other(year: int) -> None:
    (sharp, narrow), (loose, wide) = eras(year, "founded")
    assert wide.first <= narrow.first <= year <= narrow.last <= wide.last
    assert (wide.first - 1) % 100 == 0
    assert lint(f"{sharp} {loose}") == ()


@pytest.mark.parametrize("number", [1, 9.5, 10, 99, 999, 1_000, 123_456, 9.9e9])
def test_magnitudes_hold_their_number_and_say_no_figure(number: float) -> None:
    found = magnitude(number, "people", "persons")
    assert found is not None
    said, predicate = found
    assert predicate.low <= number <= predicate.high == 10 * predicate.low
    assert lint(said) == ()
    assert magnitude(0.5, "people", "") is None is magnitude(-3, "people", "")


def test_words_before_a_name_lose_names_numbers_and_the_title() -> None:
    text = "# Ada Hale\n\nAda Hale, born 1901, was taught by Bo Linden. Her pupils include Ce Marsh.\n| Home | Deal |"
    assert words_before(text, "Bo Linden", "Ada Hale") == "…, born …, was taught by"
    assert words_before(text, "Ce Marsh", "Ada Hale") == "her pupils include"
    assert words_before(text, "Deal", "Ada Hale") == ""
    assert words_before(text, "Nobody", "Ada Hale") == ""


def node(name: str, *ties: str) -> Known:
    return Known(name, ties=tuple(Tie(one, None, f"to {one}", "u") for one in ties))


def walked(web: dict[str, Known], start: str, depth: int, seed: int = 0) -> Chain:
    async def explore(tie: Tie) -> Known:
        return web.get(tie.name) or Known(tie.name)

    return asyncio.run(walk(web[start], depth, explore, np.random.default_rng(seed)))


def test_a_walk_goes_back_where_it_ends_too_early() -> None:
    web = {one.name: one for one in (node("a", "b", "c"), node("b", "a"), node("c", "d"), node("d", "a", "e"))}
    for seed in range(10):
        chain = walked(web, "a", 3, seed)
        assert [one.name for one in chain.nodes] == ["a", "c", "d", "e"]
        assert [tie.text for tie in chain.ties] == ["to c", "to d", "to e"]


def test_an_entity_without_relations_ends_a_chain_and_is_kept() -> None:
    chain = walked({"a": node("a", "alone")}, "a", 4)
    assert [one.name for one in chain.nodes] == ["a", "alone"]
    row = row_of(chain, "Which?")
    assert set(row.extra_info.entity_dict) == {"a", "alone"}
    assert row.extra_info.entity_dict["alone"].entity_relations == {}
    assert row.extra_info.transition_path == (("a", "to alone", "alone"),)


def test_relations_are_drawn_uniformly() -> None:
    web = {"a": node("a", "b", "c", "d", "e")}
    ends = Counter(walked(web, "a", 1, seed).nodes[-1].name for seed in range(600))
    assert all(abs(ends[name] / 600 - 0.25) < 0.06 for name in "bcde")


def test_notes_in_titles_are_no_part_of_an_answer() -> None:
    assert bare("Ada Hale (poet)") == "Ada Hale"
    assert bare("Ada Hale | Profile") == "Ada Hale"
    assert bare("(untitled)") == "(untitled)"


def test_rows_come_back_as_they_were_written_and_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = row_of(walked({"a": node("a", "b")}, "a", 1), "Which?")
    assert write_rows([row, row], file) == 2
    assert list(read_rows(file)) == [row, row]
    assert set(row.model_dump()) == {"entity", "question", "answer", "depth", "extra_info"}
    with file.open("a") as more:
        more.write('{"entity": "a"}\n')
    with pytest.raises(BadRows, match="line 3: question"):
        list(read_rows(file))
    with pytest.raises(ValidationError):
        Row.model_validate({**row.model_dump(), "depth": 5})


async def test_entities_of_a_page_are_ten_at_most_and_rarer_than_random_ones(world_server: str) -> None:
    async with AsyncClient(world_server) as env:
        web = Web(env)
        reference = await popularity_of(web, 0)
        assert reference.pages == 200
        found = []
        for hit in (await web.search("museum", 20)).hits:
            some = await long_tail(web, await web.text(hit.doc_id), reference)
            assert len(some) <= ENTITIES
            found += some
        assert len(found) > 30
        assert mean(one.popularity or 0 for one in found) < 0.8 * reference.mean
        # A loose bound lets everything through, so the cut is what keeps them few.
        loose = Popularity(10_000, 0, 0)
        page = max(
            [await web.text(hit.doc_id) for hit in (await web.search("region", 20)).hits], key=lambda p: len(p.text)
        )
        assert len(await long_tail(web, page, loose)) <= ENTITIES


async def test_calls_needed_are_a_search_the_results_up_to_the_chain_and_the_way_back(world_server: str) -> None:
    async with AsyncClient(world_server) as env:
        web = Web(env)
        ids = [hit.doc_id for hit in (await web.search("town", 50)).hits]
        assert len(ids) == 50 == len(set(ids))
        assert await calls_needed(web, "town", [ids[0]]) == 2
        assert await calls_needed(web, "town", [ids[6]]) == 8
        assert await calls_needed(web, "town", [ids[6], ids[2]]) == 5  # the third result, and one page back
        assert await calls_needed(web, "town", ["0" * 16, "1" * 16]) == 1 + 50 + 2
        assert await calls_needed(web, "town " * 4_000, [ids[0]]) >= 2  # longer than a server takes


def fact_web(world: SmallWorld) -> FactWeb:
    store = world.web.store
    return FactWeb(world.facts, {store.doc_id(at): store.head(at)[0] for at in range(len(store))})


async def made(server: str, facts: FactWeb | None, count: int, concurrency: int = 32) -> tuple[list[Row], Tally]:
    tally = Tally()
    async with AsyncClient(server) as env:
        web = Web(env, concurrency=concurrency)
        steps = Rules(web, await popularity_of(web, 0), facts)
        return [row async for row in make_rows(steps, web, count=count, tally=tally)], tally


async def test_rows_from_pages_rest_on_pages_and_are_the_same_at_any_concurrency(
    world: SmallWorld, world_server: str
) -> None:
    rows, tally = await made(world_server, None, 30)
    again, _ = await made(world_server, None, 30, concurrency=1)
    assert rows == again
    assert len(rows) == 30 == len({row.entity for row in rows})
    store = world.web.store
    for row in rows:
        assert row.answer == bare(row.entity)
        assert row.depth == len(row.extra_info.transition_path)
        assert lint(row.question, [row.entity]) == ()
        for name, entity in row.extra_info.entity_dict.items():
            assert store.find_url(entity.url) is not None, name
            for said in (*entity.entity_self.values(), *entity.entity_relations.values()):
                number = store.find_url(said.url)
                assert number is not None
            for label, said in entity.entity_self.items():
                number = store.find_url(said.url)
                assert number is not None
                assert label in store.text(number)
                assert said.text in store.text(number)
    assert tally.counts["rows"] == 30
    assert mean(tally.popularity) > 0


async def test_rows_from_facts_walk_typed_relations_and_take_more_calls_once_they_are_harder(
    world: SmallWorld, world_server: str
) -> None:
    facts = fact_web(world)
    rows, tally = await made(world_server, facts, 60)
    assert len(rows) == 60
    assert {row.depth for row in rows} == {1, 2, 3, 4}
    for row in rows:
        assert lint(row.question, [name for name, *_ in row.extra_info.transition_path]) == ()
        for subject, label, thing in row.extra_info.transition_path:
            assert row.extra_info.entity_dict[subject].entity_relations[thing].text == label
    vague, harder = zip(*tally.calls, strict=True)
    assert mean(harder) > 1.5 * mean(vague)
    assert tally.counts["dropped: several answers"] > 0


def test_a_harder_question_keeps_one_answer_and_hides_the_name_of_its_end(world: SmallWorld) -> None:
    facts = fact_web(world)
    known = [facts.known(doc_id) for doc_id in sorted(world.facts.entities)[:200] if facts.knows(doc_id)]
    pairs = 0
    for start in known:
        for tie in start.ties[:2]:
            assert tie.doc_id is not None
            chain = Chain((start, facts.known(tie.doc_id)), (tie,))
            plan = vague_plan(chain, False, np.random.default_rng(0), facts)
            harder = plan and harder_plan(plan, np.random.default_rng(1), facts)
            if plan is None or harder is None:
                continue
            pairs += 1
            assert plan.named > harder.named
            assert facts.answers(chain, plan.every(), True, enough=5) == 1
            assert facts.answers(chain, harder.every(), False, enough=5) == 1
            assert bare(tie.name) in worded(plan, np.random.default_rng(0))
            assert bare(tie.name) not in worded(harder, np.random.default_rng(0))
            # What is said matters: with nothing said of either, several fit.
            assert facts.answers(chain, {}, False, enough=5) > 1
    assert pairs >= 10


async def test_a_solver_that_tries_every_assignment_finds_the_same_one_answer(world: SmallWorld) -> None:
    facts = fact_web(world)

    async def explore(tie: Tie) -> Known:
        assert tie.doc_id is not None
        return facts.known(tie.doc_id)

    checked = 0
    for number, doc_id in enumerate(sorted(world.facts.entities)):
        rng = np.random.default_rng(number)
        if not facts.knows(doc_id) or checked == 8:
            continue
        chain = await walk(facts.known(doc_id), 2, explore, rng)
        plan = vague_plan(chain, False, rng, facts)
        harder = plan and harder_plan(plan, rng, facts)
        if plan is None or harder is None or chain.depth < 2:
            continue
        checked += 1
        for one in (plan, harder):
            claims = facts.constraints(chain, one.every(), one.named)
            assert answers_by_trying(world.facts, claims, open_world=True, distinct=False) == {doc_id}
            assert doc_id in answers_by_trying(world.facts, claims, open_world=False, distinct=True)
    assert checked == 8


def test_a_date_is_said_by_its_era_and_a_number_by_its_size(world: SmallWorld) -> None:
    facts = fact_web(world)
    relations = world.facts.relations
    fact = next(fact for fact in world.facts.of("founded_on") if not fact.conflict)
    sharp, loose = facts.sayings(fact, relations["founded_on"])
    assert "century" in sharp.phrase
    assert lint(f"Which town {sharp.phrase}? {loose.phrase}") == ()
    assert isinstance(fact.value, Value)
    population = next(fact for fact in world.facts.of("population") if not fact.conflict)
    [said] = facts.sayings(population, relations["population"])
    assert lint(said.phrase) == ()
    assert facts.sayings(world.facts.of("latitude")[0], relations["latitude"]) == ()


def test_the_verb_writes_rows_and_counts_beside_them(
    world: SmallWorld, world_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"
    deepforge(out, world_server, 8, facts=world.path)
    shown = capsys.readouterr()
    assert shown.out == "8\n"
    assert "calls needed for the harder question" in shown.err
    assert len(list(read_rows(out))) == 8
    assert '"rows": 8' in (tmp_path / "rows.jsonl.yields.json").read_text()


def test_another_server_another_snapshot_and_a_model_with_facts_are_refused(
    world: SmallWorld, world_server: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"
    for server, facts, model, told in (
        ("http://127.0.0.1:9", None, None, "127.0.0.1:9"),
        (world_server, tiny_path, None, "Name the one that is served"),
        (world_server, world.path, "http://127.0.0.1:9", "Leave out one"),
        (world_server, None, "http://127.0.0.1:9", "127.0.0.1:9"),
    ):
        with pytest.raises(typer.Exit) as stopped:
            deepforge(out, server, 8, facts=facts, model=model)
        assert stopped.value.exit_code == 2
        assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_rows_leave_the_file_of_another_run_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = {"url": "https://one.example/", "title": "One", "text": "A page that nothing links to."}
    (tmp_path / "pages.jsonl").write_text(json.dumps(page), "utf-8")
    build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "lonely", BuildOptions(encoder="none"))
    (tmp_path / "made").mkdir()
    out = tmp_path / "made" / "rows.jsonl"
    out.write_text("kept")
    with running_server(tmp_path / "lonely") as server, pytest.raises(typer.Exit) as stopped:
        deepforge(out, server, 8)
    assert stopped.value.exit_code == 2
    told = capsys.readouterr().err
    assert "Not one row could be made" in told
    assert "topics" in told
    assert [(path.name, path.read_text()) for path in out.parent.iterdir()] == [("rows.jsonl", "kept")]


def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = "http://127.0.0.1:9"
    (tmp_path / "folder").mkdir()
    for out, replies, told in (
        (tmp_path / "folder", None, "is a folder"),
        (tmp_path / "no" / "rows.jsonl", None, "cannot be read or written"),
        (tmp_path / "rows.jsonl", tmp_path / "no" / "replies.jsonl", "replies.jsonl"),
    ):
        with pytest.raises(typer.Exit) as stopped:
            deepforge(out, nobody, 8, model=nobody, replies=replies)
        assert stopped.value.exit_code == 2
        assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
