"""Counters for people and Prometheus. They are plain numbers, written with Prometheus' library when somebody asks: its
own counters cost a hit from the cache a third of its time. With several workers each keeps its numbers in a mapped
file in PROMETHEUS_MULTIPROC_DIR, which the command sets, so that any worker can tell of all."""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from env_server.ledger.counts import NAMES, Counts

if TYPE_CHECKING:
    from env_server.ledger.prices import Spend

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LABELS = (*map(str, _BUCKETS), "+Inf")
_SUM = len(_LABELS)
"""A histogram is a number for each bucket, counted by itself, and behind them the sum."""
_CACHE_BYTES, _QUEUE, _FIRST = 0, 1, 2
_LEDGER = {
    "calls": "Calls that were let in.",
    "items": "Questions and pages that calls asked for: a batch of n counts n.",
    "cached": "Calls answered from the cache.",
    "billed": "Items that a vendor would have charged for.",
    "bytes": "Bytes of bodies.",
    "tokens": "Tokens of observations: characters / 4.",
    "faults": "Calls that met drawn weather.",
    "pages": "Pages opened.",
    "missed": "Pages asked for that are not there.",
}
_NUMBERS = 1 << 20
"""Room for a worker's numbers, more than the labels can ever ask for; a file takes up none where nothing is written."""

Name = tuple[str, ...]
"""(cache state,) of a histogram, (snapshot, route, status, cache state) of a counter, ("ledger", dialect, tool) of what
the ledger counts."""
Numbers: TypeAlias = "Sequence[float] | memoryview[float]"


class Metrics(Collector):
    """One per worker, for one event loop. Labels come from fixed sets, so that no client can make the tables grow."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is shared by all workers; without it, and without the variable, there is but one."""
        named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._folder = folder or (Path(named) if named else None)
        self._numbers: list[float] | memoryview[float] = [0.0] * _FIRST
        if self._folder is not None:
            file, path = tempfile.mkstemp(prefix=f"{os.getpid()}-", suffix=".numbers", dir=self._folder)
            os.ftruncate(file, 8 * _NUMBERS)
            self._numbers = memoryview(mmap.mmap(file, 8 * _NUMBERS)).cast("d")
            os.close(file)
            self._names_path = Path(path).with_suffix(".names")
            self._names_path.touch()
        self._names: dict[Name, int] = {}
        self._places: dict[tuple[str, str, int, str], tuple[int, int]] = {}
        self._next = _FIRST
        self.spend: Callable[[str, str, Counts], Spend] | None = None
        """What calls of a dialect and a tool would have cost."""
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answered(self, snapshot: str, route: str, status: int, cache: str, started: float) -> None:
        """Count one answer; `started` is a time.perf_counter() value."""
        key = (snapshot, route, status, cache)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = (
                self._place((snapshot, route, str(status), cache), 1),
                self._place((cache,), _SUM + 1),
            )
        counter, histogram = place
        seconds = time.perf_counter() - started
        numbers = self._numbers
        numbers[counter] += 1.0
        numbers[histogram + bisect_left(_BUCKETS, seconds)] += 1.0
        numbers[histogram + _SUM] += seconds

    def called(self, dialect: str, tool: str, counts: Counts) -> None:
        """Add what the ledger has counted since it last did."""
        at = self._place(("ledger", dialect, tool), len(NAMES))
        for place, name in enumerate(NAMES, at):
            self._numbers[place] += getattr(counts, name)

    def state(self, cache_bytes: int, queued: int) -> None:
        self._numbers[_CACHE_BYTES] = cache_bytes
        self._numbers[_QUEUE] = queued

    def render(self) -> bytes:
        """The Prometheus text format, over all workers."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        return _families()

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for."""
        requests, seconds, cache_bytes, queue = _families()
        counts: dict[Name, float] = defaultdict(float)
        times: dict[Name, list[float]] = defaultdict(lambda: [0.0] * (_SUM + 1))
        called: dict[tuple[str, str], Counts] = defaultdict(Counts)
        kept = waiting = 0.0
        for names, numbers in self._workers():
            kept, waiting = kept + numbers[_CACHE_BYTES], waiting + numbers[_QUEUE]
            for name, at in names.items():
                if len(name) == 1:
                    times[name] = [one + other for one, other in zip(times[name], numbers[at:], strict=False)]
                elif len(name) == 3:
                    found = map(int, numbers[at : at + len(NAMES)])
                    called[name[1], name[2]].add(Counts(**dict(zip(NAMES, found, strict=True))))
                else:
                    counts[name] += numbers[at]
        for name, count in counts.items():
            requests.add_metric(name, count)
        for name, (*buckets, total) in times.items():
            seconds.add_metric(name, list(zip(_LABELS, accumulate(buckets), strict=True)), total)
        cache_bytes.add_metric((), kept)
        queue.add_metric((), waiting)
        yield from (requests, seconds, cache_bytes, queue)
        if called:
            yield from self._ledger(called)

    def _ledger(self, called: Mapping[tuple[str, str], Counts]) -> Iterator[Metric]:
        """What the ledger counts, by dialect and tool: runs are its own business, and as many as clients name."""
        for name, words in _LEDGER.items():
            family = CounterMetricFamily(f"stillweb_ledger_{name}", words, labels=["dialect", "tool"])
            for labels, counts in sorted(called.items()):
                family.add_metric(labels, getattr(counts, name))
            yield family
        if self.spend is None:
            return
        avoided = CounterMetricFamily(
            "stillweb_ledger_avoided_usd", "What the calls would have cost elsewhere, where a price is known.",
            labels=["dialect", "tool", "vendor"],
        )  # fmt: skip
        for (dialect, tool), counts in sorted(called.items()):
            spend = self.spend(dialect, tool, counts)
            if spend.vendor is not None and spend.micro_usd is not None:
                avoided.add_metric((dialect, tool, spend.vendor), spend.micro_usd / 1e6)
        yield avoided

    def _place(self, name: Name, size: int) -> int:
        """Where the numbers of a name begin."""
        at = self._names.get(name)
        if at is None:
            at, self._next = self._next, self._next + size
            if isinstance(self._numbers, list):
                self._numbers.extend([0.0] * size)
            else:
                # At once and before it is counted: what another worker reads is whole lines.
                with open(self._names_path, "ab", buffering=0) as file:
                    file.write(orjson.dumps([at, *name], option=orjson.OPT_APPEND_NEWLINE))
            self._names[name] = at
        return at

    def _workers(self) -> Iterator[tuple[dict[Name, int], Numbers]]:
        if self._folder is None:
            yield self._names, self._numbers
            return
        for path in sorted(self._folder.glob("*.names")):
            rows = [orjson.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            with open(path.with_suffix(".numbers"), "rb") as file:
                used = max((at for at, *_ in rows), default=0) + _SUM + _FIRST
                numbers = memoryview(file.read(8 * used)).cast("d")
            yield {tuple(name): at for at, *name in rows}, numbers


def _families() -> tuple[CounterMetricFamily, HistogramMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        CounterMetricFamily("stillweb_requests", "Requests answered.", labels=["snapshot", "route", "status", "cache"]),
        HistogramMetricFamily("stillweb_request_seconds", "Time to answer.", labels=["cache"]),
        GaugeMetricFamily("stillweb_cache_bytes", "Finished answers kept."),
        GaugeMetricFamily("stillweb_queue", "Requests computed or waiting."),
    )
