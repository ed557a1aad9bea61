"""Pages of a wiki from the XML that MediaWiki exports, such as Wikipedia's pages-articles dumps.

read_mediawiki                    the articles of a dump, plain or packed
  ├── exports.py                  the XML, page by page
  └── corpus.extraction.wikitext  what a page's text says
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from corpus.errors import BadSource, BadUrl
from corpus.extract import clean_text, extract_html, normal_date
from corpus.extraction.wikitext import Target, wikitext_to_html
from corpus.records import Document, Skipped
from corpus.sources.exports import MAX_WIKITEXT_CHARS, ExportDamaged, SiteInfo, WikiPage, read_pages, read_site
from corpus.sources.lines import storable
from corpus.sources.titles import wiki_url
from corpus.urls import host_of

ARTICLES = "0"
"""The namespace of articles. Talk, files, templates, categories and users' pages have others."""
MAX_ALIASES = 10_000
"""Redirects kept of one page."""

_FILE, _CATEGORY = 6, 14
_CANONICAL_NAMESPACES = {"file": 6, "image": 6, "category": 14, "template": 10, "help": 12, "user": 2, "portal": 100}
# Possessive, since white space on both sides of a colon that is not there can be divided in as many ways as there is.
_REDIRECT = re.compile(
    r"\s*#(?:REDIRECT\w*|WEITERLEITUNG|REDIRECCI[OÓ]N|ПЕРЕНАПРАВЛЕНИЕ)\s*+:?\s*\[\[([^\[\]|]+)", re.I
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+){0,2}|simple")
_SISTERS = {
    "w": "wikipedia", "wikipedia": "wikipedia", "wikt": "wiktionary", "wiktionary": "wiktionary", "s": "wikisource",
    "wikisource": "wikisource", "q": "wikiquote", "wikiquote": "wikiquote", "b": "wikibooks", "wikibooks": "wikibooks",
    "n": "wikinews", "wikinews": "wikinews", "v": "wikiversity", "voy": "wikivoyage",
}  # fmt: skip
_SHARED = {
    "c": "commons.wikimedia.org", "commons": "commons.wikimedia.org", "m": "meta.wikimedia.org",
    "meta": "meta.wikimedia.org", "d": "www.wikidata.org", "species": "species.wikimedia.org",
    "mw": "www.mediawiki.org",
}  # fmt: skip


def read_mediawiki(path: str, *, skip: int = 0) -> Iterator[Document | Skipped]:
    """The articles of an export in its order; of a page with many revisions, the last in the file.

    Items are the pages of namespace 0 that are no redirects: a dump holds more of the others than of these, and they
    are no pages that anyone searches. Redirects become aliases of the article they lead to, over any number of steps;
    for this the file is read through once before the first article comes, and titles wait in a temporary file of
    SQLite (in SQLITE_TMPDIR, else TMPDIR, else /var/tmp). The URL is the wiki's own, from <base> and the title. `date`
    is the day of the revision, from which on the text stood as it is; a dump does not tell when it was fetched.

    Raises BadSource at once for a file that is no export, or where the extra `sources` is not installed. One that ends
    early or is damaged gives what could be read and a last Skipped that says so.
    """
    if not Path(path).is_file():
        raise BadSource(f"There is no file {path}.", "Name a MediaWiki export, such as a pages-articles dump.")
    try:
        import mwparserfromhell  # noqa: F401  asked for before the file is read through
    except ImportError as error:
        raise BadSource(
            f"{path} needs the package {error.name!r} to be read.", "Install it: pip install 'stillweb[sources]'"
        ) from error
    site = read_site(path)
    if not site.base:
        raise BadSource(
            f"{path} does not tell the address of its wiki (<siteinfo><base>).", "Export it again, with its siteinfo."
        )
    return _articles(path, _Wiki.of(site), skip)


def _articles(path: str, wiki: _Wiki, skip: int) -> Iterator[Document | Skipped]:
    name = storable(Path(path).name)
    # An empty name is a private file that SQLite removes by itself; it is written when memory's share is full.
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as redirects:
        count = 0
        try:
            _collect(path, wiki, redirects)
            for page in read_pages(path):
                if page.namespace not in (ARTICLES, "") or _redirect(page) is not None:
                    continue
                count += 1
                if count > skip:
                    yield _article(page, wiki, redirects, f"{name}:{clean_text(page.title)}")
        except ExportDamaged as error:
            if count >= skip:
                yield Skipped(name, clean_text(f"{error}, behind page {count:,}; copy or download it again"))


def _collect(path: str, wiki: _Wiki, redirects: sqlite3.Connection) -> None:
    """Write down every redirect from article to article."""
    redirects.execute("CREATE TABLE redirects (title TEXT, target TEXT)")
    redirects.execute("BEGIN")
    with suppress(ExportDamaged):  # told when the articles are read
        for page in read_pages(path):
            if page.namespace in (ARTICLES, "") and (target := _redirect(page)) is not None:
                redirects.execute("INSERT INTO redirects VALUES (?, ?)", (wiki.title(page.title), wiki.title(target)))
    redirects.execute("CREATE INDEX by_target ON redirects (target)")
    redirects.execute("COMMIT")


def _redirect(page: WikiPage) -> str | None:
    """The title a page leads to, as <redirect> says, or in older exports its text; None for an article."""
    if page.redirect is not None:
        return page.redirect
    found = _REDIRECT.match(page.text) if page.text[:20].lstrip().startswith("#") else None
    return found.group(1) if found else None


def _aliases(title: str, redirects: sqlite3.Connection) -> list[str]:
    """Titles of the redirects that end at an article, nearest first."""
    found: dict[str, None] = {}
    todo = [title]
    for target in todo:
        rows = redirects.execute("SELECT title FROM redirects WHERE target = ? ORDER BY rowid", (target,))
        for (alias,) in rows:
            if alias != title and alias not in found and len(found) < MAX_ALIASES:
                found[alias] = None
                todo.append(alias)
    return list(found)


def _article(page: WikiPage, wiki: _Wiki, redirects: sqlite3.Connection, where: str) -> Document | Skipped:
    """The article, or why it is none. Never raises: one page is not worth the others."""
    if page.text_chars > MAX_WIKITEXT_CHARS:
        return Skipped(where, f"the text has {page.text_chars:,} characters, more than {MAX_WIKITEXT_CHARS:,}")
    if page.model not in ("wikitext", ""):
        return Skipped(where, clean_text(f"its content is {page.model[:60]} and no wikitext"))
    if not page.text.strip():
        return Skipped(where, "no text in this revision")
    title = " ".join(clean_text(page.title).split())
    try:
        url = wiki.url(title)
        html = wikitext_to_html(page.text, wiki.lookup, title=title)
        document = extract_html(url, html, title=title, date=page.timestamp, keep_html=False)
    except BadUrl as error:
        return Skipped(where, str(error))
    except Exception as error:
        return Skipped(where, clean_text(f"the page cannot be read: {error}"))
    if isinstance(document, Skipped):
        return Skipped(where, document.reason)
    aliases = []
    for alias in _aliases(wiki.title(title), redirects):
        with suppress(BadUrl):  # a title too long for a URL
            aliases.append(wiki.url(alias))
    return replace(
        document,
        date=normal_date(page.timestamp),
        language=wiki.language,
        aliases=tuple(dict.fromkeys(alias for alias in aliases if alias != url)),
    )


@dataclass(frozen=True, slots=True)
class _Wiki:
    """Titles and addresses of one wiki."""

    base: str
    capital: bool
    language: str | None
    namespaces: dict[str, int]
    family: str
    """Such as "wikipedia.org" where the host is LANGUAGE.FAMILY, else ""."""

    @classmethod
    def of(cls, site: SiteInfo) -> _Wiki:
        """Raises BadSource where the wiki's address is none."""
        # What stands before the main page's title: .../wiki/Main_Page, .../index.php?title=Main_Page, .../Main_Page.
        ends = [site.base.rfind(part) + len(part) for part in ("/wiki/", "title=", "/") if part in site.base]
        base = site.base[: ends[0]] if ends else site.base
        try:
            host = host_of(wiki_url(base, "X"))
        except BadUrl as error:
            raise BadSource(f"The export names {site.base!r} as its wiki's address, which is none.") from error
        first, _, family = host.partition(".")
        return cls(
            base=base,
            capital=site.case != "case-sensitive",
            language=site.language if re.fullmatch("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", site.language) else None,
            namespaces=_CANONICAL_NAMESPACES | site.namespaces,
            family=family if _LANGUAGE.fullmatch(first) and family.count(".") == 1 else "",
        )

    def title(self, title: str) -> str:
        """One spelling of a title: spaces for underscores, a capital first, no section."""
        title = " ".join(title.partition("#")[0].replace("_", " ").split())
        return title[:1].upper() + title[1:] if self.capital else title

    def url(self, title: str) -> str:
        return wiki_url(self.base, self.title(title))

    def lookup(self, title: str) -> Target:
        """Where a link of a page leads: a page here, a file, a category, or another wiki."""
        written, colon, rest = title.partition(":")
        written, rest = " ".join(written.replace("_", " ").split()), rest.strip()
        prefix = written.lower()
        number = self.namespaces.get(prefix) if colon else None
        try:
            if number == _FILE and rest:
                return Target("file", self.url(f"Special:FilePath/{self._capital(rest)}"))
            if number is not None and rest:
                kind = "category" if number == _CATEGORY else "page"
                return Target(kind, self.url(f"{written[:1].upper()}{written[1:]}:{self._capital(rest)}"))
            if colon and rest and prefix in _SHARED:
                return Target("page", wiki_url(f"https://{_SHARED[prefix]}/wiki/", rest))
            if colon and rest and self.family and (other := self._other(prefix, written)):
                kind = "language" if _LANGUAGE.fullmatch(prefix) and prefix not in _SISTERS else "page"
                return Target(kind, wiki_url(f"https://{other}/wiki/", rest))
            return Target("page", self.url(title) if self.title(title) else None)
        except BadUrl:
            return Target("page", None)

    def _capital(self, title: str) -> str:
        return title[:1].upper() + title[1:] if self.capital else title

    def _other(self, prefix: str, written: str) -> str:
        """Host of a sister project or of this one in another language, "" where the prefix is part of a title."""
        if (project := _SISTERS.get(prefix)) is not None:
            first = host_of(wiki_url(self.base, "X")).partition(".")[0]
            return f"{first}.{project}.org"
        # Titles begin with a capital, codes of languages do not.
        return f"{prefix}.{self.family}" if _LANGUAGE.fullmatch(prefix) and written == prefix else ""
