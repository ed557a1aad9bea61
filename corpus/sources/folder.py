"""Pages and pictures from a folder: saved HTML such as `wget --mirror` leaves, Markdown, text, PDF, side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path, PurePosixPath
from posixpath import relpath
from typing import Any
from urllib.parse import quote, unquote

from corpus.errors import BadSource, BadUrl
from corpus.extract import MAX_PAGE_BYTES, clean_text, declared_url, decode_html, extract_html, too_large
from corpus.records import Document, Image, Picture, Skipped
from corpus.sources.lines import storable
from corpus.sources.pictures import is_picture_name, picture_in_file
from corpus.urls import canonical_url

_HOST = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*(?::\d+)?", re.IGNORECASE)
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
MAX_FRONT_MATTER_CHARS = 64 * 1024
"""More is no front matter: YAML is read at some hundred kilobytes a second."""


def read_folder(path: str, *, skip: int = 0) -> Iterator[Document | Skipped | Picture]:
    """Every file under `path` that is named like a page (FILES) or a picture, by path; Skipped names it within.

    A page's URL is what it declares (canonical link, og:url; `url` in a Markdown file's front matter), else its place
    in the folder: `HOST/rest` as wget lays it out, else `https://<name of the folder>.invalid/rest`. `index.html`
    stands for its folder. The place stays an alias, for links between files point at it. A picture's URL is its place;
    where a page's reference means a file of the folder, by its URL or by where the page lies, it gets that URL.
    Raises BadSource at once where `path` is no folder.
    """
    root = Path(path)
    if not root.is_dir():
        raise BadSource(f"{path} is no folder. Name the folder that holds the pages.")
    return _items(root, skip)


def _items(root: Path, skip: int) -> Iterator[Document | Skipped | Picture]:
    names = _names(root)
    pictures: dict[str, str] = {}
    for name in filter(is_picture_name, names):
        try:
            place = _url_of_place(root, name)
        except BadUrl:  # told when its turn comes
            continue
        # References are escaped in more ways than one, and a query may be part of the file's name.
        pictures[unquote(place)] = place
    for name in islice(names, skip, None):
        yield _picture(root, name) if is_picture_name(name) else _page(root, name, pictures)


def _names(root: Path) -> list[str]:
    names = (
        (Path(folder) / name).relative_to(root).as_posix()
        for folder, _, files in os.walk(root)
        for name in files
        if name.lower().endswith(tuple(FILES)) or is_picture_name(name)
    )
    return sorted(names)


def _picture(root: Path, name: str) -> Picture | Skipped:
    try:
        return picture_in_file(storable(name), _url_of_place(root, name), root, name)
    except BadUrl as error:
        return Skipped(storable(name), str(error))


def _page(root: Path, name: str, pictures: Mapping[str, str]) -> Document | Skipped:
    where = storable(name)
    try:
        size = (root / name).stat().st_size
        if size > MAX_PAGE_BYTES:
            return Skipped(where, too_large(size))
        data = (root / name).read_bytes()
        place = _url_of_place(root, name)
    except OSError as error:
        return Skipped(where, f"the file cannot be read: {error.strerror}")
    except BadUrl as error:
        return Skipped(where, str(error))
    try:
        page = FILES[PurePosixPath(name).suffix.lower()](place, data)
    except Exception as error:  # one page is not worth the others
        return Skipped(where, clean_text(f"the page cannot be read: {error}"))
    if isinstance(page, Skipped):
        return Skipped(where, page.reason)
    if pictures and page.images:
        page = replace(page, images=tuple(_found(image, page.url, place, pictures) for image in page.images))
    return replace(page, aliases=(place,)) if place != page.url else page


def _found(image: Image, url: str, place: str, pictures: Mapping[str, str]) -> Image:
    """The image under the URL of the file it means, if there is one.

    References were resolved against the page's declared URL. Where that is not its place, a file stands where the same
    reference leads from the place: beside the page, or under the same root.
    """
    candidates = [unquote(image.url)]
    origin, here = ("/".join(one.split("/", 3)[:3]) for one in (url, place))
    if url != place and image.url.startswith(origin + "/"):
        path, base, folder = (unquote(one.split("/", 3)[3]).partition("?")[0] for one in (image.url, url, place))
        there = _folder_of(folder) + relpath("/" + path, "/" + _folder_of(base))
        candidates += [f"{here}/{relpath('/' + there, '/')}", f"{here}/{path}"]
    return next((replace(image, url=pictures[one]) for one in candidates if one in pictures), image)


def _folder_of(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _html(place: str, data: bytes) -> Document | Skipped:
    html = decode_html(data)
    return extract_html(declared_url(html) or place, html)


def _markdown(place: str, data: bytes) -> Document | Skipped:
    """Markdown by way of HTML, so that its links, tables and headings come out as those of any page."""
    from markdown_it import MarkdownIt

    text = clean_text(data.decode("utf-8", "replace"))
    told = front_matter(text)
    body = _FRONT_MATTER.sub("", text, count=1) if told is not None else text
    told = told or {}
    try:
        url = canonical_url(_told(told, "url", "permalink"))
    except BadUrl:
        url = place
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(body)
    title, day = _told(told, "title") or None, _told(told, "date") or None
    page = extract_html(url, html, title=title, date=day, keep_html=False)
    if isinstance(page, Document) and (language := _told(told, "lang", "language").strip()):
        return replace(page, language=language)
    return page


def front_matter(text: str) -> dict[str, Any] | None:
    """What stands between the `---` at the head of a Markdown file, as YAML; None where there is none.

    YAML with aliases counts as none: a few lines of them can stand for more than memory holds.
    """
    import yaml

    match = _FRONT_MATTER.match(text)
    if match is None or match.end(1) > MAX_FRONT_MATTER_CHARS:
        return None

    class PlainLoader(yaml.SafeLoader):
        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("an alias")
            return super().compose_node(parent, index)

    try:
        told = yaml.load(match.group(1), PlainLoader)
    except Exception:  # the library raises KeyError, IndexError and more for tags that do not fit their values
        return None
    return told if isinstance(told, dict) else None


def _told(told: dict[str, Any], *names: str) -> str:
    """The first of these entries that is a word, a number or a date; else "". Lists and the like are not asked for."""
    for name in names:
        if isinstance(value := told.get(name), str | int | float | date) and value:
            return clean_text(str(value))
    return ""


def _text(place: str, data: bytes) -> Document | Skipped:
    """Plain text as it is; its first line is the title."""
    text = clean_text(data.decode("utf-8-sig", "replace")).strip()
    if not text:
        return Skipped(place, "no text")
    return Document(url=place, title=" ".join(text.split("\n", 1)[0].split())[:200].rstrip(), text=text)


def _pdf(place: str, data: bytes) -> Document | Skipped:
    from corpus.extraction.pdf import extract_pdf

    return extract_pdf(place, data)


FILES: dict[str, Callable[[str, bytes], Document | Skipped]] = {
    ".htm": _html,
    ".html": _html,
    ".markdown": _markdown,
    ".md": _markdown,
    ".pdf": _pdf,
    ".txt": _text,
    ".xhtml": _html,
}
"""Suffix -> what makes a page of a file's URL and bytes."""


def _url_of_place(root: Path, name: str) -> str:
    """URL of a file by where it lies. Raises BadUrl for names no URL can hold."""
    file = PurePosixPath(name)
    parts = list(file.parts)
    if file.stem.lower() == "index":
        parts[-1] = ""
    # Undecodable bytes in a file name come as lone surrogates; quoting them as bytes gives them back.
    quoted = [quote(os.fsencode(part)) for part in parts]
    if len(parts) > 1 and _HOST.fullmatch(parts[0]):
        return canonical_url(f"https://{parts[0]}/{'/'.join(quoted[1:])}")
    slug = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-") or "pages"
    return canonical_url(f"https://{slug}.invalid/{'/'.join(quoted)}")
