"""Stillweb as a taskset of verifiers 0.4: questions of the server's task file, tools through MCP, the server's reward.

Each rollout is an episode of its own, and its MCP server is that episode's: `URL/e/EPISODE/mcp`. What is asked is on
record, held to the budget and under the weather, and the gold answer never leaves the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import verifiers.v1 as vf

from training.adapters.web import PROMPT, Web, final_answer, web_from_environment

__all__ = ["StillwebTaskset"]

# verifiers asks for a task's tools right after its set-up, in the same coroutine, and of the class: a task may be
# played by many rollouts at once, so neither it nor its class can hold the episode.
_EPISODE: ContextVar[str | None] = ContextVar("stillweb_episode", default=None)


class WebConfig(vf.TaskConfig):
    """How episodes are opened. What is left out comes from STILLWEB_URL and its sisters."""

    url: str | None = None
    control_url: str | None = None
    weather: str | None = None
    max_calls: int | None = None
    seed: int | None = None

    def web(self) -> Web:
        names = ("url", "control_url", "weather", "max_calls", "seed")
        return web_from_environment(**{name: getattr(self, name) for name in names})


class WebState(vf.State):
    """Of one rollout."""

    episode: str = ""


class WebTools(vf.Toolset[vf.ToolsetConfig, vf.State]):
    """A server that runs already. Its tools keep their bare names: search, fetch, find, links, extract."""

    TOOL_PREFIX = None


class WebTask(vf.Task[vf.TaskData, WebState, WebConfig]):
    """A question. Its answer is on the server."""

    @property
    def key(self) -> str:
        """The task's id, which stays the same whatever the split or the order."""
        return str(self.data.id or super().key)

    async def setup(self, trace: Any, runtime: Any) -> None:
        trace.state.episode = await asyncio.to_thread(self.config.web().open, self.data.id)
        _EPISODE.set(trace.state.episode)

    @classmethod
    def toolsets(cls, config: WebConfig) -> list[vf.Toolset]:
        return [WebTools(vf.ToolsetConfig(url=config.web().mcp_url(_EPISODE.get())))]

    @vf.reward(weight=1.0)
    async def reward(self, trace: Any) -> float:
        """The server's, of the last message. A message that is a call, or empty, answers nothing: 0."""
        replies = trace.assistant_messages
        # verifiers takes the words beside a call for a reply, where a rollout was cut there.
        cut = trace.root_reply is None and bool(replies) and bool(replies[-1].tool_calls)
        said = "" if cut else final_answer(trace.last_reply)
        web = self.config.web()
        if not said:
            await asyncio.to_thread(web.close, trace.state.episode)
            return 0.0
        return float((await asyncio.to_thread(web.answer, trace.state.episode, said))["reward"])


class WebTasksetConfig(vf.TasksetConfig):
    split: str | None = None
    """Of the server's task file; None: all of it."""
    task: WebConfig = WebConfig()


class StillwebTaskset(vf.Taskset[WebTask, WebTasksetConfig]):
    """`--env.taskset.id stillweb_verifiers`, or training.adapters.verifiers_taskset where Stillweb is installed."""

    def load(self) -> Iterable[WebTask]:
        """Raises WebError, which says what is missing: a task file, or the control token."""
        for row in self.config.task.web().tasks(self.config.split):
            data = vf.TaskData(id=row["id"], prompt=row["question"], system_prompt=PROMPT)
            yield WebTask(data, self.config.task)
