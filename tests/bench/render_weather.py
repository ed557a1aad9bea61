"""The figures of docs/weather.md and docs/episodes.md, written from docs/figures.

python -m tests.bench.render_weather
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from env_server.weather.profiles import ready_made
from tests.bench.figures import FIGURES
from tests.bench.render_speed import read, table


def faults() -> str:
    measured = read("faults")["measured"]
    rows = []
    for name, row in measured["profiles"].items():
        calls = [f"{row['calls']:.2f}", f"{row['extra_calls']:+.2f}"]
        rows.append([f"`{name}`", f"{row['success']:.1%}", *calls, f"{row['waited_s']:.1f}"])
    head = ("weather", "success", "calls", "more than calm", "waited, s")
    return f"{measured['questions']} questions, each an episode; means over episodes.\n\n{table(head, rows)}"


def storm() -> str:
    measured = read("storm")["measured"]
    runs = "; ".join(measured["runs"])
    return (
        f"{measured['calls']:,} calls in {measured['episodes']:,} episodes. {measured['met_a_fault']:,} met a fault, "
        f"{measured['not_200']:,} were not answered with 200. Played again under {len(measured['runs'])} loads "
        f"({runs}), {measured['differing']} observations differ.\n"
    )


def costs() -> str:
    measured = read("weather")["measured"]
    apart = [
        [f"{name}, {kind}", _us(row["us"]), _us(row["more_us"])]
        for kind, rows in measured["stateless"].items()
        for name, row in rows.items()
    ]
    inside = [
        [f"{where}; {name}", _us(row["us"]), _us(row["more_us"]), _us(row["database_us"]), str(row["p50_us"])]
        for name, rows in measured["episodes"].items()
        for where, row in rows.items()
    ]
    bounds = [
        [name, _us(row["more_us"]), _us(row["at_most_us"]), "kept" if row["kept"] else "**missed**"]
        for name, row in measured["bounds"].items()
    ]
    return (
        table(("what it may cost", "more, us", "at most", ""), bounds)
        + "\n"
        + table(("stateless, from the cache, in one process", "us", "more"), apart)
        + "\n"
        + table(("over HTTP, a search from the cache", "us", "more", "PostgreSQL's own", "median latency"), inside)
    )


def _us(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def soak() -> str:
    record = read("soak")
    measured = record["measured"]
    points: list[float] = measured["anonymous_mib"]
    return (
        f"{measured['clients']} clients for {measured['wall_s'] / 60:.0f} minutes (`{record['command']}`): "
        f"{measured['calls']:,} calls, {measured['not_200']:,} of them not answered with 200, "
        f"{measured['undrawn_errors']} that no fault explains. Memory of the worker: {points[0]:.0f} MiB at the start, "
        f"{points[len(points) // 2]:.0f} in the middle, {points[-1]:.0f} at the end.\n"
    )


def drawing() -> str:
    rows = read("draw")["measured"]["profiles"]
    every = [cost for name, row in rows.items() if name != "calm" for cost in row.values()]
    calm = max(rows["calm"].values())
    return (
        f"`draw(profile, seed, route, dialect, canonical_request, attempt)` is pure and takes {_us(min(every))} to "
        f"{_us(max(every))} microseconds of one core with the profiles that come along, {_us(calm)} with `calm` "
        f"(`{read('draw')['command']}`).\n"
    )


def shares() -> str:
    """What calls of the profiles for everyday use meet, computed from the profiles."""
    rows = []
    for name in ("calm", "weekday", "storm"):
        met = [ready_made(name).expected(route, "native") for route in ("search", "fetch")]
        clear = [1 - sum(share for kind, share in kinds.items() if kind != "latency") for kinds in met]
        rows.append([f"`{name}`", *(f"{1 - share:.1%}" for share in clear)])
    return table(("of a hundred calls meet a fault", "searches", "pages"), rows)


def recording() -> str:
    """CPU that a call in a calm episode takes beyond one outside."""
    rows = []
    for where, found in read("weather")["measured"]["episodes"].items():
        rows.append([where, _us(found["calm"]["more_us"]), _us(found["calm"]["database_us"])])
    return table(("a call in an episode, over HTTP", "more CPU, us", "PostgreSQL's own, us"), rows)


def workers() -> str:
    record = read("episode-workers")
    rows = [
        [
            "SQLite" if row.get("database") == "sqlite" else "PostgreSQL",
            *(str(row[name]) for name in ("workers", "episodes")),
            *(_us(row[name]) for name in ("cpu_us", "wall_us")),
        ]
        for row in record["measured"]["rows"]
    ]
    head = ("database", "workers", "episodes they share", "CPU, us a call", "time of all together, us a call")
    return f"`{record['command']}`, {record['measured']['agents']} agents a worker:\n\n{table(head, rows)}"


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "weather.md": {
        "shares": shares, "faults": faults, "storm": storm, "costs": costs, "soak": soak, "drawing": drawing
    },
    "episodes.md": {"recording": recording, "workers": workers},
}  # fmt: skip


def page(name: str) -> Path:
    return FIGURES.parent / name


def rendered(name: str) -> str:
    """A page with its figures as last measured. Raises ValueError where a mark is missing."""
    text = page(name).read_text("utf-8")
    for part, make in PAGES[name].items():
        marks = re.compile(rf"(?<=<!-- {part} -->\n).*?(?=<!-- end of {part} -->)", re.DOTALL)
        if not marks.search(text):
            raise ValueError(f"{name} has no <!-- {part} --> with its end.")
        made: Any = make()
        text = marks.sub(lambda _, made=made: made, text)
    return text


if __name__ == "__main__":
    for name in PAGES:
        page(name).write_text(rendered(name), "utf-8")
