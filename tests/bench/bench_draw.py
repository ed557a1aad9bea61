"""What drawing the weather of one call costs: CPU microseconds of `draw`, by ready-made profile and kind of route.

    python -m tests.bench.bench_draw

One core, one thread, no server: the least over rounds, since whatever else runs only adds. Every call is another
request, so that nothing is drawn from a cache.
"""

from __future__ import annotations

import time
from typing import Any

from env_server.weather.draw import draw
from env_server.weather.profiles import READY_MADE, Profile, ready_made
from tests.bench.figures import write_figures

ROUTES = ("search", "fetch")
CALLS, ROUNDS = 1000, 12


def spent_us(profile: Profile, route: str) -> float:
    """The least over rounds."""
    requests = [b"POST /%d" % number for number in range(CALLS)]
    rounds = []
    for seed in range(ROUNDS):
        begun = time.process_time()
        for request in requests:
            draw(profile, seed, route, "serper", request, 1)  # type: ignore[arg-type]
        rounds.append((time.process_time() - begun) / CALLS * 1e6)
    return round(min(rounds), 2)


def main() -> dict[str, Any]:
    profiles = {name: {f"{route}_us": spent_us(ready_made(name), route) for route in ROUTES} for name in READY_MADE}
    return {"calls": CALLS, "rounds": ROUNDS, "profiles": profiles}


if __name__ == "__main__":
    write_figures("draw", "python -m tests.bench.bench_draw", main())
