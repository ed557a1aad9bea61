"""`stillweb eval agent` and `stillweb tasks ...`: thin verbs. Results to stdout, progress to stderr."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from agent.client import Client
from agent.errors import EnvError
from agent.failures import AgentError
from agent.models.openai_api import ChatModel, served_models
from agent.models.protocol import ModelError
from agent.records import Episode
from agent.shards import records
from corpus.errors import CorpusError
from corpus.snapshot import open_snapshot
from training.comparing import Comparison, Loss, compare, decompose
from training.evaluate import Evaluation, NothingScored, evaluate, finite
from training.judge import BadVerdicts, Verdicts, ask, wanted
from training.loaders import FORMATS, load, placed
from training.rubric import TextOf, served_texts, snapshot_texts
from training.tables import as_tables
from training.tasks import BadTasks, Task, read_tasks, write_questions, write_tasks
from training.terminal import fail

TasksOption = Annotated[Path, typer.Option("--tasks", help="Tasks that the run's questions were written from.")]


def agent(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, or a file of its rows.")],
    tasks: TasksOption,
    snapshot: Annotated[Path | None, typer.Option(help="Snapshot directory: citations are looked up in it.")] = None,
    server: Annotated[str | None, typer.Option(help="Server to look citations up at, instead of a snapshot.")] = None,
    token: Annotated[str | None, typer.Option(envvar="STILLWEB_TOKEN", help="Bearer token of the server.")] = None,
    against: Annotated[Path | None, typer.Option(help="Another run over the same tasks, to compare with.")] = None,
    floor: Annotated[Path | None, typer.Option(help="Run of the same tasks without tools; with --ceiling.")] = None,
    ceiling: Annotated[Path | None, typer.Option(help="Run of the same tasks given the evidence.")] = None,
    judge: Annotated[str | None, typer.Option(help="OpenAI-compatible URL of a model that judges answers.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="Its name; default: the one that the URL serves.")] = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="File that verdicts are kept in; without --judge it is only read.")
    ] = None,
    shortcut: Annotated[
        bool, typer.Option("--shortcut", help="Answers with the gold's own words need no judge. Agreement counts them.")
    ] = False,
    prompt_price: Annotated[float, typer.Option(help="Dollars a million prompt tokens.")] = 0.0,
    completion_price: Annotated[float, typer.Option(help="Dollars a million completion tokens.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstraps and permutation tests.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Score a run against its tasks: accuracy, evidence, citations, costs, each with what it rests on."""
    if (floor is None) != (ceiling is None):
        fail("--floor and --ceiling go together: the loss is told between the two.")
    if snapshot is not None and server is not None:
        fail("Give --snapshot or --server, not both.")
    if (judge is not None or judge_model is not None) and verdicts is None:
        fail("A judge's verdicts are kept: name a file with --verdicts.")
    if verdicts is not None and judge is None and judge_model is None:
        fail("Whose verdicts? Name the model with --judge-model, or its URL with --judge.")
    try:
        known = {task.task_id: task for task in read_tasks(tasks)}
        runs = {path: list(records(path)) for path in (out, against, floor, ceiling) if path is not None}
        judged = _judged(runs, known, judge, judge_model, verdicts, shortcut)
        texts, close = _texts(snapshot, server, token)
        try:
            scored = {
                path: evaluate(
                    episodes, known.values(), text_of=texts, verdicts=None if judged is None else judged[path],
                    dollars_a_million=(prompt_price, completion_price), seed=seed,
                )
                for path, episodes in runs.items()
            }  # fmt: skip
        finally:
            close()
        compared = compare(scored[out], scored[against], seed=seed) if against is not None else []
        loss = (
            decompose(scored[out], floor=scored[floor], ceiling=scored[ceiling])
            if floor is not None and ceiling is not None
            else None
        )
    except (BadTasks, NothingScored, BadVerdicts, AgentError, CorpusError, EnvError, ModelError, ValueError) as error:
        fail(str(error))
    if as_json:
        print(orjson.dumps(_json(scored[out], compared, loss), option=orjson.OPT_INDENT_2).decode())
    else:
        print(as_tables(scored[out], compared, loss))


def import_(
    file: Annotated[Path, typer.Argument(help="Question file of a benchmark, which you have; .gz, .bz2, .zst too.")],
    form: Annotated[str, typer.Option("--from", help=f"{', '.join(FORMATS)}.")],
    out: Annotated[Path, typer.Option(help="File of tasks to write.")],
    snapshot: Annotated[
        Path | None, typer.Option(help="Keep only questions whose evidence is all in this snapshot.")
    ] = None,
    self_contained: Annotated[
        bool, typer.Option("--self-contained", help="Leave out questions that say 'this', 'the table', 'he' and so on.")
    ] = False,
    named: Annotated[
        bool,
        typer.Option("--named", help="Keep questions that share a word with their page's title; needs --snapshot."),
    ] = False,
    split: Annotated[str, typer.Option(help="What to write into `split`.")] = "",
) -> None:
    """Make tasks of a benchmark's questions."""
    if named and snapshot is None:
        fail("--named reads the titles of evidence pages: name a snapshot with --snapshot.")
    try:
        if form == "stillweb":
            tasks, told = list(read_tasks(file)), ""
        else:
            web = None if snapshot is None else open_snapshot(snapshot)
            tasks, dropped = placed(load(file, form), form, web, alone=self_contained, named=named)
            told = (
                f"; left out: {dropped.no_evidence} whose evidence is not in the snapshot, {dropped.not_alone} that "
                f"need their page, {dropped.unnamed} that do not name it"
            )
        if not tasks:
            fail(f"No question of {file} is left{told}.")
        count = write_tasks((task.model_copy(update={"split": split or task.split}) for task in tasks), out)
    except (BadTasks, CorpusError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}.")
    families = len({task.family for task in tasks})
    print(f"{count} tasks in {families} families{told}.", file=sys.stderr)
    print(out)


def questions(
    tasks: Annotated[Path, typer.Argument(help="File of tasks.")],
    out: Annotated[Path, typer.Option(help="File to write: ids and questions alone, as agents may read them.")],
) -> None:
    """Write the questions of a file of tasks, and nothing that could tell an answer."""
    try:
        count = write_questions(list(read_tasks(tasks)), out)
    except BadTasks as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}.")
    print(f"{count} questions.", file=sys.stderr)
    print(out)


def _texts(snapshot: Path | None, server: str | None, token: str | None) -> tuple[TextOf | None, Callable[[], None]]:
    if server is not None:
        client = Client(server, token=token)
        return served_texts(client), client.close
    return None if snapshot is None else snapshot_texts(open_snapshot(snapshot)), lambda: None


def _judged(
    runs: dict[Path, list[Episode]],
    known: dict[str, Task],
    url: str | None,
    name: str | None,
    path: Path | None,
    shortcut: bool,
) -> dict[Path, dict[str, bool]] | None:
    if path is None:
        return None
    kept = Verdicts.read(path)
    if url is not None:
        name = asyncio.run(_ask(url, name, kept, [one for of in runs.values() for one in of], known, shortcut))
    assert name is not None
    return {run: kept.of(episodes, known, name, shortcut=shortcut) for run, episodes in runs.items()}


async def _ask(
    url: str, name: str | None, kept: Verdicts, episodes: Iterable[Episode], known: dict[str, Task], shortcut: bool
) -> str:
    key = os.environ.get("OPENAI_API_KEY")
    served: Sequence[str] = [name] if name else await served_models(url, api_key=key)
    if len(served) != 1:
        raise BadVerdicts(f"{url} serves {', '.join(served) or 'no model'}. Say which with --judge-model.")
    model = ChatModel(url, served[0], api_key=key)
    try:
        owed = wanted(episodes, known, shortcut=shortcut)
        await ask(owed, model, kept, told=lambda done, of: print(f"\rjudged {done} of {of}", end="", file=sys.stderr))
    except* ModelError as group:
        raise BadVerdicts(f"The judge gives no verdict: {group.exceptions[0]} What it gave is kept.") from None
    finally:
        await model.close()
    return served[0]


def _json(scored: Evaluation, compared: Sequence[Comparison], loss: Loss | None) -> Any:
    found = scored.to_json()
    if compared:
        found["compared"] = [one.to_json() for one in compared]
    if loss is not None:
        found["loss"] = loss.rounded()
    return finite(found)
