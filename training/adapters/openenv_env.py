"""Stillweb as an OpenEnv 0.10 environment with questions and rewards: the server's side and the trainer's.

    uvicorn --factory stillweb_openenv:app --port 8000                # STILLWEB_URL says where Stillweb is

    async with StillwebEnv(base_url="http://127.0.0.1:8000") as env:
        seen = await env.reset(task="t7")                             # or seed=3: the fourth task of the file
        seen = await env.step(WebAction(tool="search", arguments={"query": "..."}))
        seen = await env.step(WebAction(tool="answer", arguments={"answer": "..."}))    # reward, done

Stillweb speaks OpenEnv itself at /ws, without rewards: who asks there judges the answer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import Any, Literal

from fastapi import FastAPI
from openenv.core import EnvClient
from openenv.core.client_types import StepResult
from openenv.core.env_server import Action, Environment, Observation, State, create_app
from pydantic import Field

from training.adapters.web import WebError, final_answer, seed_of, shown, web_from_environment


class WebAction(Action):
    """search: query, top_k. fetch: url, page. answer: answer."""

    tool: Literal["search", "fetch", "answer"]
    arguments: dict[str, Any] = Field(default_factory=dict)


class WebObservation(Observation):
    text: str = ""
    """The question after a reset, then what the tool gave."""
    task: str | None = None


class WebState(State):
    task: str | None = None


class WebEnvironment(Environment[WebAction, WebObservation, WebState]):
    """One session, one episode of Stillweb at a time."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self.web = web_from_environment()
        self._state = WebState()

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: str | None = None, **rest: Any
    ) -> WebObservation:
        """Begin `task`, or the one that `seed` counts to in the server's file. `episode_id` names the episode."""
        self.close()
        known = _questions()
        chosen = task if task is not None else list(known)[(seed or 0) % len(known)]
        if chosen not in known:
            raise ValueError(f"No task {chosen!r} is in the server's task file: GET /v1/tasks lists them.")
        spec = ({} if episode_id is None else {"id": episode_id}) | (
            {} if seed is None else {"seed": seed_of(seed, chosen)}
        )
        self._state = WebState(episode_id=self.web.open(chosen, **spec), step_count=0, task=chosen)
        return WebObservation(text=known[chosen], task=chosen, metadata={"episode": self._state.episode_id})

    def step(self, action: WebAction, timeout_s: float | None = None, **rest: Any) -> WebObservation:
        """A call's observation, or the answer's reward and the end."""
        episode, task = self._state.episode_id, self._state.task
        if episode is None:
            raise ValueError("The episode is over: reset first.")
        self._state.step_count += 1
        if action.tool == "answer":
            told = self.web.answer(episode, final_answer(str(action.arguments.get("answer") or "")))
            self._state.episode_id = None
            return WebObservation(done=True, reward=told["reward"], task=task, metadata={"correct": told["correct"]})
        return WebObservation(text=self._call(action, episode), reward=0.0, task=task)

    def _call(self, action: WebAction, episode: str) -> str:
        given = action.arguments
        try:
            if action.tool == "search":
                query, top_k = str(given["query"]), int(given.get("top_k") or 5)
                return shown(lambda: self.web.search(query, top_k=top_k, episode=episode))
            url, page = str(given["url"]), int(given.get("page") or 1)
            return shown(lambda: self.web.fetch(url, page=page, episode=episode))
        except (KeyError, TypeError, ValueError) as error:
            return f"Error: the arguments cannot be read: {error}"

    @property
    def state(self) -> WebState:
        return self._state

    def close(self) -> None:
        if self._state.episode_id is not None:
            with suppress(WebError):  # its own clock ends an episode that nobody calls
                self.web.close(self._state.episode_id)
            self._state.episode_id = None


class StillwebEnv(EnvClient[WebAction, WebObservation, WebState]):
    """The trainer's side: `await env.reset(task=...)`, `await env.step(WebAction(...))`, or both by `env.sync()`."""

    def _step_payload(self, action: WebAction) -> dict[str, Any]:
        return dict(action.model_dump())

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[WebObservation]:
        given = {name: payload.get(name) for name in ("done", "reward", "metadata") if payload.get(name) is not None}
        seen = WebObservation.model_validate({**payload.get("observation", {}), **given})
        return StepResult(observation=seen, reward=payload.get("reward"), done=bool(payload.get("done")))

    def _parse_state(self, payload: dict[str, Any]) -> WebState:
        state: WebState = WebState.model_validate(payload)
        return state


def app() -> FastAPI:
    """The server. OpenEnv's own default is one session at a time: STILLWEB_SESSIONS says how many (256)."""
    sessions = int(os.environ.get("STILLWEB_SESSIONS") or 256)
    built: FastAPI = create_app(
        WebEnvironment, WebAction, WebObservation, env_name="stillweb", max_concurrent_envs=sessions, state_cls=WebState
    )
    return built


@cache
def _questions() -> dict[str, str]:
    """By task, in the order of the server's file, of which STILLWEB_SPLIT names a part."""
    found = {row["id"]: row["question"] for row in web_from_environment().tasks(os.environ.get("STILLWEB_SPLIT"))}
    if not found:
        raise ValueError("The server's task file has no task of this split: see STILLWEB_SPLIT.")
    return found
