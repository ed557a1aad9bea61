from __future__ import annotations

import random
import time

import pytest

from corpus.passages import innermost_section, page_of, passages_in, sections_of, split_pages, split_text

TEXT = "# One\n\nFirst sentence. Second sentence.\n\n## Two\n\nThird.\n\n```\n# no heading\n```\n\n# Three\n\nFourth."


def test_sections_end_where_a_heading_of_their_level_begins() -> None:
    sections = sections_of(TEXT)
    assert [(s.title, s.level) for s in sections] == [("One", 1), ("Two", 2), ("Three", 1)]
    assert [TEXT[s.start : s.end].splitlines()[0] for s in sections] == ["# One", "## Two", "# Three"]
    assert sections[0].end == sections[1].end == sections[2].start
    assert sections[2].end == len(TEXT)


def test_a_hash_in_a_code_block_is_no_heading() -> None:
    assert "no heading" not in [section.title for section in sections_of(TEXT)]


def test_a_place_is_in_its_innermost_section() -> None:
    text = "Before. " + TEXT[2:].replace("# Three", "### Deep\n\nBelow.\n\n## After\n\nLast.\n\n# Three")
    rows = [(s.title, s.level, s.start, s.end) for s in sections_of(text)]
    starts = [start for _, _, start, _ in rows]
    for words, title in (("Before", None), ("Third", "Two"), ("Below", "Deep"), ("Last", "After"), ("Fourth", "Three")):
        assert innermost_section(rows, starts, text.index(words)) == title


@pytest.mark.parametrize("overlap", [0, 30])
def test_passages_cover_every_word_and_keep_to_their_size(overlap: int) -> None:
    rng = random.Random(7)
    for _ in range(200):
        words = ["w" * rng.randint(1, 12) + rng.choice(["", ".", "。", "\n", "\n\n", "\n# "]) for _ in range(150)]
        text = " ".join(words)
        spans = split_text(text, size=120, overlap=overlap)
        covered = [False] * len(text)
        for start, end in spans:
            assert 0 < end - start <= 120
            assert not text[start].isspace()
            assert not text[end - 1].isspace()
            covered[start:end] = [True] * (end - start)
        assert all(done or text[i].isspace() for i, done in enumerate(covered))
        assert spans == sorted(set(spans))


def test_a_short_page_is_one_passage_and_a_longer_one_is_cut() -> None:
    assert passages_in(" word" * 40, size=100) == [(1, 200)]
    assert max(end - start for start, end in passages_in(" word" * 41, size=100)) <= 100
    assert passages_in("", size=100) == passages_in(" \n", size=100) == [(0, 0)]


def test_a_cut_falls_before_a_heading_where_one_is_near() -> None:
    text = "a " * 40 + "\n# Next\n" + "b " * 40
    (_, first_end), (second_start, _) = split_text(text, size=120)
    assert text[second_start:].startswith("# Next")
    assert text[:first_end].strip("a ") == ""


def test_a_cut_falls_after_a_sentence_where_there_is_no_line() -> None:
    text = "Alpha beta gamma delta epsilon zeta. " * 20
    assert all(text[start:end].endswith("zeta.") for start, end in split_text(text, size=100))


def test_chinese_sentences_are_cut_at_their_full_stop() -> None:
    text = "今天天气很好我们去公园散步吧。" * 20
    assert all(text[start:end].endswith("。") for start, end in split_text(text, size=100))


def test_a_word_longer_than_a_passage_is_cut_anyway() -> None:
    assert split_text("x" * 250, size=100) == [(0, 100), (100, 200), (200, 250)]


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_page_with_only_a_title_still_has_a_passage(text: str) -> None:
    assert split_text(text) == [(0, 0)]


def test_pages_of_a_text_join_to_the_text() -> None:
    text = "".join(f"Line {i} of a long page.\n" for i in range(400))
    pages = split_pages(text, 1000)
    assert "".join(text[start:end] for start, end in pages) == text
    assert all(end - start <= 1000 for start, end in pages)
    assert [page_of(pages, start) for start, _ in pages] == list(range(1, len(pages) + 1))


def test_an_empty_text_has_one_empty_page() -> None:
    assert split_pages("", 1000) == [(0, 0)]


def test_a_heading_keeps_the_signs_that_are_its_own() -> None:
    text = "# C#\n## Closed ##\n### \n#### F# ####\n"
    assert [section.title for section in sections_of(text)] == ["C#", "Closed", "F#"]


def test_a_page_made_to_be_slow_is_not() -> None:
    started = time.process_time()
    for text in (
        "# " + "#" * 300_000 + "x",
        "# " + " #" * 300_000 + "x",
        "#" + " " * 600_000 + "x",
        "```\n# a\n" * 100_000,
    ):
        sections_of(text)
        split_text(text)
    assert time.process_time() - started < 5
