"""A real browser on the pages for people: one walk from a query to what an agent gets."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import pytest
import uvicorn

from env_server.front import Front

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run"
).split()


@pytest.fixture
def address(make_app: Callable[..., Front]) -> Iterator[str]:
    """A real server on a free loopback port, in a thread."""
    config = uvicorn.Config(make_app(), host="127.0.0.1", port=0, log_level="warning", server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start within 30 s"
        time.sleep(0.02)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


def watched(page: Page) -> tuple[list[str], set[str | None]]:
    """(complaints of the console and of scripts, hosts asked), filled while the page is used."""
    complaints: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    return complaints, hosts


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_a_person_searches_reads_and_sees_what_an_agent_gets(
    browser: Browser, address: str, scheme: str, width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
    complaints, hosts = watched(page)

    page.goto(f"{address}/")
    # The box takes the focus by itself, but a moment after the page has loaded: keys before that go nowhere.
    page.locator("#q:focus").wait_for()
    page.keyboard.type("who kept the lighthouse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=*")
    assert page.get_by_label("Search for").input_value() == "who kept the lighthouse"
    first = page.locator(".hits a").first
    title = first.inner_text()
    assert_fits(page, width)

    first.click()
    page.wait_for_url("**/page?url=*")
    assert page.get_by_role("heading", level=1).inner_text() == title
    assert page.locator(".text").inner_text().strip()

    shown = page.locator(".agent .json")
    assert not shown.is_visible()
    page.get_by_text("What an agent gets").click()
    assert shown.is_visible()
    assert orjson.loads(shown.inner_text())["title"] == title
    assert_fits(page, width)

    page.get_by_label("Search for").fill("harbour")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/?q=harbour")
    assert page.locator(".hits li").count() > 1

    assert complaints == []
    assert hosts - {None} == {"127.0.0.1"}, "None is the icon, a data: URL"
    page.close()


def test_headings_are_reached_from_the_contents_and_controls_from_the_keyboard(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 300})
    page.goto(f"{address}/page?url=https://tiny.example/places/harbour")
    entry = page.locator(".contents a").last
    entry.click()
    page.wait_for_url(re.compile("#"))
    target = urlsplit(page.url).fragment
    heading = page.locator(f"#{target}")
    assert heading.inner_text() == entry.inner_text()
    page.goto(f"{address}/page?url=https://tiny.example/places/harbour")
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText || document.activeElement.name"))
    assert reached[:4] == ["Skip to content", "Stillweb tiny", "q", "Search"]
    assert "What an agent gets" in reached
    page.close()


def assert_fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
