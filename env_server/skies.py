"""Episodes and weather, between access and cache: what a call sees, what it meets, and that it is on record.

    turn     of an episode: its view, seed and attempt          (`episode_turns.py`)
    draw     latency, a fault in place of the answer, or one that goes into the view    (`weather/`)
    cache    the answer under that view, shared by all who see the same
    record   of an episode: the call's row, committed before the answer leaves
    wait     as long as the weather says

What is drawn depends on seed, canonical request and attempt alone, so the same episode meets the same weather.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from env_server.addressing import Served
from env_server.asking import Asking
from env_server.cache import CacheState, FinishedAnswer
from env_server.calls import Call
from env_server.dialects.dialect import Dialect
from env_server.errors import EnvServerError, Problem
from env_server.ledger.counts import run_named
from env_server.ledger.tallies import RECORDED, RUN, dialect_of
from env_server.settings import ServerSettings
from env_server.trace import unpacked
from env_server.view import View
from env_server.weather.content import RANKING_FAULTS
from env_server.weather.draw import Weather, draw, problem_of_fault
from env_server.weather.groups import items_of
from env_server.weather.profiles import Profile, profile_named
from env_server.weather.ranking import as_text, ranks_of
from env_server.weather.views import changes_rankings, view_of_episode, view_under

if TYPE_CHECKING:
    from env_server.episode_turns import Episodes, Turn

Answered = tuple[FinishedAnswer, CacheState]

NO_ANSWER = FinishedAnswer(0, [], b"", [])
"""In place of an answer: the connection is closed."""
_LAST = b"x-stillweb-cache: hit\r\n\r\n"
"""How the head of a kept answer ends."""
_INTRODUCTIONS = frozenset({"/v1/snapshot", "/openapi.json"})
_MOST_DIGITS = 18
_KEPT_VIEWS = 10_000


class Refuse(Protocol):
    """A problem in the shape of the dialect, as an answer that is not kept."""

    def __call__(
        self, served: Served, dialect: Dialect | None, problem: Problem, *extra: tuple[bytes, bytes]
    ) -> Answered: ...


class Skies:
    """One per worker. `cached` gives the answer to a request under a call's view."""

    def __init__(
        self,
        cached: Callable[[Asking, Call], Awaitable[Answered]],
        refuse: Refuse,
        settings: ServerSettings,
        episodes: Episodes | None,
    ) -> None:
        self._cached = cached
        self._problem = refuse
        self._settings = settings
        self._episodes = episodes
        self._profile = None if settings.weather is None else profile_named(settings.weather)
        self._views = KeptViews()

    async def answer(self, asked: Asking, call: Call, episode_id: str, attempt: bytes, seed: bytes) -> Answered:
        """The answer to a call: in its episode, in the server's weather, or in neither."""
        if episode_id and self._episodes is not None:  # the front has refused what no server here could know
            return await self._in_episode(asked, call, self._episodes, episode_id, attempt)
        if self._profile is not None and not _is_introduction(asked):
            return await self._in_weather(asked, call, self._profile, seed, attempt)
        return await self._cached(asked, call)

    async def _in_episode(
        self, asked: Asking, call: Call, episodes: Episodes, episode_id: str, attempt: bytes
    ) -> Answered:
        """A call of an episode: its turn, its weather, its answer, and that on record before it leaves."""
        served, dialect = asked.served, asked.dialect
        canonical, tool = asked.canonical, asked.group
        if tool == "other" and _is_introduction(asked):
            try:
                await episodes.find(episode_id)
            except EnvServerError as error:
                return self._problem(served, dialect, error.problem)
            return await self._cached(asked, call)
        while True:
            turn = await episodes.begin(
                episode_id, canonical, tool, snapshot_id=served.snapshot_id, attempt_header=attempt
            )
            if isinstance(turn, Problem):
                return self._problem(served, dialect, turn)
            try:
                weather = _drawn(asked, canonical, turn.profile, turn.spec.seed, turn.attempt)
                answer, state = await self._met(asked, call, self._view_of(episode_id, turn), weather)
                if state == "bypass":  # overload is outside the promise and no attempt
                    return answer, state
                ranks = await self._ranks(asked, call, episode_id, turn, weather, answer)
                digest, chars = observation_of(answer.body)
                done = await episodes.end(
                    turn,
                    answer.status,
                    digest,
                    chars,
                    seen=unpacked(answer.seen),
                    opened=unpacked(answer.opened),
                    fault=" ".join(weather.drawn) if weather else "",
                    run=run_named(asked.scope.get(RUN, b"")),
                    dialect=dialect_of(asked.scope, answer),
                    is_cached=state == "hit",
                    body_bytes=len(answer.body),
                    missed=answer.missed,
                    ranks=ranks,
                    items=items_of(asked.body),
                )
            finally:
                episodes.leave(turn)
            if isinstance(done, Problem):
                return self._problem(served, dialect, done)
            if done != "again":
                asked.scope[RECORDED] = True
                # Behind the record: a client that gives up waiting finds this attempt counted.
                return await self._after(weather, answer, state)

    async def _in_weather(
        self, asked: Asking, call: Call, profile: Profile, seed_header: bytes, attempt_header: bytes
    ) -> Answered:
        """A call outside episodes, on a server that has weather for all."""
        seed = number_of(seed_header, "X-Stillweb-Seed", profile.seed, 0)
        attempt = number_of(attempt_header, "X-Stillweb-Attempt", 1, 1)
        for given in (seed, attempt):
            if isinstance(given, Problem):
                return self._problem(asked.served, asked.dialect, given)
        assert isinstance(seed, int)
        assert isinstance(attempt, int)
        view = self._views.get(seed, lambda: view_of_episode(call.view, profile, seed))
        weather = _drawn(asked, asked.canonical, profile, seed, attempt)
        answer, state = await self._met(asked, call, view, weather)
        return await self._after(weather, answer, state)

    def _view_of(self, episode_id: str, turn: Turn) -> View:
        """What an episode's calls see before a fault is drawn."""

        def make() -> View:
            view = self._clear_view_of(episode_id, turn)
            if turn.profile is None:
                return view
            spec = turn.spec
            return view_of_episode(view, turn.profile, spec.seed, evidence=spec.evidence, distractors=spec.distractors)

        # The time, since an id is free again once its episode is removed.
        return self._views.get((episode_id, turn.state.episode.opened_at), make)

    def _clear_view_of(self, episode_id: str, turn: Turn) -> View:
        """What an episode's calls would see in no weather."""

        def make() -> View:
            view = turn.view
            if view.obfuscation_seed is None:
                view = replace(view, obfuscation_seed=self._settings.obfuscation_seed)
            return view.also_hiding(self._settings.view)

        return self._views.get((episode_id, turn.state.episode.opened_at, "clear"), make)

    async def _ranks(
        self, asked: Asking, call: Call, episode_id: str, turn: Turn, weather: Weather | None, answer: FinishedAnswer
    ) -> str:
        """Ranks of the evidence in a search, without the weather and with it, as a row keeps them; "" for other calls.

        Where the weather changes rankings, the ranking without it is asked for too: of the cache, mostly, since all
        episodes share it.
        """
        spec = turn.spec
        if not spec.evidence or asked.group not in ("search", "similar") or answer.status != 200:
            return ""
        after = before = unpacked(answer.seen)
        clear = self._clear_view_of(episode_id, turn)
        fault = None if weather is None else weather.content
        if changes_rankings(self._view_of(episode_id, turn), clear) or (fault and fault.kind in RANKING_FAULTS):
            found, state = await self._cached(asked, _seeing(call, clear))
            if state == "bypass" or found.status != 200:
                return ""
            before = unpacked(found.seen)
        return as_text(ranks_of(spec.evidence, before, after))

    async def _met(self, asked: Asking, call: Call, view: View, weather: Weather | None) -> Answered:
        """The answer under a view and what was drawn, or the fault in its place."""
        if weather is not None and weather.fault is not None:
            problem = problem_of_fault(weather.fault)
            if problem is None:
                return NO_ANSWER, "weather"
            wait = weather.fault.retry_after_s
            extra = () if wait is None else ((b"retry-after", str(wait).encode()),)
            return self._problem(asked.served, asked.dialect, problem, *extra)[0], "weather"
        seen = view if weather is None else view_under(view, weather.content)
        return await self._cached(asked, _seeing(call, seen))

    async def _after(self, weather: Weather | None, answer: FinishedAnswer, state: CacheState) -> Answered:
        """Wait as long as the weather says, on no thread, unless time is virtual here."""
        if weather is not None and weather.latency_s and not self._settings.virtual_time:
            await asyncio.sleep(weather.latency_s)
        return told_of(answer, weather), state


def _seeing(call: Call, view: View) -> Call:
    """The call under another view."""
    if view is call.view:
        return call
    return Call(call.snapshot, view, call.dialect, call.key, call.host)


def _drawn(asked: Asking, canonical: bytes, profile: Profile | None, seed: int, attempt: int) -> Weather | None:
    return None if profile is None else draw(profile, seed, asked.group, asked.name, canonical, attempt)


def _is_introduction(asked: Asking) -> bool:
    """Whether a request asks what is served, or is an MCP handshake or listing.

    No tool is called by it, so it is neither counted nor drawn for. A client that asks once, at its start, would meet
    the same fault at every start.
    """
    if asked.dialect is None:
        return asked.scope["path"] in _INTRODUCTIONS
    return asked.name == "mcp" and asked.group == "other"


class KeptViews:
    """Views by whatever they were made of: a view's digest costs more than all else here."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, View] = OrderedDict()

    def get(self, key: object, make: Callable[[], View]) -> View:
        view = self._kept.get(key)
        if view is None:
            view = self._kept[key] = make()
            if len(self._kept) > _KEPT_VIEWS:
                self._kept.popitem(last=False)
        return view


def number_of(header: bytes, name: str, default: int, least: int) -> int | Problem:
    """A whole number that a header gives."""
    if not header:
        return default
    if header.isdigit() and len(header) <= _MOST_DIGITS and int(header) >= least:
        return int(header)
    shown = header.decode("latin-1")[:40]
    return Problem(400, "bad_header", f"{name} is {shown!r}.", f"Send a whole number from {least}, or leave it out.")


def told_of(answer: FinishedAnswer, weather: Weather | None) -> FinishedAnswer:
    """The answer with the weather in its headers, for whoever records it: no model reads them."""
    if weather is None or not (weather.drawn or weather.latency_s):
        return answer
    extra = [(b"x-stillweb-latency-s", f"{weather.latency_s:.6f}".encode())] if weather.latency_s else []
    if weather.drawn:
        extra.append((b"x-stillweb-fault", " ".join(weather.drawn).encode()))
    # The cache's state stays the last header: the front writes another in its place where the answer is no hit.
    head, kept = answer.hit_head, answer.hit_headers
    if head.endswith(_LAST):
        head = b"".join((head[: -len(_LAST)], *(b"%b: %b\r\n" % header for header in extra), _LAST))
    else:
        head = b""
    # Made field by field, which takes a third of what `replace` does: under a storm every answer comes by.
    return FinishedAnswer(
        answer.status,
        [*answer.headers, *extra],
        answer.body,
        [*kept[:-1], *extra, *kept[-1:]],
        answer.seen,
        answer.opened,
        head,
        answer.tokens,
        answer.missed,
        fault=" ".join(weather.drawn),
    )


def observation_of(body: bytes) -> tuple[str, int]:
    """(digest, characters) of a body, as `end` takes them; bytes where it is no text."""
    try:
        chars = len(body.decode())
    except UnicodeDecodeError:
        chars = len(body)
    return hashlib.sha256(body).hexdigest()[:32], chars
