"""The price table: dated, with its sources, and turned into whole millionths of a dollar."""

from __future__ import annotations

import datetime
import json
import tomllib
from pathlib import Path

import pytest

from env_server.dialects import DIALECTS
from env_server.errors import EnvServerError
from env_server.ledger.counts import NAMES, Counts, Line, Read
from env_server.ledger.prices import Price, Spend, Tariff, prices_of, read_prices, ready_prices, spend_of
from env_server.ledger.report import read_of, report_of, vendor_named
from env_server.weather.groups import GROUPS

ROOT = Path(__file__).parents[2]
COUNTS = Counts(calls=12, billed=10, tokens=9000, billed_tokens=8000, pages=30)
OWN = """
date: 2026-01-02
vendors:
  ours:
    source: [a contract]
    read: 2026-01-01
    prices:
      search: {usd: "0.0005", per: 1, unit: call}
      fetch: {usd: 0.02, per: 1000000, unit: token}
"""


def test_every_vendor_is_a_dialect_with_a_source_and_a_day() -> None:
    table = ready_prices()
    assert set(table.vendors) <= set(DIALECTS)
    assert {"serper", "tavily", "exa", "jina", "firecrawl", "brave", "serpapi", "bing"} == set(table.vendors)
    for vendor in table.vendors.values():
        assert all(source.startswith("https://") for source in vendor.source)
        assert datetime.date(2026, 1, 1) < vendor.read <= table.date
        assert set(vendor.prices) <= set(GROUPS)
        assert vendor.note
    assert set(table.like) | set(table.like.values()) <= set(GROUPS)


@pytest.mark.parametrize(
    ("dialect", "tool", "micro_usd"),
    [
        ("serper", "search", 10_000),
        ("serper", "fetch", 20_000),
        ("tavily", "search", 80_000),
        ("tavily", "fetch", 48_000),  # by the page: 30 of them
        ("exa", "search", 70_000),
        ("brave", "search", 50_000),
        ("serpapi", "search", 150_000),
        ("bing", "search", 250_000),
        ("jina", "search", None),
        ("firecrawl", "fetch", None),
        ("brave", "fetch", None),
        ("tavily", "crawl", None),
        ("serper", "extract", 20_000),
        ("jina", "other", 0),
    ],
)
def test_counts_become_what_the_vendor_would_have_charged(dialect: str, tool: str, micro_usd: int | None) -> None:
    assert spend_of(ready_prices(), dialect, tool, COUNTS, "exa") == Spend(dialect, micro_usd)


def test_what_has_no_vendor_is_priced_as_the_one_named_or_not_at_all() -> None:
    table = ready_prices()
    for dialect in ("native", "mcp", "searxng", "retrieve"):
        assert spend_of(table, dialect, "search", COUNTS) == Spend(None, None)
        assert spend_of(table, dialect, "search", COUNTS, "brave") == Spend("brave", 50_000)
        assert spend_of(table, dialect, "fetch", COUNTS, "brave") == Spend("brave", None)


def test_money_is_counted_in_whole_millionths_and_rounded_once(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    table = prices_of(tmp_path / "own.yaml")
    assert spend_of(table, "ours", "search", COUNTS).micro_usd == 5_000
    assert spend_of(table, "ours", "fetch", COUNTS).micro_usd == 160
    assert spend_of(table, "ours", "links", COUNTS).micro_usd is None
    third = Price.model_validate({"usd": 1, "per": 3, "unit": "call"})
    assert [third.micro_usd(Counts(billed=n)) for n in (1, 2, 3)] == [333_333, 666_667, 1_000_000]
    assert third.micro_usd(Counts(billed=3 * 10**12)) == 10**18


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is no YAML"),
        ("date: 2026-01-02", "vendors: Field required"),
        (OWN.replace("2026-01-02", "soon"), "date: "),
        (OWN.replace("0.02", "-1"), "vendors.ours.prices.fetch.usd"),
        (OWN.replace("unit: token", "unit: page, each: 2"), "vendors.ours.prices.fetch.each"),
        (OWN.replace("[a contract]", "[]"), "vendors.ours.source"),
        (OWN.replace("per: 1000000", "per: 0"), "vendors.ours.prices.fetch.per"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_by_file_and_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(EnvServerError) as refused:
        read_prices(path)
    assert words in refused.value.problem.message
    assert str(path) in refused.value.problem.message
    assert "docs/ledger.md" in refused.value.problem.remedy


def test_a_budgets_stand_in_must_have_prices_of_what_is_asked(tmp_path: Path) -> None:
    for vendor, words in (("brave", "fetch at brave"), ("jina", "search and fetch at jina"), ("nobody", "'nobody'")):
        with pytest.raises(EnvServerError) as refused:
            Tariff(ready_prices(), vendor)
        assert words in refused.value.problem.message
    tariff = Tariff(ready_prices(), "serper")
    one = Counts(billed=1, pages=1, billed_tokens=500)
    charged = [tariff.micro_usd(*call, one) for call in (("jina", "fetch"), ("tavily", "fetch"), ("native", "crawl"))]
    assert charged == [2_000, 1_600, 2_000]
    assert tariff.micro_usd("native", "other", one) == 0
    with pytest.raises(EnvServerError):
        vendor_named(ready_prices(), "nobody")
    assert vendor_named(ready_prices(), "none") is None


def test_a_report_can_be_priced_again_by_another_table() -> None:
    lines = (Line("a", "native", "search", COUNTS), Line("b", "jina", "fetch", COUNTS))
    read = Read(lines, {"a": 3, "b": 9}, {"a": 0, "b": 2})
    report = report_of(read, ready_prices(), "serper", source="worker")
    assert read_of(report) == read
    assert report["total"]["avoided_micro_usd"] == 10_000
    assert report["total"]["unpriced_calls"] == 10


def test_what_the_ledger_costs_was_measured_and_is_under_its_bound() -> None:
    measured = json.loads((ROOT / "docs" / "figures" / "ledger.json").read_text())["measured"]
    assert measured["bound"]["figure"] <= measured["bound"]["at_most"] == 20
    page = (ROOT / "docs" / "ledger.md").read_text()
    assert "docs/figures/ledger.json" in page
    for kind in ("search hit", "fetch hit", "worst"):
        assert {"ledger_us", "count_alone_us"} <= set(measured[kind])
    assert all(f"`{name}`" in page for name in NAMES)


def test_the_table_is_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "ledger/*.yaml" in project["tool"]["setuptools"]["package-data"]["env_server"]
