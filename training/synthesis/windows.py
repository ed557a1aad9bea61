"""Bounds around a value that a tool settles, wide and narrow, and the words for them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from training.synthesis.tooling import Claim, Distance, Listed

WIDTHS = (0.8, 0.6, 0.45, 0.3, 0.2, 0.12)
"""Widths of a window as shares of the value, the widest first."""
_OTHER = {
    "population/area": "{} inhabitants to each square kilometre of its area",
    "population/land_area": "{} inhabitants to each square kilometre of its land",
}


def windows(value: float, claim: Claim, rng: np.random.Generator) -> Iterator[tuple[float, float]]:
    """(low, high) around a value, both included, round and the widest first; the value lies anywhere in the middle."""
    seen: set[tuple[float, float]] = set()
    for width in (10.0, 6.0, 3.0, 1.0) if isinstance(claim, Listed) and claim.figure == "year" else WIDTHS:
        span = width if width >= 1 else max(value * width, 2.0)
        below = span * float(rng.uniform(0.25, 0.75))
        step = _step(span, claim)
        low, high = math.floor((value - below) / step) * step, math.ceil((value - below + span) / step) * step
        found = round(max(low, 0.0), 6), round(high, 6)
        if found not in seen and found[0] <= value <= found[1] and (found[0] > 0 or not isinstance(claim, Distance)):
            seen.add(found)
            yield found


def _step(span: float, claim: Claim) -> float:
    if isinstance(claim, Distance) and claim.by == "drive":
        return 30.0 if span >= 60 else 10.0
    step = 10.0 ** math.floor(math.log10(span / 2))
    return step if step >= 1 else 1.0 if isinstance(claim, Listed | Distance) else 0.1


def said(claim: Claim, origin: str, rng: np.random.Generator) -> str:
    """A claim as a verb phrase of the third person; `origin` is the name of a Distance's place."""
    low, high = f"{claim.low:,.10g}", f"{claim.high:,.10g}"
    between = (f"between {low} and {high}", f"{low} to {high}", f"at least {low} and at most {high}")
    span = between[int(rng.integers(len(between)))]
    if isinstance(claim, Distance) and claim.by == "km":
        forms = (
            f"lies {span} km from {origin} as the crow flies",
            f"is {span} km away from {origin} in a straight line",
        )
    elif isinstance(claim, Distance):
        least, most = _hours(claim.low), _hours(claim.high)
        forms = (
            f"lies between {least} and {most} by car from {origin}",
            f"takes at least {least} and at most {most} to reach by car from {origin}",
        )
    elif isinstance(claim, Listed) and claim.figure == "citations":
        forms = (f"has been cited {span} times", f"is cited by {span} papers according to an index of papers")
    elif isinstance(claim, Listed):
        years = f"between {claim.low:.0f} and {claim.high:.0f}"
        forms = (f"is listed in an index of papers with a year {years}", f"has a year {years} in an index of papers")
    else:
        what = _OTHER.get(f"{claim.over}/{claim.under}", f"{{}} of {claim.over} to each unit of {claim.under}")
        forms = ("has " + what.format(span), "counts " + what.format(span))
    return forms[int(rng.integers(len(forms)))]


def _hours(minutes: float) -> str:
    hours, left = divmod(int(minutes), 60)
    parts = [f"{hours} hour{'s' if hours != 1 else ''}"] if hours else []
    return " ".join([*parts, *([f"{left} minutes"] if left or not hours else [])])
