"""Calls of an episode, from the front's side: what a call may see, and its place on record before it is answered.

    turn = await episodes.begin(...)     a Problem, or view, seed, weather and attempt
    ...                                  weather drawn, cache asked, answer made: pure, so it may be made again
    done = await episodes.end(turn, ...) its number; "again" where the state had moved on: begin anew; or a Problem
    (now the answer may leave; what the weather delays, it delays here)

`leave` gives up a turn that is not ended: nothing is counted. After `end` it does nothing, so it stands in a `finally`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from env_server.episode_reward import Pages, Reward, reward_of
from env_server.episode_store import EpisodeStore
from env_server.episode_writer import Outcome
from env_server.episodes import EPISODE_ID, Episode, EpisodeState, Gold, Row, Spec, error_of, is_over, unknown_episode
from env_server.errors import EnvServerError, Problem
from env_server.view import View

logger = logging.getLogger(__name__)

_MOST_WATCH_S = 60.0
_MOST_ATTEMPT_DIGITS = 6


Score = Callable[[str, Gold, Spec, Sequence[Row], Pages | None], Reward]
"""(answer, gold, spec, rows of the episode, pages it may cite) -> Reward. Pure; may raise EnvServerError for an answer
it cannot read."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one call is given. Its weather may be drawn from spec, canonical request and attempt, and nothing else."""

    spec: Spec
    view: View
    """What the spec shows, before the weather adds to it."""
    profile: Any
    """The weather's, as `weather_of` made it of the spec's; None: calm."""
    attempt: int
    request: str
    """Digest of the canonical request: 32 hex digits."""
    tool: str
    is_attempt_given: bool
    state: EpisodeState = field(repr=False)
    gate: asyncio.Event | None = field(repr=False)


class Episodes:
    """The episodes of a server; one per worker, over a store that workers share."""

    def __init__(
        self,
        store: EpisodeStore,
        *,
        score: Score = reward_of,
        weather_of: Callable[[Any], Any] = lambda weather: weather,
        charge: Callable[[Row], int] = lambda row: 0,
        max_idle_s: float = 86_400.0,
        keep_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`weather_of` reads a spec's weather, raising what is wrong with it; asked at the opening and once a worker.
        `charge` gives what a call costs in millionths of a dollar (`ledger/charging.py`).
        An episode without a call for `max_idle_s` is expired, one that ended `keep_s` ago removed (None: never).
        The clock reaches control routes and rows alone.
        """
        self.store = store
        self._weather_of = weather_of
        self._charge = charge
        self._score = score
        self._max_idle_s = max_idle_s
        self._keep_s = keep_s
        self._clock = clock

    async def begin(
        self, episode_id: str, canonical: bytes, tool: str, *, snapshot_id: str, attempt_header: bytes = b""
    ) -> Turn | Problem:
        """A turn for a call, or why it gets none. `canonical` is the request without what names the episode or a key.

        Equal requests of one episode wait for each other here, so that each is one attempt.
        """
        given = 0
        if attempt_header:
            if not attempt_header.isdigit() or len(attempt_header) > _MOST_ATTEMPT_DIGITS or not int(attempt_header):
                return Problem(
                    400,
                    "bad_attempt",
                    f"X-Stillweb-Attempt is {attempt_header.decode('latin-1')[:40]!r}.",
                    "Send a whole number from 1 to 999999, or leave it out.",
                )
            given = int(attempt_header)
        try:
            state = await self._known(episode_id)
        except EnvServerError as error:
            return error.problem
        episode = state.episode
        if episode.snapshot_id != snapshot_id:
            return Problem(
                409,
                "snapshot_mismatch",
                f"The episode was opened on snapshot {episode.snapshot_id}; this is {snapshot_id}.",
                f"Send its calls to /s/{episode.snapshot}/, and serve there the snapshot it was opened on.",
            )
        spec = episode.spec
        if state.profile is None and spec.weather is not None:
            try:
                state.profile = self._weather_of(spec.weather)
            except EnvServerError as error:  # the server was started again with other profiles
                return error.problem
        request = hashlib.sha256(canonical).hexdigest()[:32]
        while not given and (ahead := state.running.get(request)) is not None:
            await ahead.wait()
        problem = state.refusal(tool)
        if problem is not None:
            return problem
        gate = None
        if not given:
            gate = state.running[request] = asyncio.Event()
        attempt = given or state.attempts.get(request, 0) + 1
        return Turn(spec, episode.view, state.profile, attempt, request, tool, bool(given), state, gate)

    async def end(
        self,
        turn: Turn,
        status: int,
        body_digest: str,
        observation_chars: int,
        *,
        seen: tuple[str, ...] = (),
        opened: tuple[str, ...] = (),
        micro_usd: int | None = None,
        fault: str = "",
        run: str = "",
        dialect: str = "",
        is_cached: bool = False,
        body_bytes: int = 0,
        missed: int = 0,
        ranks: str = "",
        items: int = 1,
    ) -> Outcome:
        """Put a call on record. Its answer may leave once this has come back with a number.

        `micro_usd` is what it would have cost; None: what `charge` says. `run` to `missed` are for the ledger
        alone. `items` is how many questions or pages it asked for (`weather/groups.py`).
        "again": the call was made of a state that is past (another worker has counted an equal one): begin anew.
        A Problem: the episode ended, or its budget did, before this call's turn came; it is the answer then.
        """
        row = Row(
            turn.state.episode.episode_id,
            "call",
            self._clock(),
            turn.tool,
            turn.request,
            turn.attempt,
            turn.is_attempt_given,
            status,
            body_digest,
            observation_chars,
            micro_usd or 0,
            fault,
            seen,
            opened,
            run=run,
            dialect=dialect,
            cached=int(is_cached),
            bytes=body_bytes,
            missed=missed,
            ranks=ranks,
            items=items,
        )
        if micro_usd is None:
            row.micro_usd = self._charge(row)
        try:
            return await self.store.append(row, turn.state)
        except EnvServerError as error:
            return error.problem
        finally:
            self.leave(turn)

    @staticmethod
    def leave(turn: Turn) -> None:
        """Let the next equal request have its turn."""
        if turn.gate is not None and turn.state.running.get(turn.request) is turn.gate:
            del turn.state.running[turn.request]
            turn.gate.set()

    async def open(
        self, spec: Spec, gold: Gold | None, *, snapshot: str, snapshot_id: str, episode_id: str | None = None
    ) -> EpisodeState:
        """A new episode. Raises a 409 where the id is taken, even by an episode of the same spec: telling equal from
        different would tell whoever asks whether the answer they sent along is the one that is kept."""
        if spec.weather is not None:
            self._weather_of(spec.weather)
        episode = Episode(episode_id or secrets.token_hex(16), snapshot, snapshot_id, spec, self._clock())
        if not await self.store.add(episode, gold):
            raise EnvServerError(
                409,
                "episode_exists",
                f"There is an episode {episode.episode_id!r} already.",
                "Choose another id, or none; GET /v1/episodes/ID shows the one that is there.",
            )
        return await self.find(episode.episode_id)

    async def find(self, episode_id: str) -> EpisodeState:
        """An episode, whatever its state. Raises a 404."""
        state = await self.store.state(episode_id) if EPISODE_ID.fullmatch(episode_id) else None
        if state is None:
            raise error_of(unknown_episode(episode_id))
        return state

    async def current(self, episode_id: str) -> EpisodeState:
        """An episode with all that is on record by now, of this worker and others. Raises a 404."""
        while True:
            state = await self.find(episode_id)
            await self.store.refresh(state)
            if not state.is_removed:
                return state

    async def answer(
        self, episode_id: str, text: str, pages_of: Callable[[Episode], Pages | None] = lambda _: None
    ) -> Reward:
        """Score an answer and end the episode. The same answer again gets the same reward, another one a 409.

        `pages_of` gives the pages that an answer may cite; it may raise.
        """
        while True:
            await self._known(episode_id)  # expired, if its time has come
            state = await self.current(episode_id)
            if state.result is not None:
                kept = orjson.loads(state.result)
                if kept.pop("answer") == text:
                    return Reward(**kept)
            if state.state != "open":
                raise error_of(is_over(state.state))
            gold = await self.store.gold(episode_id)
            if gold is None:
                raise EnvServerError(
                    409, "no_gold", "This episode was opened without an answer.", "Open one with `answer` or a `task`."
                )
            rows = await self.store.rows(episode_id)
            spec, pages = state.episode.spec, pages_of(state.episode)
            reward = await self.store.run(
                lambda gold=gold, spec=spec, rows=rows, pages=pages: self._score(text, gold, spec, rows, pages)  # type: ignore[misc]
            )
            result = orjson.dumps({"answer": text, **asdict(reward)}).decode()
            row = Row(episode_id, "answered", self._clock(), after=len(rows), result=result)
            if isinstance(await self.store.append(row, state), int):
                return reward

    async def close(self, episode_id: str) -> EpisodeState:
        """End an episode without an answer. One that is over stays as it is."""
        while await self.store.append(Row(episode_id, "closed", self._clock()), await self.find(episode_id)) == "again":
            pass  # removed at another worker: the id is free, or another episode's
        return await self.find(episode_id)

    async def expire(self) -> int:
        """Expire what was left alone too long; how many those were."""
        expired = 0
        before = self._clock() - self._max_idle_s
        while ids := await self.store.idle(before):
            done = [await self._expire(await self.find(episode_id)) for episode_id in ids]
            expired += sum(done)
            if not any(done):
                break  # all have had a call since
        if expired:
            logger.info("episodes expired", extra={"episodes": expired})
        return expired

    async def remove_ended(self, keep_s: float) -> int:
        """Remove episodes that ended longer ago than this; how many those were."""
        removed, before = 0, self._clock() - keep_s
        while done := await self.store.remove_ended(before):
            removed += done
        if removed:
            logger.info("episodes removed", extra={"episodes": removed})
        return removed

    async def remove(self, episode_id: str) -> None:
        """Remove an episode that is over. Raises a 404, or a 409 for one that is open."""
        state = await self.current(episode_id)
        if state.state == "open":
            raise EnvServerError(409, "episode_open", "This episode is open.", "Close it first: POST .../close.")
        await self.store.remove(episode_id)

    async def watch(self) -> None:
        """Expire abandoned episodes and remove old ones now and then, for as long as the server runs."""
        while True:
            await asyncio.sleep(min(_MOST_WATCH_S, self._max_idle_s, self._keep_s or _MOST_WATCH_S))
            with contextlib.suppress(EnvServerError):  # logged where it was raised; the database may come back
                await self.expire()
                if self._keep_s is not None:
                    await self.remove_ended(self._keep_s)

    async def _known(self, episode_id: str) -> EpisodeState:
        """An episode; expired if its time has come."""
        state = self.store.kept(episode_id)
        if state is None or state.state != "open":
            state = await self.find(episode_id)
        if state.state == "open" and self._clock() - state.last_at > self._max_idle_s:
            await self._expire(state)
        return state

    async def _expire(self, state: EpisodeState) -> bool:
        """Unless a call has come in, here or at another worker."""
        await self.store.refresh(state)
        now = self._clock()
        if state.state != "open" or now - state.last_at <= self._max_idle_s:
            return False
        row = Row(state.episode.episode_id, "expired", now, after=state.seq)
        return isinstance(await self.store.append(row, state), int)
