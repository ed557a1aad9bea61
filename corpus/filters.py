"""Which pages a search may return. Applied before ranking, so that k hits come back where k exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from corpus.docstore import UNDATED, DocStore
from corpus.tables import Table
from corpus.urls import domain_suffixes


@dataclass(frozen=True, slots=True)
class Filters:
    """Every condition must hold. Domains match themselves and their subdomains; days count from 1970-01-01.

    `after <= day < before` keeps dated pages only, unless `include_undated`; `hidden_from` (as-of) hides pages dated
    on or after that day and keeps undated ones. `exclude_docs` are document numbers, ascending. `table` keeps pages
    that have a row in that table of the snapshot.
    """

    include_domains: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    exclude_docs: tuple[int, ...] = ()
    after: int | None = None
    before: int | None = None
    include_undated: bool = False
    hidden_from: int | None = None
    table: Literal["places", "papers"] | None = None

    def __bool__(self) -> bool:
        # Of every request this is asked twice. Day 0 is a day.
        if self.include_domains or self.exclude_domains or self.exclude_docs:
            return True
        return not (self.after is None and self.before is None and self.hidden_from is None and self.table is None)


NO_FILTERS = Filters()


def matches_domain(host: str, domains: tuple[str, ...]) -> bool:
    """Whether a host is one of the domains or lies under one."""
    return not frozenset(domains).isdisjoint(domain_suffixes(host)) if domains else False


def allowed_documents(store: DocStore, filters: Filters) -> npt.NDArray[np.bool_]:
    """One flag per document: the meaning of `Filters`, which the lexical index restates as query clauses."""
    allowed = np.ones(len(store), dtype=bool)
    if filters.include_domains:
        allowed &= _hosts(store, filters.include_domains)
    if filters.exclude_domains:
        allowed &= ~_hosts(store, filters.exclude_domains)
    days = store.days
    if filters.after is not None or filters.before is not None:
        inside = days != UNDATED
        if filters.after is not None:
            inside &= days >= filters.after
        if filters.before is not None:
            inside &= days < filters.before
        allowed &= inside | (days == UNDATED) if filters.include_undated else inside
    if filters.hidden_from is not None:
        allowed &= days < filters.hidden_from  # UNDATED is smaller than every day
    if filters.exclude_docs:
        allowed[list(filters.exclude_docs)] = False
    if filters.table is not None:
        listed = np.zeros(len(store), dtype=bool)
        listed[_table(store, filters.table).docs] = True
        allowed &= listed
    return allowed


def is_allowed(store: DocStore, filters: Filters, number: int) -> bool:
    """The same for one document."""
    host = store.domains[int(store.domain_numbers[number])]
    if filters.include_domains and not matches_domain(host, filters.include_domains):
        return False
    if matches_domain(host, filters.exclude_domains) or number in filters.exclude_docs:
        return False
    if filters.table is not None and _table(store, filters.table).row_of(number) is None:
        return False
    day = int(store.days[number])
    if filters.hidden_from is not None and day >= filters.hidden_from:
        return False
    if filters.after is None and filters.before is None:
        return True
    if day == UNDATED:
        return filters.include_undated
    return (filters.after is None or day >= filters.after) and (filters.before is None or day < filters.before)


def _table(store: DocStore, name: Literal["places", "papers"]) -> Table:
    return store.tables.places if name == "places" else store.tables.papers


def _hosts(store: DocStore, domains: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    wanted = frozenset(domains)
    matching = np.array([not wanted.isdisjoint(domain_suffixes(host)) for host in store.domains], dtype=bool)
    return matching[store.domain_numbers] if len(store) else np.zeros(0, dtype=bool)
