"""Whom a client asks and as whom, and what it makes of an answer's bytes: the part that sync and async share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import orjson

from agent.answers import Delivery
from agent.calls import Call
from agent.errors import EnvAnswerUnread, EnvError

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A server, and what every request to it says."""

    url: str
    """`http://host:port`; a path before the routes (`/e/ID`, say) is kept."""
    name: str | None = None
    """One of several snapshots served at once: requests go to /s/NAME."""
    token: str | None = field(default=None, repr=False)
    snapshot: str | None = None
    """Pin (X-Stillweb-Snapshot): a snapshot_id or content_id; another one answers 409."""
    episode: str | None = None
    """X-Stillweb-Episode."""
    seed: int | None = None
    """X-Stillweb-Seed: of the weather, where no episode says it."""
    attempt: int | None = None
    """X-Stillweb-Attempt: which try of an equal request this is, from 1; None: the server counts."""
    run: str | None = None
    """X-Stillweb-Run: under which name the ledger counts the calls."""

    base: str = field(init=False, repr=False, compare=False)
    host: str = field(init=False, repr=False, compare=False)
    port: int = field(init=False, repr=False, compare=False)
    is_tls: bool = field(init=False, repr=False, compare=False)
    prefix: str = field(init=False, repr=False, compare=False)
    """Path before a route's own."""
    headers: dict[str, str] = field(init=False, repr=False, compare=False)
    head: str = field(init=False, repr=False, compare=False)
    """The headers and Host as they stand in a request, with the empty line after them."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        is_line = self.url.isascii() and self.url.isprintable() and " " not in self.url
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_line:
            raise ValueError(f"{self.url!r} is no server's URL. Give one such as http://127.0.0.1:8080.")
        set_ = object.__setattr__  # computed once here: a call's headers and URL are on every call's account
        set_(self, "is_tls", parts.scheme == "https")
        set_(self, "host", parts.hostname)
        set_(self, "port", parts.port or (443 if self.is_tls else 80))
        set_(self, "prefix", parts.path.rstrip("/") + (f"/s/{quote(self.name, safe='')}" if self.name else ""))
        set_(self, "base", f"{parts.scheme}://{parts.netloc}{self.prefix}")
        said = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.token}" if self.token else None,
            "X-Stillweb-Snapshot": self.snapshot,
            "X-Stillweb-Episode": self.episode,
            "X-Stillweb-Seed": self.seed,
            "X-Stillweb-Attempt": self.attempt,
            "X-Stillweb-Run": self.run,
        }
        for name, value in said.items():
            if value is not None and not (str(value).isascii() and str(value).isprintable()):
                raise ValueError(f"{name}: {value!r} cannot stand in a header. Use ASCII without line breaks.")
        headers = {name: str(value) for name, value in said.items() if value is not None}
        set_(self, "headers", headers)
        named = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        lines = {"Host": named if parts.port is None else f"{named}:{parts.port}", **headers}
        set_(self, "head", "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n")

    def changed(self, **changes: Any) -> Target:
        """Raises TypeError for what is no field, and for another URL: connections are those of one server."""
        if "url" in changes:
            raise TypeError("url cannot be changed. Make another client.")
        return replace(self, **changes)


def answer_of(
    target: Target, call: Call[T], status: int, header: Callable[[str], str | None], body: bytes, latency_s: float
) -> T:
    """The answer, typed. Raises EnvError. `header` gives a header's value by its name, in any case."""
    delivery = Delivery(
        status,
        header("X-Stillweb-Snapshot") or "",
        header("X-Stillweb-Cache") or "",
        header("X-Stillweb-Fault") or "",
        1000 * latency_s,
        body,
    )
    if status == 200 or status in call.also:
        try:
            return call.read(body, header("Content-Type") or "", delivery)
        except (ValueError, TypeError, KeyError) as error:
            if status == 200:
                raise EnvAnswerUnread(target.base, call.route, delivery, body) from error
    try:
        said = orjson.loads(body)["error"]
        code, message, remedy = (str(said[name]) for name in ("code", "message", "remedy"))
    except (ValueError, TypeError, KeyError) as cause:
        raise EnvAnswerUnread(target.base, call.route, delivery, body) from cause
    retry_after_s = _seconds(header("Retry-After"))
    raise EnvError(status, code, message, remedy, url=target.base, retry_after_s=retry_after_s, delivery=delivery)


def _seconds(value: str | None) -> float | None:
    """Of Retry-After in seconds; its other form, a date, is not what Stillweb sends."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e6 else None
