"""What is true in a generated world: every span says what it is said to say, and nothing contradicts unasked."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
import typer

from corpus.facts.records import Entity, Statement
from corpus.records import Document, Link, doc_id_of
from corpus.world import RELATIONS, Planted, entities, papers, places, read_world, statements, truth
from corpus.world.cli import world_truth
from corpus.world.making.weaver import MAX_DEGREE
from corpus.world.prose.writing import written_forms

WORLD = "seed=7,pages=2000,conflicts=0.03"
Joined = tuple[str, str, str]


@dataclass(frozen=True)
class Known:
    """A world of 2,000 pages with all that is known of it."""

    pages: dict[str, Document]
    links: dict[str, tuple[Link, ...]]
    entities: dict[str, Entity]
    statements: tuple[Statement, ...]
    planted: tuple[Planted, ...]

    @property
    def joined(self) -> set[Joined]:
        """Every (subject, relation, object) that is stated, each once, in one of its directions."""
        found = set()
        for s in self.statements:
            if s.object:
                inverse = RELATIONS[s.relation].inverse
                forward = (s.subject, s.relation, s.object)
                found.add(min(forward, (s.object, inverse, s.subject)) if inverse else forward)
        return found


@pytest.fixture(scope="module")
def known() -> Known:
    pages = {page.doc_id: page for page in read_world(WORLD) if isinstance(page, Document)}
    return Known(
        pages=pages,
        links={doc_id: page.links for doc_id, page in pages.items()},
        entities={entity.doc_id: entity for entity in entities(WORLD)},
        statements=tuple(statements(WORLD)),
        planted=tuple(truth(WORLD)),
    )


def test_every_span_has_the_anchor_that_names_the_object_or_the_value_as_it_is_written(known: Known) -> None:
    assert len(known.statements) > 5 * len(known.pages)
    targets = {url: doc_id_of(url) for page in known.pages.values() for url in (link.url for link in page.links)}
    for s in known.statements:
        span = known.pages[s.doc_id].text[s.start : s.end]
        assert span == span.strip()
        if s.object:
            assert s.value is None
            inside = (link for link in known.links[s.doc_id] if link.start is not None and link.end is not None
                      and s.start <= link.start and link.end <= s.end)  # fmt: skip
            assert any(targets[link.url] == s.object for link in inside), (s, span)
        else:
            assert s.value is not None
            forms = written_forms(s.value)
            assert any(form in span or form[0].upper() + form[1:] in span for form in forms), (s, span)


def test_statements_keep_to_the_relations_they_are_of(known: Known) -> None:
    assert {s.relation for s in known.statements} == set(RELATIONS)
    for s in known.statements:
        relation = RELATIONS[s.relation]
        assert known.entities[s.subject].kind in relation.subject_kinds, s
        if relation.value_kind == "entity":
            assert s.object is not None
            assert known.entities[s.object].kind in relation.object_kinds, s
        else:
            assert s.value is not None
            assert (s.value.kind, s.value.unit) == (relation.value_kind, relation.unit), s


def test_every_relation_that_joins_has_an_inverse_that_says_the_same() -> None:
    for relation in RELATIONS.values():
        if relation.value_kind == "entity":
            back = RELATIONS[relation.inverse or ""]
            assert back.inverse == relation.name
            assert (back.subject_kinds, back.object_kinds) == (relation.object_kinds, relation.subject_kinds)


def test_nothing_contradicts_but_what_is_planted(known: Known) -> None:
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for s in known.statements:
        if RELATIONS[s.relation].functional:
            said[s.subject, s.relation].add(s.object or (s.value.text if s.value else ""))
        inverse = RELATIONS[s.relation].inverse
        if s.object and inverse and RELATIONS[inverse].functional:
            said[s.object, inverse].add(s.subject)
    several = {key for key, values in said.items() if len(values) > 1}
    planted = {(p.statement.subject, p.statement.relation) for p in known.planted if p.statement}
    assert several
    assert several <= planted


def test_what_is_planted_is_known_with_what_is_true_instead(known: Known) -> None:
    counts = Counter(row.kind for row in known.planted)
    stated = Counter(known.statements)
    for row in known.planted:
        assert row.doc_id in known.pages
        if row.kind == "noise":
            assert not any(s.doc_id == row.doc_id for s in known.statements)
        if row.statement:
            assert stated[row.statement]
            assert row.true is not None
            assert row.statement.value != row.true
            assert row.statement.value is not None
            assert row.statement.value.unit == row.true.unit
    conflicts = [row for row in known.planted if row.kind == "conflict"]
    facts = {(s.subject, s.relation) for s in known.statements if s.value and s.value.kind != "text"}
    assert 0.015 < len(conflicts) / len(facts) < 0.045
    # Elsewhere another page says what is true, so that the conflict can be seen.
    true = {(s.subject, s.relation, s.value) for s in known.statements}
    assert all((c.statement.subject, c.statement.relation, c.true) in true for c in conflicts if c.statement)
    assert counts["noise"] == 100
    assert 55 <= len({row.doc_id for row in known.planted if row.kind == "stale"}) <= 60
    assert counts["near_miss"] >= 12
    assert not any(row.kind in ("conflict", "stale") for row in truth("seed=7,pages=400,conflicts=0,stale=0"))


def test_lives_keep_their_order(known: Known) -> None:
    years: dict[tuple[str, str], int] = {}
    wrong = {(p.statement.doc_id, p.statement.start) for p in known.planted if p.statement}
    for s in known.statements:
        if s.value and s.value.date and (s.doc_id, s.start) not in wrong:
            years[s.subject, s.relation] = int(s.value.date[:4])
    made = {"created": "completed_on", "wrote": "published_on", "designed": "released_on", "founded": "founded_on"}
    checked = Counter[str]()
    for one, relation, other in known.joined:
        for subject, name, target in ((one, relation, other), (other, RELATIONS[relation].inverse or "", one)):
            born, died = years.get((subject, "born_on")), years.get((subject, "died_on"), 9999)
            year = years.get((target, made.get(name, "")))
            if born and year:
                checked[name] += 1
                assert born + 18 <= year <= died, (subject, name, target)
            if name == "student_of" and born and (teacher := years.get((target, "born_on"))):
                checked[name] += 1
                assert teacher + 10 < born
            if name == "cites" and year is None:
                later, earlier = years.get((subject, "published_on")), years.get((target, "published_on"))
                if later and earlier:
                    checked[name] += 1
                    assert earlier <= later
    assert all(checked[name] > 10 for name in ("created", "wrote", "designed", "student_of", "cites"))
    assert all(died > years[subject, "born_on"] for (subject, name), died in years.items()
               if name == "died_on" and (subject, "born_on") in years)  # fmt: skip


def test_no_thing_is_a_hub_and_none_is_out_of_reach(known: Known) -> None:
    degree = Counter(thing for one, _, other in known.joined for thing in (one, other))
    assert set(degree) == set(known.entities)
    assert max(degree.values()) <= MAX_DEGREE
    assert min(degree.values()) >= 3


def test_triangles_squares_and_k4_abound_among_typed_relations(known: Known) -> None:
    near: dict[str, set[str]] = defaultdict(set)
    for one, _, other in known.joined:
        near[one].add(other)
        near[other].add(one)
    triangles = {frozenset((a, b, c)) for a in near for b, c in combinations(sorted(near[a]), 2) if c in near[b]}
    k4 = {three | {d} for three in triangles for d in set.intersection(*(near[t] for t in three))}
    shared = Counter(pair for a in near for pair in combinations(sorted(near[a]), 2))
    assert len(triangles) > 1500
    assert len(k4) > 100
    assert sum(count * (count - 1) // 2 for count in shared.values()) // 2 > 5000  # squares
    inside = {thing for square in k4 for thing in square}
    assert len({known.entities[thing].kind for thing in inside}) > 6


def test_facts_are_spread_over_pages(known: Known) -> None:
    where: dict[Joined, set[str]] = defaultdict(set)
    for s in known.statements:
        inverse = RELATIONS[s.relation].inverse
        if s.object and inverse:
            where[min((s.subject, s.relation, s.object), (s.object, inverse, s.subject))].add(s.doc_id)
    own = sum(bool({key[0], key[2]} & pages) for key, pages in where.items()) / len(where)
    one_side = sum(len({key[0], key[2]} & pages) == 1 for key, pages in where.items()) / len(where)
    assert 0.7 < own < 0.97  # the rest is told by news, forums, directories alone
    assert one_side > 0.55
    assert all(
        any(s.doc_id == s.subject for s in known.statements if s.relation == name) for name in ("born_in", "cites")
    )


def test_phrasings_are_many(known: Known) -> None:
    """Sentences with names and numbers taken out: no one of them is most of what a relation says."""
    for name in ("born_in", "collaborated_with", "population", "created_by", "works_for"):
        skeletons: Counter[str] = Counter()
        for s in known.statements:
            text = known.pages[s.doc_id].text[s.start : s.end]
            if s.relation == name and not text.startswith("|"):
                words = [w for w in text.split() if w[:1].islower()]
                skeletons[" ".join(words)] += 1
        assert len(skeletons) >= 8, name
        assert skeletons.most_common(1)[0][1] < 0.4 * skeletons.total(), (name, skeletons.most_common(2))


def test_towns_have_coordinates_and_papers_authors_years_and_citations(known: Known) -> None:
    towns = list(places(WORLD))
    assert {town.doc_id for town in towns} == {e.doc_id for e in known.entities.values() if e.kind == "town"}
    assert len({(town.lat, town.lon) for town in towns}) == len(towns)
    assert all(-90 < town.lat < 90 and -180 < town.lon < 180 for town in towns)
    stated = {(s.subject, s.relation): s.value for s in known.statements if s.relation in ("latitude", "longitude")}
    where = {town.doc_id: (town.lat, town.lon) for town in towns}
    for (doc_id, name), value in stated.items():
        assert value is not None
        assert value.number == where[doc_id][name == "longitude"]
    neighbours = [(where[a], where[b]) for a, name, b in known.joined if name == "near"]
    assert neighbours
    for (lat, lon), (other_lat, other_lon) in neighbours:
        assert math.hypot(lat - other_lat, lon - other_lon) < 0.45
    index = {paper.doc_id: paper for paper in papers(WORLD)}
    cited = Counter(b if name == "cites" else a for a, name, b in known.joined if name in ("cites", "cited_by"))
    for doc_id, paper in index.items():
        assert paper.title == known.entities[doc_id].name
        assert paper.authors
        assert paper.citations >= cited[doc_id]
        assert known.pages[doc_id].date == str(paper.year)


def test_the_truth_of_a_world_is_written_as_lines(tmp_path: Path) -> None:
    out = tmp_path / "truth.jsonl"
    command = [sys.executable, "-m", "stillweb", "corpus", "world-truth", "world:seed=7,pages=400", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    counts = Counter(row["row"] for row in rows)
    assert counts["statement"] == sum(1 for _ in statements("seed=7,pages=400"))
    assert set(counts) == {"relation", "entity", "statement", "planted", "place", "paper"}
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_world_and_what_is_there_already_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.jsonl").write_text("")
    for world, name in (("world:pages=1", "x"), ("factbook:", "y"), ("world:seed=7,pages=400", "there.jsonl")):
        with pytest.raises(typer.Exit):
            world_truth(world, tmp_path / name)
        assert capsys.readouterr().err.startswith("stillweb: ")
    assert [path.name for path in tmp_path.iterdir()] == ["there.jsonl"]
