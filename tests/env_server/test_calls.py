"""Calls made of addresses are kept, without one being taken for another and without filling the memory."""

from __future__ import annotations

import gc
import itertools
import random
import tracemalloc

import pytest

from env_server.addressing import Addresses, Served
from env_server.calls import Called, Calls
from env_server.dialects import DIALECTS
from env_server.errors import Problem
from env_server.view import EMPTY_VIEW

HOSTS = (b"", b"localhost", b"api.tavily.com", b"tiny.example", b"other.example:443")
PATHS = (
    "/search",
    "/tavily/search",
    "/s/other/tavily/search",
    "/e/one/tavily/search",
    "/e/two/tavily/search",
    "/s/other/e/one/exa/contents",
    "/jina/https://tiny.example/search",
    "/jina/search",
    "/s/nope/tavily/search",
    "/",
    "/v1/search",
    "/retrieve",
)
KEYS = ("", "x-api-key", "brave", "tavily")
PAGES = ("", "/", "/s/other", "/s/other/e/one")
ONLY = (None, "serper", "tavily")


def calls() -> Calls:
    hosts = {"tiny": "tiny.example", "other": "other.example"}
    served = {name: Served(name, f"id of {name}", "content", frozenset({host})) for name, host in hosts.items()}
    return Calls(Addresses(served, DIALECTS), EMPTY_VIEW)


def test_what_came_before_changes_no_call() -> None:
    asked = [
        (host, path, path.replace("/s", "/%73", escaped).encode(), key, page, only)
        for host, path, escaped, key, page, only in itertools.product(HOSTS, PATHS, (0, 1), KEYS, PAGES, ONLY)
    ]
    random.Random(0).shuffle(asked)
    used = calls()
    for _ in range(2):
        for one in asked:
            assert used.read(*one) == calls().read(*one)


def test_a_route_that_is_asked_again_is_not_read_again() -> None:
    used = calls()
    asked = (b"localhost", "/e/one/tavily/search", b"/e/one/tavily/search", "", "", None)
    first = used.read(*asked)
    assert isinstance(first, Called)
    assert (first.episode, first.told) == (b"one", (b"tavily", b"", b"/search"))
    assert used.read(*asked) is first


def test_the_headers_that_a_dialect_declares_are_told() -> None:
    headers = [(b"accept", b"text/plain"), (b"user-agent", b"a"), (b"x-site", b"b.example"), (b"x-site", b"c.example")]
    jina, tavily = (
        calls().read(b"", f"/{name}/search", f"/{name}/search".encode(), "", "", None) for name in ("jina", "tavily")
    )
    assert isinstance(jina, Called)
    assert isinstance(tavily, Called)
    expected = (b"jina", b"", b"/search", b"accept:text/plain", b"x-site:b.example", b"x-site:c.example")
    assert jina.told_with(headers) == expected
    assert tavily.told_with(headers) == (b"tavily", b"", b"/search")


@pytest.mark.parametrize("long", [False, True])
def test_invented_addresses_do_not_fill_the_memory(long: bool) -> None:
    used = calls()
    tracemalloc.start()
    for number in range(5000):
        path = f"/e/{number}{'x' * 20_000 if long else ''}/tavily/search"
        assert not isinstance(used.read(f"h{number}".encode(), path, path.encode(), "", "", None), Problem)
        page = f"/jina/https://tiny.example/{number}"
        used.read(b"", page, page.encode(), "", "", None)
    gc.collect()
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 3_000_000
