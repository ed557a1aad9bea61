"""A record against its task: answer, evidence, citations; over a snapshot and over a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.client import Client
from agent.records import Citation
from corpus import Snapshot
from corpus.records import doc_id_of
from corpus.urls import canonical_url
from tests.env_server.test_determinism import running_server
from tests.training.made_records import A, B, C, a_task, an_episode, opened, searched
from training.rubric import PARTS, score_episode, served_texts, snapshot_texts

ADA = "https://tiny.example/people/ada"


def test_evidence_is_seen_by_a_search_and_opened_by_a_fetch_each_at_its_call() -> None:
    task = a_task(evidence=[A, B])
    score = score_episode(an_episode("t", "Vienna", searched(C, A), opened(C), opened(A)), task)
    assert (score["seen"], score["opened"], score["opened_gold"]) == (0.5, 0.5, 0.5)
    assert (score["seen_at"], score["opened_at"], score["all_seen_at"]) == (1, 3, None)
    assert (score.total, score["correct"]) == (1.0, 1.0)
    assert tuple(score.parts) == PARTS


def test_no_answer_is_a_wrong_one_and_aliases_and_scorers_of_the_task_count() -> None:
    nothing = score_episode(an_episode("t", None), a_task())
    assert (nothing.total, nothing["answered"], nothing["f1"]) == (0.0, 0.0, 0.0)
    assert score_episode(an_episode("t", "Wien"), a_task(aliases=("Wien",)))["correct"] == 1.0
    listed = a_task(answer=("Rhine", "Elbe"))
    assert score_episode(an_episode("t", "Elbe and Rhine"), listed)["correct"] == 1.0
    assert score_episode(an_episode("t", "Elbe"), listed)["correct"] == 0.0


def test_the_total_weighs_parts_and_what_says_nothing_wins_nothing() -> None:
    weights = {"correct": 3.0, "supported": 1.0}
    assert score_episode(an_episode("t", "Vienna"), a_task(), weights=weights).total == 0.75
    with pytest.raises(ValueError, match="correctness"):
        score_episode(an_episode("t"), a_task(), weights={"correctness": 1.0})
    with pytest.raises(ValueError, match="is of task t, not of other"):
        score_episode(an_episode("t"), a_task("other"))


def test_a_citation_is_worth_what_its_page_says_and_only_if_it_was_opened(tiny: Snapshot) -> None:
    ada = doc_id_of(canonical_url(ADA))
    text = snapshot_texts(tiny)(ada)
    assert text is not None
    said = text[: text.index(".")][-60:]
    task = a_task(answer=said.split()[-1], evidence=[ada])

    def scored(quote: str | None, *events: object, url: str = ADA) -> tuple[float | None, ...]:
        cited = an_episode("t", task.answer, *events, cites=[Citation(url=url, quote=quote)])  # type: ignore[arg-type]
        score = score_episode(cited, task, text_of=snapshot_texts(tiny))
        return score["quoted"], score["precision"], score["supported"], score["hallucinated"]

    assert scored(said, opened(ada)) == (1.0, 1.0, 1.0, 0.0)
    assert scored(said, searched(ada)) == (1.0, 0.0, 0.0, 0.0)
    assert scored(f"never {said} said", opened(ada)) == (0.0, 0.0, 0.0, 0.0)
    assert scored(None, opened(ada)) == (None, 1.0, 1.0, 0.0)
    assert scored(None, opened(ada), url="https://tiny.example/nowhere") == (None, 0.0, 0.0, 1.0)
    assert scored(None, opened(ada), url="no URL at all") == (None, 0.0, 0.0, 1.0)


def test_urls_in_the_answers_text_are_citations_too_and_count_once(tiny: Snapshot) -> None:
    ada = doc_id_of(canonical_url(ADA))
    both = an_episode("t", f"Vienna, see {ADA} and [this]({ADA}).", opened(ada), cites=[Citation(url=ADA)])
    assert score_episode(both, a_task(), text_of=snapshot_texts(tiny))["citations"] == 1.0


def test_without_page_texts_what_needs_them_is_left_open() -> None:
    score = score_episode(an_episode("t", "Vienna", opened(A), cites=[Citation(url="", doc_id=A)]), a_task())
    assert (score["cited_opened"], score["precision"], score["supported"]) == (1.0, None, None)


def test_a_server_gives_the_same_texts_as_its_snapshot(tiny: Snapshot, tiny_path: Path) -> None:
    with running_server(tiny_path) as url, Client(url) as client:
        served = served_texts(client)
        for number in range(len(tiny.store)):
            doc_id = tiny.store.doc_id(number)
            assert served(doc_id) == snapshot_texts(tiny)(doc_id)
        assert served("0" * 16) is None
        assert served("no id") is None
