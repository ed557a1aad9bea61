"""Control routes of episodes and tasks. They are outside the promise: never cached, and the only ones that tell times.

The gold answer comes in by the opening or from the task file, goes into the store, and out of it to the scorer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request, Response

from env_server.episode_reward import EVIDENCE_SCORERS, ShownPages, check_gold
from env_server.episode_schemas import (
    AnswerRequest,
    EpisodeAnswer,
    EpisodeOut,
    EpisodesAnswer,
    OpenRequest,
    RewardOut,
    TasksAnswer,
)
from env_server.episode_turns import Episodes
from env_server.episodes import Count, Episode, EpisodeState, Gold, Row, Spec, State
from env_server.errors import EnvServerError
from env_server.schemas import ErrorAnswer
from env_server.service import SearchService
from env_server.task_file import Task
from env_server.weather.ranking import ranks_from

CONTROL_PATHS = ("/v1/episodes", "/v1/tasks")
"""What begins so is a control route: not cached, not in an episode, behind the control token where there is one."""

_Name = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]*$")]
_Limit = Annotated[int, Query(ge=1, le=1000)]


def add_episode_routes(
    app: FastAPI,
    episodes: Episodes,
    services: Mapping[str, SearchService],
    *,
    tasks: Mapping[str, Task] | None = None,
) -> None:
    """`tasks` are those of the server's task file (`read_tasks`); None: there is none."""

    def open_spec(body: OpenRequest, service: SearchService) -> tuple[Spec, Gold | None]:
        spec = Spec.model_validate(body.model_dump(exclude={"answer", "aliases", "scorer", "id"}))
        task = (tasks or {}).get(spec.task or "")
        if task is None:
            if spec.task is not None and body.answer is None:
                known = "It has none" if tasks is None else f"It has {len(tasks):,}"
                raise EnvServerError(
                    404, "unknown_task", f"No task {spec.task!r} is in the server's task file.",
                    f"{known}: GET /v1/tasks. Or send the answer along.",
                )  # fmt: skip
            gold = _gold_sent(body)
        else:
            if body.answer is not None or body.aliases:
                raise EnvServerError(
                    422, "two_answers", f"The task {task.task_id!r} has its answer in the server's task file.",
                    "Leave out answer and aliases, or name a task that is not in the file.",
                )  # fmt: skip
            ids = (service.snapshot.snapshot_id, service.snapshot.manifest.content_id)
            if task.snapshot_id is not None and task.snapshot_id not in ids:
                raise EnvServerError(
                    409, "snapshot_mismatch", f"The task is of snapshot {task.snapshot_id}; this is {ids[0]}.",
                    "Open the episode under /s/NAME of the task's snapshot.",
                )  # fmt: skip
            gold = Gold(task.gold.answer, task.gold.aliases, body.scorer or task.gold.scorer)
            spec = spec.model_copy(update={"evidence": spec.evidence or task.evidence})
        if gold is not None:
            check_gold(gold, spec.evidence)
        _check_documents(spec, service)
        return spec, gold

    def pages_of(episode: Episode) -> ShownPages | None:
        service = services.get(episode.snapshot)
        if service is None or service.snapshot.snapshot_id != episode.snapshot_id:
            return None  # its pages are not served any more: only citations need them, and they lead nowhere then
        view, seed = episode.view, service.settings.obfuscation_seed
        return ShownPages(service, view if view.obfuscation_seed is not None else replace(view, obfuscation_seed=seed))

    @app.post("/v1/episodes", status_code=201, response_model=EpisodeOut, responses=_ERRORS, tags=["episodes"])
    async def open_episode(body: OpenRequest, request: Request) -> Any:
        """Open an episode on the snapshot of this address. Calls carry its id in X-Stillweb-Episode or in /e/ID/."""
        _only(request)
        service = services[request.scope["stillweb"].snapshot]
        spec, gold = await service.run(lambda: open_spec(body, service))
        state = await episodes.open(
            spec, gold, snapshot=service.name, snapshot_id=service.snapshot.snapshot_id, episode_id=body.id
        )
        return _json(_shown(state), 201)

    @app.get("/v1/episodes", response_model=EpisodesAnswer, responses=_ERRORS, tags=["episodes"])
    async def list_episodes(
        request: Request,
        state: State | None = None,
        task: _Name = None,
        cursor: _Name = None,
        limit: _Limit = 100,
    ) -> Any:
        """Episodes by id; follow `next` for all of them."""
        _only(request, "state", "task", "cursor", "limit")
        found = await episodes.store.listing(state=state, task=task, after=cursor or "", limit=limit)
        shown = [
            {
                "id": row["episode_id"],
                **{name: row[name] for name in ("state", "task", "snapshot", "opened_at", "ended_at")},
                "reward": None if row["result"] is None else orjson.loads(row["result"])["reward"],
            }
            for row in found
        ]
        return _json({"episodes": shown, "next": shown[-1]["id"] if len(shown) == limit else None})

    @app.get("/v1/episodes/{id}", response_model=EpisodeAnswer, responses=_ERRORS, tags=["episodes"])
    async def show_episode(
        id: str, request: Request, after: Annotated[Count, Query()] = 0, limit: _Limit = 1000
    ) -> Any:
        """An episode and its calls, each with the digest of what it was answered."""
        _only(request, "after", "limit")
        state = await episodes.current(id)
        rows = await episodes.store.rows(id, after=min(after, 2**31 - 1), limit=limit)
        shown = _shown(state) | {"calls": [_call(row) for row in rows if row.kind == "call"]}
        return _json(shown | {"next": rows[-1].seq if len(rows) == limit else None})

    @app.post("/v1/episodes/{id}/answer", response_model=RewardOut, responses=_ERRORS, tags=["episodes"])
    async def answer_episode(id: str, body: AnswerRequest, request: Request) -> Any:
        """Hand in the answer, once: the reward, and the end of the episode."""
        _only(request)
        return _json(asdict(await episodes.answer(id, body.answer, pages_of)))

    @app.post("/v1/episodes/{id}/close", response_model=EpisodeOut, responses=_ERRORS, tags=["episodes"])
    async def close_episode(id: str, request: Request) -> Any:
        """End an episode without an answer. One that is over stays as it is."""
        _only(request)
        return _json(_shown(await episodes.close(id)))

    @app.delete("/v1/episodes/{id}", status_code=204, responses=_ERRORS, tags=["episodes"])
    async def remove_episode(id: str, request: Request) -> Response:
        """Remove an episode that is over, with its calls. Its id is free again."""
        _only(request)
        await episodes.remove(id)
        return Response(status_code=204)

    @app.get("/v1/tasks", response_model=TasksAnswer, responses=_ERRORS, tags=["episodes"])
    async def list_tasks(request: Request, split: _Name = None, cursor: Annotated[Count, Query()] = 0,
                         limit: _Limit = 100) -> Any:  # fmt: skip
        """Tasks of the server's task file, without answers, in its order; follow `next` for all of them."""
        _only(request, "split", "cursor", "limit")
        if tasks is None:
            raise EnvServerError(404, "no_tasks", "This server has no task file.", "Serve one with --tasks FILE.")
        wanted = [task for task in tasks.values() if split is None or task.split == split]
        shown = [
            {"id": task.task_id, "question": task.question, "split": task.split, "snapshot_id": task.snapshot_id}
            for task in wanted[cursor : cursor + limit]
        ]
        end = cursor + limit
        return _json({"tasks": shown, "next": end if end < len(wanted) else None, "total": len(wanted)})


def _gold_sent(body: OpenRequest) -> Gold | None:
    """The gold that came along; evidence can be scored without an answer, nothing else can."""
    if body.answer is not None:
        return Gold(body.answer, body.aliases, body.scorer)
    if body.scorer in EVIDENCE_SCORERS:
        return Gold("", (), body.scorer)
    if body.scorer is not None:
        raise EnvServerError(
            422, "bad_scorer", f"The scorer {body.scorer!r} was sent without an answer to score by.", "Send `answer`."
        )
    return None


def _check_documents(spec: Spec, service: SearchService) -> None:
    """Raise for a document that the snapshot has not, and for a view that it cannot show."""
    for name in ("evidence", "distractors"):
        for doc_id in getattr(spec, name):
            if service.snapshot.store.find_id(doc_id) is None:
                raise EnvServerError(
                    422, "unknown_document", f"{name}: the snapshot has no document {doc_id!r}.",
                    "Use doc_ids of this snapshot: a search gives them.",
                )  # fmt: skip
    service.sight.masks(replace(spec.shown(), obfuscation_seed=None))


def _only(request: Request, *names: str) -> None:
    """Refuse a query parameter that nobody would read."""
    for name in request.query_params:
        if name not in names:
            remedy = f"It takes {', '.join(names)}." if names else "Leave it out; options go in a JSON body."
            raise EnvServerError(422, "invalid_request", f"{name[:100]!r} is no query parameter of this route.", remedy)


def _shown(state: EpisodeState) -> dict[str, Any]:
    episode, spec = state.episode, state.episode.spec
    return {
        "id": episode.episode_id,
        "state": state.state,
        "task": spec.task,
        "snapshot": episode.snapshot,
        "snapshot_id": episode.snapshot_id,
        "seed": spec.seed,
        "weather": spec.weather,
        "budget": spec.budget.model_dump(),
        "view_digest": episode.view.digest,
        "spent": {
            "calls": state.calls,
            "tools": dict(sorted(state.tools.items())),
            "tokens": state.tokens,
            "dollars": state.micro_usd / 1_000_000,
        },
        "opened_at": episode.opened_at,
        "last_at": state.last_at,
        "result": None if state.result is None else orjson.loads(state.result),
    }


def _call(row: Row) -> dict[str, Any]:
    names = (
        "seq",
        "tool",
        "request",
        "attempt",
        "status",
        "observation",
        "chars",
        "fault",
        "seen",
        "opened",
        "at",
        "items",
    )
    shown = {name: getattr(row, name) for name in names} | {"dollars": row.micro_usd / 1_000_000}
    return shown | {"gold_ranks": ranks_from(row.ranks)}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


_WHY = {
    400: "The body is not JSON.",
    401: "No control token, or a wrong one.",
    404: "No such episode or task.",
    409: "The id is taken, the episode is over, or the snapshot is another.",
    413: "The body is over the limit.",
    415: "The body is not declared as JSON.",
    422: "A value is not acceptable.",
    503: "The database of episodes does not answer.",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": why} for status, why in _WHY.items()
}
