"""The application: native routes over the service, OpenAPI, and the front around it all."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import multiprocessing
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from corpus.errors import CorpusError
from corpus.snapshot import Snapshot, open_snapshot
from env_server import schemas
from env_server.addressing import Served
from env_server.application import Application
from env_server.dialects import DIALECTS
from env_server.dialects.root import SHARED_PATHS
from env_server.errors import EnvServerError, Problem, problem_of
from env_server.front import Call, Front
from env_server.ledger.routes import Tariffs, add_ledger_route
from env_server.ledger.tallies import Ledger
from env_server.metrics import Metrics
from env_server.openenv import add_openenv
from env_server.people import add_pages
from env_server.recording.opening import recorder_of
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.table_routes import add_table_routes
from env_server.threads import shared_threads
from env_server.view import View

if TYPE_CHECKING:
    from env_server.episode_turns import Episodes
    from env_server.recording.modes import Recorder

API_VERSION = "1.0.0"

logger = logging.getLogger(__name__)

_WARM_AGAIN_S = 10.0
"""An encoder's endpoint may come back: readiness is tried again after this time."""

_DESCRIPTION = """A web that stands still: search and fetch over a frozen corpus, the same bytes every time.

Every answer carries `X-Stillweb-Snapshot`; send it along to pin the snapshot (409 where it differs). Several snapshots
answer under `/s/NAME/...`. `X-Stillweb-Cache` tells how an answer was made: hit, miss, coalesced or bypass.
"""


def create_app(
    snapshots: Mapping[str, Snapshot],
    settings: ServerSettings,
    *,
    metrics: Metrics | None = None,
    on_warm: Callable[[], None] = lambda: None,
) -> Front:
    """The whole ASGI application over open snapshots, the first of which also answers at the root.

    `on_warm` is called once, when every snapshot is warm.
    """
    threads = shared_threads(settings.threads)
    episodes, sums = None, None
    tariffs = Tariffs(settings.prices, settings.price_as)
    if settings.database is not None:
        from env_server.episode_store import EpisodeStore
        from env_server.episode_turns import Episodes
        from env_server.ledger.charging import charge_by
        from env_server.ledger.store import LedgerStore
        from env_server.weather.profiles import profile_of

        store, sums = EpisodeStore(settings.database), LedgerStore(settings.database)
        charge = charge_by(tariffs.table, tariffs.price_as)
        episodes = Episodes(store, weather_of=profile_of, charge=charge, max_idle_s=settings.episode_idle_s,
                            keep_s=settings.episode_keep_s)  # fmt: skip
    services = {name: SearchService(name, snapshot, settings, threads) for name, snapshot in snapshots.items()}
    metrics = metrics or Metrics()
    metrics.spend = tariffs.spend
    ledger = Ledger(metrics, sums)
    recorder = recorder_of(settings)
    app = FastAPIOffline(  # /docs with scripts of its own: the usual ones come from elsewhere
        title="Stillweb",
        version=API_VERSION,
        description=_DESCRIPTION,
        lifespan=_lifespan(services, on_warm, episodes, recorder, ledger),
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.ready = False
    _add_native_routes(app, services)
    _add_control_routes(app, metrics, ledger)
    add_ledger_route(app, ledger, tariffs)
    if episodes is not None:
        from env_server.episode_routes import add_episode_routes
        from env_server.task_file import read_tasks

        tasks = None if settings.tasks is None else read_tasks(settings.tasks)
        add_episode_routes(app, episodes, services, tasks=tasks)
    add_openenv(app, services)
    add_pages(app, services)
    _add_error_handlers(app)
    for service in services.values():
        service.sight.masks(replace(settings.view, obfuscation_seed=None))  # what no one can hide is told at the start
    clear = View(obfuscation_seed=settings.obfuscation_seed)
    served = {
        name: Served(
            name,
            snapshot.snapshot_id,
            snapshot.manifest.content_id,
            frozenset(services[name].under(clear).snapshot.store.domains),
        )
        for name, snapshot in snapshots.items()
    }
    routes = SHARED_PATHS.union(getattr(route, "path", "") for route in app.routes)
    application = Application(app, services, DIALECTS, recorder)
    return Front(
        application, served, settings,
        routes=routes, dialects=DIALECTS, episodes=episodes, metrics=metrics, ledger=ledger,
    )  # fmt: skip


def app_from_env() -> Front:
    """What a worker of `stillweb serve` runs: settings from STILLWEB_*, logs to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("httpx", "faiss.loader"):  # they tell of every request and of every build of FAISS they try
        logging.getLogger(name).setLevel(logging.WARNING)
    settings = ServerSettings()  # read from the environment
    if settings.workers > 1:
        _leave_with_the_parent()
    snapshots = {name: open_snapshot(path) for name, path in settings.snapshots.items()}
    return create_app(snapshots, settings, on_warm=_settle)


def _settle() -> None:
    """What is open now stays: the collector need not walk through it again, and need not come by every 700 objects.

    A collection of everything took 30 to 130 ms, in which no request is answered (docs/speed.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


async def _is_warm(service: SearchService) -> bool:
    """Try to warm a snapshot. What fails here fails, with its reason, in the requests that need it too."""
    try:
        await service.warm()
    except CorpusError as error:
        logger.error("snapshot %s is not warm: %s", service.name, error)
        return False
    except Exception:  # a library's, over a damaged file; only the log can say why it is never ready
        logger.exception("snapshot %s is not warm", service.name)
        return False
    return True


def _leave_with_the_parent() -> None:
    """Have the kernel end this worker when the process that started it dies: an orphan would keep the port (Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():  # it died before the kernel was told, and no signal will come
        sys.exit("The process that started this worker is gone.")


def _lifespan(
    services: Mapping[str, SearchService],
    on_warm: Callable[[], None],
    episodes: Episodes | None,
    recorder: Recorder | None,
    ledger: Ledger,
) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async def warm() -> None:
            cold = list(services.values())
            while cold:
                cold = [service for service in cold if not await _is_warm(service)]
                if cold:
                    await asyncio.sleep(_WARM_AGAIN_S)
            on_warm()
            app.state.ready = True

        tasks = [asyncio.create_task(warm())]
        if episodes is not None:
            await episodes.store.open()
            tasks.append(asyncio.create_task(episodes.watch()))
        await ledger.open()
        tasks.append(asyncio.create_task(ledger.watch()))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ledger.close()
        if episodes is not None:
            await episodes.store.close()
        if recorder is not None:
            await recorder.close()

    return lifespan


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers a route may give, for OpenAPI; those of the front are the same for every route."""
    why = {
        400: "The body is not JSON.",
        401: "No token, or a wrong one.",
        404: "No such page, part or section.",
        405: "The route does not answer this method.",
        409: "The request pins another snapshot.",
        413: "The body is over the limit.",
        415: "The body is not declared as JSON.",
        422: "A value is not acceptable.",
        503: "Overloaded; retry after the time given in Retry-After.",
    }
    return {status: {"model": schemas.ErrorAnswer, "description": why[status]} for status in statuses}


_FRONT = (401, 409, 413, 503)
_POST = _errors(400, *_FRONT, 415, 422)
_PAGE = _errors(400, *_FRONT, 404, 415, 422)


def _json(data: bytes) -> Response:
    return Response(data, media_type="application/json")


def _add_native_routes(app: FastAPI, services: Mapping[str, SearchService]) -> None:
    def of(request: Request, *parameters: str) -> tuple[SearchService, Call]:
        """The service a request is for and the view it has. A query parameter that nobody would read is refused."""
        for name in request.query_params:
            if name not in parameters or len(request.query_params.getlist(name)) > 1:
                why = "is given twice" if name in parameters else "is no query parameter of this route"
                takes = ", ".join(parameters)
                remedy = f"It takes {takes}, each once." if takes else "Leave it out; options go in a JSON body."
                raise EnvServerError(422, "invalid_request", f"{name[:100]!r} {why}.", remedy)
        call: Call = request.scope["stillweb"]
        return services[call.snapshot].under(call.view), call

    @app.post("/v1/search", responses=_POST, response_model=schemas.SearchAnswer, tags=["search"])
    async def search(body: schemas.SearchRequest, request: Request) -> Response:
        """The best pages (or passages) for a query."""
        service, call = of(request)
        return _json(await service.search(body, call.view))

    @app.post("/v1/search/batch", responses=_POST, response_model=schemas.SearchBatchAnswer, tags=["search"])
    async def search_batch(body: schemas.SearchBatchRequest, request: Request) -> Response:
        """Several queries with the same options; a query that fails is an error in its own place."""
        service, call = of(request)
        return _json(await service.search_batch(body, call.view))

    @app.post("/v1/fetch", responses=_PAGE, response_model=schemas.FetchAnswer, tags=["read"])
    async def fetch(body: schemas.FetchRequest, request: Request) -> Response:
        """A page by URL or id: whole, by part, by section; as Markdown, text or stored HTML."""
        service, call = of(request)
        return _json(await service.fetch(body, call.view))

    @app.post("/v1/fetch/batch", responses=_POST, response_model=schemas.FetchBatchAnswer, tags=["read"])
    async def fetch_batch(body: schemas.FetchBatchRequest, request: Request) -> Response:
        """Several pages; one that is missing is an error in its own place."""
        service, call = of(request)
        return _json(await service.fetch_batch(body, call.view))

    @app.post("/v1/find", responses=_PAGE, response_model=schemas.FindAnswer, tags=["read"])
    async def find(body: schemas.FindRequest, request: Request) -> Response:
        """Where words or a regular expression stand on a page."""
        service, call = of(request)
        return _json(await service.find(body, call.view))

    @app.post("/v1/similar", responses=_PAGE, response_model=schemas.SearchAnswer, tags=["search"])
    async def similar(body: schemas.SimilarRequest, request: Request) -> Response:
        """Pages near a page in meaning."""
        service, call = of(request)
        return _json(await service.similar(body, call.view))

    @app.post("/v1/extract", responses=_PAGE, response_model=schemas.ExtractAnswer, tags=["read"])
    async def extract(body: schemas.ExtractRequest, request: Request) -> Response:
        """The parts of a page that speak of a goal, word for word."""
        service, call = of(request)
        return _json(await service.extract(body, call.view))

    @app.get("/v1/links", responses=_errors(*_FRONT, 404, 422), response_model=schemas.LinksAnswer, tags=["read"])
    async def links(request: Request, url: str | None = None, doc_id: str | None = None) -> Response:
        """Where a page links, and which pages link to it. Give either `url` or `doc_id`."""
        if (url is None) == (doc_id is None):
            raise EnvServerError(422, "invalid_request", "Give either url or doc_id.", "Add ?url=… or ?doc_id=….")
        service, call = of(request, "url", "doc_id")
        return _json(await service.links(schemas.PageRef(url=url, doc_id=doc_id), call.view))

    @app.get(
        "/v1/image",
        responses=_errors(*_FRONT, 404, 422) | {200: {"content": {"image/*": {}}, "description": "The picture."}},
        response_class=Response,
        tags=["read"],
    )
    async def image(request: Request, url: str) -> Response:
        """The bytes of a picture that a page shows and the snapshot has stored."""
        service, call = of(request, "url")
        media_type, data = await service.image(url, call.view)
        # A drawing may hold scripts; opened by itself in a browser it must not run them in this origin.
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}
        return Response(data, media_type=media_type, headers=headers)

    @app.get("/v1/documents", responses=_errors(*_FRONT, 422), response_model=schemas.DocumentsAnswer, tags=["read"])
    async def documents(
        request: Request,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        domain: str | None = None,
        url_prefix: str | None = None,
    ) -> Response:
        """The pages of the snapshot by id; follow `next` for all of them."""
        service, call = of(request, "cursor", "limit", "domain", "url_prefix")
        return _json(await service.documents(cursor, limit, domain, url_prefix, call.view))

    add_table_routes(app, of, place_errors=_PAGE, errors=_POST)

    @app.get("/v1/snapshot", responses=_errors(*_FRONT, 422), response_model=schemas.SnapshotAnswer, tags=["about"])
    async def snapshot(request: Request) -> Any:
        """What is served: ids, counts, settings, retrieval modes."""
        return of(request)[0].describe()


def _add_control_routes(app: FastAPI, metrics: Metrics, ledger: Ledger) -> None:
    @app.get("/health", responses=_errors(409, 413), response_model=schemas.HealthAnswer, tags=["about"])
    async def health() -> Any:
        """The process answers."""
        return {"status": "healthy"}

    ready_answers: dict[int | str, dict[str, Any]] = {
        503: {"model": schemas.ReadyAnswer, "description": "Indexes and encoder are being opened."}
    }

    @app.get("/ready", responses=_errors(409, 413) | ready_answers, response_model=schemas.ReadyAnswer, tags=["about"])
    async def ready(response: Response) -> Any:
        """Every index and the encoder are warm: the next request meets no cold start."""
        response.status_code = 200 if app.state.ready else 503
        return {"status": "ready" if app.state.ready else "warming"}

    @app.get(
        "/metrics",
        responses=_errors(401, 409, 413) | {200: {"content": {"text/plain": {}}}},
        response_class=Response,
        tags=["about"],
    )
    async def prometheus() -> Response:
        """Counters in the Prometheus text format."""
        ledger.settle()
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_error_handlers(app: FastAPI) -> None:
    def answer(problem: Problem) -> Response:
        return Response(problem.body(), status_code=problem.status, media_type="application/json")

    async def known(request: Request, error: Exception) -> Response:
        return answer(problem_of(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(_validation_problem(request, error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            path = request.scope["path"][:100]
            problem = Problem(404, "no_such_route", f"Nothing answers at {path}.", "See /docs for the routes.")
        elif error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "another method")
            problem = Problem(405, "method_not_allowed", f"{request.method} is not answered here.", f"Use {allowed}.")
        else:
            problem = Problem(error.status_code, "bad_request", str(error.detail), "Send a JSON body in UTF-8.")
        response = answer(problem)
        response.headers.update(error.headers or {})
        return response

    app.add_exception_handler(EnvServerError, known)
    app.add_exception_handler(CorpusError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _validation_problem(request: Request, error: RequestValidationError) -> Problem:
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and declared != "application/json" and not declared.endswith("+json"):
        return Problem(
            415,
            "not_json",
            f"The body is declared as {declared[:80] or 'nothing'}.",
            "Send it with `Content-Type: application/json`.",
        )
    details = error.errors()
    if any(detail["type"] == "json_invalid" for detail in details):
        return Problem(400, "invalid_json", "The body is not valid JSON.", "Send one JSON object.")
    shown = []
    for detail in details[:5]:
        place = ".".join(str(part) for part in detail["loc"][1:]) or str(detail["loc"][0])
        message = "unknown field" if detail["type"] == "extra_forbidden" else detail["msg"]
        shown.append(f"{place[:100]}: {message.removeprefix('Value error, ')}")
    return Problem(422, "invalid_request", f"{'; '.join(shown)}.", "Correct the fields named; /docs has the schema.")
