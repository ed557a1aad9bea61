"""ZIM files, made here with libzim: pages, pictures and redirects come out under URLs that join."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libzim.writer import Creator, Hint, Item, StringProvider

from corpus import Document, Skipped, read_source
from corpus.errors import BadSource
from corpus.records import Picture
from corpus.sources import guess_kind, zim
from corpus.sources.zim import read_zim, zim_notes

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
ADA = "<html lang='en-GB'><title>x</title><h1>Ada</h1><p>See <a href='./Engine'>the engine</a>.<img src='{}' alt='P'>"


class Entry(Item):  # type: ignore[misc]  # the library has no types
    def __init__(self, path: str, kind: str, content: bytes | str, title: str = "") -> None:
        super().__init__()
        self.told = (path, kind, content, title or path)

    def get_path(self) -> str:
        return self.told[0]

    def get_title(self) -> str:
        return self.told[3]

    def get_mimetype(self) -> str:
        return self.told[1]

    def get_contentprovider(self) -> Any:
        return StringProvider(self.told[2])

    def get_hints(self) -> dict[Any, Any]:
        return {Hint.FRONT_ARTICLE: self.told[1].startswith("text/html")}


def make_zim(path: Path, entries: list[Entry], *, redirects: dict[str, str] | None = None, **metadata: str) -> str:
    with Creator(path) as creator:
        for entry in entries:
            creator.add_item(entry)
        for name, target in (redirects or {}).items():
            creator.add_redirection(name, name, target, {})
        for name, value in metadata.items():
            creator.add_metadata(name, value)
    return str(path)


def wikipedia(path: Path, prefix: str = "") -> str:
    image = "../I/p.png" if prefix else "_assets_/p.png"
    return make_zim(
        path,
        [
            Entry(f"{prefix}Ada_Lovelace", "text/html", ADA.format(image), "Ada Lovelace"),
            Entry(f"{prefix}Engine", "text/html; charset=utf-8", "<p>An engine of <a href='Ada_Lovelace?x#y'>Ada</a>."),
            Entry(f"{prefix}Empty", "text/html", "<nav>x</nav>"),
            Entry("I/p.png" if prefix else "_assets_/p.png", "image/png", PNG),
            Entry("style.css", "text/css", "a {}"),
        ],
        redirects={f"{prefix}Ada": f"{prefix}Ada_L", f"{prefix}Ada_L": f"{prefix}Ada_Lovelace"},
        Name="wikipedia_en_all",
        Language="eng",
        Date="2024-01-02",
        Title="Wikipedia",
        License="CC BY-SA 4.0",
    )


@pytest.mark.parametrize("prefix", ["", "A/"])
def test_pages_pictures_and_redirects_of_a_wiki_join(tmp_path: Path, prefix: str) -> None:
    path = wikipedia(tmp_path / "web.zim", prefix)
    assert guess_kind(path) == "zim"
    items = list(read_source(path))
    ada, engine = [item for item in items if isinstance(item, Document)]
    (picture,) = [item for item in items if isinstance(item, Picture)]
    (empty,) = [item for item in items if isinstance(item, Skipped)]
    assert (ada.url, ada.title) == ("https://en.wikipedia.org/wiki/Ada_Lovelace", "Ada Lovelace")
    assert [link.url for link in ada.links] == [engine.url]
    assert [(link.url, link.anchor) for link in engine.links] == [(ada.url, "Ada")]
    assert set(ada.aliases) == {"https://en.wikipedia.org/wiki/Ada", "https://en.wikipedia.org/wiki/Ada_L"}
    assert [image.url for image in ada.images] == [picture.url]
    assert picture.url.startswith("https://wikipedia-en-all.invalid/")
    assert (picture.media_type, picture.data) == ("image/png", PNG)
    assert (ada.language, engine.language, ada.fetched_at) == ("en-GB", "en", "2024-01-02")
    assert empty == Skipped(f"web.zim:{prefix}Empty", "no text after extraction")
    assert len(items) == 4  # a style sheet is no item


@pytest.mark.parametrize(
    ("metadata", "path", "url"),
    [
        ({"Name": "wikipedia_fr_all_maxi"}, "Chaîne_d'or", "https://fr.wikipedia.org/wiki/Cha%C3%AEne_d'or"),
        ({"Name": "wikipedia_en_simple_all"}, "AC/DC", "https://simple.wikipedia.org/wiki/AC/DC"),
        ({"Name": "x", "Scraper": "mwoffliner 1.14", "Source": "wiki.example"}, "P", "https://wiki.example/wiki/P"),
        ({"Name": "wiktionary_en_all", "Source": "https://w.example/dict/"}, "What?", "https://w.example/dict/What%3F"),
        ({"Name": "My Site"}, "a/b c.html", "https://my-site.invalid/a/b%20c.html"),
        ({"Name": "x", "Source": "https://a.example"}, "q/1", "https://a.example/q/1"),
        ({"Name": "x", "Source": "a book"}, "q", "https://x.invalid/q"),
        ({"Scraper": "warc2zim 2", "Source": "https://b.example/"}, "a.example/p?x=1", "https://a.example/p?x=1"),
        ({}, "p", "https://web-2024.invalid/p"),
    ],
)
def test_a_pages_url_follows_what_the_archive_tells(
    tmp_path: Path, metadata: dict[str, str], path: str, url: str
) -> None:
    made = make_zim(tmp_path / "web_2024.zim", [Entry(path, "text/html", "<p>words")], **metadata)
    (page,) = read_zim(made)
    assert isinstance(page, Document)
    assert page.url == url


def test_reading_resumes_anywhere_and_extracts_nothing_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wikipedia(tmp_path / "web.zim")
    everything = list(read_zim(path))
    for skip in range(len(everything) + 2):
        assert list(read_zim(path, skip=skip)) == everything[skip:]
    seen: list[str] = []
    extract = zim.extract_html
    monkeypatch.setattr(zim, "extract_html", lambda url, *a, **k: seen.append(url) or extract(url, *a, **k))
    list(read_zim(path, skip=2))
    assert seen == ["https://zim.invalid/Engine"]


def test_pictures_that_are_none_are_skipped_with_their_reason(tmp_path: Path) -> None:
    path = make_zim(
        tmp_path / "web.zim",
        [
            Entry("a.png", "image/png", b"<p>no picture"),
            Entry("b.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(16 * 1024**2)),
            Entry("c.jpg", "image/jpeg", PNG),
            Entry("d.svg", "image/svg+xml", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"),
        ],
        Name="x",
    )
    none, huge, png, svg = read_zim(path)
    assert isinstance(none, Skipped)
    assert none.reason == "declared as image/png, but its bytes are no picture of a known kind"
    assert isinstance(huge, Skipped)
    assert "16,777,224 bytes" in huge.reason
    assert isinstance(png, Picture)
    assert png.media_type == "image/png"
    assert isinstance(svg, Picture)
    assert svg.media_type == "image/svg+xml"


def test_notes_are_what_the_archive_says_of_itself(tmp_path: Path) -> None:
    notes = zim_notes(wikipedia(tmp_path / "web.zim"))
    assert notes == {"title": "Wikipedia", "licence": "CC BY-SA 4.0", "date": "2024-01-02"}


@pytest.mark.parametrize("size", [0, 30, 500, -100])
def test_a_file_that_is_no_zim_or_cut_off_is_refused_at_once(tmp_path: Path, size: int) -> None:
    path = Path(wikipedia(tmp_path / "web.zim"))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BadSource, match="or not all of one"):
        read_source(str(path))
    with pytest.raises(BadSource, match="no file"):
        read_source(f"zim:{tmp_path}/nowhere.zim")


def test_loops_of_redirects_lead_nowhere_and_long_chains_lead_home() -> None:
    class Fake:
        """Entries 0 to 99 each lead to the next, 100 is a page, 101 and 102 lead to one another."""

        has_new_namespace_scheme = True
        entry_count = 103

        def _get_entry_by_id(self, number: int) -> Any:
            fake = Fake()
            fake.path, fake._index, fake.is_redirect = f"e{number}", number, number != 100
            fake.get_redirect_entry = lambda: self._get_entry_by_id({101: 102, 102: 101}.get(number, number + 1))
            fake.get_item = lambda: fake
            fake.mimetype = "text/html"
            return fake

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    survey = zim._survey(Fake())
    assert survey.aliases(100) == list(range(100))
    assert survey.aliases(101) == survey.aliases(102) == []


def test_without_libzim_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wikipedia(tmp_path / "web.zim")
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("libzim"):
            raise ImportError("gone", name="libzim")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadSource, match=r"stillweb\[sources\]"):
        read_zim(path)


def parts(path: Path) -> Iterator[Path]:
    data = path.read_bytes()
    path.unlink()
    for number, end in enumerate(("aa", "ab")):
        part = path.with_name(path.name + end)
        part.write_bytes(data[number * 1000 : (number + 1) * 1000] if end == "aa" else data[1000:])
        yield part


def test_an_archive_in_parts_is_read_by_its_first(tmp_path: Path) -> None:
    path = Path(wikipedia(tmp_path / "web.zim"))
    whole = [item for item in read_zim(str(path)) if isinstance(item, Document)]
    first, _ = parts(path)
    assert [item.url for item in read_source(str(first)) if isinstance(item, Document)] == [one.url for one in whole]
