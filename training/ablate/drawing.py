"""Plots as SVG text, without a library: dots of seeds, intervals, curves. The same figures give the same bytes."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLOURS = ("#1f6fb2", "#d1602b", "#2f8f5b", "#8b5fbf", "#b8922e", "#5c7080", "#c2437a", "#3aa6a6")
WIDTH = 720
_LEFT, _RIGHT, _ROW, _TOP, _FOOT = 150, 20, 34, 14, 34
_FONT = 'font-family="system-ui, sans-serif" font-size="12" fill="currentColor"'
TICKS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a plot of dots: an arm's mean with its interval, and a dot for each seed."""

    name: str
    mean: float
    low: float
    high: float
    dots: Sequence[float]
    colour: int = 0
    """Place among COLOURS: an arm has the same in every plot."""


def dots(rows: Sequence[Row], *, label: str, zero: bool = False) -> str:
    """Rows one under the other over a common axis; `zero`: the axis holds 0, with a line there."""
    values = [value for row in rows for value in (row.mean, row.low, row.high, *row.dots)] + ([0.0] if zero else [])
    at, ticks = _axis(values, _LEFT, WIDTH - _RIGHT)
    height = _TOP + _ROW * len(rows) + _FOOT
    parts = [_grid(ticks, at, height)]
    if zero:
        parts.append(_line(at(0), _TOP, at(0), height - _FOOT, "currentColor", 1.2))
    for place, row in enumerate(rows):
        y, colour = _TOP + _ROW * (place + 0.5), COLOURS[row.colour % len(COLOURS)]
        parts.append(_text(_LEFT - 10, y + 4, row.name, "end"))
        parts.append(_line(at(row.low), y, at(row.high), y, colour, 3, 0.45))
        parts.append(f'<path d="M{_n(at(row.mean))} {_n(y - 7)}l6 7l-6 7l-6 -7z" fill="{colour}"/>')
        parts += [
            f'<circle cx="{_n(at(value))}" cy="{_n(y + 11)}" r="3" fill="none" stroke="{colour}" stroke-width="1.4"/>'
            for value in row.dots
        ]
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, height - 4, label, "middle"))
    return _svg(height, parts, label)


def curves(
    arms: Mapping[str, Sequence[Sequence[float]]],
    *,
    label: str,
    colours: Mapping[str, int],
    threshold: float | None = None,
) -> str:
    """Reward by step: a thin line for each seed, a thick one for their mean over three steps, a colour an arm."""
    values = [value for seeds in arms.values() for curve in seeds for value in curve]
    longest = max((len(curve) for seeds in arms.values() for curve in seeds), default=0)
    if longest < 2:
        return ""
    height, left, right = 300, 60, WIDTH - 150
    shown = values if threshold is None else [*values, threshold]
    up, ticks = _axis(shown, height - 40, _TOP)
    step = (right - left) / (longest - 1)
    parts = []
    for tick in ticks:
        parts.append(_line(left, up(tick), right, up(tick), "currentColor", 0.5, 0.25))
        parts.append(_text(left - 8, up(tick) + 4, f"{tick:g}", "end"))
    if threshold is not None:
        parts.append(
            f'<line x1="{left}" y1="{_n(up(threshold))}" x2="{right}" y2="{_n(up(threshold))}" '
            'stroke="currentColor" stroke-dasharray="5 4"/>'
        )
    for place, (name, seeds) in enumerate(arms.items()):
        colour = COLOURS[colours[name] % len(COLOURS)]
        for curve in seeds:
            points = [(left + step * number, up(value)) for number, value in enumerate(curve)]
            parts.append(_path(points, colour, 0.8, 0.3))
        mean = _smoothed(seeds)
        points = [(left + step * number, up(value)) for number, value in enumerate(mean)]
        parts.append(_path(points, colour, 2.4, 1))
        parts.append(f'<rect x="{right + 14}" y="{_TOP + 20 * place}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(right + 32, _TOP + 20 * place + 10, name, "start"))
    ends = sorted({1, (longest + 1) // 2, longest})
    parts += [_text(left + step * (end - 1), height - 24, str(end), "middle") for end in ends]
    parts.append(_text((left + right) / 2, height - 6, label, "middle"))
    return _svg(height, parts, label)


def _smoothed(seeds: Sequence[Sequence[float]]) -> list[float]:
    shortest = min((len(curve) for curve in seeds), default=0)
    mean = [sum(curve[number] for curve in seeds) / len(seeds) for number in range(shortest)]
    return [sum(near) / len(near) for near in (mean[max(0, place - 1) : place + 2] for place in range(len(mean)))]


class _Scale:
    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._span, self._start, self._length = low, high - low, start, end - start

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) / self._span * self._length


def _axis(values: Sequence[float], start: float, end: float) -> tuple[_Scale, list[float]]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    spread = (high - low) or abs(high) or 1.0
    power = 1e-9
    while power * 10 < spread / 5:
        power *= 10
    unit = next(power * tick for tick in TICKS if power * tick * 5 >= spread)
    first, last = int(low // unit), int(-(-high // unit))
    last = max(last, first + 1)
    ticks = [round(unit * number, 9) for number in range(first, last + 1)]
    return _Scale(ticks[0], ticks[-1], start, end), ticks


def _grid(ticks: Sequence[float], at: _Scale, height: float) -> str:
    return "".join(
        _line(at(tick), _TOP, at(tick), height - _FOOT, "currentColor", 0.5, 0.25)
        + _text(at(tick), height - _FOOT + 14, f"{tick:g}", "middle")
        for tick in ticks
    )


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(height)}" role="img" '
        f'aria-label="{html.escape(label)}" color="#333">{"".join(parts)}</svg>'
    )


def _path(points: Sequence[tuple[float, float]], colour: str, width: float, opacity: float) -> str:
    told = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    return f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="{width}" opacity="{opacity}"/>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, width: float, opacity: float = 1) -> str:
    return (
        f'<line x1="{_n(x)}" y1="{_n(y)}" x2="{_n(to_x)}" y2="{_n(to_y)}" stroke="{colour}" '
        f'stroke-width="{width}" opacity="{opacity}"/>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" {_FONT}>{html.escape(words)}</text>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
