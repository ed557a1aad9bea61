"""Ranking: a total order, filters before it, and the same answers whatever the segments."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from corpus import BuildOptions, Filters, Snapshot, build_snapshot, open_snapshot
from corpus.analyzers import query_terms
from corpus.docstore import day_number
from corpus.errors import BadQuery, ModeUnavailable
from corpus.filters import allowed_documents, is_allowed
from corpus.hybrid import MISSING, weighted_sum
from corpus.rankings import Retriever
from corpus.records import Ranking

MODES = ("bm25", "dense", "hybrid")
QUERIES = (
    "landlocked country",
    "What is the capital of the country that borders both Spain and France?",
    "oil exports",
    "the",
    "Danube",
    "natural hazards volcanoes earthquakes islands",
)


@pytest.fixture(scope="module")
def ties(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 pages of which most say the same: every query ties, wherever it is cut."""
    rng = random.Random(3)
    folder = tmp_path_factory.mktemp("ties")
    with open(folder / "pages.jsonl", "wb") as file:
        for i in range(400):
            text = " ".join(rng.choices(["amber", "birch", "cedar", "dogwood", "elm"], k=rng.choice([3, 3, 3, 6])))
            row = {"url": f"https://{'ab'[i % 2]}.example/{i}", "title": f"Tree {i % 3}", "text": text}
            file.write(orjson.dumps(row | ({"date": f"20{i % 20:02}-01-01"} if i % 4 else {})) + b"\n")
    return folder / "pages.jsonl"


def places(ranking: Ranking) -> list[tuple[float, str]]:
    return [(hit.score, hit.passage_id) for hit in ranking.hits]


def test_a_page_is_found_by_a_word_only_its_title_has(tiny: Snapshot) -> None:
    hits = tiny.search("cartographer", k=3, mode="bm25").hits
    assert [tiny.document(doc_id=hit.doc_id).url for hit in hits] == ["https://tiny.example/people/ada"]


@pytest.mark.parametrize(
    ("query", "title"), [("lighthouses", "Lighthouse at Cape Ember"), ("THORUNN", "Þórunn Sæmundsdóttir")]
)
def test_words_match_in_every_form_case_and_accent(tiny: Snapshot, query: str, title: str) -> None:
    hits = tiny.search(query, k=12, mode="bm25").hits
    assert title in [tiny.document(doc_id=hit.doc_id).title for hit in hits]


def test_stop_words_leave_a_query_unless_there_is_nothing_else() -> None:
    assert query_terms("Who was the master of the Petrel?") == ["master", "petrel"]
    assert query_terms("to be or not to be") == ["to", "be", "or", "not"]
    assert query_terms("The Who") == ["the", "who"]
    assert query_terms("!?") == []
    assert len(query_terms(" ".join(f"word{i}" for i in range(500)))) == 64


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by_page", [True, False])
@pytest.mark.parametrize("query", QUERIES)
def test_the_best_k_are_a_prefix_of_the_best_k_plus_one(
    factbook: Snapshot, mode: str, by_page: bool, query: str
) -> None:
    whole = places(factbook.search(query, k=150, mode=mode, by_page=by_page))
    for k in (1, 2, 3, 10, 57, 99, 100, 101, 149):
        assert places(factbook.search(query, k=k, mode=mode, by_page=by_page)) == whole[:k]


@pytest.mark.parametrize("mode", MODES)
def test_scores_fall_and_ties_rise_by_document_and_passage(factbook: Snapshot, mode: str) -> None:
    for query in QUERIES:
        for by_page in (True, False):
            hits = factbook.search(query, k=1000, mode=mode, by_page=by_page).hits
            keys = [(-hit.score, hit.doc_id, int(hit.passage_id.partition(":")[2].partition("-")[0])) for hit in hits]
            assert keys == sorted(keys)
            assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
            if by_page:
                assert len({hit.doc_id for hit in hits}) == len(hits)


def test_answers_do_not_depend_on_threads_or_commits(ties: Path, tmp_path: Path) -> None:
    builds = [
        BuildOptions(),
        BuildOptions(threads=4),
        BuildOptions(commit_every=7),
        BuildOptions(threads=2, commit_every=50),
    ]
    webs = []
    for number, options in enumerate(builds):
        build_snapshot([str(ties)], tmp_path / str(number), options)
        webs.append(open_snapshot(tmp_path / str(number)))
    assert len({web.snapshot_id for web in webs}) == 1
    segments = {web.lexical._searcher.num_segments for web in webs}
    assert len(segments) > 1, "the builds should differ inside, or this test shows nothing"
    for mode in MODES:
        for query in ("amber", "birch elm", "cedar dogwood amber tree", "tree 1 2 0 amber birch cedar dogwood elm"):
            for k in (1, 7, 40):
                answers = [places(web.search(query, k=k, mode=mode)) for web in webs]
                assert answers.count(answers[0]) == len(answers), (mode, query, k)


def test_filters_come_before_ranking_so_that_k_hits_come_back(ties: Path, tmp_path: Path) -> None:
    build_snapshot([str(ties)], tmp_path / "out")
    web = open_snapshot(tmp_path / "out")
    some = tuple(range(300))
    cases = [
        Filters(include_domains=("a.example",)),
        Filters(exclude_domains=("example",), include_domains=("a.example",)),
        Filters(exclude_domains=("b.example",), after=day_number("2005")),
        Filters(after=day_number("2003"), before=day_number("2004")),
        Filters(before=day_number("2004"), include_undated=True),
        Filters(hidden_from=day_number("2010")),
        Filters(exclude_docs=some, hidden_from=day_number("2015"), after=day_number("2001")),
    ]
    for filters in cases:
        allowed = allowed_documents(web.store, filters)
        assert [is_allowed(web.store, filters, number) for number in range(len(web.store))] == allowed.tolist()
        for mode in MODES:
            # What a filter lets through is what ranking everything and striking out would leave.
            everything = web.search("amber birch", k=400, mode="dense" if mode == "hybrid" else mode).hits
            hits = web.search("amber birch", k=25, mode=mode, allowed=filters).hits
            numbers = [web.store.find_id(hit.doc_id) for hit in hits]
            assert all(allowed[number] for number in numbers if number is not None)
            there = [hit for hit in everything if allowed[web.store.find_id(hit.doc_id) or 0]]
            assert len(hits) == min(25, len(there)), (filters, mode)
            if mode != "hybrid":
                assert [hit.doc_id for hit in hits] == [hit.doc_id for hit in there[:25]]


def test_an_approximate_index_ranks_by_exact_scores_and_honours_filters(ties: Path, tmp_path: Path) -> None:
    source = tmp_path / "many.jsonl"
    rng = random.Random(5)
    words = [f"{a}{b}" for a in ("stone", "river", "cloud", "ember", "frost") for b in ("side", "fall", "gate", "mark")]
    with open(source, "wb") as file:
        for i in range(3000):
            row = {
                "url": f"https://d{i % 30}.example/{i}",
                "title": words[i % 20],
                "text": " ".join(rng.choices(words, k=9)),
            }
            file.write(orjson.dumps(row) + b"\n")
    build_snapshot([str(source)], tmp_path / "exact")
    manifest = build_snapshot([str(source)], tmp_path / "coded", BuildOptions(exact_up_to=1000))
    again = build_snapshot([str(source)], tmp_path / "coded2", BuildOptions(exact_up_to=1000))
    assert manifest.settings.dense_index == "codes"
    assert manifest.snapshot_id == again.snapshot_id, "codes are learned alike every time"
    exact, coded = open_snapshot(tmp_path / "exact"), open_snapshot(tmp_path / "coded")
    found = total = 0
    for query in words:
        scores = {hit.doc_id: hit.score for hit in exact.search(query, k=3000, mode="dense").hits}
        hits = coded.search(query, k=20, mode="dense").hits
        assert all(scores[hit.doc_id] == hit.score for hit in hits)
        found += len({hit.doc_id for hit in hits} & {h.doc_id for h in exact.search(query, k=20, mode="dense").hits})
        total += 20
        narrow = Filters(include_domains=("d7.example",))
        assert len(coded.search(query, k=100, mode="dense", allowed=narrow).hits) == 100
        assert places(coded.search(query, k=50, mode="dense", allowed=narrow)) == places(
            exact.search(query, k=50, mode="dense", allowed=narrow)
        )
        assert places(coded.search(query, k=101, mode="dense"))[:7] == places(coded.search(query, k=7, mode="dense"))
    assert found / total > 0.95


WEIGHTS = {"bm25": 1.0, "dense": 0.5}


def test_fusion_adds_a_share_of_the_best_bm25_score_to_the_exact_cosine(tiny: Snapshot) -> None:
    cosines = {0: 0.4, 1: 0.9, 2: 0.8}

    def asked(passages: Sequence[int]) -> list[float]:
        return [cosines[passage] for passage in passages]

    words, near = [(9.0, 0), (6.0, 1)], [(0.9, 1), (0.8, 2)]
    merged = weighted_sum(words, near, asked, WEIGHTS, tiny.store, by_page=False, complete=False)
    # Passage 0 gets its cosine though no list gave it; passage 2 counts as a little worse than the last of BM25's.
    assert merged == [(1.2, 0), (round(6 / 9 + 0.45, 6), 1), (round(MISSING * 6 / 9 + 0.4, 6), 2)]
    all_there_is = weighted_sum(words, near, asked, WEIGHTS, tiny.store, by_page=False, complete=True)
    assert all_there_is[2] == (0.4, 2), "what matches no word scores none"
    # Boosts of Lucene syntax can leave no score above 0 to be a share of.
    flat = weighted_sum([(0.0, 0), (-2.0, 1)], near, asked, WEIGHTS, tiny.store, by_page=False, complete=False)
    assert flat == [(0.45, 1), (0.4, 2), (0.2, 0)]


def test_a_fused_page_is_shown_by_the_passage_that_adds_most(factbook: Snapshot) -> None:
    first, second = list(factbook.store.passages_of(0))[:2]

    def fused(weight: float) -> list[tuple[float, int]]:
        weights = {"bm25": 1.0, "dense": weight}
        store = factbook.store
        return weighted_sum(
            [(5.0, first)], [(0.9, second)], lambda _: [0.1], weights, store, by_page=True, complete=True
        )

    assert fused(0.5) == [(1.45, first)]
    assert fused(2.0) == [(2.8, second)]


def test_a_query_no_word_of_which_is_anywhere_is_answered_by_vectors_alone(tiny: Snapshot) -> None:
    query = "boulangerie"
    assert not tiny.search(query, k=5, mode="bm25").hits
    dense, hybrid = (tiny.search(query, k=5, mode=mode).hits for mode in ("dense", "hybrid"))
    assert [hit.passage_id for hit in hybrid] == [hit.passage_id for hit in dense] != []


def test_bm25_has_the_constants_that_tantivy_fixes(tmp_path: Path) -> None:
    """k1 = 1.2 and b = 0.75; the binding has no way to set them, so nothing here tunes them."""
    texts = ["amber " + "birch " * 3, "amber amber " + "birch " * 8, "birch " * 6, "cedar " * 7]
    rows = [{"url": f"https://a.example/{i}", "text": text} for i, text in enumerate(texts)]
    (tmp_path / "p.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    build_snapshot([str(tmp_path / "p.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    web = open_snapshot(tmp_path / "out")
    found = {web.document(doc_id=hit.doc_id).url: hit.score for hit in web.search("amber", k=4).hits}
    # A title is words of its pages, too: here the last part of the URL, a digit.
    k1, b, average = 1.2, 0.75, sum(len(text.split()) + 1 for text in texts) / len(texts)
    idf = math.log(1 + (4 - 2 + 0.5) / (2 + 0.5))
    for number in (0, 1):
        words = texts[number].split()
        tf = words.count("amber")
        score = idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * (len(words) + 1) / average))
        assert found[f"https://a.example/{number}"] == pytest.approx(score, abs=0.006)


def test_a_snapshot_is_searched_by_the_weights_that_it_was_built_with(tiny: Snapshot) -> None:
    def weighted(weights: dict[str, float]) -> list[float]:
        settings = tiny.manifest.settings.model_copy(update={"field_weights": weights})
        web = Snapshot(tiny.path, tiny.manifest.model_copy(update={"settings": settings}))
        return [hit.score for hit in web.search("kelp bread", k=3, mode="bm25").hits]

    usual = [hit.score for hit in tiny.search("kelp bread", k=3, mode="bm25").hits]
    assert weighted({"title": 0.25, "text": 1.0}) == usual
    assert weighted({"title": 0.5, "headings": 0.25, "text": 1.0}) > usual > weighted({"text": 1.0})


def test_words_of_title_and_headings_are_words_of_the_passage(tmp_path: Path) -> None:
    row = {"url": "https://a.example/", "title": "Amber", "text": "# Birch\n\n## Cedar\n\nA page of trees."}
    (tmp_path / "p.jsonl").write_bytes(orjson.dumps(row))
    build_snapshot([str(tmp_path / "p.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    web = open_snapshot(tmp_path / "out")
    for query in ("text:amber", "text:birch", "title:amber", "text:trees"):
        assert web.search(query, syntax="lucene").hits, query
    assert not web.search("title:trees", syntax="lucene").hits


def test_a_heading_asked_for_by_name_counts_as_a_title_does(tmp_path: Path) -> None:
    row = {"url": "https://a.example/", "title": "Amber", "text": "# Birch\n\n" + "A page of trees.\n\n" * 200}
    (tmp_path / "p.jsonl").write_bytes(orjson.dumps(row))
    build_snapshot([str(tmp_path / "p.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    web = open_snapshot(tmp_path / "out")

    def weighted(headings: float) -> float:
        weights = {"title": 0.25, "headings": headings, "text": 1.0}
        settings = web.manifest.settings.model_copy(update={"field_weights": weights})
        other = Snapshot(web.path, web.manifest.model_copy(update={"settings": settings}))
        return other.search("headings:birch", k=1, syntax="lucene").hits[0].score

    (hit,) = web.search("headings:birch", k=1, syntax="lucene").hits
    assert hit.score == weighted(0.25) < weighted(1.0)


def test_lucene_syntax_is_syntax_and_plain_syntax_is_none(tiny: Snapshot) -> None:
    both = {hit.doc_id for hit in tiny.search("kelp AND herring", k=12, mode="bm25", syntax="lucene").hits}
    assert len(both) == 1
    assert len(tiny.search("kelp AND herring", k=12, mode="bm25").hits) > 1
    assert tiny.search('title:"kelp bread" -zzz', k=12, mode="bm25", syntax="lucene").hits
    with pytest.raises(BadQuery, match="Lucene"):
        tiny.search("kelp AND (", k=1, mode="bm25", syntax="lucene")
    assert tiny.search('kelp AND ( title:"', k=1, mode="bm25").hits


def test_a_score_on_a_rounding_boundary_is_added_exactly(factbook: Snapshot) -> None:
    """The exact sum and the engine's own differ by less than what the tolerance allows for."""
    import tantivy

    index = factbook.lexical
    query, clauses = index._plain("landlocked mountainous country bordering the caspian sea with oil")
    assert query is not None
    for raw, address in index._searcher.search(query, 50, count=False).hits:
        assert isinstance(address, tantivy.DocAddress)
        exact = index._exact_score(query, address)
        assert abs(exact - raw) <= clauses * 2.0**-24 * raw + 1e-5


def test_a_snapshot_without_vectors_says_so(tmp_path: Path, tiny: Snapshot) -> None:
    source = tmp_path / "p.jsonl"
    source.write_text('{"url": "https://a.example/", "text": "words"}\n')
    build_snapshot([str(source)], tmp_path / "out", BuildOptions(encoder="none"))
    web = open_snapshot(tmp_path / "out")
    assert web.modes == ("bm25",)
    assert web.search("words").hits
    with pytest.raises(ModeUnavailable, match="without vectors"):
        web.search("words", mode="dense")


def test_similar_pages_do_not_hold_the_page_itself(tiny: Snapshot) -> None:
    for number in range(len(tiny.store)):
        near = [int(tiny.store.passage_doc[passage]) for _, passage in tiny.similar(number, k=11)]
        assert number not in near
        assert len(near) == len(set(near)) == 11
        assert tiny.similar(number, k=5) == tiny.similar(number, k=11)[:5]


def test_page_vectors_have_length_one(tiny: Snapshot) -> None:
    for number in range(len(tiny.store)):
        vector = tiny.dense.page_vector(number)
        assert vector.shape == (256,)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


def test_filters_say_whether_they_filter() -> None:
    assert not Filters()
    assert not replace(Filters(), include_undated=True)
    assert Filters(hidden_from=0)


def test_every_index_is_a_retriever(tiny: Snapshot) -> None:
    retrievers: list[Retriever] = [tiny.lexical, tiny.dense]
    for retriever in retrievers:
        ranking = retriever.search("lamp", k=2, allowed=Filters(exclude_domains=("nowhere.example",)))
        assert (ranking.query, ranking.retriever, len(ranking.hits)) == ("lamp", retriever.name, 2)


def test_pages_of_many_passages_keep_the_prefix_in_an_approximate_index(tmp_path: Path) -> None:
    rng = random.Random(9)
    words = [f"{a}{b}" for a in ("stone", "river", "cloud") for b in ("side", "fall", "gate")]
    with open(tmp_path / "long.jsonl", "wb") as file:
        for i in range(60):
            text = "\n\n".join(" ".join(rng.choices(words, k=14)) for _ in range(60))
            file.write(orjson.dumps({"url": f"https://a.example/{i}", "title": "", "text": text}) + b"\n")
    build_snapshot([str(tmp_path / "long.jsonl")], tmp_path / "out", BuildOptions(passage_chars=100, exact_up_to=1000))
    web = open_snapshot(tmp_path / "out")
    assert web.manifest.settings.dense_index == "codes"
    for query in words:
        whole = places(web.search(query, k=60, mode="dense"))
        assert whole == sorted(whole, key=lambda item: (-item[0], item[1].partition(":")[0]))
        for k in (5, 20, 30, 59):
            assert places(web.search(query, k=k, mode="dense")) == whole[:k]
