"""The generated world as a source: its bytes, its options, passing over, its pictures, its build."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
from dataclasses import fields
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image as Pillow

from corpus import open_snapshot
from corpus.build import BuildOptions, build_snapshot
from corpus.errors import BadSource
from corpus.records import Document, Picture, document_to_json
from corpus.sources import read_source
from corpus.urls import canonical_url
from corpus.world import read_world
from corpus.world.options import WorldOptions
from tests.bench.bench_world import PAGE, rendered, stored

ROOT = Path(__file__).parent.parent.parent
WORLD = "seed=7,pages=1000"
_DIGEST = """
import hashlib
from corpus.records import Picture, document_to_json
from corpus.sources import read_source
digest = hashlib.sha256()
for item in read_source("world:seed=7,pages=1000"):
    digest.update(item.data if isinstance(item, Picture) else document_to_json(item))
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def items() -> list[Document | Picture]:
    return list(read_world(WORLD))


def documents_of(items: list[Document | Picture]) -> list[Document]:
    return [item for item in items if isinstance(item, Document)]


def test_one_seed_gives_the_same_bytes_in_processes_that_hash_differently(items: list[Document | Picture]) -> None:
    here = hashlib.sha256()
    for item in items:
        here.update(item.data if isinstance(item, Picture) else document_to_json(item))
    for hash_seed in ("1", "99"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here.hexdigest()


def test_another_seed_gives_other_pages(items: list[Document | Picture]) -> None:
    others = {item.text for item in islice(read_world("seed=8,pages=1000"), 100) if isinstance(item, Document)}
    assert not others & {page.text for page in documents_of(items)}


def test_a_world_has_as_many_pages_as_asked_for_and_each_its_own_url() -> None:
    for pages in (200, 399, 400, 1003):
        urls = [page.url for page in documents_of(list(read_world(f"seed=1,pages={pages}")))]
        assert len(urls) == len(set(urls)) == pages


def test_urls_are_canonical_and_every_link_leads_to_a_page_and_spans_its_anchor(
    items: list[Document | Picture],
) -> None:
    pages = documents_of(items)
    urls = {page.url for page in pages}
    assert all(canonical_url(url) == url for url in urls)
    links = [(page, link) for page in pages for link in page.links]
    assert len(links) > 3 * len(pages)
    for page, link in links:
        assert link.url in urls
        assert page.text[link.start : link.end] == link.anchor


def test_passing_over_gives_what_reading_gives_there(items: list[Document | Picture]) -> None:
    assert any(isinstance(item, Picture) for item in items)
    for skip in [*range(12), *range(12, len(items) + 2, 83)]:
        assert list(islice(read_source(f"world:{WORLD}", skip=skip), 3)) == items[skip : skip + 3]


def test_the_last_of_ten_million_pages_is_reached_at_once() -> None:
    read_world(WORLD)  # what is imported or parsed once is not the question
    started = time.process_time()
    (last,) = read_world("seed=3,pages=10000000,images=0", skip=9_999_999)
    assert time.process_time() - started < 2  # to make the pages before it would take half an hour
    assert isinstance(last, Document)
    assert last.text
    assert not list(read_world("seed=3,pages=10000000,images=0", skip=10_000_000))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("pages=3", "pages from 200"),
        ("pages=20000000", "to 10000000"),
        ("pages=many", "no whole number"),
        ("noise=lots", "no number"),
        ("noise=0.9", "from 0 to 0.6"),
        ("noise=nan", "from 0 to 0.6"),
        ("seed=-1", "from 0"),
        ("colour=blue", "no option 'colour=blue'"),
        ("pages", "NAME=NUMBER"),
        ("seed=1,seed=2", "given twice"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once_by_name(args: str, said: str) -> None:
    with pytest.raises(BadSource, match=said):
        read_source(f"world:{args}")


def test_pictures_are_drawings_behind_the_pages_that_show_them(items: list[Document | Picture]) -> None:
    pictures = [(place, item) for place, item in enumerate(items) if isinstance(item, Picture)]
    assert len(pictures) == 100  # images=0.1 of 1000
    for place, picture in pictures:
        page = items[place - 1]
        assert isinstance(page, Document)
        (shown,) = page.images
        assert shown.url == picture.url == canonical_url(picture.url)
        assert page.title.split(" (")[0] in shown.caption
        with Pillow.open(io.BytesIO(picture.data)) as image:
            image.load()
            assert image.size == (72, 54)
            assert len(image.getcolors() or ()) > 1
    assert not any(isinstance(item, Picture) for item in read_world("pages=400,images=0"))


def test_shares_are_as_asked_for() -> None:
    plain = documents_of(list(read_world("seed=2,pages=1000,noise=0,stale=0")))
    assert not [page for page in plain if "littlepages" in page.url or "archive." in page.url]
    idle = documents_of(list(read_world("seed=2,pages=1000,noise=0.4,stale=0.1")))
    assert 350 <= sum("littlepages" in page.url for page in idle) <= 400
    assert 90 <= sum("archive." in page.url for page in idle) <= 100


def test_a_build_keeps_text_links_and_pictures_as_they_were_made(
    items: list[Document | Picture], tmp_path: Path
) -> None:
    build_snapshot([f"world:{WORLD}"], tmp_path / "web", BuildOptions(encoder="none"))
    web = open_snapshot(tmp_path / "web")
    assert len(web.store) == 1000
    for page in documents_of(items)[::7]:
        kept = web.store.document(web.store.find_id(page.doc_id) or 0)
        assert (kept.text, kept.links, kept.title, kept.date) == (page.text, page.links, page.title, page.date)
    assert web.manifest.counts.pictures == 100


def test_the_page_about_worlds_shows_what_was_last_measured_and_every_option() -> None:
    """`python -m tests.bench.bench_world` measures and writes."""
    assert rendered(stored()) == PAGE.read_text("utf-8")
    for option in fields(WorldOptions):
        assert f"| `{option.name}` | {option.default} |" in PAGE.read_text("utf-8")
