"""`stillweb data ...`: thin verbs over `training.data`. Results to stdout, progress to stderr."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer

from agent.errors import EnvError
from agent.failures import AgentError
from agent.models.protocol import ModelError
from agent.options import FormatOption, ModelNameOption, ModelOption, ServerOption, ThreadsOption, TokenOption
from agent.records import Episode
from agent.shards import records
from agent.speech import manner_of
from agent.tools.profiles import profile
from corpus.errors import CorpusError
from corpus.manifest import Manifest, read_manifest
from training.data.card import BadSet, seeds_of
from training.data.dpo import Recipe, build_dpo
from training.data.filters import Sieve
from training.data.forks import read_forks
from training.data.pairing import MARGIN
from training.data.pairs import KINDS
from training.data.rl import Curation, build_rl
from training.data.sft import build_sft
from training.judge import BadVerdicts, Verdicts
from training.tasks import BadTasks, Task, read_tasks
from training.terminal import fail

T = TypeVar("T")
RunsArgument = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, or files of their rows.")]
TasksOption = Annotated[Path, typer.Option("--tasks", help="Tasks that the runs' questions were written from.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the set; it must hold nothing yet.")]
SnapshotOption = Annotated[
    Path | None, typer.Option("--snapshot", help="The rollouts' snapshot: its pages' licences go on the card.")
]
VerdictsOption = Annotated[
    Path | None, typer.Option("--verdicts", help="A judge's verdicts, which then say what is right.")
]
SnippetsOption = Annotated[
    bool, typer.Option("--snippets", help="Search results support an answer, too: for agents that open no pages.")
]
JudgeOption = Annotated[str | None, typer.Option("--judge-model", help="Whose verdicts of that file.")]


def sft(
    runs: RunsArgument,
    tasks: TasksOption,
    out: OutOption,
    calls: Annotated[int, typer.Option(min=0, help="Distinct calls of a rollout, at least.")] = Sieve.calls,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of repeated calls.")] = Sieve.duplicates,
    failures: Annotated[float, typer.Option(min=0, max=1, help="Share of failed calls.")] = Sieve.failures,
    last_turns: Annotated[int, typer.Option(min=0, help="Turns at the end without weather.")] = Sieve.last_turns,
    tokens: Annotated[int, typer.Option(min=1, help="Of the longest prompt and its reply.")] = Sieve.tokens,
    per_task: Annotated[int, typer.Option(min=1, help="Rollouts of a task, at most.")] = Sieve.per_task,
    snippets: SnippetsOption = False,
    snapshot: SnapshotOption = None,
    verdicts: VerdictsOption = None,
    judge_model: JudgeOption = None,
) -> None:
    """Keep the rollouts that are fit to imitate, and count why the others are not."""
    sieve = Sieve(calls, duplicates, failures, last_turns, tokens, per_task, snippets)

    def make() -> dict[str, Any]:
        known = list(read_tasks(tasks))
        judged = _judged(verdicts, judge_model, runs, known)
        return build_sft(
            lambda: episodes_of(runs), known, out,
            sieve=sieve, verdicts=judged, manifest=_manifest(snapshot), seeds=seeds_of(runs),
        )  # fmt: skip

    _tell(_or_fail(make), out)


def dpo(
    runs: RunsArgument,
    tasks: TasksOption,
    out: OutOption,
    kinds: Annotated[str, typer.Option(help=f"Which, with commas: {', '.join(KINDS)}.")] = ",".join(KINDS),
    forks: Annotated[Path | None, typer.Option(help="File that `stillweb data forks` wrote.")] = None,
    prefix: Annotated[
        str, typer.Option(help="One state: where all messages are equal, or all `calls` and observations.")
    ] = Recipe.prefix,
    margin: Annotated[float, typer.Option(min=0, max=1, help="Gap in success of two actions, at least.")] = MARGIN,
    tokens: Annotated[int, typer.Option(min=1, help="Of prompt and the longer side.")] = Recipe.tokens,
    per_task: Annotated[int, typer.Option(min=1, help="Pairs of a kind of a task, at most.")] = Recipe.per_task,
    policy: Annotated[str | None, typer.Option(help="Model that will be trained: which pairs are its own.")] = None,
    snippets: SnippetsOption = False,
    snapshot: SnapshotOption = None,
    verdicts: VerdictsOption = None,
    judge_model: JudgeOption = None,
) -> None:
    """Make preference pairs of rollouts that were in one state, and say what else the pairs teach."""
    wanted = tuple(name.strip() for name in kinds.split(",") if name.strip())
    for name in wanted:
        if name not in KINDS:
            fail(f"--kinds {name}: there is no such kind of pair. Take {', '.join(KINDS)}.")
    if prefix not in ("messages", "calls"):
        fail(f"--prefix {prefix}: take messages or calls.")

    def make() -> dict[str, Any]:
        known = list(read_tasks(tasks))
        recipe = Recipe(prefix, margin, tokens, per_task, wanted, policy, snippets)  # type: ignore[arg-type]
        judged = _judged(verdicts, judge_model, runs, known)
        return build_dpo(
            episodes_of(runs), known, out, recipe=recipe, forks=read_forks(forks) if forks else (),
            verdicts=judged, manifest=_manifest(snapshot), seeds=seeds_of(runs),
        )  # fmt: skip

    _tell(_or_fail(make), out)


def rl(
    tasks: Annotated[list[Path], typer.Option("--tasks", help="File of tasks; once for each source.")],
    out: OutOption,
    runs: Annotated[list[Path] | None, typer.Argument(metavar="[RUN...]", help="Runs that measure pass rates.")] = None,
    low: Annotated[float, typer.Option(min=0, max=1, help="Pass rate from which a task is kept.")] = Curation.low,
    high: Annotated[float, typer.Option(min=0, max=1, help="Pass rate up to which.")] = Curation.high,
    samples: Annotated[int, typer.Option(min=1, help="Rollouts that measure a task.")] = Curation.samples,
    unmeasured: Annotated[bool, typer.Option("--unmeasured", help="Keep tasks that are not measured.")] = False,
    mix: Annotated[
        list[str] | None, typer.Option(help="SOURCE=SHARE, once for each; a source is a file's name without .jsonl.")
    ] = None,
    total: Annotated[int | None, typer.Option(min=1, help="Prompts, at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of choice and order.")] = 0,
    profile_name: Annotated[str, typer.Option("--profile", help="Whose prompt opens.")] = "default",
    format_name: FormatOption = None,
    snapshot: SnapshotOption = None,
    verdicts: VerdictsOption = None,
    judge_model: JudgeOption = None,
) -> None:
    """Choose prompts for RL by pass rate, and mix their sources."""

    def make() -> dict[str, Any]:
        curation = Curation(low, high, samples, unmeasured, _shares(mix), total, seed)
        sources: dict[str, list[Task]] = {}
        for path in tasks:
            if path.stem in sources:
                raise BadSet(f"Two files are called {path.stem}, which is a source's name. Give one another name.")
            sources[path.stem] = list(read_tasks(path))
        known = [task for found in sources.values() for task in found]
        judged = _judged(verdicts, judge_model, runs or (), known)
        return build_rl(
            sources, episodes_of(runs or ()), manner_of(profile(profile_name), format_name), out,
            curation=curation, verdicts=judged, manifest=_manifest(snapshot), seeds=seeds_of(runs or ()),
        )  # fmt: skip

    _tell(_or_fail(make), out)


def forks(
    runs: RunsArgument,
    tasks: TasksOption,
    out: Annotated[Path, typer.Option("--out", help="File of forks to write, for `stillweb data dpo --forks`.")],
    model: ModelOption,
    model_name: ModelNameOption = None,
    server: ServerOption = "http://127.0.0.1:8080",
    token: TokenOption = None,
    states: Annotated[int, typer.Option(min=1, help="States of a task, at most.")] = 1,
    actions: Annotated[int, typer.Option(min=2, help="Next actions drawn in a state.")] = 8,
    continuations: Annotated[int, typer.Option(min=1, help="Of each different action.")] = 4,
    temperature: Annotated[float, typer.Option(min=0, help="Of the model.")] = 1.0,
    reply_tokens: Annotated[int, typer.Option(min=1, help="Of a reply, at most.")] = 1024,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests of model and server at once, at most.")] = 64,
    threads: ThreadsOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of draws and continuations.")] = 0,
) -> None:
    """Go back to states where right and wrong rollouts parted, draw other actions there, and see how they end."""
    from agent.models.protocol import Sampling
    from training.data.fork_runs import Forking, make_forks

    how = Forking(
        tuple(model), model_name, server, token, states, actions, continuations,
        Sampling(temperature, 1.0, reply_tokens), concurrency, threads, seed,
    )  # fmt: skip

    def shown(done: int, of: int) -> None:
        print(f"\rforked {done} of {of}", end="\n" if done == of else "", file=sys.stderr)

    def make() -> int:
        return asyncio.run(make_forks(list(episodes_of(runs)), list(read_tasks(tasks)), out, how, told=shown))

    print(f"{_or_fail(make)} forks.", file=sys.stderr)
    print(out)


def episodes_of(runs: Sequence[Path]) -> Iterator[Episode]:
    """Records of several runs, in their order. Raises AgentError, naming run and row."""
    return chain.from_iterable(map(records, runs))


def _judged(
    path: Path | None, name: str | None, runs: Sequence[Path], tasks: Sequence[Task]
) -> Mapping[str, bool] | None:
    if (path is None) != (name is None):
        raise BadSet("--verdicts and --judge-model go together: a file may hold the verdicts of several judges.")
    if path is None or name is None:
        return None
    return Verdicts.read(path).of(episodes_of(runs), {task.task_id: task for task in tasks}, name)


def _manifest(snapshot: Path | None) -> Manifest | None:
    return None if snapshot is None else read_manifest(snapshot)


def _shares(mix: Sequence[str] | None) -> dict[str, float] | None:
    if not mix:
        return None
    found = {}
    for one in mix:
        name, _, share = one.rpartition("=")
        try:
            found[name] = float(share)
        except ValueError:
            raise BadSet(f"--mix {one}: write SOURCE=SHARE, as in --mix chains=0.7.") from None
    return found


def _tell(card: Mapping[str, Any], out: Path) -> None:
    """The counts to stderr, the folder to stdout."""
    counts = {"files": {name: about["rows"] for name, about in card["files"].items()}, **card["counts"]}
    print(orjson.dumps(counts, option=orjson.OPT_INDENT_2).decode(), file=sys.stderr)
    print(out)


def _or_fail(make: Callable[[], T]) -> T:
    try:
        return make()
    except (BadSet, BadTasks, BadVerdicts, AgentError, CorpusError, EnvError, ModelError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'A file'} cannot be read or written: {error.strerror}.")
