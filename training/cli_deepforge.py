"""`stillweb tasks deepforge`: a thin verb over `training.deepforge`. Counts to stderr, the number of rows to stdout."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import typer

from agent.client import AsyncClient
from agent.errors import EnvError
from agent.failures import AgentError
from agent.models.protocol import ModelError
from agent.opening import open_model
from agent.options import ServerOption, TokenOption
from agent.speech import manner_of
from agent.tools.profiles import profile
from corpus.errors import CorpusError
from training.tasks import BadTasks
from training.terminal import fail


def deepforge(
    out: Annotated[Path, typer.Option(help="File of rows to write, JSON lines.")],
    server: ServerOption = "http://127.0.0.1:8080",
    count: Annotated[int, typer.Option(min=1, help="Rows.")] = 100,
    facts: Annotated[
        Path | None,
        typer.Option(help="The served snapshot's directory, for its facts: typed relations, and one answer."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="OpenAI-compatible URL of a model that does every step.")] = None,
    model_name: Annotated[str | None, typer.Option(help="Its name; default: the one that the URL serves.")] = None,
    replies: Annotated[Path | None, typer.Option(help="File that the model's replies are kept in.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="The model's answers from memory.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other rows.")] = 0,
    token: TokenOption = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 32,
) -> None:
    """Make questions as DeepForge does, against a server: with a model, or by rules."""
    from training.deepforge.rows import BadRows, check_out
    from training.synthesis.yields import note_yields

    if model is not None and facts is not None:
        fail("--facts is for the rules; a model reads the served pages. Leave out one of --facts and --model.")
    counts: dict[str, int] = {}
    try:
        for path in (out, replies):
            if path is not None:
                check_out(path)
        figures = asyncio.run(
            _make(out, server, count, facts, model, model_name, replies, samples, seed, token, concurrency, counts)
        )
    except BadRows as error:
        _tell(counts)
        fail(str(error))
    except (EnvError, ModelError, AgentError, CorpusError, BadTasks, ValueError) as error:
        fail(f"{error} What was replied is kept." if replies is not None and model is not None else str(error))
    except OSError as error:
        fail(f"{error.filename or out} cannot be read or written: {error.strerror}.")
    note_yields(out, "deepforge", counts)
    _tell({**counts, **figures})
    rows = counts["rows"]
    print(rows)
    if rows < count:
        print(f"{rows} of {count} rows: the topics lead to no more pages of this server.", file=sys.stderr)


def _tell(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        print(f"{value:>9,}  {name}" if isinstance(value, int) else f"{value:>9.2f}  {name}", file=sys.stderr)


async def _make(
    out: Path,
    server: str,
    count: int,
    facts: Path | None,
    model_url: str | None,
    model_name: str | None,
    kept: Path | None,
    samples: int,
    seed: int,
    token: str | None,
    concurrency: int,
    counts: dict[str, int],
) -> dict[str, float]:
    """Figures of the rows that it wrote; `counts` is told what became of everything."""
    from training.deepforge.by_model import ByModel
    from training.deepforge.longtail import popularity_of
    from training.deepforge.make import Tally, make_rows
    from training.deepforge.rows import write_rows
    from training.deepforge.rules import Rules
    from training.deepforge.steps import Steps
    from training.deepforge.web import Web
    from training.synthesis.gates import Replies

    tally, key = Tally(), os.environ.get("OPENAI_API_KEY")
    async with AsyncClient(server, token=token) as env:
        snapshot_id = (await env.snapshot()).snapshot_id
        known = _facts(facts, snapshot_id) if facts else None
        web = Web(env.using(snapshot=snapshot_id), concurrency=concurrency)
        reference = await popularity_of(web, seed)
        manner = manner_of(profile("default"))
        model = await open_model([model_url], model_name, manner, seed, api_key=key) if model_url else None
        steps: Steps
        try:
            if model is None:
                steps = Rules(web, reference, known)
            else:
                steps = ByModel(web, model, Replies(kept), samples=samples)
                await steps.prepare()
            rows = []
            async for row in make_rows(steps, web, count=count, seed=seed, tally=tally):
                rows.append(row)
                if len(rows) % 50 == 0:
                    print(f"\r{len(rows)} of {count}", end="", file=sys.stderr)
        finally:
            if model is not None:
                await model.close()
        if len(rows) >= 50:
            print(file=sys.stderr)
        counts.update(sorted(tally.counts.items()))
        write_rows(rows, out)
        return {
            "requests": web.calls,
            "pages that link to an entity, mean": mean(tally.popularity) if tally.popularity else 0.0,
            "pages that link to a random page, mean": reference.mean,
            "calls needed for the vague question, mean": mean(one for one, _ in tally.calls) if tally.calls else 0.0,
            "calls needed for the harder question, mean": mean(one for _, one in tally.calls) if tally.calls else 0.0,
        }


def _facts(path: Path, snapshot_id: str) -> Any:
    from corpus.facts.base import open_facts
    from corpus.snapshot import open_snapshot
    from training.deepforge.factual import FactWeb

    web = open_snapshot(path)
    if web.snapshot_id != snapshot_id:
        raise ValueError(
            f"{path} is snapshot {web.snapshot_id}, and the server has {snapshot_id}. Name the one that is served."
        )
    store = web.store
    return FactWeb(open_facts(path), {store.doc_id(at): store.head(at)[0] for at in range(len(store))})
