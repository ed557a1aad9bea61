"""Our extraction beside trafilatura, resiliparse and mixtures of them, on the saved Wikipedia pages of wtq.

    pip install trafilatura lxml_html_clean resiliparse
    python -m tests.bench.bench_extract

The truth is read from the HTML by lxml alone: cells, links and headings outside of navigation boxes, edit links,
references and hidden elements, and the words of those as boilerplate. The saved pages are the inside of a page, so
each is also read in a frame of menus, sidebar, cookie notice and footer, made of plain <div>s as in older layouts; once
with the usual class names, which our rules go by, and once without any.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import zstandard

from corpus.extract import extract_html
from corpus.records import Document
from corpus.urls import canonical_url, resolve_url
from tests.bench.figures import write_figures

try:
    import lxml.html
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text
except ImportError as error:
    sys.exit(f"{error}. This comparison needs others' extractors: pip install trafilatura lxml_html_clean resiliparse")

BASE = "https://en.wikipedia.org/wiki/Page"
BOILERPLATE = (
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' {} ')]",
    "navbox vertical-navbox navbar editsection mw-editsection toc noprint ambox stub magnify mw-cite-backlink reference"
    " geo-nondefault".split(),
)
INVISIBLE = dict.fromkeys(map(ord, "\xad\u200b\u2060\ufeff"))
HIDDEN = "//*[contains(translate(@style, ' ', ''), 'display:none')]"

FRAME_BEFORE = """<!DOCTYPE html><html lang="en"><head><title>{title}</title></head><body>
<a href="#content">Skip to content</a>
<div class="cookie-notice">This zqcookie site keeps zqcookies to zqremember you. <a href="/privacy">Zqmore</a></div>
<div id="top"><div class="logo"><a href="/">Zqportal</a></div><ul class="main-menu"><li><a href="/n">Zqnews</a></li>
<li><a href="/e">Zqevents</a></li><li><a href="/s">Zqshop</a></li><li><a href="/l">Zqlogin</a></li></ul></div>
<div class="breadcrumb"><a href="/">Zqhome</a> / <a href="/wiki">Zqarticles</a></div>
<div class="layout has-sidebar"><div id="content"><h1>{title}</h1>"""
FRAME_AFTER = """<div class="share-buttons"><a href="/t">Zqtweet</a> <a href="/f">Zqlike</a></div></div>
<div class="sidebar"><h3>Zqpopular</h3><ul><li><a href="/1">Zqstory one of today</a></li><li><a href="/2">Zqstory two of
today</a></li><li><a href="/3">Zqstory three of today</a></li></ul></div></div>
<div class="site-footer"><p>Zqcopyright 2014, zqrights reserved. <a href="/c">Zqcontact</a></p></div></body></html>"""
FRAME_WORDS = len(re.findall("zq", FRAME_BEFORE + FRAME_AFTER, re.IGNORECASE))


@dataclass
class Read:
    """What an extractor made of a page: text, anchors, heading lines, and its tables' cells."""

    text: str = ""
    links: set[tuple[str, str]] = field(default_factory=set)
    headings: set[str] = field(default_factory=set)
    cells: list[str] = field(default_factory=list)


def fold(text: str) -> str:
    return " ".join(text.translate(INVISIBLE).split())


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def grams(text: str, size: int) -> set[tuple[str, ...]]:
    found = words(text)
    return set(zip(*(found[at:] for at in range(size)), strict=False))


def absolute(href: str) -> str | None:
    try:
        return resolve_url(canonical_url(BASE), href)
    except ValueError:
        return None


# -- the extractors. Each is a pair: the work that is timed, and how its output is read afterwards.


def pipe_rows(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if line.lstrip(" >-").startswith("|"):
            yield from (fold(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", line))


def read_document(page: Any) -> Read:
    if not isinstance(page, Document):
        return Read()
    links = {(link.url, fold(link.anchor)) for link in page.links if page.text[link.start : link.end] == link.anchor}
    headings = {fold(line.lstrip("#")) for line in page.text.split("\n") if line.startswith("#")}
    return Read(page.text, links, headings, list(pipe_rows(page.text)))


def read_markdown(text: str | None) -> Read:
    anchor = re.compile(r"\[([^\[\]]*)\]\(((?:[^()\s]|\([^()\s]*\))*)\)")
    links = {(absolute(href) or "", fold(words)) for words, href in anchor.findall(text or "")}
    plain = re.sub(r"[*_`]", "", anchor.sub(r"\1", text or ""))
    headings = {fold(line.lstrip("#")) for line in plain.split("\n") if line.startswith("#")}
    return Read(plain, links, headings, list(pipe_rows(plain)))


def read_html(html: str) -> Read:
    if not html.strip():
        return Read()
    tree = lxml.html.fromstring(f"<div>{html}</div>")
    links = {(absolute(a.get("href")) or "", fold(a.text_content())) for a in tree.iterfind(".//a[@href]")}
    headings = {fold(node.text_content()) for node in tree.xpath("//h1|//h2|//h3|//h4|//h5|//h6")}
    cells = [fold(node.text_content()) for node in tree.xpath("//td|//th")]
    return Read("\n".join(tree.itertext()), links, headings, cells)


def ours(html: str) -> Any:
    return extract_html(BASE, html, keep_html=False)


def trafilatura_as(output: str, html: str) -> str:
    made = trafilatura.extract(
        html, output_format=output, include_links=True, include_tables=True, include_formatting=True, favor_recall=True
    )
    return made or ""


def resiliparse_html(html: str) -> str:
    made: str = extract_plain_text(html, main_content=True, preserve_formatting="minimal_html", links=True)
    return made


EXTRACTORS: dict[str, tuple[Callable[[str], Any], Callable[[Any], Read]]] = {
    "ours": (ours, read_document),
    "trafilatura": (lambda html: trafilatura_as("markdown", html), read_markdown),
    "resiliparse": (resiliparse_html, read_html),
    "trafilatura, our walk": (lambda html: ours(trafilatura_as("html", html)), read_document),
    "resiliparse, our walk": (lambda html: ours(resiliparse_html(html)), read_document),
}


# -- the truth


@dataclass
class Truth:
    """What lxml finds in the page, and the reference text of the data set."""

    reference: set[tuple[str, ...]]
    cells: list[str]
    links: set[tuple[str, str]]
    headings: set[str]
    boilerplate: set[tuple[str, ...]]
    answers: list[str]


def truth_of(html: str, reference: str, answers: list[str]) -> Truth:
    tree = lxml.html.fromstring(f"<div>{html}</div>")
    path, names = BOILERPLATE
    gone = " ".join(
        " ".join(node.itertext()) + " |"
        for name in names
        for node in tree.xpath(path.format(name))
        if node.tag != "div" or name != "reference"
    )
    for query in (*(path.format(name) for name in names), HIDDEN, "//comment()|//script|//style"):
        for node in tree.xpath(query):
            if node.getparent() is not None:
                node.drop_tree()
    cells = [fold(node.text_content()) for node in tree.xpath("//table[not(.//table)]//td|//table[not(.//table)]//th")]
    links = {
        (url, fold(a.text_content()))
        for a in tree.iterfind(".//a[@href]")
        if not a.get("href").startswith("#") and fold(a.text_content()) and (url := absolute(a.get("href")))
    }
    headings = {fold(node.text_content()) for node in tree.xpath("//h2|//h3|//h4|//h5|//h6")} - {""}
    kept = "\n".join(tree.itertext())
    return Truth(
        grams(reference, 5),
        [cell for cell in cells if cell],
        links,
        headings,
        grams(gone, 3) - grams(kept, 3),
        [answer for answer in answers if fold(answer).lower() in fold(kept).lower()],
    )


def framed(html: str, title: str, *, names: bool) -> str:
    before, after = (
        part if names else re.sub(r' (?:class|id)="[^"]*"', "", part) for part in (FRAME_BEFORE, FRAME_AFTER)
    )
    return before.format(title=title) + html + after


def compared(read: Read, truth: Truth) -> dict[str, tuple[int, int]]:
    """(how many, of how many) by measure."""
    found, cells, folded = grams(read.text, 5), set(read.cells), " ".join(words(read.text))
    return {
        "text_kept": (len(truth.reference & found), len(truth.reference)),
        "text_of_reference": (len(truth.reference & found), len(found)),
        "cells_in_rows": (sum(cell in cells for cell in truth.cells), len(truth.cells)),
        "cells_in_text": (sum(" ".join(words(cell)) in folded for cell in truth.cells), len(truth.cells)),
        "answers_in_text": (sum(" ".join(words(a)) in folded for a in truth.answers), len(truth.answers)),
        "links": (len(truth.links & read.links), len(truth.links)),
        "headings": (len(truth.headings & read.headings), len(truth.headings)),
        "boilerplate_kept": (len(truth.boilerplate & grams(read.text, 3)), len(truth.boilerplate)),
    }


def pages_of(data: Path, count: int, seed: int) -> list[tuple[str, str, Truth]]:
    """(title, HTML, truth) of a sample of pages."""
    with zstandard.open(data / "docs.jsonl.zst", "rb") as file:
        documents = {record["title"]: record for record in map(json.loads, io.BufferedReader(file))}
    answers: dict[str, list[str]] = {}
    with zstandard.open(data / "questions.train.jsonl.zst", "rb") as file:
        for question in map(json.loads, io.BufferedReader(file)):
            for url in question["evidence_urls"]:
                answers.setdefault(url, []).extend(question["answer"])
    titles, htmls = {}, {}
    with zstandard.open(data / "html_pages.tar.zst", "rb") as raw, tarfile.open(fileobj=raw, mode="r|") as archive:
        for member in archive:
            if member.isfile() and (content := archive.extractfile(member)):
                stem, _, kind = member.name.rpartition(".")
                if kind == "json":
                    titles[stem] = json.load(content)["title"]
                else:
                    htmls[stem] = content.read().decode("utf-8", "replace")
    by_title = {titles[stem]: html for stem, html in sorted(htmls.items()) if titles.get(stem) in documents}
    chosen = random.Random(seed).sample(sorted(by_title), min(count, len(by_title)))
    return [
        (
            title,
            by_title[title],
            truth_of(by_title[title], documents[title]["text"], answers.get(documents[title]["url"], [])),
        )
        for title in chosen
    ]


def main(data: Path, count: int, seed: int = 0) -> dict[str, Any]:
    pages = pages_of(data, count, seed)
    table = {}
    for name, (work, reading) in EXTRACTORS.items():
        row: dict[str, Any] = {}
        for kind in ("as_saved", "in_a_frame", "in_a_nameless_frame"):
            totals: dict[str, list[int]] = {}
            cpu_s, failed, frame_words = 0.0, 0, 0
            for title, html, truth in pages:
                page = html if kind == "as_saved" else framed(html, title, names=kind == "in_a_frame")
                started = time.process_time()
                made = work(page)
                cpu_s += time.process_time() - started
                read = reading(made)
                failed += not read.text.strip()
                frame_words += len(re.findall("zq", read.text, re.IGNORECASE))
                for measure, (some, all_) in compared(read, truth).items():
                    total = totals.setdefault(measure, [0, 0])
                    total[0] += some
                    total[1] += all_
            row[kind] = {measure: round(some / max(1, all_), 4) for measure, (some, all_) in totals.items()}
            row[kind] |= {"pages_per_cpu_s": round(len(pages) / cpu_s, 1), "no_text": failed}
            if kind != "as_saved":
                row[kind]["frame_words_kept"] = round(frame_words / FRAME_WORDS / len(pages), 4)
        table[name] = row
        print(name, json.dumps(row), file=sys.stderr)
    return {
        "extractors": table,
        "pages": len(pages),
        "of_pages": 2104,
        "seed": seed,
        "versions": {name: version(name) for name in ("trafilatura", "resiliparse", "selectolax", "lxml")},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/wtq"))
    parser.add_argument("--pages", type=int, default=100)
    arguments = parser.parse_args()
    write_figures("extract", "python -m tests.bench.bench_extract", main(arguments.data, arguments.pages))
