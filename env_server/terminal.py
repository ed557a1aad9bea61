"""`stillweb search` and `stillweb fetch`: ask a running server, or a snapshot folder, and print what it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer

ServerOption = Annotated[str, typer.Option(envvar="STILLWEB_URL", help="Server to ask.")]
SnapshotOption = Annotated[Path | None, typer.Option(help="Ask this snapshot folder instead of a server.")]
TokenOption = Annotated[str | None, typer.Option(envvar="STILLWEB_TOKEN", help="Bearer token of the server.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

DEFAULT_SERVER = "http://127.0.0.1:8080"


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many hits.")] = 5,
    mode: Annotated[str | None, typer.Option(help="bm25, dense or hybrid; default: the snapshot's.")] = None,
    server: ServerOption = DEFAULT_SERVER,
    snapshot: SnapshotOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search in the terminal."""
    body: dict[str, Any] = {"query": query, "k": k} | ({"mode": mode} if mode else {})
    answer = _ask("search", body, server, snapshot, token)
    if as_json:
        _print_json(answer)
        return
    if not answer["hits"]:
        print(f"Nothing found for {query!r}.", file=sys.stderr)
    for hit in answer["hits"]:
        date = f"  {hit['date']}" if hit["date"] else ""
        print(_safe(f"{hit['rank']}. {hit['title']}{date}\n   {hit['url']}\n   {hit['snippet']}\n"))


def fetch(
    url: Annotated[str, typer.Argument(help="URL or doc_id of the page.")],
    page: Annotated[int, typer.Option(help="Which part of a long page.")] = 1,
    section: Annotated[str | None, typer.Option(help="Only this section.")] = None,
    form: Annotated[str, typer.Option("--format", help="markdown, text or html.")] = "markdown",
    server: ServerOption = DEFAULT_SERVER,
    snapshot: SnapshotOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a page in the terminal."""
    key = "url" if "://" in url else "doc_id"
    body: dict[str, Any] = {key: url, "page": page, "format": form} | ({"section": section} if section else {})
    answer = _ask("fetch", body, server, snapshot, token)
    if as_json:
        _print_json(answer)
        return
    print(_safe(answer["text"]))
    if answer["pages"] > 1:
        print(f"\n(part {answer['page']} of {answer['pages']}; --page for the others)", file=sys.stderr)


def _ask(route: str, body: dict[str, Any], server: str, snapshot: Path | None, token: str | None) -> dict[str, Any]:
    if snapshot is not None:
        return _ask_snapshot(route, body, snapshot)
    import httpx

    if "://" not in server:
        server = f"http://{server}"
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        response = httpx.post(f"{server.rstrip('/')}/v1/{route}", json=body, headers=headers, timeout=60.0)
        answer: dict[str, Any] = response.json()
    except httpx.HTTPError as error:
        _fail(
            f"No Stillweb answers at {server}: {error}. Start one with `stillweb serve`, or name a folder with "
            "--snapshot."
        )
    except ValueError:
        _fail(f"What answers at {server} is not Stillweb. Name another with --server.")
    if response.status_code == 401:
        what = "another token" if token else "a token"
        _fail(f"{server} asks for {what}. Give it with --token or STILLWEB_TOKEN.")
    if "error" in answer:
        _fail(f"{answer['error']['message']} {answer['error']['remedy']}")
    return answer


def _ask_snapshot(route: str, body: dict[str, Any], path: Path) -> dict[str, Any]:
    import asyncio

    from pydantic import ValidationError

    from corpus.errors import CorpusError
    from corpus.snapshot import open_snapshot
    from env_server.errors import EnvServerError, problem_of
    from env_server.schemas import FetchRequest, SearchRequest
    from env_server.service import SearchService
    from env_server.settings import ServerSettings

    async def ask() -> bytes:
        service = SearchService(path.name, open_snapshot(path), ServerSettings(snapshots={path.name: path}))
        if route == "search":
            return await service.search(SearchRequest.model_validate(body))
        return await service.fetch(FetchRequest.model_validate(body))

    if not path.is_dir():
        _fail(f"{path} is no folder. Build a snapshot there: stillweb corpus build SOURCE... --out {path}")
    try:
        answer: dict[str, Any] = orjson.loads(asyncio.run(ask()))
        return answer
    except ValidationError as error:
        _fail("; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()))
    except EnvServerError as error:
        problem = problem_of(error)
        _fail(f"{problem.message} {problem.remedy}")
    except CorpusError as error:
        _fail(str(error))


def _safe(text: str) -> str:
    """A page's words without the control characters that could steer a terminal."""
    return _CONTROL.sub("", text)


def _print_json(answer: dict[str, Any]) -> None:
    print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def _fail(message: str) -> NoReturn:
    print(f"stillweb: {message}", file=sys.stderr)
    raise typer.Exit(1)
