"""What all dialects stand on: how parameters are read, what is kept of a request, what becomes of nulls."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlparse, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corpus import Snapshot
from corpus.errors import BadUrl
from corpus.urls import canonical_url
from env_server.dialects import DIALECTS
from env_server.dialects.dialect import Asked, parameters_of
from env_server.dialects.firecrawl_pages import ScrapeOptions
from env_server.dialects.tavily import _Search, _written
from env_server.dialects.url_parts import parsed_url, split_url
from env_server.errors import EnvServerError
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.view import EMPTY_VIEW

PIECES = st.sampled_from([*"%%%+&=;#?aF2023C7 ", "%20", "%3F", "%2C", "%27", "%22", "%c3%a9", "%FF", "é", "\xff", "q="])


@pytest.fixture(scope="module")
def asked(tiny: Snapshot) -> Asked:
    service = SearchService("tiny", tiny, ServerSettings(snapshots={"tiny": tiny.path}))
    return Asked(service, EMPTY_VIEW, "GET", "/search", "/search", "", "", b"", {})


def collected(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


@given(st.lists(PIECES, max_size=30).map("".join))
@example("q=a%2%20b&q=%%3F3F&=&&x&%20=%E2%82%20%AC")
def test_parameters_are_read_as_pythons_own_reader_reads_them(query_string: str) -> None:
    assert parameters_of(query_string) == collected(parse_qsl(query_string, keep_blank_values=True))


@given(st.lists(st.sampled_from([*"/?;:@&=+,.~%#a1é ", "//", "..", "%3b", "b.org"]), max_size=20).map("".join))
@example("/a;b=1/c;d?e;f")
@example("//x?y?z#w")
def test_parts_of_a_canonical_url_are_those_of_pythons_own_readers(rest: str) -> None:
    for start in ("https://en.example.org:8443/", "http://[::1]/", "http://münchen.example/"):
        try:
            url = canonical_url(start + rest)
        except BadUrl:
            continue
        parts = urlsplit(url)
        assert split_url(url) == (parts.scheme, parts.netloc, parts.path, parts.query)
        assert parsed_url(url) == list(urlparse(url))


@given(
    st.fixed_dictionaries(
        {"query": st.text()},
        optional={
            "include_answer": st.sampled_from([True, "advanced"]),
            "days": st.integers(min_value=1),
            "max_results": st.integers(0, 20),
            "include_domains": st.lists(st.text(), max_size=3),
        },
    )
)
def test_a_request_that_an_id_is_a_digest_of_is_written_as_ever(values: dict[str, Any]) -> None:
    wanted = _Search.model_validate(values)
    assert _written(wanted) == wanted.model_dump_json().encode()


def test_kept_options_give_what_options_checked_anew_give(asked: Asked) -> None:
    """Those with dates or domains are never kept, so the second of each pair is made anew."""
    kept = asked.search("alpha", k=3, snippet_chars=50)
    assert kept["hits"]
    assert kept == asked.search("alpha", k=3, snippet_chars=50, before="9999", include_undated=True)
    assert asked.search("alpha", k=1) == asked.search("alpha", k=1, include_domains=[], exclude_domains=(), after=None)


@pytest.mark.parametrize(
    "options", [{"k": 0}, {"k": 1, "mode": "magic"}, {"k": 1, "exclude_domains": ["a.org"] * 1001}]
)
def test_options_that_a_search_does_not_take_are_refused_each_time(asked: Asked, options: dict[str, Any]) -> None:
    for _ in range(2):
        with pytest.raises(EnvServerError) as refused:
            asked.search("alpha", **options)
        assert refused.value.problem.status == 400


def test_nulls_count_as_not_given_and_so_do_those_within_options(asked: Asked) -> None:
    assert asked.parse(_Search, {"query": "alpha", "max_results": None, "days": None}).max_results == 5
    assert ScrapeOptions.model_validate({"formats": None}).formats == ["markdown"]


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_path_without_parts_leads_where_the_first_route_that_fits_it_leads(name: str) -> None:
    dialect = DIALECTS[name]
    for route in dialect.routes:
        for method in route.methods.split():
            if "{" not in route.path:
                first = next(r for r in dialect.exact[route.path] if method in r.methods.split())
                assert dialect.route_of(method, route.path) == (first, {})
