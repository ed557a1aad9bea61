from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from corpus.facts.base import FactBase
from corpus.facts.closing import close_statements
from corpus.facts.records import Entity, Statement, Support, Value
from tests.training.small_facts import RELATIONS, answers_by_trying, doc, draw_base, pages
from training.synthesis.attempt import Made, Maker, tasks_of_region
from training.synthesis.blur import Ladders, first_draft
from training.synthesis.dispersion import dispersion
from training.synthesis.graph import Shape, seeded
from training.synthesis.index import FactIndex
from training.synthesis.journal import Journal
from training.synthesis.ladders import amount_ladder, ladder
from training.synthesis.leaks import check_leaks
from training.synthesis.make import FEW, chosen, prepare
from training.synthesis.postings import Pairs, core
from training.synthesis.predicates import Amount, Compare, Equal, Named, Not, Period, Range, holds, possible
from training.synthesis.proof import Proof, TaskDraft, structure_class
from training.synthesis.recipe import Recipe
from training.synthesis.seeds import Page, eligible, is_list
from training.synthesis.solve import Constraints, Edge, solve
from training.synthesis.treewidth import treewidth
from training.tasks import Task, write_tasks

RECIPE = Recipe(
    tries=20, per_region=3, min_candidates=8, degree=(2, 40), hidden_degree=(2, 40), dispersion=(2, 6), per_answer=2
)


@pytest.fixture(scope="module")
def base() -> FactBase:
    """Dense enough for cliques of four, small enough to try every assignment."""
    return draw_base(7, 60, density=0.09, gaps=0.05, quarrels=0.03)


@pytest.fixture(scope="module")
def maker(base: FactBase) -> Maker:
    return prepare(base, pages(base), RECIPE)


@pytest.fixture(scope="module")
def made(maker: Maker) -> list[Task]:
    return list(chosen(maker, count=12))


def proof_of(task: Task) -> Proof:
    return Proof.model_validate(task.proof)


def constraints_of(proof: Proof) -> Constraints:
    edges = tuple(Edge(edge.a, edge.relation, edge.b) for edge in proof.edges)
    return Constraints(proof.kinds, edges, tuple((clue.variable, clue.predicate) for clue in proof.clues))


def test_as_many_tasks_of_each_treewidth_are_made_and_each_has_it(made: list[Task]) -> None:
    proofs = [proof_of(task) for task in made]
    assert Counter(proof.treewidth for proof in proofs) == {1: 4, 2: 4, 3: 4}
    for proof in proofs:
        assert treewidth(len(proof.solution), [(edge.a, edge.b) for edge in proof.edges]) == proof.treewidth


def test_trying_every_assignment_finds_the_answer_alone_in_both_worlds(base: FactBase, made: list[Task]) -> None:
    for task in made:
        proof = proof_of(task)
        for open_world, distinct in ((True, False), (False, True)):
            found = answers_by_trying(base, constraints_of(proof), open_world=open_world, distinct=distinct)
            assert found == {proof.solution[0]}


def test_without_any_one_clue_edge_or_hidden_node_there_are_as_many_answers_as_the_proof_says(
    base: FactBase, made: list[Task]
) -> None:
    for task in made[::2]:
        proof = proof_of(task)
        whole = constraints_of(proof)
        said = {
            **{whole.without_clue(at): clue.dropped for at, clue in enumerate(proof.clues)},
            **{whole.without_edge(at): edge.dropped for at, edge in enumerate(proof.edges)},
            **{whole.without_node(at): count for at, count in enumerate(proof.dropped_nodes, 1)},
        }
        assert min(said.values()) >= 2
        for part, count in said.items():
            assert len(answers_by_trying(base, part, open_world=False, distinct=True)) == count


def test_no_single_clue_leaves_fewer_candidates_than_asked(base: FactBase, made: list[Task]) -> None:
    index = FactIndex(base)
    for clue in (clue for task in made for clue in proof_of(task).clues):
        assert clue.candidates == index.count(clue.predicate) >= RECIPE.min_candidates


def test_every_fact_of_a_proof_is_stated_without_conflict_where_it_says(base: FactBase, made: list[Task]) -> None:
    known = {fact.key: fact for fact in base.facts}
    for task in made:
        proof = proof_of(task)
        for part in (*proof.edges, *proof.clues):
            assert part.facts
            for said in part.facts:
                fact = known[said.subject, said.relation, said.object or "", said.value or ""]
                assert not fact.conflict
                assert set(said.supports) <= {(s.doc_id, s.start, s.end) for s in fact.supports}


def test_the_dispersion_of_a_proof_is_the_smallest_cover_of_its_facts(made: list[Task]) -> None:
    for task in made:
        proof = proof_of(task)
        sources = [
            [*said.also, *(s[0] for s in said.supports)] for p in (*proof.edges, *proof.clues) for said in p.facts
        ]
        assert dispersion(sources).minimum == proof.dispersion.minimum
        assert RECIPE.dispersion[0] <= proof.dispersion.minimum <= RECIPE.dispersion[1]
        assert proof.dispersion.constructing >= proof.dispersion.minimum
        assert task.evidence == proof.dispersion.pages


def test_distractors_satisfy_all_but_one_constraint(base: FactBase, made: list[Task]) -> None:
    index = FactIndex(base)
    for task in made[::3]:
        whole = constraints_of(proof_of(task))
        parts = [whole.without_clue(at) for at in range(len(whole.clues))]
        parts += [whole.without_edge(at) for at in range(len(whole.edges))]
        parts += [whole.without_node(at) for at in range(1, len(whole.kinds))]
        near = {index.ids[e] for part in parts for e in solve(index, part, "closed", distinct=True).answers}
        assert task.distractors
        assert set(task.distractors) <= near - {proof_of(task).solution[0]}
        assert task.answer not in task.wrong_answers


def test_no_answer_has_more_tasks_than_asked_and_no_two_tasks_the_same_entities(made: list[Task]) -> None:
    assert max(Counter(proof_of(task).solution[0] for task in made).values()) <= RECIPE.per_answer
    assert len({frozenset(proof_of(task).solution) for task in made}) == len(made)


def test_two_processes_make_the_same_tasks_and_counts_as_one(base: FactBase) -> None:
    maker = prepare(base, pages(base), replace(RECIPE, treewidths=(1, 2), tries=6))
    alone, shared = Counter[str](), Counter[str]()
    tasks = list(chosen(maker, count=6, yields=alone))
    assert len(tasks) == 6
    assert list(chosen(maker, count=6, processes=2, yields=shared)) == tasks
    assert alone == shared


def test_another_seed_makes_other_tasks(base: FactBase, made: list[Task]) -> None:
    other = list(chosen(prepare(base, pages(base), replace(RECIPE, seed=1, treewidths=(1,))), count=6))
    assert not {task.task_id for task in other} & {task.task_id for task in made}


def test_a_run_that_was_broken_off_goes_on_to_the_same_file(maker: Maker, made: list[Task], tmp_path: Path) -> None:
    out = tmp_path / "tasks.jsonl"
    write_tasks(made, tmp_path / "whole.jsonl")
    with Journal(out, "recipe") as journal:
        assert list(islice(chosen(maker, count=12, keep=journal.keep), 6)) == made[:6]
    with open(journal.path, "ab") as file:
        file.write(b'[1, 99, [{"cut short')
    with Journal(out, "recipe") as journal:
        assert journal.done
        fresh: list[Made] = []
        write_tasks(chosen(maker, count=12, done=journal.done, keep=fresh.append), out)
        journal.finish()
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not {(m.width, m.region) for m in fresh} & {(m.width, m.region) for m in journal.done}
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["tasks.jsonl", "whole.jsonl"]


def test_a_journal_of_another_recipe_is_begun_anew(maker: Maker, tmp_path: Path) -> None:
    with Journal(tmp_path / "t", "one") as journal:
        journal.keep(tasks_of_region(maker, 1, 0))
    with Journal(tmp_path / "t", "two") as journal:
        assert journal.done == []


def twins(*, people_of_the_second: int | None) -> FactBase:
    """Towns 0 and 1 border town 2 and make bread; 0 has 500 people, and what is known of the second is given."""
    entities = {doc(at): Entity(doc(at), f"Town {at}", "town") for at in range(4)}
    said = [Statement(doc(at), "borders", doc(2), None, doc(at), 0, 5) for at in range(2)]
    said += [Statement(doc(at), "product", None, Value("text", "bread"), doc(at), 10, 15) for at in range(3)]
    for at, number in ((0, 500), (1, people_of_the_second), (2, 7), (3, 500)):
        if number is not None:
            value = Value("number", f"{number} persons", number=number, unit="persons")
            said.append(Statement(doc(at), "people", None, value, doc(at), 20, 25))
    return FactBase("0" * 32, "by-hand", entities, RELATIONS, close_statements(said, RELATIONS))


@pytest.mark.parametrize(("people", "closed", "open_"), [(500, 2, 2), (9000, 1, 1), (None, 1, 2)])
def test_a_planted_second_answer_is_found_and_a_missing_value_may_be_one(
    people: int | None, closed: int, open_: int
) -> None:
    index = FactIndex(twins(people_of_the_second=people))
    asked = Constraints(
        ("town", "town"),
        (Edge(0, "borders", 1),),
        (
            (0, Equal(relation="product", text="bread")),
            (0, Range(relation="people", low=400, high=600, unit="persons")),
        ),
    )
    assert len(solve(index, asked, "closed", distinct=True).answers) == closed
    assert len(solve(index, asked, "open", distinct=False).answers) == open_


def test_levels_of_a_ladder_fit_the_fact_and_leave_ever_more_candidates(base: FactBase) -> None:
    index = FactIndex(base)
    seen: Counter[str] = Counter()
    for fact in (fact for entity in range(index.size) for fact in index.facts_of(entity)):
        levels = ladder(index, fact, 5)
        counts = [level.candidates for level in levels]
        assert counts == sorted(set(counts))
        for level in levels:
            seen[level.predicate.op] += 1
            assert index.mask(level.predicate, "closed")[index.number[fact.subject]], (fact, level)
            if isinstance(level.predicate, Range | Period | Equal):
                assert level.facts == (fact,)
            if isinstance(level.predicate, Not):
                assert {one.relation for one in level.facts} == {fact.relation}
    assert set(seen) == {"range", "period", "equal", "compare", "named", "some", "not"}


def test_an_amount_has_a_ladder_of_ranges_and_a_fact_without_one_may_have_any() -> None:
    base = draw_base(3, 40, measured=True)
    index = FactIndex(base)
    seen = 0
    for fact in (fact for entity in range(index.size) for fact in index.facts_of(entity)):
        levels = amount_ladder(index, fact, 5)
        if fact.relation != "borders" or fact.amount is None:
            assert levels == ()
            continue
        seen += len(levels)
        counts = [level.candidates for level in levels]
        assert counts == sorted(set(counts))
        for level in levels:
            assert isinstance(level.predicate, Amount)
            assert level.predicate.low <= (fact.amount.number or 0) <= level.predicate.high
            assert holds(level.predicate, fact.subject, base)
    assert seen
    ladders = Ladders(index, 5)
    both = [rung.levels[0].predicate.op for rung in ladders.of(0) if rung.fact.relation == "borders"]
    assert "amount" in both
    # What no page measures may be as long as asked; what is measured otherwise may not, and two lengths may be either.
    town, other, third = (Entity(doc(at), f"Town {at}", "town") for at in range(3))
    length = {km: Value("number", f"{km} km", number=km, unit="km") for km in (10, 50)}
    said = [
        Statement(town.doc_id, "borders", other.doc_id, None, town.doc_id, 0, 5),
        Statement(other.doc_id, "borders", third.doc_id, None, other.doc_id, 0, 5, length[10]),
        Statement(third.doc_id, "borders", other.doc_id, None, third.doc_id, 0, 5, length[50]),
    ]
    entities = {one.doc_id: one for one in (town, other, third)}
    few = FactBase("0" * 32, "by-hand", entities, RELATIONS, close_statements(said, RELATIONS))
    asked = Amount(relation="borders", low=40, high=60, unit="km")
    assert FactIndex(few).mask(asked, "closed").tolist() == [False, False, False]
    assert FactIndex(few).mask(asked, "open").tolist() == [True, True, True]
    far = asked.model_copy(update={"low": 90, "high": 99})
    assert FactIndex(few).mask(far, "open").tolist() == [True, True, False]


def test_a_name_that_two_entities_have_may_mean_either() -> None:
    base = draw_base(4, 30)
    named = next(fact.object for fact in base.of("sells_to"))
    assert named is not None
    asked = Named(relation="sells_to", entity=named)
    before = FactIndex(base)
    plain = before.mask(asked, "open")
    buyers = {doc_id: before.mask(Named(relation="sells_to", entity=doc_id), "open") for doc_id in before.ids}
    other = next(doc_id for doc_id in before.ids if (buyers[doc_id] & ~plain).any())
    double = replace(base.entities[other], name=base.entities[named].name.upper())
    twins = replace(base, entities={**base.entities, other: double})
    index = FactIndex(twins)
    both = plain | buyers[other]
    assert index.mask(asked, "open").tolist() == both.tolist() != plain.tolist()
    assert index.mask(asked, "closed").tolist() == before.mask(asked, "closed").tolist()
    for predicate in (asked, Not(of=asked), Compare(relation="people", sense="more", entity=named)):
        said = [possible(predicate, doc_id, twins) for doc_id in index.ids]
        assert index.mask(predicate, "open").tolist() == said


def test_two_variables_that_are_said_to_be_apart_are_not_one_entity(base: FactBase) -> None:
    """A cycle of two kinds folds onto an edge; who takes "another" at its word has other answers."""
    index = FactIndex(base)
    ring = tuple(Edge(*ends) for ends in ((0, "founder", 1), (2, "founder", 1), (2, "founder", 3), (0, "founder", 3)))
    asked = Constraints(("town", "person", "town", "person"), ring, ())
    folded = solve(index, asked, "open", distinct=asked.apart).answers
    apart = replace(asked, apart=True)
    assert len(folded) > len(solve(index, apart, "open", distinct=apart.apart).answers)
    assert asked.without_node(2).apart is False
    assert apart.without_node(2).apart
    assert Recipe(apart=False).digest == Recipe().digest != Recipe(apart=True).digest


def test_each_gate_of_the_seeds_drops_the_page_that_is_made_for_it(base: FactBase) -> None:
    index = FactIndex(base)
    some = list(pages(base))
    some[0] = Page(some[0].doc_id, some[0].title, "Short.", False)
    some[1] = Page(some[1].doc_id, some[1].title, "- one item of many in a list\n" * 30, False)
    some[2] = Page(some[2].doc_id, "List of towns", some[2].text, False)
    some[3] = Page(some[3].doc_id, some[3].title, some[3].text, True)
    some.append(Page("f" * 16, "A stranger", "x" * 500, False))
    found = eligible(index, some, degree=(2, 40), hidden_degree=(2, 40))
    dropped = {gate: found.counts[gate] for gate in ("no entity", "length", "structure", "list or meta page")}
    assert dropped == {"no entity": 1, "length": 1, "structure": 1, "list or meta page": 1}
    assert found.counts["near duplicate"] == 1
    assert not found.hidden[:4].any()
    assert sum(n for gate, n in found.counts.items() if gate not in ("pages", "kept", "answers")) == (
        found.counts["pages"] - found.counts["kept"]
    )


def test_a_name_that_two_pages_share_is_no_answer(base: FactBase) -> None:
    entities = {**base.entities, doc(5): replace(base.entities[doc(5)], aliases=("town 6",))}
    index = FactIndex(replace(base, entities=entities))
    found = eligible(index, pages(base), degree=(2, 40), hidden_degree=(2, 40))
    assert found.hidden[[5, 6]].all()
    assert not found.answers[[5, 6]].any()


def test_prose_is_no_list_and_bullets_are() -> None:
    assert is_list("* an item\n" * 30)
    assert not is_list("A sentence of a page.\n" * 30)
    assert not is_list("* an item\n" * 5)


def test_a_question_that_names_the_answer_or_a_hidden_node_leaks(base: FactBase, made: list[Task]) -> None:
    draft = TaskDraft(proof_of(made[0]), base)
    answer, hidden = (draft.name(doc_id) for doc_id in draft.proof.solution[:2])
    assert check_leaks(draft, made[0].question).passed
    assert check_leaks(draft, f"Is it {answer.upper()}?").reason == "answer name"
    assert check_leaks(draft, f"What lies at {hidden}?").reason == "hidden name"


def test_words_that_nobody_read_count_against_dispersion_and_are_no_evidence(base: FactBase) -> None:
    """Every border is also told on one page of gossip."""
    gossip = Support("e" * 16, 0, 9, scanned=True)
    facts = tuple(replace(f, supports=(*f.supports, gossip)) if f.relation == "borders" else f for f in base.facts)
    told = replace(base, facts=facts)
    tasks = list(chosen(prepare(told, pages(base), replace(RECIPE, treewidths=(2,))), count=6))
    bordering = [p for p in map(proof_of, tasks) if any(edge.relation == "borders" for edge in p.edges)]
    assert bordering
    for proof in bordering:
        assert gossip.doc_id not in proof.dispersion.pages
        assert proof.dispersion.minimum <= len(proof.dispersion.pages)


def test_relations_that_are_not_typed_are_used_only_where_they_are_asked_for(base: FactBase) -> None:
    bare = replace(base, facts=tuple(f for f in base.facts if f.object is None or f.relation == "hearsay"))
    recipe = replace(RECIPE, treewidths=(1, 2), patience=10)
    assert list(chosen(prepare(bare, pages(base), recipe), count=4)) == []
    tasks = list(chosen(prepare(bare, pages(base), replace(recipe, links=True)), count=4))
    assert len(tasks) == 4
    assert {edge.relation for task in tasks for edge in proof_of(task).edges} == {"hearsay"}
    assert all(proof_of(task).links for task in tasks)


def test_facts_too_few_for_any_task_end_the_search_without_one() -> None:
    few = draw_base(1, 6, density=0.2)
    yields: Counter[str] = Counter()
    recipe = replace(RECIPE, patience=5)
    assert list(chosen(prepare(few, pages(few), recipe), count=5, yields=yields)) == []
    assert yields["tasks"] == 0


@pytest.mark.parametrize("wrong", [{"treewidths": (0,)}, {"treewidths": ()}, {"dispersion": (4, 3)}])
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"Treewidths|dispersion"):
        Recipe(**wrong)  # type: ignore[arg-type]


def outside_base() -> FactBase:
    """Forty towns, and ten places without a page that each border some of them."""
    base = draw_base(3, 40, density=0.08)
    entities = {**base.entities, **{doc(900 + at): Entity(doc(900 + at), f"Place {at}", "outside") for at in range(10)}}
    said = [
        Statement(doc(at), "borders", doc(900 + at * step % 10), None, doc(at), 900, 905)
        for at in range(40)
        for step in (1, 3, 7)
    ]
    kept = [
        Statement(f.subject, f.relation, f.object, f.value, s.doc_id, s.start, s.end)
        for f in base.facts
        for s in f.supports
        if not s.inverse
    ]
    return FactBase("0" * 32, "by-hand", entities, RELATIONS, close_statements(kept + said, RELATIONS))


def test_what_has_no_page_may_be_a_hidden_node_of_no_stated_kind_and_is_no_answer() -> None:
    base = outside_base()
    pages_ = [page for page in pages(base) if base.entities[page.doc_id].kind != "outside"]
    found = prepare(base, pages_, RECIPE)
    number = found.index.number
    assert found.seeds.counts["outside"] == 10
    assert found.seeds.hidden[[number[doc(900 + at)] for at in range(10)]].all()
    assert not found.seeds.answers[[number[doc(900 + at)] for at in range(10)]].any()
    drafts = []
    for at in range(10):
        towns = [n for n in found.index.neighbours(number[doc(900 + at)]).tolist() if found.index.kind(n) == "town"]
        shape = Shape((towns[0], number[doc(900 + at)], towns[1]), ((0, 1), (1, 2)), "leaf")
        drafts.append(first_draft(found.ladders, shape, np.random.default_rng(at)))
    assert all(draft and draft.kinds == ("town", "", "town") for draft in drafts)


def test_the_core_is_what_is_left_without_those_of_few_neighbours() -> None:
    """A triangle with a tail of two, and a square beside it."""
    edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (5, 6), (6, 7), (7, 8), (8, 5)]
    both = np.array(edges + [(b, a) for a, b in edges])
    pairs = Pairs(both[:, 0], both[:, 1], 9)
    everyone = np.ones(9, np.bool_)
    assert np.flatnonzero(core(pairs, everyone, 2)).tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert not core(pairs, everyone, 3).any()
    assert np.flatnonzero(core(pairs, everyone & (np.arange(9) != 0), 2)).tolist() == [5, 6, 7, 8]


def test_a_region_for_a_treewidth_begins_at_a_core_of_it(base: FactBase, maker: Maker) -> None:
    rng = np.random.default_rng(5)
    for width in (2, 3):
        starts = seeded(maker.near, maker.dense[width], width, rng)
        joined = [(a, b) for a in range(len(starts)) for b in range(a) if starts[b] in maker.near[starts[a]]]
        assert treewidth(len(starts), joined) >= width
        assert set(starts) <= set(maker.dense[width].tolist())


def test_no_more_tasks_of_one_structure_are_kept_than_the_share_allows(base: FactBase) -> None:
    recipe = replace(RECIPE, treewidths=(1,), per_class=0.0)
    yields: Counter[str] = Counter()
    tasks = list(chosen(prepare(base, pages(base), replace(recipe, patience=40)), count=60, yields=yields))
    assert max(Counter(structure_class(proof_of(task)) for task in tasks).values()) == FEW
    assert yields["not kept: class is used up"] > 0


def test_two_proofs_that_differ_in_names_alone_are_of_one_structure(made: list[Task]) -> None:
    proof = proof_of(made[0])
    other = proof.model_copy(update={"solution": tuple(reversed(proof.solution)), "snapshot_id": "f" * 32})
    assert structure_class(other) == structure_class(proof)
    turned = proof.model_copy(update={"edges": tuple(e.model_copy(update={"a": e.b, "b": e.a}) for e in proof.edges)})
    assert structure_class(turned) != structure_class(proof)
