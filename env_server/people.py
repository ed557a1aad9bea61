"""Pages for people: a search page at `/` and a readable view of a page at `/page`. One template each, no framework."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response

from corpus.errors import CorpusError
from env_server import schemas
from env_server.errors import EnvServerError, problem_of
from env_server.service import SearchService

if TYPE_CHECKING:
    import jinja2


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _html(template: str, status: int = 200, **values: Any) -> Response:
    return Response(_templates().get_template(template).render(**values), status_code=status, media_type="text/html")


def add_pages(app: FastAPI, services: Mapping[str, SearchService]) -> None:
    """Add `/` and `/page`. They ask the service as any client does, so views and limits hold for people too."""

    @app.get("/", include_in_schema=False)
    async def search_page(request: Request, q: str = "", mode: str = "", k: int = 10) -> Response:
        call = request.scope["stillweb"]
        service = services[call.snapshot]
        snapshot = service.snapshot
        values: dict[str, Any] = {
            "q": q,
            "mode": mode or snapshot.manifest.settings.default_mode,
            "modes": snapshot.modes,
            "name": service.name,
            "names": list(services),
            "counts": snapshot.manifest.counts,
            "snapshot_id": snapshot.snapshot_id,
        }
        if not q.strip():
            return _html("search.html", **values)
        try:
            body = schemas.SearchRequest.model_validate({"query": q, "k": k, "mode": mode or None})
            answer = orjson.loads(await service.search(body, call.view))
        except (EnvServerError, CorpusError, ValueError) as error:
            problem = problem_of(error) if not isinstance(error, ValueError) or isinstance(error, CorpusError) else None
            message = f"{problem.message} {problem.remedy}" if problem else "Use k from 1 and a mode listed."
            return _html("search.html", status=422, **values, problem=message)
        asked = body.model_dump(exclude_defaults=True)
        return _html("search.html", **values, hits=answer["hits"], asked=orjson.dumps(asked).decode())

    @app.get("/page", include_in_schema=False)
    async def reading_page(request: Request, url: str, page: int = 1) -> Response:
        call = request.scope["stillweb"]
        service = services[call.snapshot]
        try:
            body = schemas.FetchRequest.model_validate({"url": url, "page": page})
            answer = orjson.loads(await service.fetch(body, call.view))
        except (EnvServerError, CorpusError, ValueError) as error:
            problem = problem_of(error) if not isinstance(error, ValueError) or isinstance(error, CorpusError) else None
            message = f"{problem.message} {problem.remedy}" if problem else "Use a page number from 1."
            return _html("page.html", status=problem.status if problem else 422, problem=message, name=service.name)
        asked = body.model_dump(exclude_defaults=True)
        return _html("page.html", answer=answer, asked=orjson.dumps(asked).decode(), name=service.name)
