"""The figures of docs/weather.md, written from docs/figures.

python -m tests.bench.render_weather
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.bench.figures import FIGURES
from tests.bench.render_speed import read, table

PAGE = FIGURES.parent / "weather.md"


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


PARTS: dict[str, Callable[[], str]] = {"faults": faults, "storm": storm, "costs": costs, "soak": soak}


def rendered() -> str:
    """The page with its figures as last measured. Raises ValueError where a mark is missing."""
    text = PAGE.read_text()
    for name, make in PARTS.items():
        marks = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
        if not marks.search(text):
            raise ValueError(f"{PAGE.name} has no <!-- {name} --> with its end.")
        made: Any = make()
        text = marks.sub(lambda _, made=made: made, text)
    return text


if __name__ == "__main__":
    PAGE.write_text(rendered())
