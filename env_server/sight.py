"""What a view shows of a snapshot: every route asks here, so that a masked page vanishes from all of them alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import ada_url

from corpus.docstore import day_number
from corpus.errors import PageNotFound
from corpus.extract import normal_date
from corpus.filters import NO_FILTERS, Filters, is_allowed, matches_domain
from corpus.snapshot import Snapshot
from corpus.urls import host_of
from env_server.errors import EnvServerError
from env_server.schemas import FilterFields, PageRef
from env_server.trace import note_missed
from env_server.view import EMPTY_VIEW, View

_KEPT_VIEWS = 1024


class Sight:
    """One snapshot, seen through views. Safe to call from many threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._store = snapshot.store
        self._masks: OrderedDict[View, Filters] = OrderedDict()

    def masks(self, view: View) -> Filters:
        """What a view hides. Raises a 501 for what no one can draw yet, a 422 for a bad domain or date."""
        if view is EMPTY_VIEW or view == EMPTY_VIEW:
            return NO_FILTERS
        kept = self._masks.get(view)
        if kept is None:
            if view.unsupported:
                raise EnvServerError(
                    501, "view_unsupported", f"This server cannot draw {', '.join(view.unsupported)}.", "Leave it out."
                )
            numbers = {self._store.find_id(doc_id) for doc_id in view.dropped}
            numbers |= {self._store.find_url(url) for url in view.exclude_urls}
            kept = Filters(
                exclude_domains=tuple(_domain(domain) for domain in view.exclude_domains),
                exclude_docs=tuple(sorted(number for number in numbers if number is not None)),
                hidden_from=_day("as_of", view.as_of),
            )
            self._masks[view] = kept
            if len(self._masks) > _KEPT_VIEWS:
                self._masks.popitem(last=False)
        return kept

    def filters(self, asked: FilterFields, view: View) -> Filters:
        """What a request asks for and what the view allows, as one condition."""
        seen = self.masks(view)
        asks = asked.include_domains or asked.exclude_domains or asked.exclude_urls
        if not asks and asked.after is None and asked.before is None:
            return seen
        numbers = {number for url in asked.exclude_urls if (number := self._store.find_url(url)) is not None}
        return Filters(
            include_domains=tuple(sorted({_domain(domain) for domain in asked.include_domains})),
            exclude_domains=tuple(sorted({*seen.exclude_domains, *map(_domain, asked.exclude_domains)})),
            exclude_docs=tuple(sorted({*seen.exclude_docs, *numbers})),
            after=_day("after", asked.after),
            before=_day("before", asked.before),
            include_undated=asked.include_undated,
            hidden_from=seen.hidden_from,
        )

    def shows(self, number: int, view: View) -> bool:
        """Whether a view shows a document."""
        masks = self.masks(view)
        return not masks or is_allowed(self._store, masks, number)

    def require(self, page: PageRef, view: View) -> int:
        """Number of a page that the view shows; a masked page is as unknown as one that never was."""
        asked = page.url if page.url is not None else page.doc_id or ""
        try:
            number = self._store.require(url=page.url, doc_id=page.doc_id)
            if not self.shows(number, view):
                raise PageNotFound(asked)
        except PageNotFound:
            note_missed(asked)
            raise
        return number

    def link_places(self, number: int, count: int, view: View) -> Sequence[int]:
        """Places of those of a page's `count` links that do not lead to a masked page."""
        masks = self.masks(view)
        if not masks:
            return range(count)
        targets = self.snapshot.graph.targets(number)
        return [
            place for place in range(count) if place not in targets or is_allowed(self._store, masks, targets[place])
        ]

    def twin(self, number: int, view: View) -> str | None:
        """URL of the page that a page nearly repeats, where the view shows it."""
        twin = int(self._store.near_duplicate_of[number])
        return self._store.head(twin)[0] if twin != number and self.shows(twin, view) else None

    def picture(self, url: str, view: View) -> int | None:
        """Number of a stored picture; None also where a view hides its host."""
        number = self.snapshot.images.find(url)
        hidden = self.masks(view).exclude_domains
        return number if number is None or not matches_domain(host_of(url), hidden) else None


def check_masks(exclude_domains: Sequence[str], as_of: str | None) -> None:
    """Raise a 422 for what no view can hide."""
    for domain in exclude_domains:
        _domain(domain)
    _day("as_of", as_of)


def _domain(domain: str) -> str:
    """`*.Example.org`, `example.org.` and `https://example.org/x` all mean `example.org`. Raises a 422."""
    name = domain.strip().lower().removeprefix("*.")
    try:
        host = ada_url.URL(name if "://" in name else f"http://{name}/").hostname.rstrip(".")
    except (ValueError, UnicodeError):
        host = ""
    if not host or len(domain) > 253:
        raise EnvServerError(
            422, "bad_domain", f"{domain[:100]!r} is no domain.", "Write a host name, as in example.org."
        )
    return host


def _day(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    date = normal_date(value)
    if date is None:
        raise EnvServerError(
            422, "bad_date", f"{name}: {value[:60]!r} is no date.", "Write 2014, 2014-06 or 2014-06-07."
        )
    return day_number(date)
