from __future__ import annotations

from dataclasses import replace

import pytest

from corpus.facts.base import FactBase
from corpus.facts.factbook_relations import FACTBOOK_RELATIONS
from corpus.facts.records import Entity
from corpus.snapshot import Snapshot
from tests.training.drafts import draft_of, entity
from training.synthesis.leaks import LeakChecks, check_leaks, folded, shared_words
from training.synthesis.overlap import PageGrams
from training.synthesis.predicates import Equal, Named
from training.synthesis.proof import TaskDraft
from training.synthesis.shortcuts import LOOKED_AT, TOP, Shortcuts, clue_query

RELATIONS = {relation.name: relation for relation in FACTBOOK_RELATIONS}


def of_answer(answer: Entity, hidden: Entity | None = None, shown: Entity | None = None) -> TaskDraft:
    known = [one for one in (answer, hidden, shown) if one]
    solution = [one for one in (answer, hidden) if one]
    clues = [(0, Named(relation="borders", entity=shown.doc_id))] if shown else []
    return draft_of(known, RELATIONS, solution, clues=clues)


@pytest.mark.parametrize(
    ("name", "aliases", "question", "reason"),
    [
        ("Chad", (), "Which country is like CHAD, but larger?", "answer name"),
        ("Côte d'Ivoire", (), "Which country is cote d'ivoire?", "answer name"),
        ("Москва", (), "Which town is called Moskva?", "answer name"),
        ("Moskva", (), "Какой город — Москва?", "answer name"),
        ("Ørsted", (), "Is it Orsted?", "answer name"),
        ("Myanmar", ("Burma",), "Was this once Burma?", "answer name"),
        ("spreading activation", (), "What spreads activations?", "answer name, stemmed"),
        ("United Arab Emirates", (), "Which member is the UAE?", "answer acronym"),
        ("Iceland", (), "Where do people speak Icelandic?", "answer name, stemmed"),
        ("Mexico", (), "Where do people eat Mexican food?", "part of answer name"),
        ("River Glekalle", (), "Which river flows by the Glekalle works?", "part of answer name"),
    ],
)
def test_a_name_in_any_guise_is_found(name: str, aliases: tuple[str, ...], question: str, reason: str) -> None:
    draft = of_answer(entity(1, name, "country", aliases))
    assert check_leaks(draft, question).reason == reason


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("Chad", "Which country has a chadless election?"),
        ("Chile", "Where do women bear three children?"),
        ("United Arab Emirates", "Who won an uae of prizes?"),
        ("Iran", "Which country borders Iraq?"),
        ("Austria", "Which land is not Australia?"),
        ("Togo", "Which way is there together to go?"),
    ],
)
def test_words_that_are_only_like_a_name_are_no_leak(name: str, question: str) -> None:
    assert check_leaks(of_answer(entity(1, name, "country")), question).passed


def test_a_hidden_name_is_a_leak_too_and_says_so() -> None:
    draft = of_answer(entity(1, "Chad", "country"), entity(2, "Niger", "country"))
    assert check_leaks(draft, "Which country borders Niger?").reason == "hidden name"


def test_a_name_that_a_clue_shows_may_be_like_a_hidden_one_but_may_not_hold_it() -> None:
    nigeria = entity(3, "Nigeria", "country")
    assert check_leaks(of_answer(entity(1, "Niger", "country"), shown=nigeria), "What borders Nigeria?").passed
    school, town = entity(3, "Brellick University", "university"), entity(1, "Brellick")
    assert check_leaks(of_answer(town, shown=school), "What is home to Brellick University?").reason == "answer name"
    other = entity(1, "Brellick Tools", "company")
    assert (
        check_leaks(of_answer(other, shown=school), "What trades with Brellick University?").reason
        == "part of answer name"
    )


def test_a_word_of_many_names_tells_none_of_them() -> None:
    answer = entity(1, "Harbour Museum", "museum")
    draft = of_answer(answer)
    others = {one.doc_id: one for one in (entity(at, f"Museum {at} of Harbour", "museum") for at in range(10, 20))}
    crowded = TaskDraft(draft.proof, replace(draft.facts, entities={answer.doc_id: answer, **others}))
    assert check_leaks(draft, "Which museum stands by the Harbour?").reason == "part of answer name"
    assert check_leaks(crowded, "Which museum stands by the Harbour?").passed
    assert shared_words(crowded.facts)["harbour"] == 11


def test_letters_are_folded_to_plain_latin_ones() -> None:
    assert folded("Straße Łódź Ünye Χανιά Щука") == "strasse lodz unye chania shchuka".replace(
        "chania", folded("Χανιά")
    )
    assert folded("Χανιά").isascii()


PAGE = "The old mill on the river was sold in 1871 to a maker of paper who came from the north."


def test_eight_words_in_a_row_are_found_and_seven_are_not() -> None:
    grams = PageGrams([PAGE, "Another page."])
    eight = "the river was sold in 1871 to a"
    assert grams.shared(f"Which mill on {eight} weaver?") == (
        "mill on the river was sold in 1871",
        "on the river was sold in 1871 to",
        "the river was sold in 1871 to a",
    )
    assert grams.shared("It was sold: the river was sold in 1871 to nobody") == ()
    assert grams.shared("THE RIVER, WAS SOLD in 1871, to A") == (eight,)


def test_a_title_is_no_copied_sentence() -> None:
    grams = PageGrams(["See The Long Slow Road Down To The Harbour Wall by an unknown hand."])
    title = "The Long Slow Road Down To The Harbour Wall"
    asked = f"Which film was inspired by {title}?"
    assert grams.shared(asked)
    assert grams.shared(asked, (title,)) == ()


def test_no_pages_and_short_pages_share_nothing() -> None:
    assert PageGrams([]).shared(PAGE) == ()
    assert PageGrams(["Seven words are far too few here."]).shared(PAGE) == ()


def test_chinese_runs_of_eight_signs_are_found() -> None:
    grams = PageGrams(["城镇位于河流的岸边并且以造纸闻名"])
    assert grams.shared("哪座城镇位于河流的岸上？") == ("城 镇 位 于 河 流 的 岸",)


@pytest.fixture(scope="module")
def pages(factbook: Snapshot) -> FactBase:
    """Every page as a country, without facts: the searches read none."""
    store = factbook.store
    found = {store.doc_id(at): Entity(store.doc_id(at), store.head(at)[1], "country") for at in range(len(store))}
    return FactBase(factbook.snapshot_id, "by-hand", found, RELATIONS, ())


@pytest.fixture(scope="module")
def checks(factbook: Snapshot, pages: FactBase) -> LeakChecks:
    return LeakChecks(pages, factbook)


def about(pages: FactBase, title: str) -> Entity:
    return next(one for one in pages.entities.values() if one.name == title)


@pytest.mark.slow
def test_a_question_whose_search_shows_the_answers_page_is_a_leak(
    checks: LeakChecks, factbook: Snapshot, pages: FactBase
) -> None:
    nepal = about(pages, "Nepal")
    draft = draft_of(list(pages.entities.values()), RELATIONS, [nepal])
    easy = checks.check(draft, "Which landlocked Himalayan kingdom became a republic, and has Mount Everest?")
    assert easy.verdict.reason == "question finds the answer"
    assert easy.figures["shortcut"]["question"]["bm25"] <= TOP
    assert easy.figures["shortcut"]["static"] > 0
    hard = checks.check(draft, "Which one grows bananas, and has beaches on a tropical ocean with whales?")
    assert hard.verdict.passed
    assert hard.figures["shortcut"]["static"] == 0
    assert set(hard.figures["shortcut"]["question"]) == set(factbook.modes)
    for rank in hard.figures["shortcut"]["question"].values():
        assert rank is None or TOP < rank <= LOOKED_AT


@pytest.mark.slow
def test_one_clue_whose_search_shows_the_answers_page_is_a_leak(checks: LeakChecks, pages: FactBase) -> None:
    nepal = about(pages, "Nepal")
    clue = Equal(relation="highest_point", text="Mount Everest")
    draft = draft_of(list(pages.entities.values()), RELATIONS, [nepal], clues=[(0, clue)])
    assert clue_query(draft, 0, clue) == "country has as its highest point Mount Everest"
    found = checks.check(draft, "Which one grows bananas on a tropical ocean with whales?")
    assert found.verdict.reason == "clue finds the answer"
    assert found.figures["shortcut"]["clues"] == 1


@pytest.mark.slow
def test_words_copied_from_a_page_are_a_leak(checks: LeakChecks, factbook: Snapshot, pages: FactBase) -> None:
    text = factbook.document(doc_id=about(pages, "Norway").doc_id).text
    copied = " ".join(text.split()[200:216])
    draft = draft_of(list(pages.entities.values()), RELATIONS, [about(pages, "Nepal")])
    assert checks.check(draft, f"Which country: {copied}?").verdict.reason == "8-gram of a page"


@pytest.mark.slow
def test_a_kept_ranking_of_a_clue_is_the_one_that_is_searched(factbook: Snapshot, pages: FactBase) -> None:
    nepal = about(pages, "Nepal")
    clue = Equal(relation="highest_point", text="Mount Everest")
    draft = draft_of(list(pages.entities.values()), RELATIONS, [nepal], clues=[(0, clue), (0, clue)])
    shortcuts = Shortcuts(factbook, ["bm25"])
    once, again = shortcuts.of_clues(draft)
    assert once == again
    hits = factbook.search(clue_query(draft, 0, clue), k=TOP, mode="bm25").hits
    assert once["bm25"] == next(hit.rank for hit in hits if hit.doc_id == nepal.doc_id)
