"""Pages of a dozen kinds, written by hand: what a reader came for is kept, what stands around it is not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from corpus.extract import extract_html
from corpus.records import Document, Image

URL = "https://site.example/a/page"


@dataclass(frozen=True)
class Kind:
    """A page and what must come of it. Every word of boilerplate in the pages below begins with "zq"."""

    html: str
    title: str
    text: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    images: tuple[Image, ...] = ()
    date: str | None = None
    language: str | None = None


NEWS = Kind(
    """<!DOCTYPE html><html lang="en-GB"><head><title>Ferry runs aground - The Tidings</title>
    <meta property="og:title" content="Ferry runs aground">
    <script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2021-03-04T06:00:00+00:00"}</script>
    </head><body class="has-sidebar"><a class="skip-link" href="#main">zqskip to content</a>
    <div role="dialog" class="gdpr">zqconsent to zqtracking</div>
    <header><a href="/">zqTidings</a><nav><a href="/w">zqworld</a></nav></header>
    <div class="breadcrumbs"><a href="/">zqhome</a> &gt; <a href="/news">zqnews</a></div>
    <div class="story"><h1>Ferry runs aground</h1>
    <p class="byline">By Ada Lund, <time datetime="2021-03-05">5 March</time></p>
    <figure><img src="/ferry.jpg" alt="The ferry"><figcaption>The ferry at low tide.</figcaption></figure>
    <p>The ferry to <a href="/places/holm">Holm</a> ran aground on Thursday.</p>
    <div class="share-buttons"><a href="//t.example/x">zqtweet</a> <a href="//f.example/x">zqshare</a></div>
    <p>Nobody was hurt, the company said.</p>
    <div class="advertisement">zqadvert</div>
    <div class="related-stories"><h3>zqmore on this</h3><ul><li><a href="/1">zqstorm closes harbour</a></li>
    <li><a href="/2">zqnew ferry ordered</a></li></ul></div></div>
    <div class="sidebar"><h2>zqmost read</h2><ol><li><a href="/3">zqcat elected mayor</a></li></ol></div>
    <div id="footer"><p>zqcopyright 2021 <a href="/c">zqcontact</a></p></div></body></html>""",
    "Ferry runs aground",
    ("# Ferry runs aground", "By Ada Lund, 5 March", "The ferry to Holm ran aground on Thursday.", "Nobody was hurt"),
    (("https://site.example/places/holm", "Holm"),),
    (Image("https://site.example/ferry.jpg", "The ferry", "The ferry at low tide."),),
    "2021-03-04",
    "en-GB",
)

DOCS = Kind(
    """<html lang="en"><head><title>Sorting — Pebble 2.1 manual</title></head><body>
    <div class="related" role="navigation"><ul><li><a href="/index">zqindex</a></li></ul></div>
    <div class="sphinxsidebar"><h3>zqcontents</h3><ul class="nav-tree"><li><a href="/i">zqintro</a><ul>
    <li><a href="/i/1">zqinstall</a></li><li><a href="/i/2">zqupgrade</a></li></ul></li></ul></div>
    <div class="document"><div class="body"><h1>Sorting<a class="headerlink" href="#sorting">zq¶</a></h1>
    <p>Call <a href="sort.html"><code>sort()</code></a> to order rows.</p><pre>rows.sort(key="age")</pre>
    <aside class="note"><p>Sorting is stable.</p></aside>
    <div class="related-note"><p>The order of equal rows is kept; see <a href="stable.html">stability</a>.</p>
    </div>
    <h2>Parameters</h2><dl><dt>key</dt><dd>A column, as in <a href="columns.html">Columns</a>.</dd></dl>
    <table><tr><th>Name</th><th>Default</th></tr><tr><td>reverse</td><td>no</td></tr></table></div></div>
    <div class="footer">zqbuilt with zqpebble</div></body></html>""",
    "Sorting — Pebble 2.1 manual",
    (
        "# Sorting\n",
        "Call sort() to order rows.",
        '```\nrows.sort(key="age")\n```',
        "Sorting is stable.",
        "see stability.",
        "## Parameters",
        "key\nA column, as in Columns.",
        "| reverse | no |",
    ),
    (
        ("https://site.example/a/sort.html", "sort()"),
        ("https://site.example/a/stable.html", "stability"),
        ("https://site.example/a/columns.html", "Columns"),
    ),
    language="en",
)

FORUM = Kind(
    """<html><head><meta http-equiv="Content-Language" content="en"><title>Leaking valve - Boat Forum</title>
    </head><body>
    <div id="user-menu"><a href="/login">zqlogin</a> <a href="/join">zqjoin</a></div>
    <ul class="pagination"><li><a href="?p=1">zq1</a></li><li><a href="?p=2">zq2</a></li></ul>
    <h1>Leaking valve</h1>
    <div class="post"><div class="author">harbourcat</div><div class="content">
    <p>My valve leaks. Any ideas?</p></div>
    <div class="post-actions"><a href="/r">zqreply</a> <a href="/q">zqquote</a></div></div>
    <div class="post"><div class="author">old_salt</div><div class="content"><blockquote><p>My valve leaks.</p>
    <footer>harbourcat</footer></blockquote><p>Read <a href="/t/9">this thread</a> first.</p></div>
    <div class="post-actions"><a href="/r">zqreply</a> <a href="/q">zqquote</a></div></div></body></html>""",
    "Leaking valve - Boat Forum",
    (
        "harbourcat\n\nMy valve leaks. Any ideas?",
        "old_salt\n\n> My valve leaks.\n>\n> harbourcat",
        "Read this thread first.",
    ),
    (("https://site.example/t/9", "this thread"),),
    language="en",
)

SHOP = Kind(
    """<html lang="en"><head><meta property="og:title" content="Brass lantern">
    <meta name="date" content="2019-11"></head>
    <body><div class="topbar"><a href="/cart">zqcart</a></div><ul id="main-menu"><li>
    <a href="/lamps">zqlamps</a></li>
    <li><a href="/ropes">zqropes</a></li></ul><div class="product"><h1>Brass lantern</h1>
    <img data-src="/lantern.jpg" src="data:image/gif;base64,R0" alt="Lantern of brass">
    <p class="price">£ 48.50</p>
    <button>zqadd to basket</button><div class="description">
    <p>Burns twelve hours. Fits our <a href="/wicks">wicks</a>.</p>
    </div><table><tr><th>Height</th><td>31 cm</td></tr><tr><th>Weight</th><td>1.2 kg</td></tr></table></div>
    <div class="recommendations"><h2>zqothers bought</h2><ul><li><a href="/p/1">zqcopper lantern</a> £ 50</li>
    <li><a href="/p/2">zqstorm matches</a> £ 2</li></ul></div>
    <form class="newsletter-signup"><label>zqletters by mail</label><input name="mail"></form>
    <div class="site-footer">zqcompany 12345</div></body></html>""",
    "Brass lantern",
    ("£ 48.50", "Burns twelve hours. Fits our wicks.", "| Height | 31 cm |", "| Weight | 1.2 kg |"),
    (("https://site.example/wicks", "wicks"),),
    (Image("https://site.example/lantern.jpg", "Lantern of brass"),),
    "2019-11",
    "en",
)

WIKI = Kind(
    """<html lang="en"><head><title>Holm - Wiki</title></head><body><div id="content"><h1>Holm</h1>
    <div id="siteSub" class="noprint">zqfrom the wiki</div>
    <div id="jump" class="mw-jump">zqjump to: <a href="#n">zqnav</a>
    </div><div class="hatnote">For the ship, see <a href="/wiki/Holm_(ship)">Holm (ship)</a>.</div>
    <table class="infobox"><tr><th colspan="2">Holm</th></tr><tr><th>Area</th><td>12 km²</td></tr></table>
    <p>Holm is an island<sup class="reference"><a href="#n1">[zq1]</a></sup>.</p>
    <div id="toc" class="toc"><ul><li><a href="#h">zqhistory</a></li></ul></div>
    <h2><span class="mw-headline">History</span><span class="mw-editsection">[<a href="/e">zqedit</a>]</span>
    </h2>
    <p>Settled<span style="display:none">zqsortkey</span> in <a href="/wiki/900">900</a>.</p>
    <h2>See also</h2><ul><li><a href="/wiki/Skerry">Skerry</a></li><li><a href="/wiki/Reef">Reef</a></li></ul>
    <div class="stub">zqhelp by <a href="/e">zqexpanding</a> it</div>
    <table class="navbox"><tr><td><a href="/wiki/A">zqislands</a></td></tr></table>
    <div class="printfooter">zqretrieved from "<a href="/o">zqhttp</a>"</div>
    <div id="catlinks" class="catlinks"><a href="/c">zqcategories</a>: <a href="/c/i">zqislands</a></div></div>
    <div id="mw-navigation"><h2>zqnavigation menu</h2><ul><li><a href="/m">zqmain page</a></li></ul></div>
    <div id="footer"><ul><li>zqlast modified in 2014</li><li><a href="/p">zqprivacy</a></li></ul></div></body>
    </html>""",
    "Holm - Wiki",
    (
        "For the ship, see Holm (ship).",
        "| Area | 12 km² |",
        "Holm is an island.",
        "## History",
        "Settled in 900.",
        "## See also\n\n- Skerry\n- Reef",
    ),
    (
        ("https://site.example/wiki/Holm_(ship)", "Holm (ship)"),
        ("https://site.example/wiki/900", "900"),
        ("https://site.example/wiki/Skerry", "Skerry"),
        ("https://site.example/wiki/Reef", "Reef"),
    ),
    language="en",
)

BLOG = Kind(
    """<html lang="de"><head><title>Brot aus Tang</title></head><body>
    <div class="site-header"><div class="logo"><a href="/">zqTangblog</a></div>
    <div class="links"><a href="/a">zqüber</a> <a href="/b">zqkontakt</a> <a href="/c">zqarchiv</a></div></div>
    <div class="post"><h1>Brot aus Tang</h1><p><time datetime="2018-07-01" pubdate>1. Juli 2018</time></p>
    <p>Man nehme <a href="/mehl">Mehl</a> und Tang.</p><ul><li>500 g Mehl</li><li>50 g Tang</li></ul>
    <p class="tags">zqtags: <a href="/t/brot">zqbrot</a>, <a href="/t/tang">zqtang</a></p></div>
    <div id="comments"><h2>2 Kommentare</h2><ol><li><p>Schmeckt gut!</p></li><li><p>Zu salzig.</p></li></ol>
    </div>
    <div class="widget"><h3>zqarchiv</h3><ul><li><a href="/2018">zq2018</a></li><li><a href="/2017">zq2017</a>
    </li></ul></div>
    </body></html>""",
    "Brot aus Tang",
    ("Man nehme Mehl und Tang.", "- 500 g Mehl\n- 50 g Tang", "## 2 Kommentare", "Schmeckt gut!", "Zu salzig."),
    (("https://site.example/mehl", "Mehl"),),
    date="2018-07-01",
    language="de",
)

LAYOUT_TABLES = Kind(
    """<html><head><title>Cave club</title><meta name="dc.date" content="2001-02-03"></head><body>
    <table width="100%"><tr>
    <td class="menu" width="20%"><a href="/">zqhome</a><br><a href="/trips">zqtrips</a><br>
    <a href="/map">zqmap</a></td>
    <td><h1>Cave club</h1><p>We meet on <b>Mondays</b> at <a href="/inn">the inn</a>.</p>
    <table border="1"><tr><th>Cave</th><th>Depth</th></tr><tr><td>Otter Hole</td><td>60 m</td></tr></table>
    </td></tr>
    <tr><td colspan="2"><center class="copyright">zqcopyright 2001</center></td></tr></table></body></html>""",
    "Cave club",
    ("# Cave club", "We meet on Mondays at the inn.", "| Cave | Depth |", "| Otter Hole | 60 m |"),
    (("https://site.example/inn", "the inn"),),
    date="2001-02-03",
)

CHINESE = Kind(
    """<html lang="zh-CN"><head><meta charset="utf-8"><title>港口重新开放_海岸新闻</title></head><body>
    <div class="nav"><a href="/">zq首页</a> <a href="/guonei">zq国内</a> <a href="/guoji">zq国际</a></div>
    <div class="main"><h1>港口重新开放</h1><div class="info"><time datetime="2020-05-06T01:00:00+08:00">5月6日</time>
    </div>
    <p>经过三个月的维修，<a href="/gangkou">港口</a>于周二重新开放。</p>
    <figure><img src="/gk.jpg" alt="港口"><figcaption>清晨的港口。</figcaption></figure><p>渔民们表示高兴。</p></div>
    <div class="recommend"><a href="/1">zq推荐一</a> <a href="/2">zq推荐二</a></div>
    <div class="footer">zq版权所有</div></body></html>""",
    "港口重新开放_海岸新闻",
    ("# 港口重新开放", "经过三个月的维修，港口于周二重新开放。", "渔民们表示高兴。"),
    (("https://site.example/gangkou", "港口"),),
    (Image("https://site.example/gk.jpg", "港口", "清晨的港口。"),),
    "2020-05-05",
    "zh-CN",
)

RECIPE = Kind(
    """<html lang="en"><title>Ginger cookies</title>
    <div class="cookie-banner">zqcookies are used. <a href="/p">zqmore</a></div>
    <div class="cookie recipe"><h1>Ginger cookies</h1><p>Bake the cookie for ten minutes.</p></div>
    <div class="menu"><p>Soup of the day</p><p>Bread from <a href="/oven">our oven</a></p></div>
    <div class="market-share"><p>Half of the market.</p></div></html>""",
    "Ginger cookies",
    ("Bake the cookie for ten minutes.", "Soup of the day\n\nBread from our oven", "Half of the market."),
    (("https://site.example/oven", "our oven"),),
    language="en",
)

HTML5 = Kind(
    """<html lang="en"><body><header><h1>zqsite</h1></header><main><article><header><h1>On terns</h1></header>
    <section><p>Terns fly far.</p><aside><p>An arctic tern sees two summers a year.</p></aside></section>
    <aside class="related"><a href="/gulls">zqgulls</a></aside><nav><a href="/2">zqnext</a></nav>
    <footer>zqposted by ada</footer></article></main><footer>zqfoot</footer></body></html>""",
    "zqsite",
    ("# On terns", "Terns fly far.", "An arctic tern sees two summers a year."),
    language="en",
)

DIRECTORY = Kind(
    """<html lang="en"><title>Islands A to Z</title><body><div id="menu"><ul><li><a href="/holm">Holm</a></li>
    <li><a href="/skerry">The Great Skerry and its Light</a></li><li><a href="/vik">Vik</a></li></ul></div>
    <p>3</p></body></html>""",
    "Islands A to Z",
    ("- Holm\n- The Great Skerry and its Light\n- Vik", "3"),
    (
        ("https://site.example/holm", "Holm"),
        ("https://site.example/skerry", "The Great Skerry and its Light"),
        ("https://site.example/vik", "Vik"),
    ),
    language="en",
)

INDEX = Kind(
    """<html lang="en"><title>Authors</title><body><ul><li><a href="/a">Zora Ames</a></li><li>
    <a href="/b">Bo Berg</a></li>
    <li><a href="/c">Cy Cole</a></li></ul><h2>Editors</h2><ul><li><a href="/d">Di Dahl</a></li></ul></body>
    </html>""",
    "Authors",
    ("- Zora Ames\n- Bo Berg\n- Cy Cole", "## Editors\n\n- Di Dahl"),
    (
        ("https://site.example/a", "Zora Ames"),
        ("https://site.example/b", "Bo Berg"),
        ("https://site.example/c", "Cy Cole"),
        ("https://site.example/d", "Di Dahl"),
    ),
    language="en",
)

KINDS = {name.lower(): kind for name, kind in list(globals().items()) if isinstance(kind, Kind)}


@pytest.mark.parametrize("name", KINDS)
def test_of_each_kind_of_page_the_content_is_kept_and_its_surroundings_are_not(name: str) -> None:
    kind = KINDS[name]
    page = extract_html(URL, kind.html)
    assert isinstance(page, Document), page
    for part in kind.text:
        assert part in page.text, page.text
    assert "zq" not in page.text, page.text
    assert page.title == kind.title
    assert (page.date, page.language) == (kind.date, kind.language)
    assert tuple((link.url, link.anchor) for link in page.links) == kind.links
    assert all(page.text[link.start : link.end] == link.anchor for link in page.links)
    assert page.images == kind.images


def test_what_is_taken_back_leaves_lists_quotes_and_cells_as_they_were() -> None:
    html = """<p>{text}</p><blockquote><div class=nav><a href=/n>n</a></div><p>quoted</p></blockquote>
        <ul><li>one<ul class=menu><li><a href=/m>m</a></li></ul></li><li><p class=tags><a href=/t>t</a>
    </p>two</li></ul>
        <table><tr><td>a <div class=nav><a href=/v>v</a></div> <a href=/b>b</a></td><td>c</td></tr></table>
        <a href=/x>x <span><div class=share>y</div></span> z</a>""".format(text="words " * 50)
    page = extract_html(URL, html)
    assert isinstance(page, Document)
    assert page.text.split("\n\n", 1)[1] == "> quoted\n\n- one\n- two\n\n| a b | c |\n| --- | --- |\n\nx\n\nz"
    assert [page.text[link.start : link.end] for link in page.links] == ["b", "x"]


def test_pictures_of_what_is_taken_back_go_with_it() -> None:
    page = extract_html(URL, "words " * 50 + "<div class=nav><a href=/s>s<img src=/s.png></a></div><img src=/t.png>")
    assert isinstance(page, Document)
    assert page.images == (Image("https://site.example/t.png"),)


def test_ten_thousand_suspects_inside_one_another_are_no_trouble() -> None:
    for inside in ("<a href=/x>x</a>", "words " * 100):
        page = extract_html(URL, "<h1>t</h1>" + "<div class=nav><a href=/y>y</a>" * 10_000 + inside)
        assert isinstance(page, Document)
    assert page.text.endswith("words")
