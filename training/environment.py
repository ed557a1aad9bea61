"""Stillweb as an environment of TRL's GRPO trainers, over HTTP, and the three arguments that a trainer wants of it.

    spec = spec_of(read_tasks("train.jsonl"), "http://127.0.0.1:8080")
    GRPOTrainer(model="Qwen/Qwen3-4B", args=GRPOConfig(...), **spec.trl_kwargs())

The model's last message is its answer. No row, prompt or environment holds a gold answer: the reward looks it up by the
task's id. Works with `GRPOTrainer` and with `AsyncGRPOTrainer`, which pickles all three into another process.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from agent.acting import NOT_THE_MODELS_BUSINESS
from agent.canonical import digest
from agent.client import Client
from agent.errors import EnvError
from agent.world import closing, opening
from corpus.answers import score_answer
from training.rewards import Shape
from training.rubric import gold_of, scorer_of
from training.tasks import Task

PROMPT = (
    "You answer questions by searching a web. Search, read the pages that look right, and check what you found against "
    "every part of the question. When you are sure, or can get no further, give the answer alone, without a call."
)
_THOUGHT = re.compile(r"<think>.*?</think>|^.*?</think>", re.DOTALL)


class SearchEnvironment:
    """One rollout's environment. TRL makes a tool of every public method but `reset` and `get_reward`, uses instances
    again, and pickles them: what they hold is plain, and connections are shared by all of a process.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        snapshot: str | None = None,
        weather: str | None = None,
        max_calls: int = 24,
        observation_chars: int = 4000,
        seed: int = 0,
        shape: Shape | None = None,
    ) -> None:
        """`url`: None is STILLWEB_URL. `snapshot` pins. With `weather` each rollout opens an episode of its own, drawn
        from `seed` and the task; without it calls are stateless. `shape`: weights of `get_reward`; None: it is 0.
        """
        self._url = url or os.environ["STILLWEB_URL"]
        self._token, self._snapshot, self._weather, self._seed = token, snapshot, weather, seed
        self._max_calls, self._observation_chars, self._shape = max_calls, observation_chars, shape
        self._episode: str | None = None
        self._calls, self._failed, self._rollout_seed = 0, False, 0
        self._made: dict[tuple[Any, ...], int] = {}
        self._seen: set[str] = set()
        self._gold: frozenset[str] = frozenset()

    def reset(self, task_id: str = "", evidence: Sequence[str] | None = None, **row: Any) -> None:
        """Begin a rollout on a row: nothing of the one before is left. `evidence`: doc_ids, for `get_reward`."""
        self._leave()
        self._clear()
        self._gold = frozenset(evidence or ())
        self._rollout_seed = int(digest([self._seed, task_id])[:12], 16)
        if self._weather is not None:
            self._episode = self._client().ask(opening(self._rollout_seed, self._weather))

    def search(self, query: str, top_k: int = 5) -> str:
        """Search the web. Gives titles, URLs and snippets, best first.

        Args:
            query: What to look for, in plain words.
            top_k: Number of results, from 1 to 10.
        """

        def ask(client: Client) -> tuple[str, list[str]]:
            found = client.search(query, k=max(1, min(int(top_k), 10)))
            shown = "\n\n".join(f"{hit.rank}. {hit.title}\n{hit.url}\n{hit.snippet}" for hit in found.hits)
            return shown or "No results. Try other or fewer words.", [hit.doc_id for hit in found.hits]

        return self._call(("search", query, top_k), ask)

    def fetch(self, url: str, page: int = 1) -> str:
        """Read a page. Long pages come in parts.

        Args:
            url: URL of the page, as a search gives it.
            page: Which part of a long page, from 1.
        """

        def ask(client: Client) -> tuple[str, list[str]]:
            read = client.fetch(url, number=int(page), page_chars=self._observation_chars)
            more = f"\n\n[There is more: page={read.page + 1}.]" if read.page < read.pages else ""
            # Links make a part longer than it was asked for, and what is cut must not be this line.
            shown = f"{read.title}\n{read.url}\n\n{read.text}"[: max(0, self._observation_chars - len(more))]
            return shown + more, [read.doc_id]

        return self._call(("fetch", url, page), ask)

    def get_reward(self) -> float | None:
        """Evidence seen, less the calls made; nothing of the answer. None: the environment failed."""
        if self._failed:
            return None
        if self._shape is None:
            return 0.0
        seen = len(self._gold & self._seen) / len(self._gold) if self._gold else 0.0
        return self._shape.seen * seen + self._shape.call * self._calls

    def _call(self, key: tuple[Any, ...], ask: Callable[[Client], tuple[str, list[str]]]) -> str:
        """Make a call, or raise what TRL shows the model as the call's error."""
        if self._calls >= self._max_calls:
            raise ValueError(f"The budget of {self._max_calls} calls is spent. Give the answer now.")
        self._calls += 1
        self._made[key] = self._made.get(key, 0) + 1
        try:
            text, pages = _patiently(partial(ask, self._client(attempt=self._made[key])))
        except EnvError as error:
            # Weather and wrong arguments are the model's to see. That the run is set up wrongly, or that the server is
            # gone, says nothing of the policy: the rollout is left out of the reward.
            self._failed = self._failed or error.code in NOT_THE_MODELS_BUSINESS or not error.status
            raise ValueError(f"{error.message} {error.remedy}".strip()) from error
        self._seen.update(pages)
        return text[: self._observation_chars]

    def _client(self, **changes: Any) -> Client:
        shared = _shared_client(self._url, self._token)
        if self._episode is not None:
            return shared.using(snapshot=self._snapshot, episode=self._episode, **changes)
        return shared.using(snapshot=self._snapshot, seed=self._rollout_seed, **changes)

    def _leave(self) -> None:
        if self._episode is not None:
            with suppress(EnvError):
                _shared_client(self._url, self._token).ask(closing(self._episode))
        self._episode = None

    def _clear(self) -> None:
        self._calls, self._failed, self._rollout_seed = 0, False, 0
        self._made, self._seen, self._gold = {}, set(), frozenset()


def _patiently(ask: Callable[[], tuple[str, list[str]]]) -> tuple[str, list[str]]:
    """A server that is full asks to come again; weather that says so is the model's to meet."""
    for _ in range(5):
        try:
            return ask()
        except EnvError as error:
            if error.code != "overloaded":
                raise
            time.sleep(error.retry_after_s or 1.0)
    return ask()


@lru_cache(maxsize=16)
def _shared_client(url: str, token: str | None) -> Client:
    """One of a process and server: threads of a trainer share its connections."""
    return Client(url, token=token)


@dataclass(frozen=True)
class AnswerReward:
    """1.0 where the last message is the right answer, else 0.0. TRL calls it with lists over a batch."""

    tasks: Mapping[str, Task] = field(repr=False)

    @property
    def __name__(self) -> str:
        """Under which trainers log it."""
        return "answer"

    def __call__(
        self, completions: Sequence[Any], task_id: Sequence[str], environments: Sequence[Any] | None = None, **row: Any
    ) -> list[float | None]:
        """None leaves a rollout out whose environment failed; the asynchronous trainer does not show environments."""
        found: list[float | None] = []
        for place, (completion, task) in enumerate(zip(completions, task_id, strict=True)):
            if environments is not None and getattr(environments[place], "_failed", False):
                found.append(None)
            else:
                found.append(float(_is_right(answer_of(completion), self.tasks[task])))
        return found


def answer_of(completion: Any) -> str:
    """What a rollout answers: the content of its last message, thoughts left out; "" where that is a call."""
    if isinstance(completion, str):
        return _THOUGHT.sub("", completion).strip()
    last = completion[-1] if completion else {}
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return ""
    return _THOUGHT.sub("", str(last.get("content") or "")).strip()


@dataclass(frozen=True)
class Spec:
    """What a trainer of TRL is given of an environment."""

    train_dataset: Any
    environment_factory: Callable[[], SearchEnvironment]
    reward_funcs: list[Callable[..., list[float | None]]]

    def trl_kwargs(self) -> dict[str, Any]:
        return {
            "train_dataset": self.train_dataset,
            "environment_factory": self.environment_factory,
            "reward_funcs": self.reward_funcs,
        }


def spec_of(tasks: Iterable[Task], url: str | None = None, *, prompt: str = PROMPT, **environment: Any) -> Spec:
    """`environment`: arguments of `SearchEnvironment`. Needs the package `datasets`."""
    import datasets

    known = {task.task_id: task for task in tasks}
    rows = [
        {
            "prompt": [{"role": "system", "content": prompt}, {"role": "user", "content": task.question}],
            "task_id": task.task_id,
            "evidence": list(task.evidence),
        }
        for task in known.values()
    ]
    factory = partial(SearchEnvironment, url, **environment)
    return Spec(datasets.Dataset.from_list(rows), factory, [AnswerReward(known)])


def _is_right(answer: str, task: Task) -> bool:
    if not answer:
        return False
    return score_answer(answer, gold_of(task), aliases=task.aliases, scorer=scorer_of(task)).correct
