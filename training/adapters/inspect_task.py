"""Stillweb as a task and tools of inspect-ai 0.3: questions of the server's task file, an episode a sample.

    inspect eval stillweb_inspect.py@stillweb -T split=test --model openai/...

The tools alone, in a task of your own: `from stillweb_inspect import search, fetch`. Outside an episode their calls are
stateless.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio import to_thread
from inspect_ai import Task, task
from inspect_ai.agent import AgentSubmit, react
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolError, tool
from inspect_ai.util import store

from training.adapters.web import PROMPT, WebError, final_answer, web_from_environment

EPISODE, ANSWER = "stillweb_episode", "stillweb_answer"


@tool
def search() -> Tool:
    """Search of the web that STILLWEB_URL serves."""

    async def execute(query: str, top_k: int = 5) -> str:
        """Search the web. Gives titles, URLs and snippets, best first.

        Args:
            query: What to look for, in plain words.
            top_k: Number of results, from 1 to 10.
        """
        web, episode = web_from_environment(), store().get(EPISODE)
        return await _told(lambda: web.search(query, top_k=top_k, episode=episode))

    return execute


@tool
def fetch() -> Tool:
    """Pages of the web that STILLWEB_URL serves."""

    async def execute(url: str, page: int = 1) -> str:
        """Read a page. Long pages come in parts.

        Args:
            url: URL of the page, as a search gives it.
            page: Which part of a long page, from 1.
        """
        web, episode = web_from_environment(), store().get(EPISODE)
        return await _told(lambda: web.fetch(url, page=page, episode=episode))

    return execute


@tool
def submit() -> Tool:
    """Keeps what is submitted: inspect-ai puts it behind the words beside the call, and scores those alone where a
    sample is cut."""

    async def execute(answer: str) -> str:
        """Submit the answer. It ends the task.

        Args:
            answer: The answer alone.
        """
        store().set(ANSWER, answer)
        return answer

    return execute


@solver
def opened() -> Solver:
    """Open the sample's episode; its task is the sample's id."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.store.set(EPISODE, await to_thread.run_sync(web_from_environment().open, str(state.sample_id)))
        return state

    return solve


@scorer(metrics=[mean(), stderr()])
def reward() -> Scorer:
    """The server's reward of what was submitted, or of a last message without a call; 0 without an answer."""

    async def score(state: TaskState, target: Target) -> Score:
        web, episode = web_from_environment(), str(state.store.get(EPISODE))
        called = bool(state.output.choices and state.output.message.tool_calls)
        said = final_answer(state.store.get(ANSWER) or ("" if called else state.output.completion))
        if not said:
            await to_thread.run_sync(web.close, episode)
            return Score(value=0.0, answer="", metadata={"episode": episode})
        told: dict[str, Any] = await to_thread.run_sync(web.answer, episode, said)
        return Score(value=float(told["reward"]), answer=said, metadata={**told, "episode": episode})

    return score


@task
def stillweb(split: str | None = None, message_limit: int = 60) -> Task:
    """All tasks of the split. Raises WebError, which says what is missing."""
    rows = web_from_environment().tasks(split)
    return Task(
        dataset=MemoryDataset([Sample(id=row["id"], input=row["question"]) for row in rows], name="stillweb"),
        setup=opened(),
        solver=react(prompt=PROMPT, tools=[search(), fetch()], submit=AgentSubmit(tool=submit(), answer_only=True)),
        scorer=reward(),
        message_limit=message_limit,
    )


async def _told(call: Callable[[], str]) -> str:
    """A ToolError is shown to the model; any other ends the sample as an error, not as a wrong answer."""
    try:
        return await to_thread.run_sync(call)
    except WebError as error:
        if error.of_the_run:
            raise
        raise ToolError(str(error)) from error
