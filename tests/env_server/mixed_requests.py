"""Requests over every route, drawn with a seed, and a small web in which most things tie."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot

Request = tuple[str, str, dict[str, Any]]
"""Method, path, and the JSON body or, for GET, the query parameters."""

TREES = ("amber", "birch", "cedar", "dogwood", "elm", "fir")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082"
)
SPELLINGS = (
    "Café Zürich naïve façade",
    unicodedata.normalize("NFD", "Café Zürich naïve façade"),
    "ＡＢＣ ｆｕｌｌｗｉｄｔｈ １２３",
    "中华人民共和国 的 首都 是 哪里",
    "東京都の人口は何人ですか",
    "שלום עולם ירושלים",
    "مرحبا بالعالم القاهرة",
    "🦉 owl 👩‍🔬 scientist 🇫🇷",
    "ภาษาไทย กรุงเทพ",
    "ﬁne ﬂow Straße İstanbul ıılık",
    "zero\u200bwidth soft\u00adhyphen \u202eright to left",
    "e\u0301\u0301\u0301 k\u0338",
)
LUCENE = (
    'title:"tree 1" amber',
    "+amber -birch",
    "amber AND (cedar OR elm)",
    "amber^2.5 birch^0.1 elm",
    '"amber birch"~2',
    "domain:a.example cedar",
    "text:amber NOT dogwood",
    "amber AND (",
    "headings:prices",
    "中华 AND 首都",
    "*",
)
NOWHERE = "xyzzyq qwrtzk"
"""Words of no page: BM25 finds nothing, vectors find something all the same."""


def write_sources(folder: Path) -> list[str]:
    """Equal pages, nearly equal pages, one of 40 passages, every spelling in SPELLINGS, links, dates and a picture."""
    rng = random.Random(7)
    rows: list[dict[str, Any]] = []
    for i in range(260):
        text = " ".join(rng.choices(TREES, k=rng.choice([3, 3, 3, 4, 6])))
        row: dict[str, Any] = {
            "url": f"https://{'abc'[i % 3]}.example/tree/{i}",
            "title": f"Tree {i % 3}",
            "text": text,
        }
        if i % 4:
            row["date"] = f"20{i % 20:02}-0{1 + i % 9}-01"
        if i % 5 == 0:
            row["links"] = [f"https://a.example/tree/{rng.randrange(260)}" for _ in range(3)]
        rows.append(row)
    for i in range(40):  # one word apart, and of lengths next to each other
        text = "The harbour master keeps the amber lamp " + "and the birch oar " * (i % 4) + f"number {i % 7}."
        rows.append({"url": f"https://near.example/{i}", "title": "Harbour", "text": text})
    for i, spelling in enumerate(SPELLINGS * 2):
        rows.append(
            {"url": f"https://letters.example/{i}", "title": spelling[:20], "text": f"{spelling} amber {i % 3}"}
        )
    long_text = "\n\n".join(" ".join(rng.choices([*TREES, *SPELLINGS], k=60)) for _ in range(40))
    rows.append({"url": "https://long.example/all", "title": "All trees", "text": long_text})
    (folder / "pages.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    for host in ("gallery.example", "museum.example"):
        (folder / "site" / host / "img").mkdir(parents=True)
        (folder / "site" / host / "img" / "dot.png").write_bytes(PNG)
        (folder / "site" / host / "index.html").write_text(
            f"<title>{host}</title><main><h1>Pictures</h1><p>An amber dot of {host}, beside "
            "<a href='https://a.example/tree/0'>a tree</a>.</p><img src='img/dot.png' alt='A dot'>"
            "<h2>Prices</h2><p>One crown for a birch frame.</p></main>"
        )
    return [str(folder / "pages.jsonl"), str(folder / "site")]


@dataclass(frozen=True)
class HardWeb:
    """The same pages twice: in one segment, and in as many as several commits leave."""

    one: Snapshot
    split: Snapshot


def build_hard_web(folder: Path) -> HardWeb:
    sources = write_sources(folder)
    build_snapshot(sources, folder / "one")
    build_snapshot(sources, folder / "split", BuildOptions(commit_every=29))
    web = HardWeb(open_snapshot(folder / "one"), open_snapshot(folder / "split"))
    segments = [snapshot.lexical._searcher.num_segments for snapshot in (web.one, web.split)]
    assert segments[0] == 1 < segments[1], "the builds should differ inside, or they show nothing"
    return web


class _Draw:
    """Draws requests for one snapshot."""

    def __init__(self, prefix: str, snapshot: Snapshot, rng: random.Random) -> None:
        self.prefix, self.rng = prefix, rng
        store = snapshot.store
        self.heads = [store.head(number) for number in range(len(store))]
        self.ids = [store.doc_id(number) for number in range(len(store))]
        step = max(1, len(store) // 60)
        self.words = sorted({word for n in range(0, len(store), step) for word in store.text(n)[:3000].split()})
        self.sections = sorted({s.title for n in range(0, len(store), step) for s in store.body(n).sections})[:40]
        self.images = [snapshot.images.picture(number).url for number in range(len(snapshot.images))]
        self.makers: list[tuple[Callable[[], Request], int]] = [
            (self.search, 10),
            (self.search_batch, 2),
            (self.fetch, 4),
            (self.fetch_batch, 1),
            (self.find, 2),
            (self.similar, 2),
            (self.extract, 2),
            (self.links, 1),
            (self.documents, 1),
            (self.snapshot, 1),
            (self.image, 1),
        ]

    def request(self) -> Request:
        make = self.rng.choices([maker for maker, _ in self.makers], [weight for _, weight in self.makers])[0]
        return make()

    def post(self, route: str, **body: Any) -> Request:
        return "POST", f"{self.prefix}/v1/{route}", body

    def get(self, route: str, **parameters: Any) -> Request:
        return "GET", f"{self.prefix}/v1/{route}", parameters

    def maybe(self, share: float, **options: Any) -> dict[str, Any]:
        return options if self.rng.random() < share else {}

    def url(self) -> str:
        """A page's URL, now and then one of a page that is not there."""
        url = self.rng.choice(self.heads)[0]
        return url + "missing" if self.rng.random() < 0.05 else url

    def page(self) -> dict[str, Any]:
        return {"doc_id": self.rng.choice(self.ids)} if self.rng.random() < 0.3 else {"url": self.url()}

    def query(self) -> str:
        rng = self.rng
        words = rng.choices(self.words, k=rng.randint(1, 9))
        return rng.choice(
            [
                " ".join(words),
                " ".join(words),
                " ".join([*words, rng.choice(self.heads)[1]]),
                " ".join(rng.choices(TREES, k=rng.randint(1, 4))),
                rng.choice(SPELLINGS),
                unicodedata.normalize("NFD", " ".join(words)),
                NOWHERE,
            ]
        )

    def filters(self) -> dict[str, Any]:
        rng = self.rng
        host = re.sub(r"^https?://([^/]+)/.*$", r"\1", rng.choice(self.heads)[0])
        return rng.choice(
            [
                {"include_domains": [host]},
                {"exclude_domains": [host, "nowhere.example"]},
                {"exclude_urls": [url for url, _, _ in rng.choices(self.heads, k=3)]},
                {"after": f"20{rng.randint(0, 19):02}", "include_undated": rng.random() < 0.5},
                {"before": f"20{rng.randint(0, 19):02}-06-07"},
                {"after": "2003", "before": "2003"},
            ]
        )

    def options(self) -> dict[str, Any]:
        rng = self.rng
        return {
            "k": rng.choice([1, 2, 3, 5, 10, 10, 40, 120]),
            **self.maybe(0.8, mode=rng.choice(["bm25", "dense", "hybrid"])),
            **self.maybe(0.3, level="passage"),
            **self.maybe(0.3, snippet_chars=rng.randint(0, 500)),
            **(self.filters() if rng.random() < 0.3 else {}),
        }

    def search(self) -> Request:
        if self.rng.random() < 0.2:
            return self.post("search", query=self.rng.choice(LUCENE), syntax="lucene", **self.options())
        wrong: dict[str, Any] = (
            self.rng.choice([{"k": 0}, {"query": "  "}, {"after": "soon"}]) if self.rng.random() < 0.03 else {}
        )
        return self.post("search", **{"query": self.query(), **self.options(), **wrong})

    def search_batch(self) -> Request:
        queries = [self.query() for _ in range(self.rng.randint(1, 6))]
        return self.post(
            "search/batch", queries=[*queries, queries[0], *self.rng.choice([[], [" "]])], **self.options()
        )

    def part(self) -> dict[str, Any]:
        section = self.rng.choice([*self.sections, "#1", "#2", "Nowhere"])
        return {**self.maybe(0.3, page=self.rng.randint(1, 3)), **self.maybe(0.2, section=section)}

    def how(self) -> dict[str, Any]:
        kind = self.rng.choice(["markdown", "markdown", "text", "html"])
        return {"format": kind, "page_chars": self.rng.choice([100, 800, 5000, 20_000])}

    def fetch(self) -> Request:
        return self.post("fetch", **self.page(), **self.part(), **self.how())

    def fetch_batch(self) -> Request:
        items = [{**self.page(), **self.part()} for _ in range(self.rng.randint(1, 5))]
        return self.post("fetch/batch", items=items, **self.how())

    def find(self) -> Request:
        pattern, regex = self.rng.choice(
            [
                (self.rng.choice(self.words), False),
                (r"\w+er\b", True),
                ("[", True),
                (self.rng.choice(SPELLINGS)[:6], False),
            ]
        )
        return self.post("find", **self.page(), pattern=pattern, regex=regex, context_chars=self.rng.randint(0, 90))

    def similar(self) -> Request:
        return self.post("similar", **self.page(), k=self.rng.choice([1, 4, 20]), **self.maybe(0.2, **self.filters()))

    def extract(self) -> Request:
        return self.post("extract", **self.page(), goal=self.query(), max_chars=self.rng.choice([100, 900, 4000]))

    def links(self) -> Request:
        return self.get("links", **self.page())

    def documents(self) -> Request:
        cursor = self.maybe(0.5, cursor=self.rng.choice(self.ids))
        return self.get("documents", limit=str(self.rng.randint(1, 60)), **cursor, **self.maybe(0.2, domain="example"))

    def snapshot(self) -> Request:
        return self.get("snapshot")

    def image(self) -> Request:
        return self.get("image", url=self.rng.choice([*self.images, self.url()]))


def mixed_requests(webs: Mapping[str, Snapshot], count: int, seed: int = 11) -> list[Request]:
    """`count` requests over every route, one in six of them a repetition; the keys of `webs` are path prefixes."""
    rng = random.Random(seed)
    draws = [_Draw(prefix, snapshot, rng) for prefix, snapshot in webs.items()]
    requests: list[Request] = []
    while len(requests) < count:
        requests.append(rng.choice(draws).request())
        if rng.random() < 0.2:
            requests.append(rng.choice(requests))
    return requests[:count]
