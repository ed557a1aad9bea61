"""What a preference set teaches besides what it should: how well length alone, or the number of calls, tells its sides.

A classifier with one feature and no training: the area under its curve is 0.5 where the feature tells nothing. DPO
learns such a feature before anything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from agent.records import Message
from training.data.pairs import KINDS, PreferencePair
from training.statistics import auroc

TOLD_APART = 0.6
"""An area further from 0.5 than this is flagged: a starting value of ours."""


def bias_report(pairs: Iterable[PreferencePair], policy: str | None) -> list[dict[str, Any]]:
    """A row for all pairs, then one for each kind that there is.

    share: of all pairs. length_auc, calls_auc: areas of the classifiers that call the side with more characters, or
    more calls, the chosen one; longer_chosen: share of pairs whose chosen side has more characters, of those that
    differ. biased: an area is TOLD_APART or more, or 1 - TOLD_APART or less. on_policy: share of pairs both sides of
    which `policy` wrote; None without a policy.
    """
    pairs = list(pairs)
    counts = Counter(pair.kind for pair in pairs)
    rows = [_row("all", pairs, len(pairs), policy)]
    return rows + [
        _row(kind, [pair for pair in pairs if pair.kind == kind], len(pairs), policy) for kind in KINDS if counts[kind]
    ]


def _row(kind: str, pairs: Sequence[PreferencePair], of: int, policy: str | None) -> dict[str, Any]:
    chars = [_chars(pair) for pair in pairs]
    length, calls = _area(chars), _area([pair.calls for pair in pairs])
    unequal = [(a, b) for a, b in chars if a != b]
    areas = [one for one in (length, calls) if one is not None]
    return {
        "kind": kind,
        "pairs": len(pairs),
        "share": round(len(pairs) / max(1, of), 4),
        "length_auc": length,
        "calls_auc": calls,
        "longer_chosen": round(sum(a > b for a, b in unequal) / len(unequal), 4) if unequal else None,
        "biased": any(max(one, 1 - one) >= TOLD_APART for one in areas),
        "on_policy": None if policy is None else round(sum(bool(p.on_policy(policy)) for p in pairs) / len(pairs), 4),
    }


def _area(values: Sequence[tuple[int, int]]) -> float | None:
    if not values:
        return None
    return round(auroc([float(one) for sides in values for one in sides], [True, False] * len(values)), 4)


def _chars(pair: PreferencePair) -> tuple[int, int]:
    """That the model wrote: observations are in no loss."""
    return _written(pair.chosen), _written(pair.rejected)


def _written(side: Sequence[Message]) -> int:
    return sum(
        len(str(message.get("content") or ""))
        + len(str(message.get("reasoning_content") or ""))
        + sum(len(str(call["function"]["arguments"])) for call in message.get("tool_calls") or ())
        for message in side
        if message["role"] == "assistant"
    )
