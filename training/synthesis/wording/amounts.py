"""Numbers, ranges and years as people write them, in English and Chinese. No bound is rounded."""

from __future__ import annotations

import numpy as np

from training.synthesis.wording.lexicon import one

_SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_UNITS: dict[str, tuple[str, ...]] = {
    "km": ("km", "kilometres"),
    "km2": ("km²", "square kilometres", "sq km"),
    "m": ("m", "metres"),
    "percent": ("%", "percent", "per cent"),
    "years": ("years",),
    "births": ("births",),
    "deaths": ("deaths",),
    "migrants": ("migrants",),
    "children": ("children",),
    "physicians": ("physicians", "doctors"),
    "pages": ("pages",),
    "min": ("minutes",),
    "g": ("g", "grams"),
    "usd": ("US dollars", "dollars"),
}
_CHINESE_UNITS = {
    "km": "公里",
    "km2": "平方公里",
    "m": "米",
    "percent": "%",
    "years": "岁",
    "pages": "页",
    "min": "分钟",
    "g": "克",
    "usd": "美元",
    "degrees": "度",
    "persons": "人",
}


def plain(number: float) -> str:
    """12345.5 as "12,345.5"."""
    return f"{number:,.10g}" if abs(number) < 1e10 else f"{number:,.0f}"


def english_range(low: float, high: float, unit: str, relation: str, rng: np.random.Generator) -> str:
    """ "between 3 and 5 million", "500 to 3,000 km", "between 12° and 15° north"."""
    if unit == "degrees":
        return _degrees(low, high, "longitude" in relation, rng)
    word = one(_UNITS[unit], rng) if unit in _UNITS else unit
    scale, name = next(((size, f" {name}") for size, name in _SCALES if min(abs(low), abs(high)) >= size), (1.0, ""))
    first, last = plain(low / scale), plain(high / scale)
    tail = f"{name} {word}".rstrip() if word != "%" else f"{name} %"
    tail = f" {tail.strip()}" if tail.strip() else ""
    if low == high:
        return f"{first}{tail}"
    if not name and max(abs(low), abs(high)) >= 1e6:
        last = english_number(high)
    styles = [f"between {first} and {last}{tail}", f"{first} to {last}{tail}", f"between {first} and {last}{tail}"]
    styles.append(f"at least {first}{name} and at most {last}{tail}")
    styles.append(f"anywhere from {first} to {last}{tail}")
    return one(styles, rng)


def english_number(number: float) -> str:
    scale, name = next(((size, f" {name}") for size, name in _SCALES if abs(number) >= size), (1.0, ""))
    return f"{plain(number / scale)}{name}"


def _degrees(low: float, high: float, east: bool, rng: np.random.Generator) -> str:
    sides = ("west", "east") if east else ("south", "north")
    if low >= 0 or high <= 0:
        near, far = (low, high) if low >= 0 else (-high, -low)
        side = sides[low >= 0 and high > 0]
        first, last = plain(near), plain(far)
        return one((f"between {first}° and {last}° {side}", f"{first}° to {last}° {side}"), rng)
    return f"between {plain(-low)}° {sides[0]} and {plain(high)}° {sides[1]}"


def english_years(first: int, last: int, rng: np.random.Generator) -> str:
    """ "in 1962", "in the 1960s", "between 1950 and 1999"."""
    if first == last:
        return one((f"in {first}", f"in the year {first}"), rng)
    if last - first == 9 and first % 10 == 0:
        return one((f"in the {first}s", f"some time in the {first}s", f"between {first} and {last}"), rng)
    return one(
        (
            f"between {first} and {last}",
            f"at some point from {first} to {last}",
            f"not before {first} and not after {last}",
            f"in a year from {first} to {last}",
        ),
        rng,
    )


def chinese_range(low: float, high: float, unit: str, relation: str, rng: np.random.Generator) -> str:
    """ "在300万到500万人之间", "为12到15度"."""
    word = _CHINESE_UNITS.get(unit, "")
    if unit == "degrees":
        return _chinese_degrees(low, high, "longitude" in relation)
    first, last = chinese_number(low), chinese_number(high)
    if low == high:
        return f"为{first}{word}"
    return one(
        (
            f"在{first}{word}到{last}{word}之间",
            f"介于{first}{word if word == '%' else ''}与{last}{word}之间",
            f"为{first}{word if word == '%' else ''}至{last}{word}",
            f"不低于{first}{word}且不高于{last}{word}",
        ),
        rng,
    )


def chinese_number(number: float) -> str:
    """12000000 as "1200万"."""
    for size, name in ((1e12, "万亿"), (1e8, "亿"), (1e4, "万")):
        if abs(number) >= size:
            return f"{number / size:.10g}{name}"
    return f"{number:.10g}"


def _chinese_degrees(low: float, high: float, east: bool) -> str:
    sides = ("西经", "东经") if east else ("南纬", "北纬")
    ends = [f"{sides[end > 0 or (end == 0 and high > 0)]}{abs(end):.10g}度" for end in (low, high)]
    return f"在{ends[0]}与{ends[1]}之间"


def chinese_years(first: int, last: int, rng: np.random.Generator) -> str:
    if first == last:
        return f"于{first}年"
    if last - first == 9 and first % 10 == 0:
        return one((f"于{first}年代", f"在{first}年代", f"在{first}年至{last}年间"), rng)
    return one((f"在{first}年至{last}年间", f"于{first}年到{last}年之间", f"在{first}年和{last}年之间"), rng)
