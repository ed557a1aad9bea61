"""Pages and pictures of ZIM files, which Kiwix ships: Wikipedia and hundreds of other sites, to be read offline.

The URL of a page, the first of these that applies:

    a wiki (made by mwoffliner, or named like wikipedia_en_all)   https://HOST/wiki/TITLE, HOST as `Source` says,
                                                                  else as the name does
    a crawl (made by zimit or warc2zim)                           the URL crawled: its entries are named HOST/PATH
    any other with a web address as `Source`                      that address and the entry's path
    anything else                                                 https://NAME.invalid/PATH

Pictures and other files of a wiki have addresses of their own that no ZIM file keeps: they get https://NAME.invalid/PATH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from corpus.errors import BadSource, BadUrl
from corpus.extract import MAX_PAGE_BYTES, clean_text, extract_html, normal_date, too_large
from corpus.records import Document, Picture, Skipped
from corpus.sources.lines import storable
from corpus.sources.pictures import MAX_PICTURE_BYTES, picture_of, picture_too_large
from corpus.sources.titles import wiki_url
from corpus.urls import canonical_url

_INSIDE = "https://zim.invalid/"
"""Where pages are extracted: their references are relative to the archive, and become URLs of its pages after."""
_PROJECTS = "wikipedia|wiktionary|wikibooks|wikinews|wikiquote|wikisource|wikiversity|wikivoyage"
_WIKI_NAME = re.compile(rf"({_PROJECTS})_([a-z]{{2,3}}(?:-[a-z]+)*)(_simple)?(?:_|$)")
_HOST = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*(?::\d+)?", re.IGNORECASE)
# ISO 639-3, which ZIM files state, as the shorter codes that pages state.
_CODES = "ara:ar ben:bn bul:bg cat:ca ces:cs dan:da deu:de ell:el eng:en est:et eus:eu fas:fa fin:fi fra:fr glg:gl "
_CODES += "heb:he hin:hi hrv:hr hun:hu ind:id ita:it jpn:ja kor:ko lit:lt lav:lv msa:ms nld:nl nor:no pol:pl por:pt "
_CODES += "ron:ro rus:ru slk:sk slv:sl spa:es srp:sr swe:sv tam:ta tha:th tur:tr ukr:uk urd:ur vie:vi zho:zh"
_LANGUAGES: dict[str, str] = dict(pair.split(":") for pair in _CODES.split())
_NOTES = {"License": "licence", "Title": "title", "Creator": "creator", "Publisher": "publisher"}
_NOTES |= {"Date": "date", "Description": "description"}
_PLAIN = "/:@!$&'()*+,;=~"
_NO_CONTENT = ("-/", "M/", "X/", "W/", "U/", "V/")
"""Older namespaces of layout, notes and indexes."""
_OTHER, _HTML, _PDF, _PICTURE, _BROKEN = range(5)
_REDIRECT_ROUNDS = 20


def read_zim(path: str, *, skip: int = 0) -> Iterator[Document | Skipped | Picture]:
    """The pages (HTML, PDF) and pictures of an archive by path, as the file orders them.

    Redirects become aliases of the page they lead to, over any number of steps; those that lead nowhere vanish.
    Style sheets, scripts, fonts, films and indexes are no items. `fetched_at` is the archive's `Date`; its `Language`
    is that of pages which state none. Held in memory: some twenty bytes an entry, and no path; each is
    looked up when its page is read. Raises BadSource at once for a file that is no ZIM, or not all of one, or where
    the extra `sources` is not installed.
    """
    archive = _open(path)
    return _entries(archive, storable(Path(path).name), _addresses(archive, path), skip)


def zim_notes(path: str) -> dict[str, str]:
    """What an archive says of itself, as far as it does: title, licence, creator, publisher, date, description.

    Raises BadSource as `read_zim` does.
    """
    archive = _open(path)
    told = {note: _metadata(archive, name) for name, note in _NOTES.items()}
    return {note: value for note, value in sorted(told.items()) if value}


def _open(path: str) -> Any:
    try:
        from libzim.reader import Archive
    except ImportError as error:
        raise BadSource(
            f"{path} needs the package {error.name!r} to be read.", "Install it: pip install 'stillweb[sources]'"
        ) from error
    # An archive in parts, .zimaa, .zimab and so on, is opened by the name that they share.
    whole = path[:-2] if path.lower().endswith(".zimaa") else path
    if not Path(path).is_file():
        raise BadSource(f"There is no file {path}.", "Name a .zim file, or the .zimaa of one in parts.")
    try:
        return Archive(Path(whole))
    except Exception as error:  # the library raises RuntimeError, and what its C++ below comes to
        raise BadSource(
            f"{path} is no ZIM file, or not all of one ({clean_text(str(error))}).", "Copy or download it again."
        ) from error


def _metadata(archive: Any, name: str) -> str:
    try:
        value = archive.get_metadata(name) if name in archive.metadata_keys else b""
    except Exception:  # a broken note costs the archive nothing
        return ""
    return " ".join(clean_text(value.decode("utf-8", "replace")).split())


# -- addresses


@dataclass(frozen=True, slots=True)
class _Addresses:
    """From paths of entries to canonical URLs. Both raise BadUrl for paths that no URL can hold."""

    page: Callable[[str], str]
    file: Callable[[str], str]


def _addresses(archive: Any, path: str) -> _Addresses:
    name = _metadata(archive, "Name") or Path(path).stem
    source = _metadata(archive, "Source")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-") or "zim"
    scraper = _metadata(archive, "Scraper").lower()

    def below(base: str) -> Callable[[str], str]:
        return lambda path: canonical_url(base + quote(path, safe=_PLAIN))

    def crawled(path: str) -> str:
        host, _, rest = path.partition("/")
        if not _HOST.fullmatch(host):
            return own(path)
        rest, mark, query = rest.partition("?")
        tail = mark + quote(query, safe=_PLAIN + "?%") if mark else ""
        return canonical_url(f"https://{host}/{quote(rest, safe=_PLAIN)}{tail}")

    own = below(f"https://{slug}.invalid/")
    if "warc2zim" in scraper or "zimit" in scraper:
        return _Addresses(crawled, crawled)
    wiki = _WIKI_NAME.match(name.lower())
    base = _base(source)
    if wiki or (base and "mwoffliner" in scraper):
        project, language, simple = wiki.groups() if wiki else ("", "", None)
        base = base or f"https://{'simple' if simple else language}.{project}.org/"
        base = base + "wiki/" if base.count("/") == 3 else base
        return _Addresses(lambda path: wiki_url(base, path), own)
    return _Addresses(below(base), below(base)) if base else _Addresses(own, own)


def _base(source: str) -> str:
    """A web address, or a host alone, as the beginning of URLs; "" for anything else."""
    try:
        base = canonical_url(source if "://" in source else f"https://{source}/" if _HOST.fullmatch(source) else "")
    except BadUrl:
        return ""
    return "" if "?" in base else base[: base.rindex("/") + 1]


# -- entries


def _entries(archive: Any, name: str, addresses: _Addresses, skip: int) -> Iterator[Document | Skipped | Picture]:
    survey = _survey(archive)
    fetched_at = normal_date(_metadata(archive, "Date"))
    stated = _metadata(archive, "Language").lower()
    reader = _Reader(
        archive=archive,
        name=name,
        addresses=addresses,
        survey=survey,
        fetched_at=fetched_at,
        language=_LANGUAGES.get(stated, stated) if re.fullmatch("[a-z]{2,3}(-[a-z]+)*", stated) else None,
    )
    for number in np.flatnonzero(survey.kinds)[skip:]:
        yield reader.item(int(number))


@dataclass(frozen=True, slots=True)
class _Survey:
    """What every entry is, by number, and which redirects lead where."""

    kinds: NDArray[np.uint8]
    targets: NDArray[np.uint32]
    """Ascending; entries that redirects lead to, one for each redirect."""
    redirects: NDArray[np.uint32]
    """The redirect to the target at the same place."""
    lettered: bool
    """Paths begin with the letter of a namespace: A/ for pages."""

    def aliases(self, number: int) -> list[int]:
        begin, end = np.searchsorted(self.targets, [number, number + 1])
        found: list[int] = self.redirects[begin:end].tolist()
        return found


def _survey(archive: Any) -> _Survey:
    """One pass over all entries without their contents: kinds, and redirects followed to their ends."""
    # In archives of the newer kind what people read comes first, and the archive's own notes and indexes after it.
    new = archive.has_new_namespace_scheme
    count = archive.entry_count if new else archive.all_entry_count
    kinds = np.zeros(count, np.uint8)
    leads = np.arange(count, dtype=np.uint32)
    lettered, pages = True, 0
    for number in range(count):
        try:
            entry = archive._get_entry_by_id(number)
            if entry.is_redirect:
                leads[number] = min(entry.get_redirect_entry()._index, count - 1)
                continue
            path = entry.path
            if not new and path.startswith(_NO_CONTENT):
                continue
            kinds[number] = _kind(entry.get_item().mimetype)
        except Exception:  # told when the entry is read
            kinds[number] = _BROKEN
            continue
        if kinds[number] == _HTML:
            pages += 1
            lettered = lettered and path.startswith("A/")
    is_redirect = leads != np.arange(count, dtype=np.uint32)
    redirects = np.nonzero(is_redirect)[0].astype(np.uint32)
    ends = leads[redirects]
    # Each round doubles the steps taken, so a chain of a million ends; loops never do, and are dropped.
    for _ in range(_REDIRECT_ROUNDS):
        if not is_redirect[ends].any():
            break
        leads[redirects] = leads[ends]
        ends = leads[redirects]
    whole = np.isin(kinds[ends], (_HTML, _PDF)) & ~is_redirect[ends]
    redirects, ends = redirects[whole], ends[whole]
    order = np.argsort(ends, kind="stable")
    return _Survey(kinds, ends[order], redirects[order], not new or (lettered and pages > 0))


def _kind(mimetype: str) -> int:
    mimetype = mimetype.partition(";")[0].strip().lower()
    if mimetype in ("text/html", "application/xhtml+xml"):
        return _HTML
    return _PICTURE if mimetype.startswith("image/") else _PDF if mimetype == "application/pdf" else _OTHER


@dataclass(frozen=True, slots=True)
class _Reader:
    archive: Any
    name: str
    addresses: _Addresses
    survey: _Survey
    fetched_at: str | None
    language: str | None

    def item(self, number: int) -> Document | Skipped | Picture:
        """The entry with this number. Never raises: one entry is not worth the others."""
        where = f"{self.name}#{number}"
        try:
            entry = self.archive._get_entry_by_id(number)
            where = f"{self.name}:{clean_text(entry.path)}"
            if self.survey.kinds[number] == _PICTURE:
                return self._picture(where, entry.get_item())
            page = self._page(entry, int(self.survey.kinds[number]))
        except BadUrl as error:
            return Skipped(where, str(error))
        except Exception as error:
            return Skipped(where, clean_text(f"the entry cannot be read: {error}"))
        if isinstance(page, Skipped):
            return Skipped(where, page.reason)
        aliases = [self._alias(redirect) for redirect in self.survey.aliases(number)]
        return replace(
            page,
            fetched_at=self.fetched_at,
            language=page.language or self.language,
            aliases=tuple(dict.fromkeys(url for url in aliases if url and url != page.url)),
        )

    def _picture(self, where: str, item: Any) -> Picture | Skipped:
        if item.size > MAX_PICTURE_BYTES:
            return Skipped(where, picture_too_large(item.size))
        return picture_of(where, self.addresses.file(item.path), bytes(item.content), item.mimetype)

    def _page(self, entry: Any, kind: int) -> Document | Skipped:
        item = entry.get_item()
        if item.size > MAX_PAGE_BYTES:
            return Skipped("", too_large(item.size))
        url = self._url(entry.path)
        data = bytes(item.content)
        if kind == _PDF:
            from corpus.extraction.pdf import extract_pdf

            return extract_pdf(url, data)
        # Where an entry has no title of its own the library gives its path.
        title = None if entry.title == entry.path else clean_text(entry.title)
        page = extract_html(_INSIDE + quote(entry.path, safe=_PLAIN), data, title=title)
        if isinstance(page, Skipped):
            return page
        return replace(
            page,
            url=url,
            links=tuple(replace(link, url=self._outside(link.url, self._url)) for link in page.links),
            images=tuple(replace(image, url=self._outside(image.url, self.addresses.file)) for image in page.images),
        )

    def _alias(self, number: int) -> str | None:
        try:
            return self._url(self.archive._get_entry_by_id(number).path)
        except Exception:  # an alias that is no URL is none
            return None

    def _url(self, path: str) -> str:
        """The URL of a page, or of anything a link may lead to, by its path in the archive."""
        if not self.survey.lettered:
            return self.addresses.page(path)
        return self.addresses.page(path[2:]) if path.startswith("A/") else self.addresses.file(path)

    def _outside(self, url: str, address: Callable[[str], str]) -> str:
        """A URL met in a page: one inside the archive becomes that of the entry, without a query, as readers do."""
        if not url.startswith(_INSIDE):
            return url
        try:
            return address(unquote(url[len(_INSIDE) :].partition("?")[0]))
        except BadUrl:
            return url
