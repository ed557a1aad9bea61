from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from corpus.facts.factbook_relations import FACTBOOK_RELATIONS
from corpus.facts.foldoc import FOLDOC_RELATIONS
from corpus.facts.records import Relation
from corpus.facts.tate import TATE_RELATIONS
from corpus.world.schema import RELATIONS as WORLD_RELATIONS
from tests.bench.bench_wording import PAGE, rendered
from tests.bench.figures import FIGURES
from tests.training.drafts import draft_of, entity
from training.synthesis.predicates import (
    MEASURED,
    Amount,
    Compare,
    Equal,
    Named,
    Not,
    Period,
    Predicate,
    Range,
    Some,
)
from training.synthesis.proof import Proof, TaskDraft
from training.synthesis.wording import (
    check_language,
    chinese_clauses,
    english_clauses,
    mapping_flaws,
    phrases,
    word,
    worded,
)
from training.synthesis.wording.amounts import chinese_range, english_range, english_years
from training.synthesis.wording.chinese_clauses import LEXICON as CHINESE
from training.synthesis.wording.english_clauses import LEXICON as ENGLISH
from training.synthesis.wording.kinds import CHINESE as CHINESE_KINDS
from training.synthesis.wording.kinds import ENGLISH as ENGLISH_KINDS
from training.synthesis.wording.kinds import plural, with_article
from training.synthesis.wording.lexicon import Lexicon, expanded
from training.synthesis.wording.negation import negated

SOURCES: dict[str, tuple[Relation, ...]] = {
    "factbook": FACTBOOK_RELATIONS,
    "world": tuple(WORLD_RELATIONS.values()),
    "tate": TATE_RELATIONS,
    "foldoc": FOLDOC_RELATIONS,
}
KENYA, MAIZE = entity(90, "Kenya Hill"), "maize"


def predicates_of(relation: Relation) -> list[Predicate]:
    """One of every sort that the relation can be asked by."""
    name = relation.name
    much = [Amount(relation=name, low=1234, high=56789, unit="km")] if name in MEASURED else []
    if relation.value_kind == "entity":
        named = Named(relation=name, entity=KENYA.doc_id)
        return [named, Some(relation=name, kind="river"), Not(of=named), *much]
    if relation.value_kind == "text":
        return [Equal(relation=name, text=MAIZE), Not(of=Equal(relation=name, text=MAIZE)), *much]
    compare = [Compare(relation=name, sense=sense, entity=KENYA.doc_id) for sense in ("more", "less")]
    if relation.value_kind == "date":
        return [Period(relation=name, first=1960, last=1969), Period(relation=name, first=1871, last=1871), *compare]
    return [Range(relation=name, low=1234, high=56789, unit=relation.unit), *compare]


def one_clue(relation: Relation, predicate: Predicate) -> TaskDraft:
    kind = relation.subject_kinds[0] if relation.subject_kinds else "page"
    answer = entity(1, "Nobody", kind)
    return draft_of([answer, KENYA], {relation.name: relation}, [answer], clues=[(0, predicate)])


EVERY = [(source, relation) for source, relations in SOURCES.items() for relation in relations]


def knows(lexicon: Lexicon, relation: Relation) -> bool:
    return bool(lexicon.phrases_of(relation)) or lexicon.counted_of(relation) is not None


def test_every_typed_relation_has_words_of_its_own() -> None:
    for source, relation in EVERY:
        assert knows(ENGLISH, relation), (source, relation.name)
        if source in ("factbook", "world"):
            assert knows(CHINESE, relation), (source, relation.name)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sort_of_clue_about_every_relation_holds_its_name_value_or_numbers(language: str) -> None:
    for _, relation in EVERY:
        for predicate, seed in itertools.product(predicates_of(relation), range(4)):
            draft = one_clue(relation, predicate)
            wording = worded(draft, np.random.default_rng(seed), language)
            said = next(words for words in wording.said if words.part == "clue:0")
            clause = wording.text[said.start : said.end]
            inner = predicate.of if isinstance(predicate, Not) else predicate
            where = relation.name, language, clause
            assert "{" not in wording.text, where
            assert "|" not in wording.text, where
            if isinstance(inner, Named | Compare):
                assert KENYA.name in clause, where
            elif isinstance(inner, Equal):
                assert MAIZE in clause, where
            elif isinstance(inner, Period):
                assert str(inner.first) in clause, where
            elif isinstance(inner, Range | Amount):
                digits = re.findall(r"\d+", clause.replace(",", "").replace(".", ""))
                assert {"1234", "56789"} <= set(digits) or {"1234", "56789"} <= {d.rstrip("0") for d in digits}, where
            if isinstance(predicate, Not):
                assert re.search(r"\bnot\b|\bcannot\b|不|没|非", clause), where


@pytest.mark.parametrize(("source", "lexicon"), [(s, x) for s in SOURCES for x in (ENGLISH, CHINESE)])
def test_no_phrase_says_two_relations_of_the_same_things(source: str, lexicon: Lexicon) -> None:
    """Else a clause would not tell its predicate."""
    said: dict[str, list[Relation]] = defaultdict(list)
    for relation in SOURCES[source]:
        for phrase in lexicon.phrases_of(relation):
            for form in expanded(phrase):
                said[form].append(relation)
    for form, relations in said.items():
        for one, other in itertools.combinations(relations, 2):
            alike = (one.value_kind == "entity") == (other.value_kind == "entity")
            objects = set(one.object_kinds) & set(other.object_kinds) or one.value_kind != "entity"
            assert not (alike and objects and set(one.subject_kinds) & set(other.subject_kinds)), (form, one, other)


def test_what_may_be_asked_by_its_amount_has_words_for_it_that_say_nothing_else() -> None:
    for clauses in (english_clauses, chinese_clauses):
        assert clauses.AMOUNTS.keys() == MEASURED
        plain = {
            form for phrases in clauses.LEXICON.phrases.values() for phrase in phrases for form in expanded(phrase)
        }
        forms = [form for phrases in clauses.AMOUNTS.values() for phrase in phrases for form in expanded(phrase)]
        assert not plain & {*forms}
        assert len(forms) == len({*forms}), "one form for two relations"
        assert all(form.count("{}") == 1 for form in forms)


def test_a_territory_is_not_said_to_be_dependent() -> None:
    """Of its kind are pages that say nothing of a dependency, such as Taiwan's."""
    assert not any("depend" in noun for noun in ENGLISH_KINDS["territory"])
    assert "属" not in CHINESE_KINDS["territory"][0]


def test_no_two_things_of_a_question_have_one_letter() -> None:
    """Two towns beside two people, in questions that call them by letters."""
    towns, people = (
        [entity(at, f"Hidden {at}") for at in range(3)],
        [entity(9 + at, f"Nn {at}", "person") for at in (0, 1)],
    )
    edges = [(0, "near", 1), (1, "near", 2), (1, "birthplace_of", 3), (2, "birthplace_of", 4), (0, "twinned_with", 2)]
    draft = draft_of([*towns, *people], WORLD_RELATIONS, [*towns, *people], edges=edges)
    lettered = 0
    for seed in range(80):
        text = worded(draft, np.random.default_rng(seed), "en").text
        called = {letter: set(re.findall(rf"\b(town|person),? {letter}\b", text)) for letter in "ABCD"}
        lettered += bool(called["A"])
        assert all(len(nouns) <= 1 for nouns in called.values()), text
    assert lettered > 5


def diamond() -> TaskDraft:
    """Four towns in a ring with a chord, two clues each for some: treewidth 2."""
    towns = [entity(at, f"Hidden {at}") for at in range(4)]
    named = entity(9, "Otterbrook")
    clues: list[tuple[int, Predicate]] = [
        (1, Range(relation="population", low=3_000_000, high=5_500_000, unit="persons")),
        (2, Named(relation="twinned_with", entity=named.doc_id)),
        (2, Not(of=Equal(relation="known_for", text="lace"))),
        (3, Period(relation="founded_on", first=1850, last=1899)),
        (0, Compare(relation="elevation", sense="more", entity=named.doc_id)),
    ]
    edges = [(0, "near", 1), (1, "twinned_with", 2), (2, "near", 3), (3, "near", 0), (0, "twinned_with", 2)]
    return draft_of([*towns, named], WORLD_RELATIONS, towns, edges=edges, clues=clues)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_clue_and_each_edge_is_said_once_and_nothing_hidden_is_named(language: str) -> None:
    draft = diamond()
    skeletons = set()
    for seed in range(120):
        wording = worded(draft, np.random.default_rng(seed), language)
        proof = draft.proof.model_copy(update={"wording": phrases(wording)})
        assert list(mapping_flaws(proof, wording.text)) == []
        kinds = [said.part for said in wording.said if said.part.startswith("kind:")]
        assert Counter(kinds) == {f"kind:{at}": 1 for at in range(4)}
        assert "Hidden" not in wording.text
        assert not re.search(r"[\ue000-\uf8ff]", wording.text + wording.skeleton)
        skeletons.add(wording.skeleton)
    assert len(skeletons) >= 110


def test_a_mapping_with_a_part_missing_doubled_or_outside_is_found() -> None:
    draft = diamond()
    wording = worded(draft, np.random.default_rng(0), "en")
    whole = phrases(wording)

    def flaws(changed: tuple[object, ...], text: str = wording.text) -> list[str]:
        proof = Proof.model_validate({**draft.proof.model_dump(), "wording": changed})
        return list(mapping_flaws(proof, text))

    edge = next(at for at, phrase in enumerate(whole) if phrase.part == "edge:0")
    assert flaws(whole[:edge] + whole[edge + 1 :]) == ["the question says edge:0 0 times"]
    assert flaws((*whole, whole[edge])) == ["the question says edge:0 2 times"]
    assert flaws(whole, wording.text[:-20])
    assert flaws(()) == []


def test_a_seed_gives_one_question_and_others_give_others() -> None:
    draft = diamond()
    asked = [word(draft, np.random.default_rng(seed), "en") for seed in (*range(40), 0)]
    assert asked[0] == asked[-1]
    assert len(set(asked)) == 40


def test_titles_stand_in_quotation_marks_and_countries_have_their_article() -> None:
    states, novel = entity(2, "United States", "country"), entity(3, "The Long Water", "novel")
    answer = entity(1, "Nobody", "country")
    relations = {relation.name: relation for relation in FACTBOOK_RELATIONS} | {
        "depicted_in": WORLD_RELATIONS["depicted_in"]
    }
    draft = draft_of(
        [answer, states, novel],
        relations,
        [answer],
        clues=[
            (0, Named(relation="borders", entity=states.doc_id)),
            (0, Named(relation="depicted_in", entity=novel.doc_id)),
        ],
    )
    for seed in range(20):
        text = word(draft, np.random.default_rng(seed), "en")
        assert "the United States" in text
        assert '"The Long Water"' in text


def test_a_relation_that_no_table_knows_is_said_by_its_label_or_by_the_row_it_stands_in() -> None:
    answer, other = entity(1, "Nobody", "article"), entity(2, "Somebody", "article")
    relations = {
        "hums": Relation("hums", "hums the tune of", ("article",), "entity", ("article",), "hummed_by"),
        "infobox_coach": Relation("infobox_coach", "x", ("article",), "entity", ("article",), "infobox_coach_of"),
        "table_venue_of": Relation("table_venue_of", "x", ("article",), "entity", ("article",), "table_venue"),
    }
    clues: list[tuple[int, Predicate]] = [(0, Named(relation=name, entity=other.doc_id)) for name in relations]
    text = word(draft_of([answer, other], relations, [answer], clues=clues), np.random.default_rng(1), "en")
    assert 'hums the tune of "Somebody"' in text
    assert '"coach"' in text
    assert '"venue"' in text


@pytest.mark.parametrize(
    ("low", "high", "unit", "said"),
    [
        (500, 3000, "km", r"500 .*3,000 (km|kilometres)"),
        (3e6, 5e6, "", r"3( million)? .*5 million$"),
        (260e9, 1.7e12, "usd", r"260( billion)? .*1.7 trillion|260 .*1,700 billion"),
        (400_000, 1_700_000, "km2", r"400,000 .*1.7 million"),
        (0.5, 12, "percent", r"0.5 .*12 (%|percent|per cent)"),
        (7, 7, "percent", r"^7 (%|percent|per cent)$"),
        (-0.97, -0.22, "", r"-0.97 .*-0.22"),
    ],
)
def test_a_range_keeps_both_bounds(low: float, high: float, unit: str, said: str) -> None:
    for seed in range(12):
        assert re.search(said, english_range(low, high, unit, "x", np.random.default_rng(seed)))


def test_degrees_have_their_side_of_the_globe() -> None:
    rng = np.random.default_rng(0)
    assert re.fullmatch(
        r"(between )?1° (and|to)( |° )?.*4° ?south|.*1°.*4° south", english_range(-4, -1, "degrees", "latitude", rng)
    )
    assert english_range(-3, 2, "degrees", "longitude", rng) == "between 3° west and 2° east"
    assert chinese_range(-3, 2, "degrees", "latitude", rng) == "在南纬3度与北纬2度之间"


@pytest.mark.parametrize(("first", "last", "said"), [(1962, 1962, "1962"), (1960, 1969, "1960s|1960 and 1969")])
def test_years_are_said_as_a_year_or_a_decade(first: int, last: int, said: str) -> None:
    assert all(re.search(said, english_years(first, last, np.random.default_rng(seed))) for seed in range(8))


@pytest.mark.parametrize(
    ("phrase", "denied"),
    [
        ("borders {}", "does not border {}"),
        ("was born in {}", "was not born in {}"),
        ("has {} as a symbol", "does not have {} as a symbol"),
        ("has worked for {}", "has not worked for {}"),
        ("gained independence from {}", "did not gain independence from {}"),
        ("took part in {}", "did not take part in {}"),
        ("touches {} on land", "does not touch {} on land"),
        ("can claim the birth of {}", "cannot claim the birth of {}"),
        ("studied at {}", "did not study at {}"),
        ("supplies {}", "does not supply {}"),
    ],
)
def test_a_phrase_is_denied(phrase: str, denied: str) -> None:
    assert negated(phrase) == denied


def test_no_phrase_of_the_tables_is_denied_into_a_word_that_is_none() -> None:
    """What "does not" and "did not" are followed by, once each; a new verb has to be looked at."""
    verbs = set()
    for _, relation in EVERY:
        for phrase in ENGLISH.phrases_of(relation):
            for form in expanded(phrase):
                found = re.match(r"(?:does|did) not (\w+)", negated(form))
                if found:
                    verbs.add(found[1])
    assert not {verb for verb in verbs if re.search(r"(?:ie|[^aeiou]ss?e|tch|ched|shed|rit|rriv)$", verb)} - GOOD, verbs


GOOD = frozenset(
    ("endorse", "tie", "lie", "die", "watch", "use", "house", "possess", "pass", "cause", "increase", "cross")
)


@pytest.mark.parametrize(
    ("noun", "several"),
    [("town", "towns"), ("country", "countries"), ("person", "people"), ("union of states", "unions of states")],
)
def test_nouns_have_plurals(noun: str, several: str) -> None:
    assert plural(noun) == several


def test_articles_go_by_sound() -> None:
    assert [with_article(noun) for noun in ("town", "opera", "university")] == ["a town", "an opera", "a university"]


def test_a_language_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="no wording in 'tlh'; use en or zh"):
        check_language("tlh")


def test_measured_variety_is_within_what_was_asked() -> None:
    """`tests/bench/bench_wording.py` measures 1,000 questions of each corpus."""
    measured = json.loads((FIGURES / "wording.json").read_text())["measured"]
    assert {row["corpus"] for row in measured["variety"]} == {"factbook", "world"}
    for row in measured["variety"]:
        assert row["questions"] >= 1000
        assert row["skeletons"] >= 300
        assert row["common_8_grams"] <= 0.05
        if row["language"] == "en":
            assert row["common_8_gram_occurrences"] <= 0.05


def test_a_hundred_tasks_of_real_corpora_were_read_and_their_shares_add_up() -> None:
    read = json.loads((FIGURES / "tasks_read.json").read_text("utf-8"))
    assert len({task["task_id"] for task in read["tasks"]}) == len(read["tasks"]) >= 100
    for corpus, totals in read["totals"].items():
        verdicts = [task["verdict"] for task in read["tasks"] if task["corpus"] == corpus]
        assert totals["tasks"] == len(verdicts)
        for key in ("natural", "unique", "answerable"):
            assert totals[key] == sum(verdict[key] for verdict in verdicts)
        assert totals["all_three"] == sum(all(verdict.values()) for verdict in verdicts)
    for task in read["tasks"]:
        assert task["evidence"]
        assert ("question" in task) == (task["corpus"] == "factbook"), "no text of the other corpora is quoted"


def test_the_page_shows_the_figures_as_they_were_measured() -> None:
    measured = json.loads((FIGURES / "wording.json").read_text("utf-8"))["measured"]
    assert rendered(measured) == PAGE.read_text("utf-8")
