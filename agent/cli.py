"""`stillweb agent run` and `ask`: thin verbs over functions that anyone can import."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import orjson
import typer

from agent.client import AsyncClient
from agent.loop import Gates, Limits, roll_out
from agent.models.protocol import Sampling
from agent.notes import Identity
from agent.opening import SUMMARIES, Asked, Opened, open_player
from agent.options import (
    CallsOption,
    ControlOption,
    FormatOption,
    ModelNameOption,
    ModelOption,
    NameOption,
    PinOption,
    PolicyOption,
    PythonOption,
    ReplyOption,
    RevisionOption,
    SeedOption,
    ServerOption,
    SummariesOption,
    SummarizeOption,
    SummaryModelOption,
    TemperatureOption,
    ThreadsOption,
    TokenOption,
    TokensOption,
    TopPOption,
    TurnsOption,
    WallOption,
    WeakOption,
    WeatherOption,
    WindowOption,
)
from agent.plan import Plan, settle
from agent.questions import Question, read_questions
from agent.records import Episode, ModelRef
from agent.runner import Counts, Drain
from agent.runner import run as run_plan
from agent.shown import message_text
from agent.terminal import drain_on_interrupt, run_to_end, show_progress, told
from agent.throttle import Gate
from agent.world import World, enter, look_at


def run(
    tasks: Annotated[Path, typer.Option(help="JSON lines with id and question; a file with answers is refused.")],
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="Folder for the rows; an interrupted run there goes on.")],
    samples: Annotated[int, typer.Option("-n", "--samples", min=1, help="Rollouts a question.")] = 1,
    server: ServerOption = "http://127.0.0.1:8080",
    snapshot: PinOption = None,
    served_as: NameOption = None,
    token: TokenOption = None,
    control_token: ControlOption = None,
    model_name: ModelNameOption = None,
    revision: RevisionOption = None,
    profile_name: Annotated[str, typer.Option("--profile", help="Tools and prompt by name.")] = "default",
    format_name: FormatOption = None,
    context: PolicyOption = "none",
    max_turns: TurnsOption = 100,
    max_calls: CallsOption = 200,
    context_tokens: WindowOption = 32_768,
    max_tokens: TokensOption = None,
    max_wall_s: WallOption = None,
    temperature: TemperatureOption = 1.0,
    top_p: TopPOption = 1.0,
    reply_tokens: ReplyOption = 1024,
    weather: WeatherOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    python: PythonOption = False,
    weak_sandbox: WeakOption = False,
    summarize_with: SummarizeOption = None,
    summary_model: SummaryModelOption = None,
    summaries: SummariesOption = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Rollouts under way at once.")] = 256,
    model_concurrency: Annotated[int, typer.Option(min=1, help="Requests to the model at once, at most.")] = 128,
    env_concurrency: Annotated[int, typer.Option(min=1, help="Calls of the server at once, at most.")] = 64,
    max_attempts: Annotated[int, typer.Option(min=1, help="Times that a rollout which fails is made.")] = 2,
) -> None:
    """Roll out on every question of a file. Ctrl-C lets what is under way end; a second one stops."""
    questions = tuple(told(lambda: read_questions(tasks)))
    limits = Limits(max_turns, max_calls, max_tokens, context_tokens, max_wall_s)
    sampling = Sampling(temperature, top_p, reply_tokens)

    asked = Asked(
        tuple(model), limits, sampling, model_name, profile_name, format_name, context, seed, threads, python,
        weak_sandbox, summarize_with, summary_model, summaries or out / SUMMARIES, os.environ.get("OPENAI_API_KEY"),
    )  # fmt: skip
    about = {
        "server": server, "served_as": served_as, "model": model, "python": python, "weak_sandbox": weak_sandbox,
        "summaries": str(summaries.absolute()) if summaries else None,
    }  # fmt: skip

    async def main() -> Counts:
        async with (
            open_player(asked) as opened,
            AsyncClient(server, name=served_as, token=token, connections=env_concurrency) as client,
        ):
            world = await look_at(client, pin=snapshot, weather=weather, control_token=control_token)
            plan = _plan(questions, samples, seed, opened, revision, world)
            settle(out, plan, about)
            gates, drain, counts = Gates(Gate(model_concurrency), Gate(env_concurrency)), Drain(), Counts()
            drain_on_interrupt(drain)
            showing = asyncio.create_task(show_progress(counts, gates))
            try:
                return await run_plan(
                    plan, opened.player, world, gates, out,
                    concurrency=concurrency, attempts=max_attempts, drain=drain, counts=counts,
                )  # fmt: skip
            finally:
                showing.cancel()
                with suppress(asyncio.CancelledError):
                    await showing

    counts = run_to_end(main())
    owed = counts.planned - counts.done
    print(f"{counts.done} of {counts.planned} rollouts are in {out}.", file=sys.stderr)
    if owed:
        print(f"{owed} are owed ({counts.failed} failed): give the same command again.", file=sys.stderr)
    print(out)
    if owed:
        raise typer.Exit(1)


def ask(
    question: Annotated[str, typer.Argument(help="What to find out.")],
    model: ModelOption,
    server: ServerOption = "http://127.0.0.1:8080",
    served_as: NameOption = None,
    token: TokenOption = None,
    model_name: ModelNameOption = None,
    profile_name: Annotated[str, typer.Option("--profile", help="Tools and prompt by name.")] = "default",
    format_name: FormatOption = None,
    context: PolicyOption = "none",
    max_turns: TurnsOption = 30,
    max_calls: CallsOption = 60,
    context_tokens: WindowOption = 32_768,
    temperature: TemperatureOption = 1.0,
    reply_tokens: ReplyOption = 1024,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    python: PythonOption = False,
    weak_sandbox: WeakOption = False,
    summarize_with: SummarizeOption = None,
    summary_model: SummaryModelOption = None,
    summaries: SummariesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record instead.")] = False,
) -> None:
    """Ask one question and watch. The answer goes to standard output, the steps to standard error."""
    limits = Limits(turns=max_turns, calls=max_calls, context_tokens=context_tokens)

    asked = Asked(
        tuple(model), limits, Sampling(temperature, max_tokens=reply_tokens), model_name, profile_name, format_name,
        context, seed, threads, python, weak_sandbox, summarize_with, summary_model, summaries,
        os.environ.get("OPENAI_API_KEY"),
    )  # fmt: skip

    async def main() -> Episode:
        drain = Drain()
        drain_on_interrupt(drain)
        async with open_player(asked) as opened, AsyncClient(server, name=served_as, token=token) as client:
            world = await look_at(client)
            plan = _plan((Question("ask", question),), 1, seed, opened, None, world)
            rollout = next(plan.rollouts())
            played = replace(opened.player, sampling=replace(opened.player.sampling, seed=rollout.group.seed))
            env, ref = await enter(world, rollout.episode_seed)
            identity = Identity(
                rollout.id, rollout.question.ref(), rollout.group, ref, plan.agent, plan.model, plan.tools
            )
            return await roll_out(
                played, identity, env, Gates(Gate(1), Gate(8)), stop=lambda: drain.asked,
                seen=lambda message: print(message_text(message), file=sys.stderr),
            )  # fmt: skip

    episode = run_to_end(main())
    if as_json:
        print(orjson.dumps(episode.model_dump(by_alias=True), option=orjson.OPT_INDENT_2).decode())
    elif episode.answer is not None:
        print(episode.answer.text)
    for error in episode.errors:
        print(f"{error.where}: {error.code}: {error.message}", file=sys.stderr)
    if episode.answer is None:
        print(f"No answer: {episode.stop_reason}.", file=sys.stderr)
        raise typer.Exit(1)


def _plan(
    questions: tuple[Question, ...], samples: int, seed: int, opened: Opened, revision: str | None, world: World
) -> Plan:
    return Plan(
        questions,
        samples,
        seed,
        opened.ref,
        ModelRef(name=opened.player.model.name, revision=revision, sampling=asdict(opened.player.sampling)),
        opened.player.manner.schemas,
        world.identity(),
    )
