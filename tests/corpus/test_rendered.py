"""Pages rendered when they are stored: the same bytes as rendering them when they are asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from corpus import open_snapshot
from corpus.reading import render_rows
from corpus.records import LinkRow
from corpus.rendered_store import Rendered, record_of
from corpus.snapshot import Snapshot

TEXTS = st.text(st.sampled_from('ab \n"\\()[]é☃🚢\x01'), max_size=60)


@st.composite
def pages(draw: st.DrawFn, overlapping: bool = False) -> tuple[str, list[LinkRow]]:
    """A text and links in it, some without a place; one behind another unless they may overlap."""
    text = draw(TEXTS)
    places = draw(st.lists(st.integers(0, len(text)), max_size=12).map(lambda found: found[: len(found) // 2 * 2]))
    cuts = places if overlapping else sorted(places)
    rows: list[LinkRow] = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=True):
        url = draw(st.sampled_from(["https://a.example/", "https://a.example/x_(y)", 'https://é.example/"']))
        rows.append((url, "", None, None) if draw(st.booleans()) and url.endswith("/") else (url, "", start, end))
    return text, rows


@given(pages(), st.data())
def test_every_part_of_a_page_is_a_copy_of_what_rendering_it_gives(
    page: tuple[str, list[LinkRow]], data: st.DataObject
) -> None:
    text, links = page
    record = record_of(text, [], links, [], None)
    rendered = Rendered(b"before" + record + b"behind", 6)
    assert rendered.whole == orjson.dumps(render_rows(text, links, 0, len(text)))
    assert rendered.chars == len(text)
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    assert rendered.part(text, start, end) == orjson.dumps(render_rows(text, links, start, end))


@given(pages(overlapping=True), st.data())
def test_overlapping_links_are_left_to_rendering_unless_they_do_not_matter(
    page: tuple[str, list[LinkRow]], data: st.DataObject
) -> None:
    text, links = page
    record = record_of(text, [], links, [], None)
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    assert not record or Rendered(record, 0).part(text, start, end) == orjson.dumps(
        render_rows(text, links, start, end)
    )


def test_what_lies_beside_the_text_comes_back_as_it_was() -> None:
    sections = [('A "title"', 1, 0, 9), ("é", 2, 4, 9)]
    images = [("https://a.example/p.png", "alt", "")]
    rendered = Rendered(record_of("some text", sections, [], images, "en"), 0)
    assert rendered.section_rows == sections
    assert orjson.loads(rendered.sections)[1] == {"title": "é", "level": 2, "start": 4, "end": 9}
    assert (rendered.language, [tuple(row) for row in rendered.images]) == ("en", images)


def test_a_snapshot_of_an_earlier_version_opens_and_has_nothing_rendered(tiny_path: Path, tmp_path: Path) -> None:
    old = earlier(tiny_path, tmp_path / "old")
    new = open_snapshot(tiny_path)
    assert old.snapshot_id == new.snapshot_id
    for number in range(len(new.store)):
        assert new.store.rendered(number) is not None
        assert old.store.rendered(number) is None
        assert old.store.section_rows(number) == [list(row) for row in new.store.section_rows(number)]  # type: ignore[comparison-overlap]
        assert old.store.document(number) == new.store.document(number)


def earlier(path: Path, folder: Path) -> Snapshot:
    """The snapshot as a version wrote it that rendered nothing."""
    shutil.copytree(path, folder)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    for name in ("documents/rendered.bin", "documents/rendered.npy"):
        (folder / name).unlink()
        del manifest["files"][name]
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    return open_snapshot(folder)
