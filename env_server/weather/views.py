"""What weather puts into a view: for a whole episode from its profile, for one call from what was drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from env_server.view import View
from env_server.weather.content import ContentFault
from env_server.weather.draw import dropped_gold
from env_server.weather.profiles import Profile


def view_of_episode(
    view: View, profile: Profile, seed: int, *, evidence: Iterable[str] = (), distractors: Iterable[str] = ()
) -> View:
    """The view an episode was opened with (`view`) under its weather; what it sets itself stands before the profile's.

    `evidence` and `distractors` are doc_ids from the opener. The seed comes in only where something is drawn by it, so
    that other episodes share finished answers.
    """
    keep = profile.retrieval.keep if view.degradation is None else view.degradation
    level = view.distractor_level or profile.retrieval.distractors
    mixed_in = (*view.distractors, *distractors) if level > 0 else ()
    limits = profile.limits
    return replace(
        view,
        dropped=(*view.dropped, *dropped_gold(profile.retrieval.dropped_gold, seed, evidence)),
        degradation=None if keep >= 1 else keep,
        distractors=mixed_in,
        distractor_level=level if mixed_in else 0.0,
        seed=seed if keep < 1 or mixed_in else 0,
        snippet_words=limits.snippet_words if view.snippet_words is None else view.snippet_words,
        snippet_cjk_chars=limits.snippet_cjk_chars if view.snippet_cjk_chars is None else view.snippet_cjk_chars,
        page_chars=limits.page_chars if view.page_chars is None else view.page_chars,
    )


def changes_rankings(view: View, clear: View) -> bool:
    """Whether an episode's weather, without a drawn fault, may rank otherwise than its clear view does."""
    return (view.dropped, view.degradation, view.distractors) != (clear.dropped, clear.degradation, clear.distractors)


def view_under(view: View, fault: ContentFault | None) -> View:
    """The same view with a drawn fault; without one the very same object, which is recognised without comparing."""
    return view if fault is None else _under(view, fault)


@lru_cache(maxsize=4096)
def _under(view: View, fault: ContentFault) -> View:
    # Kept, since a digest costs more than the draw does.
    return replace(view, content_fault=fault)
