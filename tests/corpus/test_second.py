"""The second extractor: reads words, agrees with the first where both are right, and tells where they differ."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from corpus import Snapshot, build_snapshot
from corpus.build import BuildOptions
from corpus.cli_facts import facts as facts_verb
from corpus.facts.agreement import agreement, as_text, confirmed_by, same_key
from corpus.facts.base import FactBase, facts_of
from corpus.facts.records import Entity, Fact, Relation, Statement, Support, Value
from corpus.facts.second import read_pages
from corpus.facts.second_tree import clauses, rows
from corpus.records import Document, Link
from corpus.sources import read_source
from corpus.world import RELATIONS, statements

WORLD = "seed=31,pages=400"


@pytest.fixture(scope="module")
def world() -> list[Document]:
    return [item for item in read_source(f"world:{WORLD}") if isinstance(item, Document)]


@pytest.fixture(scope="module")
def lands(factbook: Snapshot) -> list[Document]:
    return [factbook.store.document(number) for number in range(len(factbook.store))]


@pytest.fixture(scope="module")
def both(lands: list[Document]) -> tuple[FactBase, FactBase]:
    return facts_of(lands), facts_of(lands, extractor="second")


def stated(said: Statement) -> tuple[str, ...]:
    value = said.value
    what = said.object or (str(value.number) if value and value.number is not None else value.text if value else "")
    key = (said.subject, said.relation, what)
    inverse = RELATIONS[said.relation].inverse
    return (said.doc_id, *min(key, (said.object, inverse, said.subject) if inverse and said.object else key))


def test_the_prose_of_a_world_is_read_as_its_truth_has_it(world: list[Document]) -> None:
    found = {stated(said) for said in read_pages(world).statements}
    true = {stated(said) for said in statements(WORLD)}
    assert len(found & true) / len(true) > 0.99
    assert len(found & true) / len(found) > 0.995


def test_what_is_read_is_what_the_words_say_and_not_what_the_world_knows(world: list[Document]) -> None:
    said = next(
        said for said in read_pages(world).statements
        if said.relation == "elevation" and said.doc_id == said.subject and said.value and said.value.number != 77
    )  # fmt: skip
    at = next(number for number, page in enumerate(world) if page.doc_id == said.doc_id)
    text = world[at].text
    words = text[said.start : said.end]
    assert said.value
    assert said.value.number is not None
    changed = words.replace(f"{said.value.number:,.0f}", "77")
    assert changed != words
    page = replace(world[at], text=text[: said.start] + changed + text[said.end :], links=())
    read = [
        other.value.text for other in read_pages([*world[:at], page, *world[at + 1 :]]).statements
        if other.value and (other.subject, other.relation, other.doc_id) == (page.doc_id, "elevation", page.doc_id)
    ]  # fmt: skip
    assert "77 m" in read


def test_every_span_of_a_world_holds_the_value_it_states(world: list[Document]) -> None:
    texts = {page.doc_id: page.text for page in world}
    checked = 0
    for said in read_pages(world).statements:
        words = texts[said.doc_id][said.start : said.end]
        if said.value and said.value.kind == "text":
            assert said.value.text in words
        elif said.value and said.value.kind == "date":
            assert said.value.text[:4] in words
        elif said.value:
            assert said.value.text.split(" ")[0] in words.replace(",", "")
        checked += 1
    assert checked > 1_000


def test_this_paper_in_a_thread_is_no_paper_of_another_post(world: list[Document]) -> None:
    paper = next(page for page in world if "papers.openrecord" in page.url)
    thread = (
        f"# Looking for facts on {paper.title}\n\n**ferry1** · 2020-01-02\n\n“{paper.title}” came out in 1990.\n\n"
        "**ferry2** · 2020-01-02\n\nEasy one. This paper has been cited 4711 times.\n"
    )
    page = Document("https://talk.crossroads.example/t/facts/0", "Looking for facts", thread)
    read = [said for said in read_pages([*world, page]).statements if said.doc_id == page.doc_id]
    assert [(said.subject, said.relation) for said in read] == [(paper.doc_id, "published_on")]


@pytest.mark.slow
def test_lands_known_by_heart_are_read(both: tuple[FactBase, FactBase], lands: list[Document]) -> None:
    second = both[1]
    austria = next(page.doc_id for page in lands if page.title == "Austria")

    def values(relation: str) -> list[str]:
        return [fact.value.text for fact in second.about(austria) if fact.relation == relation and fact.value]

    assert values("capital") == ["Vienna"]
    assert values("area") == ["83871 km2"]
    assert values("highest_point") == ["Grossglockner"]
    assert "Danube" in values("river")
    assert values("latitude") == ["47.3333 degrees"]
    assert "forest" not in values("terrain")


@pytest.mark.slow
def test_the_second_confirms_the_first_on_the_factbook(both: tuple[FactBase, FactBase]) -> None:
    report = agreement(*both)
    assert report["confirmed"] > 0.999
    assert report["unknown"] < 0.001
    assert report["amounts_equal"] / report["amounts_compared"] > 0.999
    first, second = both
    assert {one: entity.kind for one, entity in first.entities.items()} == {
        one: entity.kind for one, entity in second.entities.items()
    }
    assert as_text(report).count("\n") > len(report["relations"])


@pytest.mark.slow
def test_a_fact_that_one_extractor_made_up_is_not_confirmed(both: tuple[FactBase, FactBase]) -> None:
    first, second = both
    known = confirmed_by(second)
    fact = next(fact for fact in first.of("area") if same_key(fact) in known)
    assert fact.value
    false = replace(fact, value=replace(fact.value, number=1.0, text="1 km2"))
    assert same_key(false) not in known


def test_agreement_counts_facts_read_by_both_and_leaves_out_those_a_search_found() -> None:
    height = Relation("height", "is high", ("hill",), "number", unit="m")
    near = Relation("near", "is near", ("hill",), "entity", ("hill",), "near")
    place = (Support("a", 0, 4),)

    def high(text: str, number: float) -> Fact:
        return Fact("a", "height", None, Value("number", text, number, "m"), place)

    def base(name: str, *facts: Fact) -> FactBase:
        hills = {key: Entity(key, key, "hill") for key in "ab"}
        return FactBase("", name, hills, {"height": height, "near": near}, facts)

    found = Fact("a", "near", "b", None, (Support("a", 0, 4, scanned=True),))
    report = agreement(
        base("one", high("40.270 m", 40.27), found), base("two", high("40.27 m", 40.27), high("41 m", 41))
    )
    assert (report["facts"], report["others"], report["both"]) == (1, 2, 1)
    assert (report["confirmed"], report["unknown"]) == (1.0, 0.5)
    assert [row["said"] for row in report["only"]["other"]] == ["41 m"]
    assert report["only"]["one"] == []


def test_rows_and_lists_keep_what_stands_in_brackets_together() -> None:
    text = (
        "# Land\n\n## Geography\n\nClimate: dry\n\n### Area\n\n- total: 1,234 sq km\n- use: forest: 3%\n\nnote: odd\n"
    )
    found = {row.path: row.text for row in rows(text)}
    assert found["Geography", "Climate"] == "dry"
    assert found["Geography", "Area", "total"] == "1,234 sq km"
    assert found["Geography", "Area", "use", "forest"] == "3%"
    assert not any(row.path == ("Geography", "Area") for row in rows(text))
    items = list(clauses("Ada (old, or new) 1,200 km, Bea; Cea", 10, marks=",;"))
    assert [(item.name, item.inside, item.start) for item in items] == [
        ("Ada 1,200 km", ("old, or new",), 10), ("Bea", (), 38), ("Cea", (), 43),
    ]  # fmt: skip


def test_records_and_cross_references_are_read() -> None:
    def link(text: str, anchor: str, url: str) -> Link:
        return Link(url, anchor, text.index(anchor), text.index(anchor) + len(anchor))

    artist = "http://www.tate.org.uk/art/artists/ann-1"
    work = (
        "Hat is a work (painting) by Ann, dated 1805.\nContributors: Ann (1780–1850), artist.\nMedium: Oil on wood.\n"
    )
    about = "Ann is an artist represented in the Tate collection.\nShe was born in 1780.\nWorks in the collection: 1."
    tate = [
        Document("http://www.tate.org.uk/art/artworks/hat-2", "Hat", work, (link(work, "Ann", artist),)),
        Document(artist, "Ann", about),
    ]
    tate.append(Document("http://www.tate.org.uk/art/places/rome-3", "Rome", "Artists who were born here: none."))
    facts = facts_of(tate, extractor="second")
    assert [facts.entities[page.doc_id].kind for page in tate] == ["artwork", "artist", "artist's place"]
    assert {d: one.kind for d, one in facts.entities.items()} == {d: o.kind for d, o in facts_of(tate).entities.items()}
    said = {(fact.relation, fact.object or (fact.value.text if fact.value else "")) for fact in facts.facts}
    assert said >= {
        ("created_by", tate[1].doc_id), ("created", tate[0].doc_id), ("made_in", "1805"), ("medium", "Oil on wood"),
        ("born_on", "1780"), ("works_held", "1"),
    }  # fmt: skip
    text = "<tool, Unix> A shell. See also ksh, bash. It has ksh."
    foldoc = [
        Document("https://foldoc.org/sh", "sh", text, (link(text, "ksh", "https://foldoc.org/ksh"),)),
        Document("https://foldoc.org/ksh", "ksh", "A shell."),
    ]
    facts = facts_of(foldoc, extractor="second")
    said = {(fact.relation, fact.object or (fact.value.text if fact.value else "")) for fact in facts.facts}
    assert said == {
        ("category", "tool"), ("category", "Unix"), ("see_also", foldoc[1].doc_id), ("seen_from", foldoc[0].doc_id),
        ("mentions", foldoc[1].doc_id), ("mentioned_by", foldoc[0].doc_id),
    }  # fmt: skip


def test_plain_links_are_read_where_their_words_stand_and_once_for_each_page() -> None:
    text = "A shell, after the Thompson shell. The Thompson shell was small; awk came later."
    first = text.index("Thompson")
    links = tuple(
        Link(url, anchor, at, at + length)
        for url, anchor, at, length in (
            ("https://foldoc.org/awk", "awk", text.index("small"), 3),  # other words stand there
            ("https://foldoc.org/tsh", "Thompson shell", text.rindex("Thompson"), 14),
            ("https://foldoc.org/osh", "Thompson shell", first, 14),
            ("https://foldoc.org/sh", "shell", 2, 5),  # the page itself
            ("https://elsewhere.org/", "small", text.index("small"), 5),
        )
    )
    pages = [
        Document("https://foldoc.org/sh", "sh", text, links),
        Document("https://foldoc.org/osh", "osh", "Old.", aliases=("https://foldoc.org/tsh",)),
        Document("https://foldoc.org/awk", "awk", "A language."),
    ]
    facts = facts_of(pages, extractor="second")
    (said,) = facts.of("mentions")
    assert (said.subject, said.object) == (pages[0].doc_id, pages[1].doc_id)
    (place,) = said.supports
    assert (place.start, text[place.start : place.end]) == (first, "Thompson shell")
    assert not facts.relations["mentions"].typed
    ours = {fact.key for fact in facts_of(pages).of("mentions")}
    assert same_key(said) in ours, "the first reads the same link"


def test_pages_of_a_kind_it_does_not_know_state_nothing() -> None:
    facts = facts_of([Document("https://tiny.test/a", "A", "A borders B.")], extractor="second")
    assert facts.facts == ()
    assert [entity.name for entity in facts.entities.values()] == ["A"]


def test_the_command_compares_two_extractors(tmp_path: Path) -> None:
    build_snapshot(["world:seed=31,pages=200"], tmp_path / "web", BuildOptions(encoder="none"))
    app = typer.Typer()
    app.command()(facts_verb)
    told = CliRunner().invoke(app, [str(tmp_path / "web"), "--compare", "first", "second", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["confirmed"] > 0.99
    told = CliRunner().invoke(app, [str(tmp_path / "web"), "--extractor", "second"])
    assert "collaborated_with" in told.stdout
    told = CliRunner().invoke(app, [str(tmp_path / "web"), "--compare", "first", "third"])
    assert told.exit_code != 0
    assert "third" in told.output
