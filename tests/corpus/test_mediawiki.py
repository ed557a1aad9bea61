"""MediaWiki exports, written here as MediaWiki writes them: articles, redirects, wikitext, and files that are none."""

from __future__ import annotations

import bz2
import gzip
import time
from html import escape
from pathlib import Path

import pytest
import zstandard

from corpus import Document, Skipped, read_source
from corpus.errors import BadSource
from corpus.extraction.wikitext import Target, wikitext_to_html
from corpus.records import Image
from corpus.sources import describe_source, exports, mediawiki
from corpus.sources.exports import read_site
from corpus.sources.mediawiki import read_mediawiki

WIKI = "https://en.wikipedia.org/wiki/"
Page = tuple[str, int, str | None, str]


def export(*pages: Page, base: str = WIKI + "Main_Page", model: str = "wikitext", head: str = "") -> bytes:
    """Pages are (title, namespace, target of a redirect, wikitext)."""
    parts = [
        f'{head}<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en"><siteinfo>'
        f"<base>{base}</base><case>first-letter</case><namespaces>"
        '<namespace key="0" /><namespace key="6">Datei</namespace><namespace key="14">Category</namespace>'
        "</namespaces></siteinfo>"
    ]
    for title, namespace, target, text in pages:
        redirect = f'<redirect title="{escape(target)}" />' if target else ""
        parts.append(
            f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>1</id>{redirect}<revision><id>2</id>"
            f"<timestamp>2024-05-06T07:08:09Z</timestamp><comment>text</comment><model>{model}</model>"
            f'<text xml:space="preserve">{escape(text)}</text></revision></page>'
        )
    return ("".join(parts) + "</mediawiki>").encode()


def written(folder: Path, *pages: Page, name: str = "dump.xml") -> str:
    (folder / name).write_bytes(export(*pages))
    return str(folder / name)


def article(folder: Path, text: str) -> Document:
    (page,) = read_mediawiki(written(folder, ("Page", 0, None, text)))
    assert isinstance(page, Document), page
    assert all(page.text[link.start : link.end] == link.anchor for link in page.links)
    return page


def test_articles_are_pages_and_redirects_are_their_aliases(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("Countess", 0, "Ada", "#REDIRECT [[Ada]]"),
        ("Ada", 0, "Ada Lovelace", "#REDIRECT [[Ada Lovelace]]"),
        ("Ada Lovelace", 0, None, "She wrote to [[charles Babbage|Babbage]]."),
        ("Talk:Ada Lovelace", 1, None, "talk"),
        ("Charles Babbage", 0, None, "He wrote back to [[Ada]]."),
        ("Old style", 0, None, "#REDIRECT [[charles_Babbage#Life]]"),
        ("Loop", 0, "Pool", "x"),
        ("Pool", 0, "Loop", "x"),
    )
    ada, babbage = read_source(path)
    assert isinstance(ada, Document)
    assert isinstance(babbage, Document)
    assert (ada.url, ada.title, ada.date, ada.fetched_at, ada.language) == (
        WIKI + "Ada_Lovelace", "Ada Lovelace", "2024-05-06", None, "en",
    )  # fmt: skip
    assert ada.aliases == (WIKI + "Ada", WIKI + "Countess")
    assert babbage.aliases == (WIKI + "Old_style",)
    assert [(link.url, link.anchor) for link in ada.links] == [(babbage.url, "Babbage")]
    assert babbage.links[0].url in ada.aliases
    assert ada.html is None  # the source had no HTML


@pytest.mark.parametrize("packing", ["", ".bz2", ".gz", ".zst"])
def test_packed_exports_read_like_plain_ones(tmp_path: Path, packing: str) -> None:
    data = export(*[(f"Page {n}", 0, None, f"words {n} " * 200) for n in range(300)])
    half = len(data) // 2
    pack = {"": bytes, ".bz2": bz2.compress, ".gz": gzip.compress, ".zst": zstandard.compress}[packing]
    path = tmp_path / f"dump.xml{packing}"
    path.write_bytes(pack(data[:half]) + pack(data[half:]))  # of several streams, as the multistream dumps are
    items = list(read_source(str(path)))
    assert [item.url for item in items if isinstance(item, Document)] == [f"{WIKI}Page_{n}" for n in range(300)]
    assert describe_source(str(path)) == ("mediawiki", "by what is in it")
    assert describe_source(f"mediawiki:{path}") == ("mediawiki", "as named")


def test_reading_resumes_anywhere_and_extracts_nothing_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[Page] = [("A", 0, None, "a"), ("R", 0, "C", "x"), ("B", 0, None, " "), ("C", 0, None, "c")]
    path = written(tmp_path, *pages)
    everything = list(read_mediawiki(path))
    assert everything[1] == Skipped("dump.xml:B", "no text in this revision")
    for skip in range(5):
        assert list(read_mediawiki(path, skip=skip)) == everything[skip:]
    seen: list[str] = []
    monkeypatch.setattr(mediawiki, "wikitext_to_html", lambda text, *_, **__: seen.append(text) or "<p>x")
    list(read_mediawiki(path, skip=2))
    assert seen == ["c"]


@pytest.mark.parametrize("packing", ["", ".bz2", ".gz"])
def test_an_export_that_ends_early_gives_what_it_has(tmp_path: Path, packing: str) -> None:
    text = " ".join(str(n * n % 7919) for n in range(2000))
    data = export(*[(f"Page {n}", 0, None, f"{n} {text[n * 7 :]}") for n in range(400)])
    pack = {"": bytes, ".bz2": bz2.compress, ".gz": gzip.compress}[packing]
    packed = pack(data)
    path = tmp_path / f"dump.xml{packing}"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    *pages, last = read_mediawiki(str(path))
    assert len(pages) > 20
    assert isinstance(last, Skipped)
    assert f"behind page {len(pages):,}" in last.reason
    for skip in (len(pages) - 1, len(pages), len(pages) + 1):
        assert list(read_mediawiki(str(path), skip=skip)) == [*pages, last][skip:]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html><p>x</html>", "its outermost element is <html>"),
        (b"", "it is empty|no element found"),
        (b"no XML", "no MediaWiki export"),
        (export(head=BOMB), "document type"),
        (b"<mediawiki></mediawiki>", "address of its wiki"),
    ],
)
def test_xml_that_is_no_export_is_refused_at_once_as_what_it_is(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "x.xml").write_bytes(data)
    with pytest.raises(BadSource, match=reason):
        read_source(str(tmp_path / "x.xml"))


def test_pages_that_are_no_wikitext_or_too_long_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_WIKITEXT_CHARS", 1000)
    monkeypatch.setattr(mediawiki, "MAX_WIKITEXT_CHARS", 1000)
    (tmp_path / "dump.xml").write_bytes(export(("J", 0, None, "{}"), model="json"))
    assert list(read_mediawiki(str(tmp_path / "dump.xml"))) == [
        Skipped("dump.xml:J", "its content is json and no wikitext")
    ]
    (long,) = read_mediawiki(written(tmp_path, ("Long", 0, None, "x" * 1001)))
    assert long == Skipped("dump.xml:Long", "the text has 1,001 characters, more than 1,000")


# -- wikitext


def test_an_infobox_becomes_a_line_a_fact_and_its_picture(tmp_path: Path) -> None:
    page = article(
        tmp_path,
        "{{Infobox person\n| name = Ada\n| image = Ada.jpg\n| alt = A portrait\n| caption = Ada in [[1840]]\n"
        "| birth_date = {{birth date|1815|12|10|df=y}}<br>[[London]]\n| image_size = 200px\n"
        "| known_for = {{hlist|[[Notes]]|Letters}}\n}}\n'''Ada''' wrote.",
    )
    assert "- Birth date: 10 December 1815, London\n- Known for: Notes, Letters" in page.text
    assert "200px" not in page.text
    assert page.images == (Image(WIKI + "Special:FilePath/Ada.jpg", "A portrait", "Ada in 1840"),)
    assert [link.anchor for link in page.links] == ["1840", "London", "Notes"]


def test_headings_lists_and_tables_keep_their_shape(tmp_path: Path) -> None:
    page = article(
        tmp_path,
        "Lead.\n\n== Life ==\n* one\n** two\n# first\n# second\n; term : meaning\n\n"
        '{| class="wikitable"\n|+ Ships\n! Name !! Year\n|-\n| rowspan="2" | [[Gull]] || 1890\n|-\n| 1891\n|}\n'
        "== References ==\n<references />\n{{reflist}}\n[[Category:Ships]]",
    )
    assert "## Life\n\n- one\n  - two\n\n1. first\n2. second\n\nterm\n\nmeaning" in page.text
    assert "Ships\n\n| Name | Year |\n| --- | --- |\n| Gull | 1890 |\n| Gull | 1891 |" in page.text
    assert "References" not in page.text
    assert "Category" not in page.text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("It is {{convert|5|to|10|km|mi}} long.", "It is 5 to 10 km long."),
        ("{{lang|fr|bonjour}} {{nowrap|a b}} {{circa|1900}}", "bonjour a b c. 1900"),
        ("{{death date and age|1852|11|27|1815|12|10}}", "27 November 1852 (aged 36)"),
        ("{{coord|51|30|N|0|7|W|display=title}}", "51°30′N 0°7′W"),
        ("a<ref>{{cite web|title=T}}</ref> b<!-- c --> {{citation needed|date=May}}", "a b"),
        ("<math>a < b</math> <nowiki>[[x]] {{y}}</nowiki> &alpha;&nbsp;z", "a < b [[x]] {{y}} α z"),
        ("'''bold''' ''italic'' __NOTOC__", "bold italic"),
        ("{{Unknown|only}} {{Other kind|a|b}}{{Use dmy dates|date=May}}", "only"),
        ("{{Election|party=Blue|votes=12|seat=[[Harbour]]}}", "party: Blue; votes: 12; seat: Harbour"),
        ("<syntaxhighlight lang=py>\nx = [[1]]\n  y</syntaxhighlight>", "```\nx = [[1]]\n  y\n```"),
        ("<div style='display:none'>gone</div>stays {{ and [[", "stays {{ and [["),
        ("{{quote|Words.|Ada}}", "> Words.\n> — Ada"),
    ],
)
def test_what_wikitext_says_is_what_is_kept(tmp_path: Path, wikitext: str, text: str) -> None:
    assert article(tmp_path, wikitext).text == text


def test_links_lead_where_the_wiki_would_lead(tmp_path: Path) -> None:
    page = article(
        tmp_path,
        "[[apple]]s [[日本]]の [[Foo#Bar|bar]] [[#Here|here]] [[:Category:X|x]] [[:de:Uhr|Uhr]] [[de:Uhr]] "
        "[[wikt:dog|dog]] [[Star Trek: Picard]] [https://a.example/ site] {{ill|Ada|de|Ada}}",
    )
    assert [(link.anchor, link.url) for link in page.links] == [
        ("apples", WIKI + "Apple"),
        ("日本", WIKI + "%E6%97%A5%E6%9C%AC"),
        ("bar", WIKI + "Foo"),
        ("x", WIKI + "Category:X"),
        ("Uhr", "https://de.wikipedia.org/wiki/Uhr"),
        ("dog", "https://en.wiktionary.org/wiki/dog"),
        ("Star Trek: Picard", WIKI + "Star_Trek:_Picard"),
        ("site", "https://a.example/"),
        ("Ada", WIKI + "Ada"),
    ]


def test_pictures_have_their_alternative_and_caption(tmp_path: Path) -> None:
    page = article(
        tmp_path,
        'Words. [[File:a b.jpg|thumb|alt=An "alt"|200px|left|A [[caption]]]]\n[[Datei:c.png|20px]]\n'
        "<gallery>\nFile:d.jpg|Of [[ships]]\n</gallery>",
    )
    assert page.images == (
        Image(WIKI + "Special:FilePath/A_b.jpg", 'An "alt"', "A caption"),
        Image(WIKI + "Special:FilePath/C.png"),
        Image(WIKI + "Special:FilePath/D.jpg", "", "Of ships"),
    )
    assert [link.anchor for link in page.links] == ["caption", "ships"]


HOSTILE = [
    "{{",
    "[[a|",
    "{{a|",
    "{|\n",
    "<b>",
    "<div ",
    '<b a="',
    "<!--",
    "[http://a b",
    "\n*",
    ":",
    "{{a|[[b|<ref>{|\n| ",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_openings_that_never_close_cost_no_more_than_their_length(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.process_time()
    wikitext_to_html(text, lambda title: Target("page", None))
    # The parser alone takes minutes to hours for most of these.
    assert time.process_time() - began < 10


def test_deep_nesting_keeps_its_words_to_a_bound_and_harms_nothing_behind_it(tmp_path: Path) -> None:
    assert article(tmp_path, "<div>" * 500 + "deep" + "</div>" * 500).text == "deep"
    assert article(tmp_path, "{{nowrap|" * 20 + "deep" + "}}" * 20).text == "deep"
    assert article(tmp_path, "{{nowrap|" * 500 + "deep" + "}}" * 500 + " behind").text.endswith(" behind")


def test_a_redirect_with_nothing_but_white_space_behind_it_costs_no_more_than_its_length(tmp_path: Path) -> None:
    pages = [("Ada", 0, None, "She wrote programs."), ("Blank", 0, None, "#REDIRECT" + " " * 200_000 + "x")]
    began = time.process_time()
    assert [type(item) for item in read_mediawiki(written(tmp_path, *pages))] == [Document, Document]
    assert time.process_time() - began < 10  # with the square of the length it took minutes


@pytest.mark.parametrize("month", ["²", "9" * 5000, "13", "0"])
def test_a_template_with_a_month_that_is_none_costs_no_page(tmp_path: Path, month: str) -> None:
    assert article(tmp_path, f"Ada was born {{{{birth date|1815|{month}|10}}}}, in London.").text.endswith("in London.")


@pytest.mark.parametrize("key", ["--5", "9" * 5000, "²", ""])
def test_a_namespace_with_a_number_that_is_none_is_passed_over(tmp_path: Path, key: str) -> None:
    data = export(("Ada", 0, None, "She wrote programs."))
    (tmp_path / "dump.xml").write_bytes(data.replace(b'key="6"', f'key="{key}"'.encode()))
    (page,) = read_mediawiki(str(tmp_path / "dump.xml"))
    assert isinstance(page, Document)


def test_a_tag_without_an_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "dump.xml.gz", "wb", compresslevel=1) as file:
        file.write(b"<mediawiki ")
        for _ in range(64):
            file.write(b" " * 1024**2)
    with pytest.raises(BadSource, match="a tag has more than 16,777,216 bytes"):
        read_site(str(tmp_path / "dump.xml.gz"))
