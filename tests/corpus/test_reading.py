from __future__ import annotations

import time

import pytest

from corpus import Snapshot
from corpus.errors import BadQuery
from corpus.reading import find_in_text, render_markdown
from corpus.records import Link
from corpus.snippets import snippet

LIGHTHOUSE = "https://tiny.example/places/lighthouse"


def test_links_are_written_out_where_their_anchors_stand() -> None:
    text = "Go to the harbour or the inn."
    links = (
        Link("https://a.example/h(1)", "harbour", 10, 17),
        Link("https://a.example/i", "inn"),
    )
    assert render_markdown(text, links, 0, len(text)) == "Go to the [harbour](https://a.example/h%281%29) or the inn."
    assert render_markdown(text, links, 0, 12) == "Go to the ha", "a link cut by the edge stays plain"


def test_find_gives_offsets_into_the_text_in_any_case(tiny: Snapshot) -> None:
    number = tiny.store.require(url=LIGHTHOUSE)
    text = tiny.store.text(number)
    matches, total = tiny.find(number, "LAMP", context_chars=10)
    assert total == len(matches) == 2
    for match in matches:
        assert text[match.start : match.end] == match.text
        assert text[match.start - 10 : match.start] == match.before
        assert text[match.end : match.end + 10] == match.after
        assert match.section == "The lamp"
        assert match.page == 1


def test_offsets_hold_behind_characters_of_several_bytes() -> None:
    text = "日本語 Þórunn 😀 lamp lamp"
    matches, _ = find_in_text(text, [], "lamp", regex=False, context_chars=5, page_chars=1000)
    assert [text[m.start : m.end] for m in matches] == ["lamp", "lamp"]
    assert matches[0].start == text.index("lamp")


def test_words_are_found_as_they_are_and_not_as_a_pattern() -> None:
    matches, total = find_in_text("a.b axb", [], "a.b", regex=False, context_chars=0, page_chars=1000)
    assert (total, matches[0].start) == (1, 0)
    assert find_in_text("a.b axb", [], "a.b", regex=True, context_chars=0, page_chars=1000)[1] == 2


def test_a_pattern_that_explodes_elsewhere_is_linear_here() -> None:
    started = time.process_time()
    find_in_text("a" * 200_000 + "!", [], "(a+)+$", regex=True, context_chars=0, page_chars=20_000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("pattern", ["", "(", "(?=a)", r"(a)\1", "[z-a]", "a{5000}"])
def test_a_refused_pattern_is_told(pattern: str) -> None:
    with pytest.raises(BadQuery, match="empty|refused"):
        find_in_text("text", [], pattern, regex=True, context_chars=0, page_chars=1000)


def test_matches_are_cut_at_a_limit_and_counted_beyond_it() -> None:
    matches, total = find_in_text("x " * 500, [], "x", regex=False, context_chars=0, page_chars=100)
    assert (len(matches), total) == (100, 500)
    assert matches[-1].page == 2
    everything = find_in_text("x" * 300_000, [], ".", regex=True, context_chars=0, page_chars=100)
    assert (len(everything[0]), everything[1]) == (100, 10_000)


def test_an_extract_is_of_the_page_s_own_words_best_first(tiny: Snapshot, factbook: Snapshot) -> None:
    number = factbook.store.require(url="https://www.cia.gov/the-world-factbook/countries/austria/")
    text = factbook.store.text(number)
    parts = factbook.extract(number, "Which lakes and rivers does it share?", max_chars=900)
    assert 0 < sum(len(part.text) for part in parts) <= 900
    assert all(text[part.start : part.end] == part.text for part in parts)
    assert [part.score for part in parts] == sorted((part.score for part in parts), reverse=True)
    assert "Lake Constance" in " ".join(part.text for part in parts)
    assert factbook.extract(number, "zzzzzz") == []


def test_an_extract_shorter_than_a_part_is_cut_rather_than_left_out(tiny: Snapshot) -> None:
    (part,) = tiny.extract(tiny.store.require(url=LIGHTHOUSE), "lamp oil", max_chars=100)
    assert len(part.text) == 100


@pytest.mark.parametrize("chars", [0, 1, 20, 80, 300])
def test_a_snippet_keeps_to_its_length_and_shows_the_words(chars: int) -> None:
    text = "Nothing here. " * 40 + "The master of the mail boat is Jonas Brine. " + "Nothing there. " * 40
    shown = snippet("Who is the master of the boat?", text, chars=chars)
    assert len(shown) <= chars
    if chars >= 80:
        assert "master of the mail boat" in shown
        assert shown.startswith("…")
        assert shown.endswith("…")


def test_a_snippet_finds_words_in_other_forms_and_accents() -> None:
    text = "Lorem ipsum. " * 50 + "Happily the cartographers of Zürich agreed. " + "Dolor sit. " * 50
    for query in ("happy", "cartographer", "zurich"):
        assert "Zürich" in snippet(query, text, chars=120)


def test_a_snippet_without_any_word_is_the_beginning() -> None:
    assert snippet("zzz", "One two three. " * 50, chars=30).startswith("One two three.")
    assert snippet("", "short", chars=30) == "short"
