"""What a row of JSON or a page's field says for the tables of places and papers; None where it says nothing usable.

    place   {latitude, longitude, name?, kind?}              degrees; without a name it bears the page's title
    paper   {title?, authors?, year?, citations?, cites?}    `cites` are URLs or doc_ids

Other people's rows have fields of these names with other things in them, so what does not fit is no error.
"""

from __future__ import annotations

import math
import re
from typing import Any

from corpus.errors import BadUrl
from corpus.extract import clean_text
from corpus.records import Paper, Place, doc_id_of
from corpus.urls import canonical_url

MAX_NAME_CHARS = 500
MAX_ITEMS = 10_000
"""Authors, or papers cited, that are kept of one paper."""

_MAX_COUNT = 2**53
_DEGREES = re.compile(r"(\d{1,3}) (\d{1,2}) ([NS]), (\d{1,3}) (\d{1,2}) ([EW])")
_DOC_ID = re.compile(r"[0-9a-f]{16}")


def place_of(value: object, title: str) -> Place | None:
    """A place from a row's `place`, on a page of this title."""
    if not isinstance(value, dict):
        return None
    latitude, longitude = (_number(value.get(name)) for name in ("latitude", "longitude"))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Place(_words(value.get("name")) or title, latitude, longitude, _words(value.get("kind")))


def place_in(text: str, name: str, kind: str) -> Place | None:
    """A place at the first coordinates in a text such as "46 00 N, 2 00 E" (degrees and minutes)."""
    match = _DEGREES.search(text)
    if match is None:
        return None
    degrees, minutes, side, degrees_east, minutes_east, side_east = match.groups()
    if int(minutes) > 59 or int(minutes_east) > 59:
        return None
    latitude = round(int(degrees) + int(minutes) / 60, 4) * (1 if side == "N" else -1)
    longitude = round(int(degrees_east) + int(minutes_east) / 60, 4) * (1 if side_east == "E" else -1)
    return place_of({"latitude": latitude, "longitude": longitude, "name": name, "kind": kind}, name)


def paper_of(value: object, title: str) -> Paper | None:
    """A paper from a row's `paper`, on a page of this title."""
    if not isinstance(value, dict):
        return None
    authors = tuple(filter(None, map(_words, _items(value.get("authors")))))
    cites = tuple(dict.fromkeys(filter(None, map(_doc_id, _items(value.get("cites"))))))
    year, citations = _count(value.get("year")), _count(value.get("citations"))
    return Paper(
        _words(value.get("title")) or title, authors, year if year and year < 10_000 else None, citations, cites
    )


def _number(value: object) -> float | None:
    """A finite number, as one or as its digits."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number + 0.0 if math.isfinite(number) else None  # no negative zero


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < _MAX_COUNT and number == int(number) else None


def _items(value: object) -> list[Any]:
    return value[:MAX_ITEMS] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _words(value: object) -> str:
    return " ".join(clean_text(value).split())[:MAX_NAME_CHARS].rstrip() if isinstance(value, str) else ""


def _doc_id(value: object) -> str:
    text = clean_text(value).strip() if isinstance(value, str) else ""
    if _DOC_ID.fullmatch(text):
        return text
    try:
        return doc_id_of(canonical_url(text)) if text else ""
    except BadUrl:
        return ""
