"""The OpenAPI document is true: what it allows is answered, what is answered it describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from corpus import Snapshot
from env_server import schemas, table_schemas
from env_server.app import create_app
from env_server.front import Front
from env_server.ledger.routes import LedgerAnswer
from env_server.settings import ServerSettings

ADA = "https://tiny.example/people/ada"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ANSWERS: dict[tuple[str, str], type[BaseModel]] = {
    ("POST", "/v1/search"): schemas.SearchAnswer,
    ("POST", "/v1/search/batch"): schemas.SearchBatchAnswer,
    ("POST", "/v1/fetch"): schemas.FetchAnswer,
    ("POST", "/v1/fetch/batch"): schemas.FetchBatchAnswer,
    ("POST", "/v1/find"): schemas.FindAnswer,
    ("POST", "/v1/similar"): schemas.SearchAnswer,
    ("POST", "/v1/extract"): schemas.ExtractAnswer,
    ("POST", "/v1/places"): table_schemas.PlacesAnswer,
    ("POST", "/v1/route"): table_schemas.RouteAnswer,
    ("POST", "/v1/scholar"): table_schemas.ScholarAnswer,
    ("GET", "/v1/links"): schemas.LinksAnswer,
    ("GET", "/v1/documents"): schemas.DocumentsAnswer,
    ("GET", "/v1/snapshot"): schemas.SnapshotAnswer,
    ("GET", "/v1/ledger"): LedgerAnswer,
    ("GET", "/health"): schemas.HealthAnswer,
    ("GET", "/ready"): schemas.ReadyAnswer,
}
"""Every route that answers with JSON, and what it answers."""
PAGE_ROUTES = ("/v1/fetch", "/v1/find", "/v1/similar", "/v1/extract", "/v1/links")
NOTHING_TO_GET_WRONG = ("/v1/snapshot", "/health", "/ready")


@pytest.fixture(scope="module")
def front(tiny: Snapshot) -> Front:
    front = create_app({"tiny": tiny}, ServerSettings(snapshots={"tiny": tiny.path}))
    cast(Any, front.app).framework.state.ready = True  # without a lifespan nobody warms it
    return front


@pytest.fixture(scope="module")
def document(front: Front) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", front)


@pytest.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        yield client


def tried(
    operation: Any, mode: GenerationMode, examples: int, *, checks: list[Any] = CHECKS, real: bool = False
) -> Counter[int]:
    """Statuses of the answers to generated requests, all held against the document."""
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answer(case: Any) -> None:
        fields = case.query if operation.method == "get" else case.body
        if real and isinstance(fields, dict):
            # No generator guesses the URL of a page, so whatever else it made up is asked of a real one.
            fields.pop("doc_id", None)
            fields["url"] = ADA
        statuses[case.call_and_validate(checks=checks).status_code] += 1

    answer()
    return statuses


def test_the_document_lists_every_route_for_programs(document: Any) -> None:
    listed = {(o.ok().method.upper(), o.ok().path) for o in document.get_all_operations()}
    assert listed == {*ANSWERS, ("GET", "/metrics"), ("GET", "/v1/image")}


@pytest.mark.parametrize(("method", "path"), [*ANSWERS, ("GET", "/metrics"), ("GET", "/v1/image")], ids=str)
def test_a_valid_request_gets_an_answer_the_document_describes(document: Any, method: str, path: str) -> None:
    statuses = tried(document[path][method], GenerationMode.POSITIVE, 25)
    assert set(statuses) <= {200, 404, 422}
    assert statuses[200] or path in (*PAGE_ROUTES, "/v1/image", "/v1/route")


@pytest.mark.parametrize("path", PAGE_ROUTES)
def test_a_valid_request_for_a_real_page_gets_an_answer_the_document_describes(document: Any, path: str) -> None:
    method = "GET" if path == "/v1/links" else "POST"
    statuses = tried(document[path][method], GenerationMode.POSITIVE, 25, real=True)
    assert statuses[200]


@pytest.mark.parametrize(("method", "path"), [key for key in ANSWERS if key[1] not in NOTHING_TO_GET_WRONG], ids=str)
def test_an_invalid_request_gets_an_error_the_document_describes(document: Any, method: str, path: str) -> None:
    statuses = tried(document[path][method], GenerationMode.NEGATIVE, 30)
    assert sum(statuses.values()) >= 10
    assert set(statuses) <= {200, 400, 404, 413, 415, 422}


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        *(("POST", "/v1/search", {"query": "harbour lamp", "mode": mode}) for mode in ("bm25", "dense", "hybrid")),
        ("POST", "/v1/search", {"query": "harbour", "level": "passage", "snippet_chars": 0}),
        ("POST", "/v1/search", {"query": "harbour", "after": "2030"}),
        ("POST", "/v1/search/batch", {"queries": ["harbour", "", "title:(", "harbour"], "syntax": "lucene"}),
        *(("POST", "/v1/fetch", {"url": ADA, "format": format}) for format in ("markdown", "text", "html")),
        ("POST", "/v1/fetch", {"url": ADA, "section": "#2", "page_chars": 100}),
        ("POST", "/v1/fetch/batch", {"items": [{"url": ADA}, {"url": "nowhere"}]}),
        ("POST", "/v1/find", {"url": ADA, "pattern": "chart"}),
        ("POST", "/v1/find", {"url": ADA, "pattern": "nothing of the kind"}),
        ("POST", "/v1/similar", {"url": ADA, "k": 3}),
        ("POST", "/v1/extract", {"url": ADA, "goal": "who drew the charts"}),
        ("GET", "/v1/links", {"url": ADA}),
        ("GET", "/v1/documents", {"limit": 3}),
        ("GET", "/v1/documents", {"domain": "nowhere.example"}),
        ("GET", "/v1/snapshot", {}),
        ("GET", "/health", {}),
        ("GET", "/ready", {}),
    ],
    ids=str,
)
async def test_an_answer_has_the_fields_of_its_model_and_no_others(
    client: httpx.AsyncClient, method: str, path: str, asked: dict[str, Any]
) -> None:
    given_as = {"json": asked} if method == "POST" else {"params": asked}
    answer = await client.request(method, path, **given_as)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    model = ANSWERS[method, path]
    assert model.model_config["extra"] == "forbid"
    parsed = model.model_validate_json(answer.content, strict=True)
    assert parsed.model_dump(mode="json", by_alias=True) == answer.json(), "and none is filled in by a default"


async def test_the_wire_format_is_version_1(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["info"]["version"].startswith("1.")
    assert all(path.startswith("/v1/") or path in ("/health", "/ready", "/metrics") for path in document["paths"])


async def test_the_examples_of_the_document_are_answered_by_the_demo(factbook: Snapshot) -> None:
    front = create_app({"demo": factbook}, ServerSettings(snapshots={"demo": factbook.path}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://testserver") as client:
        document = (await client.get("/openapi.json")).json()
        tried = 0
        for path, operations in document["paths"].items():
            if "post" not in operations:
                continue
            schema = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
            examples = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"]
            assert examples, f"{path} has no example"
            for example in examples:
                answer = await client.post(path, json=example)
                assert answer.status_code == 200, answer.text
                body = answer.json()
                found = ("hits", "text", "matches", "passages", "results", "places", "distance_km")
                assert any(body.get(name) for name in found) or body.get("listed") == 0, "and finds"
                assert not any("error" in result for result in body.get("results", ()))
                tried += 1
        assert tried >= 11
