"""A page becomes a Document: text, exact links, metadata, and no page that stops a build."""

from __future__ import annotations

import itertools
import time

import pytest

from corpus.extract import MAX_PAGE_BYTES, extract_html, normal_date
from corpus.records import Document, Image, Skipped

URL = "https://a.example/dir/page"


def extract(html: bytes | str, title: str | None = None, date: str | None = None) -> Document:
    page = extract_html(URL, html, title=title, date=date)
    assert isinstance(page, Document), page
    for link in page.links:
        assert link.start is not None
        assert page.text[link.start : link.end] == link.anchor
    spans = [(link.start or 0, link.end or 0) for link in page.links]
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    return page


def text_of(html: str) -> str:
    return extract(html).text


# -- Markdown


def test_headings_and_paragraphs_stand_apart_and_whitespace_is_folded() -> None:
    html = "<h1>One\n two</h1>text <p>A&nbsp; <b>bold</b>\n word</p><h6>Six</h6><div>x<div>y</div></div>"
    assert text_of(html) == "# One two\n\ntext\n\nA bold word\n\n###### Six\n\nx\n\ny"


def test_words_split_by_tags_or_soft_hyphens_stay_whole() -> None:
    assert text_of("<p>H<sub>2</sub>O and light<wbr>house and har&shy;bour</p>") == "H2O and lighthouse and harbour"


def test_lists_nest_with_markers_and_stay_tight() -> None:
    html = "<p>x</p><ul><li><p>a</p></li><li>b<ol start=3><li>c<li>d</ol>after</li><li></li><li>e</li></ul><p>y</p>"
    assert text_of(html) == "x\n\n- a\n- b\n  3. c\n  4. d\n\n  after\n- e\n\ny"


def test_quotes_mark_every_line_and_only_theirs() -> None:
    html = "<p>a</p><blockquote><p>b</p><p>c<br>d</p><ul><li>e</li></ul></blockquote><p>f</p>"
    assert text_of(html) == "a\n\n> b\n>\n> c\n> d\n>\n> - e\n\nf"


def test_code_keeps_its_lines_and_gets_a_fence_longer_than_any_inside() -> None:
    html = "<p>x</p><pre>\n\n  def f():\n\n      return '```'\n</pre><p>y</p>"
    assert text_of(html) == "x\n\n````\n  def f():\n\n      return '```'\n````\n\ny"


def test_links_inside_code_have_exact_spans() -> None:
    page = extract("<ul><li>see<pre>  a\n  <a href='/f'>f()\ng</a> <a href=/h>h</a></pre></ul>")
    assert page.text == "- see\n\n  ```\n    a\n    f()\n  g h\n  ```"
    assert [(link.url, link.anchor) for link in page.links] == [
        ("https://a.example/f", "f()"),
        ("https://a.example/h", "h"),
    ]


def test_tables_become_pipe_tables_with_spans_filled() -> None:
    html = """<table><caption>Cap</caption><tr><th colspan=2>Who<th>When</tr>
        <tr><td rowspan=2>Ada<td>a|b<td><a href=/x>1887</a></tr><tr><td><ul><li>c<li>d</ul><td>1888</tr>
        <tr><td></tr></table>"""
    page = extract(html)
    assert page.text == ("Cap\n\n| Who |  | When |\n| --- | --- | --- |\n| Ada | a\\|b | 1887 |\n| Ada | c; d | 1888 |")
    assert [link.anchor for link in page.links] == ["1887"]


def test_a_cell_with_only_a_picture_says_its_alternative_text() -> None:
    html = "<table><tr><td><img src=/f.png alt=France><td>Bourdais <img src=/t.png alt=tick></tr></table>"
    assert text_of(html) == "| France | Bourdais |\n| --- | --- |"


def test_a_table_that_only_places_blocks_is_no_table() -> None:
    html = "<table><tr><td><h2>H</h2><p>a</p><td><table><tr><td>1<td>2</tr></table></tr></table>"
    assert text_of(html) == "## H\n\na\n\n| 1 | 2 |\n| --- | --- |"
    assert text_of("<table><tr><td>framed</td></tr></table>") == "framed"


# -- links and images


def test_links_resolve_against_the_base_and_lose_what_is_no_page() -> None:
    html = """<base href="/other/"><p><a href="x#frag">x</a> <a href="#top">top</a> <a href="mailto:a@b.c">m</a>
        <a href="javascript:void(0)">j</a> <a href="http://[bad">b</a> <a href="">e</a> <a>n</a>
        <a href=" ../y?q=1 ">  y  </a><a href="/img"><img src="p.png" alt="A  pic"></a></p>"""
    page = extract(html)
    assert page.text == "x top m j b e n y"
    assert [(link.url, link.anchor) for link in page.links] == [
        ("https://a.example/other/x", "x"),
        ("https://a.example/y?q=1", "y"),
    ]
    assert page.images == (Image("https://a.example/other/p.png", "A pic"),)


def test_links_are_resolved_against_the_page_without_a_base() -> None:
    assert extract("<a href=other>o</a>").links[0].url == "https://a.example/dir/other"


def test_an_anchor_of_several_blocks_is_its_first_line() -> None:
    page = extract("<a href=/t><h2>Title</h2><p>More</p></a>")
    assert page.text == "## Title\n\nMore"
    assert [link.anchor for link in page.links] == ["Title"]


def test_images_take_the_caption_of_their_figure() -> None:
    page = extract(
        "<p>t</p><img src=data:image/png;base64,AA data-src=/late.png><figure><img src=/f.png alt=F>"
        "<figcaption>The <b>cap</b></figcaption></figure><img src=/g.png>"
    )
    assert page.images == (
        Image("https://a.example/late.png"),
        Image("https://a.example/f.png", "F", "The cap"),
        Image("https://a.example/g.png"),
    )


# -- what counts as content


def test_boilerplate_and_hidden_elements_are_left_out() -> None:
    html = """<header>head</header><nav>nav</nav><aside>aside</aside><div role=search>s</div><div hidden>h</div>
        <div aria-hidden=true>ah</div><span style="display: none">d</span><script>1</script><style>2</style>
        <noscript>3</noscript><template>4</template><svg><text>5</text></svg><form>form <button>b</button>
        <input value=i><textarea>ta</textarea><select><option>o</select></form>
        <article><header>Byline</header>body</article><article>two</article><footer>foot</footer><!-- comment -->"""
    assert text_of(html) == "form\n\nByline\n\nbody\n\ntwo"


def test_main_comes_before_a_single_article_and_both_before_the_body() -> None:
    assert text_of("<p>x</p><article>art</article><main><header>h</header>m</main>") == "h\n\nm"
    assert text_of("<p>x</p><article>art</article>") == "art"
    assert text_of("<p>x</p><article>a</article><article>b</article>") == "x\n\na\n\nb"


def test_an_empty_main_does_not_hide_the_page() -> None:
    assert text_of("<main><div id=app></div></main><p>words</p>") == "words"


# -- metadata


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<meta property=og:title content='  Open '><title>T</title><h1>H</h1>", "Open"),
        ("<title> A\n title </title><h1>H</h1>", "A title"),
        ("<body><h1>H <i>one</i></h1><h1>two</h1>", "H one"),
        ("<p>only text", "page"),
    ],
)
def test_the_title_is_the_best_the_page_has(html: str, title: str) -> None:
    assert extract(html + "<p>x").title == title
    assert extract(html + "<p>x", title="Given").title == "Given"


@pytest.mark.parametrize(
    ("html", "date"),
    [
        ("<meta property=article:published_time content=2020-01-31T23:30:00-05:00>", "2020-02-01"),
        ("<meta name=date content=nonsense><meta name=DC.Date content=2014-06>", "2014-06"),
        ("<body><time datetime=18:30>t</time><time datetime=2024-10-03>t</time>", "2024-10-03"),
        ("", None),
    ],
)
def test_the_date_is_the_first_readable_one(html: str, date: str | None) -> None:
    assert extract(html + "<p>x").date == date
    assert extract(html + "<p>x", date="1999").date == "1999"


def test_language_and_html_are_kept() -> None:
    page = extract_html(URL, "<html lang=en_GB><p>x", keep_html=True)
    assert isinstance(page, Document)
    assert (page.language, page.html) == ("en-GB", "<html lang=en_GB><p>x")
    assert extract("<html lang='?'><p>x").language is None


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (1785, "1785"),
        ("2014", "2014"),
        ("2014-6", "2014-06"),
        ("2014/06/07", "2014-06-07"),
        ("20140607", "2014-06-07"),
        (" 2014-06-07T10:00:00.123Z ", "2014-06-07"),
        ("2014-06-07 23:00+0000", "2014-06-07"),
        ("2014-06-07T23:00-05:00", "2014-06-08"),
        ("Sat, 07 Jun 2014 23:30:00 -0500", "2014-06-08"),
        ("Sat, 07 Jun 2014 23:30:00 GMT", "2014-06-07"),
        ("0000", None),
        ("2014-13", None),
        ("2014-02-30", None),
        ("0001-01-01T00:00+05:00", None),
        (12345, None),
        (-5, None),
        (True, None),
        (None, None),
        (["2014"], None),
        ("", None),
        ("٢٠١٤", None),
        ("yesterday", None),
        ("2" * 1000, None),
    ],
)
def test_dates_come_out_in_one_spelling_or_not_at_all(value: object, date: str | None) -> None:
    assert normal_date(value) == date


# -- bytes


@pytest.mark.parametrize(
    "html",
    [
        "<p>Þórunn 日本".encode(),
        b"\xef\xbb\xbf<meta charset=latin-1>" + "<p>Þórunn 日本".encode(),
        b"\xff\xfe" + "<p>Þórunn 日本".encode("utf-16-le"),
        b"\xfe\xff" + "<p>Þórunn 日本".encode("utf-16-be"),
        b"<meta charset='shift_jis'><p>" + "Þórunn 日本".encode("shift_jis", "xmlcharrefreplace"),
        b"<meta http-equiv=content-type content='text/html; charset=gb18030'>" + "<p>Þórunn 日本".encode("gb18030"),
        b"<meta charset=no-such-set>" + "<p>Þórunn 日本".encode(),
        b"<meta charset=hex>" + "<p>Þórunn 日本".encode(),
    ],
)
def test_bytes_are_read_as_they_declare_themselves(html: bytes) -> None:
    assert extract(html).text == "Þórunn 日本"


def test_latin_1_means_windows_1252_as_in_browsers() -> None:
    assert extract(b"<meta charset=iso-8859-1><p>\x93caf\xe9\x94").text == "“café”"


def test_bytes_that_do_not_decode_are_replaced() -> None:
    page = extract(b"<title>\xff</title><p>a\xffb \xc3")
    assert (page.title, page.text) == ("\ufffd", "a\ufffdb \ufffd")


def test_nul_and_lone_surrogates_do_not_get_through() -> None:
    page = extract("<p>a\0b \ud800c")
    assert page.text == "ab \ufffdc"
    assert page.html == "<p>ab \ufffdc"


# -- pages that are none, and pages that would hurt


@pytest.mark.parametrize(
    "html", [b"", "", "   ", "<html></html>", "<frameset><frame src=x></frameset>", "<nav>x</nav>", "<p>\xa0</p>"]
)
def test_a_page_without_text_is_skipped_with_the_reason(html: bytes | str) -> None:
    assert extract_html(URL, html) == Skipped(URL, "no text after extraction")


def test_a_page_without_body_tags_is_read_all_the_same() -> None:
    assert text_of("just words") == "just words"


def test_a_bad_url_is_a_reason_and_no_exception() -> None:
    page = extract_html("not a url", "<p>x")
    assert isinstance(page, Skipped)
    assert "absolute" in page.reason


@pytest.mark.parametrize("html", [b"<p>x</p>" * 6_553_600, "<p>é</p>" * 5_000_000])
def test_a_page_of_50_mb_is_skipped_with_its_size_and_the_limit(html: bytes | str) -> None:
    page = extract_html(URL, html)
    assert isinstance(page, Skipped)
    assert f"{MAX_PAGE_BYTES:,}" in page.reason
    assert ("52,428,800" if isinstance(html, bytes) else "45,000,000") in page.reason


@pytest.mark.parametrize(
    "tags",
    ["<div>", "<ul><li>", "<blockquote>", "<table><tr><td>", "<span>", "<b><p>", "<figure><figcaption>", "<pre>"],
)
def test_ten_thousand_nested_elements_are_no_trouble(tags: str) -> None:
    began = time.process_time()
    page = extract(tags * 10_000 + "deep <a href=/x>down</a>")
    assert page.text.endswith("deep down\n```" if tags == "<pre>" else "deep down")
    assert len(page.text) < 100_000
    assert time.process_time() - began < 2


def test_time_grows_with_the_page_and_not_with_its_square() -> None:
    began = time.process_time()
    extract(
        "<p>a <a href=/x>b</a>" * 30_000 + "<table>" + "<tr><td>c<td>d" * 30_000 + "</table>" + "<h2>e</h2>" * 30_000
    )
    assert time.process_time() - began < 10


def test_nesting_that_would_stall_the_parser_is_skipped() -> None:
    page = extract_html(URL, "<div>" * 1_000_000 + "x")
    assert page == Skipped(URL, "elements nested more than 25,000 deep")
    assert len(text_of("<p>x<li>y" * 50_000)) > 50_000


def test_spans_of_table_cells_cannot_blow_a_page_up() -> None:
    row = "<tr>" + f"<td rowspan=1000 colspan=1000>{'x' * 100}" * 100 + "</tr>"
    html = "<table>" + row + "<tr><td>y</tr>" * 1000 + "</table>"
    assert len(text_of(html)) < 5 * len(html)
