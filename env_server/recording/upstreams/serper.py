from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from env_server.recording.answers import Answer, Findings, Page, Result, dict_of, rows_of, text_of
from env_server.recording.requests import Outgoing
from env_server.recording.upstreams.upstream import Upstream

_LISTS = {"/news": "news", "/images": "images", "/videos": "videos", "/places": "places", "/maps": "places"}


def read(outgoing: Outgoing, answer: Answer) -> Findings:
    value = answer.json()
    if isinstance(value, list):  # of a batch: an answer to each question
        found = [_read(outgoing, each) for each in value if isinstance(each, dict)]
        return Findings([result for each in found for result in each.results])
    return _read(outgoing, dict_of(value))


def _read(outgoing: Outgoing, value: dict[str, Any]) -> Findings:
    if outgoing.path.rstrip("/") == "/scrape":
        text = text_of(value.get("markdown")) or text_of(value.get("text"))
        page = Page(text_of(outgoing.fields.get("url")), text_of(dict_of(value.get("metadata")).get("title")), text)
        return Findings(pages=[page] if text else [])
    rows = rows_of(value.get(_LISTS.get(outgoing.path, "organic")))
    fields = ("link", "title", "snippet", "date")
    return Findings([Result(*(text_of(row.get(name)) for name in fields)) for row in rows if text_of(row.get("link"))])


def empty(outgoing: Outgoing) -> Any:
    if outgoing.path.rstrip("/") == "/scrape":
        return None
    questions = outgoing.items
    if questions is None:
        return _nothing(outgoing, outgoing.fields)
    return [_nothing(outgoing, dict_of(question)) for question in questions]


def _nothing(outgoing: Outgoing, question: Mapping[str, Any]) -> dict[str, Any]:
    asked = {"q": question.get("q", ""), "type": outgoing.path.strip("/") or "search", "engine": "google"}
    return {"searchParameters": asked, _LISTS.get(outgoing.path, "organic"): [], "credits": 0}


SERPER_LIVE = Upstream(
    dialect="serper",
    read=read,
    empty=empty,
    key_variables=("SERPER_API_KEY",),
    key_headers=lambda key: {"x-api-key": key},
)
