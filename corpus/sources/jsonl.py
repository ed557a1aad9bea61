"""Pages from lines of JSON: plain, .gz or .zst, one page a line, in three dialects told apart by their keys.

    ours        {url, title?, text | html, links?, anchors?, date?, images?, language?, fetched_at?, aliases?}
    BEIR        {_id, title, text}          -> https://beir.invalid/<id>
    Search-R1   {id, contents}              -> https://passages.invalid/<id>, the first line is the title

An image is {src | file, alt?, caption?}: `file` is a path beside the JSONL file, and its picture comes right behind the
page, under `src` where the image has one, else under the page's URL joined with the path. In every dialect a row may
have a `place` or a `paper`, its row in the snapshot's tables (`corpus.sources.table_rows`).

Pages without a URL get one made of their id, percent-quoted, under a name that no web will ever have. Two BEIR sets in
one snapshot share that name: give their pages URLs first where their ids collide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from corpus.errors import BadUrl
from corpus.extract import MAX_TITLE_CHARS, clean_text, extract_html, normal_date, title_of_url
from corpus.records import Document, Image, Link, Picture, Skipped
from corpus.sources.anchors import place_links
from corpus.sources.lines import MAX_LINE_BYTES, read_lines
from corpus.sources.pictures import is_inside, picture_in_file
from corpus.sources.table_rows import paper_of, place_of
from corpus.urls import canonical_url, resolve_url

Row = dict[str, Any]


def read_jsonl(
    path: str, *, skip: int = 0, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[Document | Skipped | Picture]:
    """The pages of a file, each with the pictures it names as files; lines that are none come as Skipped("file:LINE").

    A picture that is missing, too large, none, or outside the folder of the file is Skipped with the reason. A file
    that ends early gives what could be read and a last Skipped that says so. Memory is that of a few lines.
    Raises BadSource at once where the file cannot be opened.
    """
    return _items(read_lines(path, max_line_bytes=max_line_bytes), Path(path).parent, skip)


def _items(lines: Iterator[tuple[str, bytes | str]], folder: Path, skip: int) -> Iterator[Document | Skipped | Picture]:
    for where, line in lines:
        # Most lines name no file, and to pass over them nothing of them need be read.
        files = _files(line) if not isinstance(line, str) and b'"file"' in line else []
        if skip > len(files):
            skip -= 1 + len(files)
            continue
        if not skip:
            yield _page(where, line)
        for url, file in files[max(0, skip - 1) :]:
            place = f"{where} {file[:200]}"
            if url is None and is_inside(file):
                yield Skipped(place, "no URL can hold the path")
            else:
                yield picture_in_file(place, url or "", folder, file)
        skip = 0


def _files(line: bytes) -> list[tuple[str | None, str]]:
    """The pictures that a row names as files, as (URL, path), each URL once; none where the row has no URL."""
    try:
        row = _row(line)
        page_url = _identity(row)[0]
    except ValueError:
        return []
    files: dict[str, tuple[str | None, str]] = {}
    for entry in _image_entries(row):
        if file := _text(entry.get("file")).strip():
            url = _image_url(entry, page_url) if is_inside(file) else None
            files.setdefault(url or file, (url, file))
    return list(files.values())


def _page(where: str, line: bytes | str) -> Document | Skipped:
    if isinstance(line, str):
        return Skipped(where, line)
    try:
        row = _row(line)
    except ValueError as error:
        return Skipped(where, str(error))
    return page_of_row(where, row)


def page_of_row(where: str, row: Row) -> Document | Skipped:
    """The page that a row of any of the dialects is, or why it is none."""
    try:
        return _document(row)
    except ValueError as error:
        return Skipped(where, str(error))
    except Exception as error:  # one page is not worth the others
        return Skipped(where, clean_text(f"the page cannot be read: {error}"))


def _row(line: bytes) -> Row:
    """One JSON object. Raises ValueError, as everything below does, with the reason to skip the line."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as first:
        # The standard library also takes lone surrogates and raw control characters, which clean_text then removes.
        try:
            row = json.loads(line.decode("utf-8", "replace"), strict=False)
        except (ValueError, RecursionError):
            raise ValueError(f"broken JSON: {first}") from first
    if not isinstance(row, dict):
        raise ValueError("the line is no JSON object")
    return row


def _document(row: Row) -> Document:
    url, title, text = _identity(row)
    title = " ".join(title.split())[:MAX_TITLE_CHARS].rstrip()
    html = _text(row.get("html"))
    document = Document(url=url, title=title or title_of_url(url), text=text, html=html or None)
    if not text and html:
        extracted = extract_html(url, html, title=title or None)
        if isinstance(extracted, Skipped):
            raise ValueError(extracted.reason)
        document = extracted
    if not document.text.strip():
        raise ValueError("the page has no text")
    links, placeless = _links(row, url)
    fetched_at = _text(row.get("fetched_at")).strip()
    return replace(
        document,
        links=(*place_links(document.text, links), *placeless) or document.links,
        images=_images(row, url) or document.images,
        date=normal_date(row.get("date")) or document.date,
        fetched_at=fetched_at if normal_date(fetched_at) else None,
        language=_text(row.get("language")).strip() or document.language,
        aliases=_aliases(row, url),
        place=place_of(row.get("place"), document.title),
        paper=paper_of(row.get("paper"), document.title),
    )


def _identity(row: Row) -> tuple[str, str, str]:
    """URL, title and text, by the keys that tell the dialects apart."""
    title, text = _text(row.get("title")), _text(row.get("text"))
    if row.get("url"):
        return canonical_url(_text(row["url"]).strip()), title, text
    if "contents" in row:
        title, _, text = _text(row["contents"]).strip().partition("\n")
        title = title.strip()
        quoted = len(title) > 1 and title[0] == title[-1] == '"'
        return _invented_url("passages", row.get("id")), title[1:-1] if quoted else title, text.strip() or title
    if "_id" in row:
        return _invented_url("beir", row["_id"]), title, text
    raise ValueError("the page has no url (nor _id with text, nor id with contents)")


def _invented_url(kind: str, page_id: object) -> str:
    name = _text(page_id).strip()
    # A path of dots would climb to the root, so that all such pages were one.
    if not name.strip("."):
        raise ValueError(f"the page has no url, and {name!r} is no id to make one of")
    return canonical_url(f"https://{kind}.invalid/{quote(name, safe='')}")


def _links(row: Row, url: str) -> tuple[list[Link], list[Link]]:
    """Links to find the place of, and those said to have none ("start": null). One with a start keeps its anchor."""
    links, anchors = _list(row.get("links")), _list(row.get("anchors"))
    found: list[Link] = []
    placeless: list[Link] = []
    for link, anchor in zip_longest(links, anchors[: len(links)]):
        entry = link if isinstance(link, dict) else {"url": link, "anchor": anchor}
        target = _resolve(url, entry.get("url"))
        if target is None:
            continue
        start, words = entry.get("start"), _text(entry.get("anchor"))
        if "start" in entry and start is None:
            placeless.append(Link(target, words))
        elif isinstance(start, int):
            found.append(Link(target, words, start))
        else:
            found.append(Link(target, " ".join(words.split())))
    return found, placeless


def _images(row: Row, url: str) -> tuple[Image, ...]:
    images = []
    for entry in _image_entries(row):
        if source := _image_url(entry, url):
            alt, caption = (" ".join(_text(entry.get(key)).split()) for key in ("alt", "caption"))
            images.append(Image(source, alt, caption))
    return tuple(images)


def _image_entries(row: Row) -> list[Row]:
    found = _list(row.get("images")) or _list(row.get("image"))
    return [image if isinstance(image, dict) else {"src": image} for image in found]


def _image_url(entry: Row, url: str) -> str | None:
    """The canonical URL of an image; None where it names nothing, or a file outside the folder of its source."""
    file = _text(entry.get("file")).strip()
    if source := _resolve(url, entry.get("src") or entry.get("url")):
        return source
    # A path and no reference: "#" and "?" are part of the name.
    return _resolve(url, quote(file, safe="/")) if file and is_inside(file) else None


def _aliases(row: Row, url: str) -> tuple[str, ...]:
    found = (_resolve(None, alias) for alias in _list(row.get("aliases")))
    return tuple(dict.fromkeys(alias for alias in found if alias and alias != url))


def _resolve(base: str | None, reference: object) -> str | None:
    """The canonical URL a reference means, None where it means none; without a base it must be absolute."""
    text = _text(reference).strip()
    if not text or text.startswith("#"):
        return None
    try:
        return resolve_url(base, text) if base else canonical_url(text)
    except BadUrl:
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _text(value: object) -> str:
    """Strings as they can be stored, numbers as written, anything else as nothing."""
    if isinstance(value, str):
        return clean_text(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
