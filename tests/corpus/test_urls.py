"""One spelling per URL."""

from __future__ import annotations

import pytest

from corpus.errors import BadUrl
from corpus.urls import MAX_URL_CHARS, canonical_url, domain_suffixes, host_of, lookup_variants, resolve_url


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://Tiny.Example", "https://tiny.example/"),
        ("http://tiny.example:80/a", "http://tiny.example/a"),
        ("https://tiny.example:8443/a", "https://tiny.example:8443/a"),
        ("https://tiny.example/a/../b/./c", "https://tiny.example/b/c"),
        ("https://tiny.example/%7eada/%e4", "https://tiny.example/~ada/%E4"),
        ("https://tiny.example/100%", "https://tiny.example/100%25"),
        ("https://tiny.example/a#part", "https://tiny.example/a"),
        ("https://me:secret@tiny.example/a", "https://tiny.example/a"),
        ("https://tiny.example/a?b=2&a=1", "https://tiny.example/a?b=2&a=1"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        (" https://tiny.example/a b ", "https://tiny.example/a%20b"),
    ],
)
def test_every_spelling_has_one_canonical_form_that_stays_as_it_is(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "people/ada",
        "//tiny.example/",
        "javascript:alert(1)",
        "mailto:a@b.c",
        "file:///etc/passwd",
        "https://",
        "http://[x",
    ],
)
def test_what_is_no_web_address_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(BadUrl, match="Give an absolute http"):
        canonical_url(url)


def test_an_overlong_url_is_refused_and_not_repeated_in_full() -> None:
    with pytest.raises(BadUrl) as caught:
        canonical_url("https://tiny.example/" + "a" * MAX_URL_CHARS)
    assert len(str(caught.value)) < 400


def test_references_resolve_against_their_page() -> None:
    assert (
        resolve_url("https://tiny.example/people/ada", "../places/harbour#wall")
        == "https://tiny.example/places/harbour"
    )
    assert resolve_url("https://tiny.example/people/ada", "//other.example") == "https://other.example/"


def test_a_host_is_told_without_its_port_and_belongs_to_its_suffixes() -> None:
    assert host_of("https://tiny.example:8443/a") == "tiny.example"
    assert host_of("http://[::1]:80/a") == "[::1]"
    assert domain_suffixes("en.tiny.example") == ["en.tiny.example", "tiny.example", "example"]


def test_lookups_try_the_other_scheme_and_the_other_slash() -> None:
    assert lookup_variants("https://tiny.example/a?q") == [
        "http://tiny.example/a?q",
        "https://tiny.example/a/?q",
        "http://tiny.example/a/?q",
    ]
    assert lookup_variants("https://tiny.example/") == ["http://tiny.example/"]


def test_a_url_from_rendered_markdown_finds_its_page_again() -> None:
    """Markdown cannot hold a parenthesis in a target, so it is escaped there: the same page must answer."""
    assert canonical_url("https://a.example/Mercury_%28planet%29") == canonical_url(
        "https://a.example/Mercury_(planet)"
    )
    assert canonical_url("https://a.example/it%27s%21") == "https://a.example/it's!"
