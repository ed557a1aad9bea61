"""The environment that TRL's GRPO is given, against a real server, found and used as TRL finds and uses it."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from training.environment import AnswerReward, SearchEnvironment, answer_of
from training.rewards import Shape
from training.tasks import Task

TASK = Task(task_id="t1", question="Who drew the harbour map?", answer="Ada Verne", evidence=("d1",))


@pytest.fixture
def url(server: str) -> str:
    return server


def tools_of(environment: SearchEnvironment) -> list[str]:
    """As `GRPOTrainer.__init__` of TRL 1.16 lists them."""
    found = inspect.getmembers(type(environment), predicate=inspect.isfunction)
    return [name for name, _ in found if name not in ("reset", "get_reward") and not name.startswith("_")]


def test_only_the_tools_are_public(url: str) -> None:
    environment = SearchEnvironment(url)
    assert tools_of(environment) == ["fetch", "search"]
    assert all("Args:" in (inspect.getdoc(getattr(environment, name)) or "") for name in tools_of(environment))


def test_a_search_is_answered_and_its_page_can_be_read(url: str) -> None:
    environment = SearchEnvironment(url)
    environment.reset(task_id="t1", prompt=[], answer="not looked at")
    found = environment.search("harbour")
    page = found.split("\n")[1]
    assert page.startswith("https://tiny.example/")
    assert environment.fetch(page).split("\n")[1] == page


def test_a_page_that_is_cut_still_says_that_there_is_more(url: str) -> None:
    """At any length: a part with its title, its links and this line may be longer than what is shown."""
    wide, cut = SearchEnvironment(url, observation_chars=20_000), 0
    wide.reset(task_id="t1")
    lines = wide.search("harbour", 10).split("\n")
    for chars in range(200, 1500, 100):
        environment = SearchEnvironment(url, max_calls=100, observation_chars=chars)
        environment.reset(task_id="t1")
        for line in lines:
            if line.startswith("https://"):
                shown = environment.fetch(line)
                assert len(shown) <= chars
                if environment._client().fetch(line, page_chars=chars).pages > 1:
                    assert shown.endswith("[There is more: page=2.]")
                    cut += len(shown) == chars
    assert cut


def test_a_reset_leaves_nothing_of_the_rollout_before(url: str) -> None:
    used, fresh = SearchEnvironment(url, shape=Shape()), SearchEnvironment(url, shape=Shape())
    used.reset(task_id="other", evidence=["x"])
    used.search("harbour")
    with pytest.raises(ValueError, match="no_such|not|unknown"):
        used.fetch("https://tiny.example/nothing-here")
    for environment in (used, fresh):
        environment.reset(task_id="t1", evidence=["d1"])
    assert vars(used) == vars(fresh)
    assert used.get_reward() == 0.0


def test_it_travels_to_another_process_with_what_it_knows(url: str) -> None:
    environment = SearchEnvironment(url, max_calls=3)
    environment.reset(task_id="t1")
    environment.search("harbour")  # a connection is open by now
    copy = pickle.loads(pickle.dumps(environment))
    assert copy.search("harbour") == environment.search("harbour")


def test_past_the_budget_a_call_is_refused_in_words_the_model_can_use(url: str) -> None:
    environment = SearchEnvironment(url, max_calls=1)
    environment.reset(task_id="t1")
    environment.search("harbour")
    with pytest.raises(ValueError, match="budget of 1 calls is spent"):
        environment.search("island")


def test_a_rollout_meets_the_same_weather_whenever_it_is_played(url: str) -> None:
    def played(environment: SearchEnvironment) -> list[str]:
        environment.reset(task_id="t1")
        said = []
        for query in ("harbour", "island", "salt", "ferry", "map", "bread", "storm", "captain") * 2:
            try:
                said.append(environment.search(query))
            except ValueError as error:
                said.append(str(error))
        return said

    first = SearchEnvironment(url, weather="only-rate-limit", seed=5)
    again = played(first)
    assert again == played(first) == played(SearchEnvironment(url, weather="only-rate-limit", seed=5))
    calm = SearchEnvironment(url)
    assert again != played(calm)


def test_a_server_that_is_gone_leaves_the_rollout_out_of_the_reward() -> None:
    environment = SearchEnvironment("http://127.0.0.1:9")  # the discard port: nobody listens
    environment.reset(task_id="t1")
    with pytest.raises(ValueError, match="no complete answer"):
        environment.search("harbour")
    assert environment.get_reward() is None
    reward = AnswerReward({"t1": TASK})
    right: list[dict[str, Any]] = [{"role": "assistant", "content": "Ada Verne"}]
    assert reward(completions=[right], task_id=["t1"], environments=[environment]) == [None]
    assert reward(completions=[right], task_id=["t1"]) == [1.0]


def test_evidence_seen_and_calls_made_are_what_the_shaped_reward_counts(url: str) -> None:
    environment = SearchEnvironment(url, shape=Shape(seen=0.2, call=-0.01))
    environment.reset(task_id="t1")
    environment.search("harbour")
    shown = sorted(environment._seen)
    environment.reset(task_id="t1", evidence=[shown[0], "never shown"])
    environment.search("harbour")
    environment.search("harbour")
    assert environment.get_reward() == pytest.approx(0.2 * 0.5 - 0.02)


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ([{"role": "assistant", "content": "<think>hm</think> Ada Verne"}], "Ada Verne"),
        ([{"role": "assistant", "content": "well</think>Ada Verne"}], "Ada Verne"),
        ([{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "search"}}]}], ""),
        ([{"role": "assistant", "content": "a"}, {"role": "tool", "content": "Ada Verne"}], ""),
        ([], ""),
        ("Ada Verne", "Ada Verne"),
    ],
)
def test_the_answer_is_the_last_message_without_thoughts(completion: Any, answer: str) -> None:
    assert answer_of(completion) == answer


def test_an_answer_is_right_by_the_one_scorer() -> None:
    reward = pickle.loads(pickle.dumps(AnswerReward({"t1": TASK})))
    rows = [[{"role": "assistant", "content": text}] for text in ("ada verne.", "Ida Korn", "")]
    assert reward(completions=rows, task_id=["t1"] * 3) == [1.0, 0.0, 0.0]
    assert reward.__name__ == "answer"
