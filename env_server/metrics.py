"""Counters for people and Prometheus. With several workers their files lie in PROMETHEUS_MULTIPROC_DIR, which the
command sets before this module is imported, so that any worker can tell of all."""

from __future__ import annotations

import os
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """One per worker. Label values come from fixed sets, so that no client can make the tables grow."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "stillweb_requests", "Requests answered.", ["snapshot", "route", "status", "cache"], registry=self._registry
        )
        self._seconds = Histogram(
            "stillweb_request_seconds", "Time to answer.", ["cache"], buckets=_BUCKETS, registry=self._registry
        )
        self._cache_bytes = Gauge(
            "stillweb_cache_bytes", "Finished answers kept.", registry=self._registry, multiprocess_mode="livesum"
        )
        self._queued = Gauge(
            "stillweb_queue", "Requests computed or waiting.", registry=self._registry, multiprocess_mode="livesum"
        )
        self._counters: dict[tuple[str, str, int, str], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def answered(self, snapshot: str, route: str, status: int, cache: str, started: float) -> None:
        """Count one answer; `started` is a time.perf_counter() value."""
        key = (snapshot, route, status, cache)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(snapshot, route, str(status), cache)
            self._histograms[cache] = self._seconds.labels(cache)
        counter.inc()
        self._histograms[cache].observe(time.perf_counter() - started)

    def state(self, cache_bytes: int, queued: int) -> None:
        self._cache_bytes.set(cache_bytes)
        self._queued.set(queued)

    def render(self) -> bytes:
        """The Prometheus text format, over all workers."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self._registry)
