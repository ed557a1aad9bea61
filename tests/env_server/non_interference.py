"""The gold answer has no road to the model: a rollout with the true answer and one with random strings look alike.

Usable over any ASGI application that answers `POST /v1/episodes`; `keys_of` gives what its caches are keyed by.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

_TIMES = re.compile(rb'"(opened_at|last_at|ended_at|at)":[0-9.e+]+')


@dataclass(frozen=True)
class Sent:
    """One request of the rollout; `{id}` in the path becomes the episode's id."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None


async def everything_seen(
    app: Any,
    opening: Mapping[str, Any],
    requests: Sequence[Sent],
    *,
    keys_of: Callable[[], Iterable[bytes]],
    records: Callable[[], Iterable[logging.LogRecord]],
) -> list[Any]:
    """Statuses, headers and bodies of opening, requests and `GET /v1/episodes/{id}`; then log lines and cache keys.

    Times of control routes are left out. `app`, `keys_of` and `records` must be fresh for each call.
    """
    seen: list[Any] = []
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        opened = await client.post("/v1/episodes", json=dict(opening))
        assert opened.status_code == 201, opened.text
        seen.append(_plain(opened))
        episode_id = opened.json()["id"]
        for sent in requests:
            answer = await client.request(
                sent.method,
                sent.path.replace("{id}", episode_id),
                headers={"X-Stillweb-Episode": episode_id, **sent.headers},
                json=sent.json,
                content=sent.content,
            )
            seen.append(_plain(answer))
        for path in ("/v1/episodes", f"/v1/episodes/{episode_id}"):
            seen.append(_plain(await client.get(path)))
    seen.append([(r.name, r.levelname, r.getMessage(), _extra(r)) for r in records() if r.name != "httpx"])
    seen.append(sorted(keys_of()))
    return seen


def _plain(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    # A time has more or fewer digits: then the length differs, too.
    body = _TIMES.sub(rb'"\1":0', answer.content)
    headers = [
        (name, value) for name, value in answer.headers.items() if body == answer.content or name != "content-length"
    ]
    return answer.status_code, headers, body


def _extra(record: logging.LogRecord) -> dict[str, str]:
    # How long something took is of the machine, not of the answer.
    usual = {*vars(logging.makeLogRecord({})), "message", "asctime", "duration_s"}
    return {name: repr(value) for name, value in vars(record).items() if name not in usual}
