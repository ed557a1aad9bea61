"""Stillweb as a resources server of NeMo Gym 0.7: the tools search and fetch, and the server's reward in /verify.

Put the folder into `resources_servers/` of NeMo Gym, make rows by `python app.py data/train.jsonl --split train`, and
name `resources_servers/stillweb/configs/stillweb.yaml` in `config_paths`. An episode belongs to a session, by its
cookie, and is opened by /seed_session for the row's `task_id`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from fastapi import FastAPI, Request
from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig,
    BaseRunRequest,
    BaseSeedSessionRequest,
    BaseSeedSessionResponse,
    BaseVerifyRequest,
    BaseVerifyResponse,
    SimpleResourcesServer,
)
from nemo_gym.server_utils import SESSION_ID_KEY
from pydantic import BaseModel, ConfigDict, Field

from training.adapters.web import PROMPT, WebError, final_answer, rows_command, shown, web_from_environment


class SearchRequest(BaseModel):
    query: str
    top_k: int = 5


class FetchRequest(BaseModel):
    url: str
    page: int = 1


class Seen(BaseModel):
    text: str


class WebSeedRequest(BaseSeedSessionRequest):
    model_config = ConfigDict(extra="allow")

    task_id: str


class WebRunRequest(BaseRunRequest):
    model_config = ConfigDict(extra="allow")

    task_id: str


class WebVerifyRequest(WebRunRequest, BaseVerifyRequest):
    pass


class WebVerifyResponse(BaseVerifyResponse):
    model_config = ConfigDict(extra="allow")

    correct: bool = False
    answered: bool = False


class StillwebResourcesServer(SimpleResourcesServer):
    ray_enabled = False
    config: BaseResourcesServerConfig
    episodes: dict[str, str] = Field(default_factory=dict)
    """By session, until its answer is in."""

    def setup_webserver(self) -> FastAPI:
        app: FastAPI = super().setup_webserver()
        app.post("/search")(self.search)
        app.post("/fetch")(self.fetch)
        return app

    async def seed_session(self, request: Request, body: WebSeedRequest) -> BaseSeedSessionResponse:
        self.episodes[request.session[SESSION_ID_KEY]] = await asyncio.to_thread(
            web_from_environment().open, body.task_id
        )
        return BaseSeedSessionResponse()

    async def search(self, request: Request, body: SearchRequest) -> Seen:
        web, episode = web_from_environment(), self._episode(request)
        found = await asyncio.to_thread(shown, lambda: web.search(body.query, top_k=body.top_k, episode=episode))
        return Seen(text=found)

    async def fetch(self, request: Request, body: FetchRequest) -> Seen:
        web, episode = web_from_environment(), self._episode(request)
        return Seen(text=await asyncio.to_thread(shown, lambda: web.fetch(body.url, page=body.page, episode=episode)))

    async def verify(self, request: Request, body: WebVerifyRequest) -> WebVerifyResponse:
        """The reward of the last message. Where Stillweb does not answer the sample is masked, and says why."""
        web, said = web_from_environment(), final_answer(last_words(body.response.output))
        session = request.session[SESSION_ID_KEY]
        told: dict[str, Any] = {"reward": 0.0, "correct": False}
        failed: dict[str, Any] = {}
        try:
            episode: str | None = self.episodes.get(session)
            if said:
                # Verified again, or by another process, the answer is scored in an episode of its own.
                if episode is None:
                    episode = await asyncio.to_thread(web.open, body.task_id)
                told = await asyncio.to_thread(web.answer, episode, said)
            elif episode is not None:
                await asyncio.to_thread(web.close, episode)
            self.episodes.pop(session, None)
        except WebError as error:
            failed = {"mask_sample": True, "failure_reason": str(error)}
        scored = {"reward": float(told["reward"]), "correct": bool(told["correct"]), "answered": bool(said)}
        return WebVerifyResponse(**{**body.model_dump(), **scored, **failed})

    def _episode(self, request: Request) -> str:
        session = request.session[SESSION_ID_KEY]
        if session not in self.episodes:
            raise WebError(409, "unknown_episode", "This session has no episode.", "Call /seed_session with its row.")
        return self.episodes[session]


def last_words(output: list[Any]) -> str:
    """Of a response's last item, if that is a message; "" where it is a call."""
    if not output or output[-1].type != "message":
        return ""
    content = output[-1].content
    return content if isinstance(content, str) else "".join(getattr(part, "text", "") for part in content)


def rows(split: str | None = None) -> list[dict[str, Any]]:
    """Rows of NeMo Gym's data, without gold answers. Raises WebError."""
    tools = [
        _tool("search", "Search the web. Gives titles, URLs and snippets, best first.", "query", "top_k"),
        _tool("fetch", "Read a page. Long pages come in parts.", "url", "page"),
    ]
    return [
        {
            "responses_create_params": {
                "instructions": PROMPT,
                "input": [{"role": "user", "content": task["question"]}],
                "tools": tools,
                "parallel_tool_calls": False,
            },
            "task_id": task["id"],
        }
        for task in web_from_environment().tasks(split)
    ]


def _tool(name: str, description: str, words: str, number: str) -> dict[str, Any]:
    """In the flat form of the Responses API. A strict schema requires every argument."""
    properties = {words: {"type": "string"}, number: {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": [words, number], "additionalProperties": False}
    return {"type": "function", "name": name, "description": description, "parameters": schema, "strict": True}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        rows_command(rows)
    else:
        StillwebResourcesServer.run_webserver()
