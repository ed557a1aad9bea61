"""What a worker keeps in memory of episodes: those that are open, within a bound of bytes.

What has ended takes no more calls, and what is read of it comes from the database. What is put out here is read from
there again, so that a bound which is too narrow costs time and no answer: numbers and attempts are the database's.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from env_server.episodes import EpisodeState, Spec

MOST_BYTES = 64 * 1024**2
"""Of one worker: some 20,000 open episodes of ten calls, or 4,800 of a hundred."""
_STATE_BYTES = 2_000
_ATTEMPT_BYTES = 120
_PROFILE_BYTES = 2_000
"""Of a profile that came along; those that have a name are shared."""
_FAULT_BYTES = 1_000
_DOCUMENT_BYTES = 80
_MASK_BYTES = 90
"""An address as short as most; what is longer counts by its characters."""


def _bytes_of(spec: Spec) -> int:
    """Roughly what an episode without calls takes: measured with tracemalloc on CPython 3.11.

    Names of documents stand in the spec and in views made of it, addresses too.
    """
    view = spec.view
    masks = (*view.exclude_urls, *view.exclude_domains)
    documents = len(spec.evidence) + len(spec.distractors) + len(view.dropped)
    own = _STATE_BYTES + _DOCUMENT_BYTES * documents + sum(max(_MASK_BYTES, len(mask)) for mask in masks)
    if not isinstance(spec.weather, dict):
        return own
    faults = spec.weather.get("faults")
    return own + _PROFILE_BYTES + (_FAULT_BYTES * len(faults) if isinstance(faults, list) else 0)


@dataclass(slots=True)
class _Kept:
    state: EpisodeState
    attempts: int = 0
    """How many requests the state knew when it was last weighed: by them it grows."""
    spec_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.spec_bytes = _bytes_of(self.state.episode.spec)

    @property
    def bytes(self) -> int:
        return self.spec_bytes + _ATTEMPT_BYTES * self.attempts


class KeptStates:
    """Open episodes by id; where they take more than `most_bytes`, those that were used last stay. For one thread."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._states: OrderedDict[str, _Kept] = OrderedDict()
        self.bytes = 0
        """Roughly what is kept takes; each state as it was when it was last used."""

    def __len__(self) -> int:
        return len(self._states)

    def get(self, episode_id: str) -> EpisodeState | None:
        """An open episode that is kept."""
        kept = self._states.get(episode_id)
        if kept is None:
            return None
        if kept.state.state != "open" or kept.state.is_removed:  # the writer has learned that since
            self.drop(episode_id)
            return None
        self._states.move_to_end(episode_id)
        if kept.attempts != len(kept.state.attempts):
            self._weigh(kept)
        return kept.state

    def keep(self, state: EpisodeState, *, is_newer: bool = False) -> EpisodeState:
        """Keep a state if it is open; back comes the one to use: one that is kept already, unless this is newer."""
        episode_id = state.episode.episode_id
        if is_newer:
            self.drop(episode_id)
        known = self.get(episode_id)
        if known is not None:
            return known
        if state.state == "open" and not state.is_removed:
            self._states[episode_id] = kept = _Kept(state)
            self.bytes += kept.bytes
            self._weigh(kept)
        return state

    def drop(self, episode_id: str) -> None:
        """Forget an episode, if it is kept."""
        kept = self._states.pop(episode_id, None)
        if kept is not None:
            self.bytes -= kept.bytes

    def _weigh(self, kept: _Kept) -> None:
        """Add what a state has grown by, and make room. It is the last one, and stays whatever its size."""
        before, kept.attempts = kept.bytes, len(kept.state.attempts)
        self.bytes += kept.bytes - before
        while self.bytes > self._most_bytes and len(self._states) > 1:
            self.bytes -= self._states.popitem(last=False)[1].bytes
