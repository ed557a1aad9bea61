"""Nouns of the kinds of things."""

from __future__ import annotations

# Kind -> English singulars that mean the same; plurals are formed. A kind that is not here is its own noun.
ENGLISH: dict[str, tuple[str, ...]] = {
    "country": ("country", "country", "nation"),
    # Not "dependent": a page without a field for dependency is of this kind too (docs/facts.md), as Taiwan's is.
    "territory": ("territory",),
    "union": ("union of states",),
    "article": ("article", "article", "encyclopedia article"),
    "outside": ("topic",),
    "term": ("term", "entry", "computing term"),
    "page": ("page",),
    "thing": ("page",),
    "": ("topic",),
    "subject": ("subject", "subject of art"),
    "movement": ("art movement",),
    "artist's place": ("place",),
    "artwork": ("artwork", "work of art"),
    "event": ("event", "regular event"),
    "product": ("product",),
    "paper": ("paper", "research paper"),
    "society": ("society", "learned society"),
    "town": ("town",),
    "award": ("award", "prize"),
    "company": ("company", "firm"),
}
# Kind -> (Chinese noun, its classifier).
CHINESE: dict[str, tuple[str, str]] = {
    "country": ("国家", "个"),
    "territory": ("地区", "个"),
    "union": ("联盟", "个"),
    "world": ("世界", "个"),
    "region": ("地区", "个"),
    "town": ("城镇", "座"),
    "river": ("河流", "条"),
    "company": ("公司", "家"),
    "university": ("大学", "所"),
    "museum": ("博物馆", "座"),
    "society": ("学会", "个"),
    "novel": ("小说", "部"),
    "painting": ("画作", "幅"),
    "film": ("电影", "部"),
    "opera": ("歌剧", "部"),
    "person": ("人", "个"),
    "event": ("活动", "个"),
    "award": ("奖项", "个"),
    "paper": ("论文", "篇"),
    "product": ("产品", "款"),
    "artwork": ("艺术品", "件"),
    "artist": ("艺术家", "位"),
    "subject": ("题材", "个"),
    "movement": ("艺术流派", "个"),
    "artist's place": ("地方", "个"),
    "term": ("术语", "个"),
    "article": ("条目", "个"),
    "outside": ("主题", "个"),
    "page": ("页面", "个"),
    "thing": ("页面", "个"),
    "": ("主题", "个"),
}
PEOPLE = frozenset(("person", "artist"))
QUOTED = frozenset(("novel", "painting", "film", "opera", "paper", "artwork", "term", "article", "outside", "subject"))
"""Kinds whose names are titles or words and stand in quotation marks."""


def plural(noun: str) -> str:
    """Of an English noun: "towns", "countries", "unions of states"."""
    head, of, tail = noun.partition(" of ")
    if head == "person":
        return "people"
    if head.endswith("y") and head[-2] not in "aeiou":
        head = f"{head[:-1]}ies"
    else:
        head += "es" if head.endswith(("s", "x", "ch", "sh")) else "s"
    return head + of + tail


def with_article(noun: str) -> str:
    """ "a town", "an opera", "a university"."""
    vowel = noun[:1].lower() in "aeiou" and not noun.lower().startswith(("uni", "use", "eu", "one "))
    return f"{'an' if vowel else 'a'} {noun}"
