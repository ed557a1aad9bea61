"""The bounds on what a request may cost, and where the figures stand: ratios within a round, medians over rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Costs = Mapping[str, float]
Bound = dict[str, Any]
"""`what`, `figure` and `at_most` (ratios to the same basis), `passed`."""


def bound(rounds: Sequence[Costs], what: str, at_most: float, figure: Callable[[Costs], float]) -> Bound:
    found = statistics.median(figure(costs) for costs in rounds)
    return {"what": what, "figure": round(found, 3), "at_most": at_most, "passed": found <= at_most}


def framework_us(costs: Costs) -> float:
    """FastAPI's own cost: ready bytes behind a route that reads its model, less raw ASGI."""
    return costs["fastapi-body"] - costs["raw"]


def cold_bm25_allowed_us(costs: Costs, *, socket: bool) -> float:
    """In-process, 1.3 times FastAPI's own cost, a hop; and what raw ASGI needs to be asked at all, where `socket`."""
    allowed = costs["bm25, in process"] + 1.3 * framework_us(costs) + costs["hop"]
    return allowed + costs["raw"] if socket else allowed


def hybrid_parts_us(costs: Costs) -> float:
    return costs["hybrid: encode"] + costs["hybrid: faiss"] + costs["hybrid: bm25"]


def hybrid_bound(rounds: Sequence[Costs], what: str = "cold hybrid / (encode + FAISS + BM25)") -> Bound:
    return bound(rounds, what, 1.3, lambda costs: costs["hybrid"] / hybrid_parts_us(costs))


def bounds_of(rounds: Sequence[Costs], batch: int) -> list[Bound]:
    """Each bound of the issue, as set; and cold BM25 a second time with the cost of the socket on the allowed side."""
    return [
        bound(rounds, "hit / raw ASGI", 1.3, lambda c: c["hit"] / c["raw"]),
        bound(
            rounds,
            "cold BM25 / (in process + 1.3 x FastAPI's own + hop)",
            1.0,
            lambda c: c["bm25"] / cold_bm25_allowed_us(c, socket=False),
        ),
        bound(
            rounds,
            "the same, raw ASGI allowed too",
            1.0,
            lambda c: c["bm25"] / cold_bm25_allowed_us(c, socket=True),
        ),
        hybrid_bound(rounds),
        bound(rounds, "cached fetch / raw ASGI", 1.3, lambda c: c["fetch hit"] / c["raw, fetch"]),
        bound(rounds, "cold fetch / raw ASGI", 5.0, lambda c: c["fetch"] / c["raw, fetch"]),
        *(
            bound(
                rounds,
                f"{name}: batch of {batch} / {batch} requests",
                1.0,
                lambda c, mode=mode: c[f"{mode}, in a batch of {batch}"] / c[mode],  # type: ignore[misc]
            )
            for mode, name in (("bm25", "BM25"), ("hybrid", "hybrid"))
        ),
    ]
