"""Native routes over the snapshot's tables: places, routes between them, papers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from env_server.calls import Call
from env_server.service import SearchService
from env_server.table_schemas import (
    PlacesAnswer,
    PlacesRequest,
    RouteAnswer,
    RouteRequest,
    ScholarAnswer,
    ScholarRequest,
)

Of = Callable[[Request], tuple[SearchService, Call]]
Errors = dict[int | str, dict[str, Any]]


def add_table_routes(app: FastAPI, of: Of, *, place_errors: Errors, errors: Errors) -> None:
    """`of` gives the service a request is for and its call; the errors are what OpenAPI lists for each route."""

    def json(data: bytes) -> Response:
        return Response(data, media_type="application/json")

    @app.post("/v1/places", responses=place_errors, response_model=PlacesAnswer, tags=["tables"])
    async def places(body: PlacesRequest, request: Request) -> Response:
        """Places of the snapshot's map by name, by distance to another, or both."""
        service, call = of(request)
        return json(await service.places(body, call.view))

    @app.post("/v1/route", responses=place_errors, response_model=RouteAnswer, tags=["tables"])
    async def route(body: RouteRequest, request: Request) -> Response:
        """How far one place is from another, in which direction, and how long the way takes by a stated model."""
        service, call = of(request)
        return json(await service.route(body, call.view))

    @app.post("/v1/scholar", responses=errors, response_model=ScholarAnswer, tags=["tables"])
    async def scholar(body: ScholarRequest, request: Request) -> Response:
        """Papers of the snapshot's index for words, years and citation counts."""
        service, call = of(request)
        return json(await service.papers(body, call.view))
