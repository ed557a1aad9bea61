"""A service that shows a snapshot in disguise.

The disguise lies under the service, in what the store gives, and not over its answers: so every route, dialect and
page that reads the snapshot shows the same disguised web, none has to know of it, and what is found, counted and cut
is computed on the text that is shown. Only what stays below sees real addresses: the indexes and the link graph.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from corpus.docstore import Body, DocStore
from corpus.errors import BadQuery
from corpus.filters import NO_FILTERS, Filters
from corpus.images import Images
from corpus.rankings import Scored
from corpus.records import LinkRow, Paper, Place
from corpus.snapshot import Snapshot
from env_server.obfuscation.disguise import Disguise
from env_server.places import Maps
from env_server.reading import Answer, Reader, is_hidden
from env_server.scholar import Scholar
from env_server.searching import Searcher
from env_server.service import SearchService
from env_server.sight import Sight
from env_server.trace import note_opened, note_seen
from env_server.view import View

if TYPE_CHECKING:
    from corpus.dense import DenseIndex
    from corpus.lexical import LexicalIndex

_KEPT_VIEWS = 1024


def disguised(plain: SearchService, seed: int) -> SearchService:
    """The same service with every address disguised under a seed. It takes and gives disguised ones only.

    The masks of a view stay in real addresses: who opens an episode knows the real web.
    """
    snapshot = DisguisedSnapshot(plain.snapshot, seed)
    service = SearchService(plain.name, snapshot, plain.settings)
    service.sight = _Sight(snapshot, plain.sight)
    service.searcher = _Searcher(snapshot, plain.settings, service.sight)
    service.reader = _Reader(snapshot, plain.settings, service.sight)
    service.maps = Maps(snapshot, plain.settings, service.sight, service.searcher)
    service.scholar = Scholar(snapshot, service.sight, service.searcher)
    return service


class DisguisedSnapshot(Snapshot):
    """A snapshot that tells disguised addresses; its indexes are the real one's."""

    def __init__(self, real: Snapshot, seed: int) -> None:
        self.__dict__.update(real.__dict__)
        self._real = real
        self.disguise = Disguise(real.store, real.images, seed)
        self.store = _Store(real, self.disguise)
        self.images = _Images(real.images, self.disguise)

    @property
    def lexical(self) -> LexicalIndex:
        return self._real.lexical

    @property
    def dense(self) -> DenseIndex:
        return self._real.dense

    def scored(
        self,
        query: str,
        *,
        k: int,
        mode: str,
        by_page: bool = True,
        allowed: Filters = NO_FILTERS,
        syntax: str = "plain",
    ) -> list[Scored]:
        try:
            return self._real.scored(
                self.disguise.real_query(query),
                k=k,
                mode=mode,
                by_page=by_page,
                allowed=self._real_filters(allowed),
                syntax=syntax,
            )
        except BadQuery as error:  # it may quote the query that the index was asked
            raise BadQuery(self.disguise.shown_text(error.message), error.remedy) from error

    def similar(self, number: int, *, k: int, allowed: Filters = NO_FILTERS) -> list[Scored]:
        return self._real.similar(number, k=k, allowed=self._real_filters(allowed))

    def _real_filters(self, shown: Filters) -> Filters:
        if not (shown.include_domains or shown.exclude_domains):
            return shown
        real = self.disguise.real_domain
        return replace(
            shown,
            include_domains=tuple(sorted({*map(real, shown.include_domains)})),
            exclude_domains=tuple(sorted({*map(real, shown.exclude_domains)})),
        )


class _Store(DocStore):
    """The real store's maps, read through a disguise."""

    def __init__(self, real: Snapshot, disguise: Disguise) -> None:
        self.__dict__.update(real.store.__dict__)
        self.domains = disguise.domains
        self._disguise = disguise
        self._graph = real.graph
        self._rendered = None  # with the real addresses

    def find_id(self, doc_id: str) -> int | None:
        return super().find_id(self._disguise.real_id(doc_id))

    def find_url(self, url: str) -> int | None:
        return self._disguise.find_page(url)

    def doc_id(self, number: int) -> str:
        return self._disguise.shown_number(self._id_view[number])

    def passage_id(self, passage: int) -> str:
        return f"{self.doc_id(self.doc_of(passage))}:{self._starts[passage]}-{self._ends[passage]}"

    def head(self, number: int) -> tuple[str, str, str | None]:
        _, title, date = super().head(number)
        return self._disguise.page_url(number), self._disguise.shown_text(title), date

    def text(self, number: int) -> str:
        return self._disguise.shown_text(super().text(number))

    def passage_text(self, passage: int) -> str:
        rows = self.passages_of(self.doc_of(passage))
        start, end = self.passage_span(passage)
        cut_before = passage > rows.start and self._ends[passage - 1] >= start
        cut_behind = passage + 1 < rows.stop and self._starts[passage + 1] <= end
        if cut_before or cut_behind:  # perhaps within a URL, which half of it would not tell
            return self.text(self.doc_of(passage))[start:end]
        return self._disguise.shown_text(super().passage_text(passage))

    def place(self, number: int) -> Place | None:
        place, shown = super().place(number), self._disguise.shown_text
        return place and replace(place, name=shown(place.name), kind=shown(place.kind))

    def paper(self, number: int) -> Paper | None:
        paper, shown = super().paper(number), self._disguise.shown_text
        if paper is None:
            return None
        return replace(
            paper,
            title=shown(paper.title),
            authors=tuple(map(shown, paper.authors)),
            cites=tuple(map(self._disguise.shown_id, paper.cites)),
        )

    def html(self, number: int) -> str | None:
        """None: addresses stand everywhere in stored HTML, in scripts too."""
        return None

    def link_urls(self, number: int) -> list[str]:
        return [row[0] for row in self.body(number).link_rows]

    def body(self, number: int) -> Body:
        return _Body(super().body(number), self._disguise, lambda: self._graph.targets(number))


class _Body(Body):
    """A page's parts; its links are disguised when they are asked for, since most who read a body ask for none."""

    __slots__ = ("_disguise", "_real", "_targets")

    def __init__(self, real: Body, disguise: Disguise, targets: Any) -> None:
        self._real, self._disguise, self._targets = real, disguise, targets
        self.fetched_at, self.language = real.fetched_at, real.language
        shown = disguise.shown_text
        self.section_rows = [(shown(title), level, start, end) for title, level, start, end in real.section_rows]
        self.image_rows = [
            (disguise.foreign_url(url), shown(alt), shown(caption)) for url, alt, caption in real.image_rows
        ]
        self._aliases = [disguise.foreign_url(alias) for alias in real.aliases]

    @property
    def link_rows(self) -> list[LinkRow]:  # type: ignore[override]
        return _Links(self._real.link_rows, self._disguise, self._targets())  # type: ignore[return-value]


class _Links(Sequence[LinkRow]):
    """Link rows, each made when it is taken."""

    def __init__(self, rows: list[LinkRow], disguise: Disguise, targets: dict[int, int]) -> None:
        self._rows, self._disguise, self._targets = rows, disguise, targets

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> LinkRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[LinkRow]: ...
    def __getitem__(self, place: int | slice) -> LinkRow | list[LinkRow]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self._rows)))]
        url, anchor, start, end = self._rows[place]
        target = self._targets.get(place if place >= 0 else place + len(self._rows))
        disguise = self._disguise
        shown = disguise.foreign_url(url) if target is None else disguise.page_url(target)
        return shown, disguise.shown_text(anchor), start, end

    def __iter__(self) -> Iterator[LinkRow]:
        return (self[place] for place in range(len(self._rows)))


class _Images(Images):
    def __init__(self, real: Images, disguise: Disguise) -> None:
        self.__dict__.update(real.__dict__)
        self._disguise = disguise

    def find(self, url: str) -> int | None:
        return self._disguise.find_picture(url)


class _Sight(Sight):
    """Masks in real addresses, as conditions on the disguised store."""

    def __init__(self, snapshot: DisguisedSnapshot, real: Sight) -> None:
        super().__init__(snapshot)
        self._real, self._hosts = real, snapshot.disguise.hosts
        self._kept: OrderedDict[View, Filters] = OrderedDict()

    def masks(self, view: View) -> Filters:
        kept = self._kept.get(view)
        if kept is None:
            kept = self._real.masks(replace(view, obfuscation_seed=None))
            if kept.exclude_domains:
                shown = {name for domain in kept.exclude_domains for name in self._hosts.shown_domains(domain)}
                kept = replace(kept, exclude_domains=tuple(sorted(shown)))
            self._kept[view] = kept
            if len(self._kept) > _KEPT_VIEWS:
                self._kept.popitem(last=False)
        return kept


class _Searcher(Searcher):
    """What is noted of a ranking, and what an opener names, are the real one's ids."""

    def note_seen(self, doc_ids: list[str]) -> None:
        note_seen(map(self._snapshot.disguise.real_id, doc_ids))  # type: ignore[attr-defined]

    def _distractors(self, query: str, filters: Filters, view: View) -> Iterator[tuple[str, int]]:
        shown = map(self._snapshot.disguise.shown_id, view.distractors)  # type: ignore[attr-defined]
        return super()._distractors(query, filters, replace(view, distractors=tuple(shown)))


class _Reader(Reader):
    def _note_opened(self, number: int, view: View) -> None:
        if not is_hidden(view):
            note_opened(self._snapshot.disguise.real_id(self._store.doc_id(number)))  # type: ignore[attr-defined]

    def documents(
        self, cursor: str | None, limit: int, domain: str | None, url_prefix: str | None, view: View
    ) -> Answer:
        # Pages stand in the order of their real ids.
        real = None if cursor is None else self._snapshot.disguise.real_id(cursor)  # type: ignore[attr-defined]
        return super().documents(real, limit, domain, url_prefix, view)
