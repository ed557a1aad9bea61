"""What the server's native routes answer, as frozen values, and how they are made from JSON.

Fields are those of docs/api.md. A field that a newer server adds is left out, one that is missing is an error.
Each answer has `delivery`, how it came: equal answers are equal however they came. What few callers read of a page, its
sections and images, is made when it is looked at (`Rows`).
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, overload

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Mode = Literal["bm25", "dense", "hybrid"]
Format = Literal["markdown", "text", "html"]


class Rows(Sequence[T_co]):
    """Items of a list as it came, made when the first one is looked at; equal to the tuple of them.

    Looking raises KeyError or TypeError where an item is none.
    """

    __slots__ = ("_came", "_made", "_read")

    def __init__(self, came: list[Any], read: Callable[[Any], T_co]) -> None:
        self._came, self._read = came, read
        self._made: tuple[T_co, ...] | None = None

    def __len__(self) -> int:
        return len(self._came)

    @overload
    def __getitem__(self, place: int) -> T_co: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, place: int | slice) -> T_co | tuple[T_co, ...]:
        return self._all()[place]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Rows):
            return self._all() == other._all()
        return self._all() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def _all(self) -> tuple[T_co, ...]:
        if self._made is None:
            self._made = tuple(map(self._read, self._came))
        return self._made


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer came."""

    status: int = 200
    snapshot_id: str = ""
    """Of what answered (X-Stillweb-Snapshot)."""
    cache: str = ""
    """`hit`, `miss`, `coalesced` or `bypass` (X-Stillweb-Cache)."""
    fault: str = ""
    """What the weather drew (X-Stillweb-Fault)."""
    latency_ms: float = 0.0
    """From the request to the last byte of the answer."""
    body: bytes = field(default=b"", repr=False, compare=False)
    """As it came."""

    @property
    def digest(self) -> str:
        """32 hex digits of the sha256 of the body."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    @property
    def cached(self) -> bool:
        return self.cache == "hit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    delivery: Delivery = field(default=Delivery(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    rank: int
    score: float
    """Comparable within one answer only."""
    url: str
    title: str
    snippet: str
    date: str | None
    doc_id: str
    passage_id: str


@dataclass(frozen=True, slots=True)
class SearchAnswer(Answer):
    snapshot_id: str
    query: str
    mode: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An item of a batch that could not be answered."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Image:
    url: str
    alt: str
    caption: str
    stored: bool


@dataclass(frozen=True, slots=True)
class Page(Answer):
    snapshot_id: str
    doc_id: str
    url: str
    title: str
    text: str
    page: int
    pages: int
    date: str | None
    language: str | None
    near_duplicate_of: str | None
    images: Rows[Image]
    sections: Rows[Section]
    """Of the whole page; offsets are characters of `format="text"`."""


@dataclass(frozen=True, slots=True)
class SearchBatchAnswer(Answer):
    snapshot_id: str
    results: tuple[SearchAnswer | Failure, ...]


@dataclass(frozen=True, slots=True)
class FetchBatchAnswer(Answer):
    snapshot_id: str
    results: tuple[Page | Failure, ...]


@dataclass(frozen=True, slots=True)
class Match:
    start: int
    end: int
    text: str
    before: str
    after: str
    section: str | None
    page: int


@dataclass(frozen=True, slots=True)
class FindAnswer(Answer):
    snapshot_id: str
    doc_id: str
    url: str
    matches: tuple[Match, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Extracted:
    start: int
    end: int
    text: str
    section: str | None
    score: float


@dataclass(frozen=True, slots=True)
class ExtractAnswer(Answer):
    snapshot_id: str
    doc_id: str
    url: str
    passages: tuple[Extracted, ...]


@dataclass(frozen=True, slots=True)
class OutLink:
    url: str
    anchor: str
    doc_id: str | None
    """None where the target is not in the snapshot."""


@dataclass(frozen=True, slots=True)
class InLink:
    url: str
    anchor: str
    doc_id: str


@dataclass(frozen=True, slots=True)
class LinksAnswer(Answer):
    snapshot_id: str
    doc_id: str
    url: str
    out: tuple[OutLink, ...]
    in_: tuple[InLink, ...]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    doc_id: str
    url: str
    title: str
    date: str | None


@dataclass(frozen=True, slots=True)
class DocumentsAnswer(Answer):
    snapshot_id: str
    documents: tuple[DocumentRow, ...]
    next: str | None
    """Cursor of the next page of the list, None at its end."""


@dataclass(frozen=True, slots=True)
class Counts:
    documents: int
    passages: int
    links: int


@dataclass(frozen=True, slots=True)
class SnapshotAnswer(Answer):
    name: str
    snapshot_id: str
    content_id: str
    format_version: int
    modes: tuple[str, ...]
    counts: Counts
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StatusAnswer(Answer):
    status: str
    """Of /health: `healthy`. Of /ready: `ready` or `warming`."""


@dataclass(frozen=True, slots=True)
class Picture:
    content: bytes
    media_type: str
    delivery: Delivery = field(default=Delivery(), compare=False, repr=False)


def decoded(kind: type[T], value: Any, delivery: Delivery | None = None) -> T:
    """JSON as the answer it is. Raises KeyError, TypeError or ValueError where it is another."""
    which: Any = kind  # mypy knows no type[T] that can be hashed
    made: T = _decoder(which)(value) if delivery is None else _decoder(which)(value, delivery)
    return made


@cache
def _decoder(kind: Any) -> Callable[..., Any]:
    """Compiled once a type: an answer of ten hits is made in microseconds, on the agent's account."""
    if is_dataclass(kind) and isinstance(kind, type):
        return _of_fields(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Rows:
        one = _decoder(inner[0])
        return lambda value: Rows(_expect(value, list), one)
    if origin is tuple:
        each = _decoder(inner[0])
        return lambda value: tuple(map(each, _expect(value, list)))
    if origin in (Union, types.UnionType) and Failure in inner:
        good = _decoder(next(arm for arm in inner if arm is not Failure))
        bad = _decoder(Failure)
        return lambda value: bad(value["error"]) if "error" in value else good(value)
    if origin in (Union, types.UnionType):
        allowed: Any = inner
    else:
        allowed = (int, float) if kind is float else origin or kind
    return (lambda value: value) if kind is Any else (lambda value: _expect(value, allowed))


def _of_fields(kind: type) -> Callable[..., Any]:
    hints = get_type_hints(kind)
    wanted = [one for one in fields(kind) if one.name != "delivery"]
    if any(one.default is not MISSING for one in wanted):  # pragma: no cover
        raise TypeError(f"{kind.__name__}: only delivery has a default")
    keys = [one.name.rstrip("_") for one in wanted]
    reads = [_decoder(hints[one.name]) for one in wanted]
    take = itemgetter(*keys) if len(keys) > 1 else lambda value: (value[keys[0]],)
    # Where every field is a plain value, types that were right once are right again, and nothing is made of the values.
    plain = all(_is_plain(hints[one.name]) for one in wanted)
    right: set[tuple[type, ...]] = set()

    def make(value: Any, delivery: Delivery | None = None) -> Any:
        came = take(value)
        met = tuple(map(type, came)) if plain else ()
        if not plain or met not in right:
            came = tuple([read(one) for read, one in zip(reads, came, strict=True)])
            if plain:
                right.add(met)
        return kind(*came) if delivery is None else kind(*came, delivery=delivery)

    return make


def _is_plain(hint: Any) -> bool:
    """str, int, float, None, or one of several such: what `_decoder` checks and passes on."""
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return all(part in (str, int, float, bool, types.NoneType) for part in parts)


def _expect(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.80} is not {kind}")
    return value
