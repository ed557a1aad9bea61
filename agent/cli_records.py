"""`stillweb agent replay`, `show`, `stats`, `export` and `import`: what can be done with records."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from agent.client import AsyncClient
from agent.exports.writing import FORMATS as EXPORTS
from agent.exports.writing import export as write_as
from agent.imports.reading import FORMATS as IMPORTS
from agent.imports.reading import import_ as read_as
from agent.opening import SUMMARIES, replayed_profile
from agent.options import ControlOption, DirArgument, NameOption, TokenOption
from agent.plan import read_run
from agent.replay import Replayed, replay
from agent.shards import records
from agent.shown import readable
from agent.stats import stats as stats_of
from agent.terminal import fail, run_to_end, told
from agent.throttle import Gate
from agent.tools.profile import Profile
from agent.world import look_at


def replay_run(
    out: DirArgument,
    server: Annotated[str | None, typer.Option(envvar="STILLWEB_URL", help="Server; default: the run's.")] = None,
    served_as: NameOption = None,
    token: TokenOption = None,
    control_token: ControlOption = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Rollouts at once.")] = 64,
) -> None:
    """Make every observation of a run again and tell the first that differs."""

    async def main() -> Replayed:
        said = read_run(out)
        url = server or said["about"]["server"]
        name = served_as or (None if server else said["about"].get("served_as"))
        async with AsyncClient(url, name=name, token=token) as client:
            env = said["identity"]["env"]
            world = await look_at(client, pin=env["snapshot_id"], weather=env["weather"], control_token=control_token)
            return await replay(
                records(out), world, lambda name: _profile(name, said, out), Gate(concurrency), concurrency=concurrency
            )

    replayed = run_to_end(main())
    difference = replayed.difference
    if difference is not None:
        call = difference.call
        print(
            f"Rollout {difference.rollout}, call {difference.place} ({call.name}, {call.call_id}) differs: "
            f"{call.observation_digest} then, {difference.made_digest} now."
        )
        print(f"Arguments: {orjson.dumps(call.args).decode()}")
        then, now = difference.recorded, difference.made
        at = next((i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
        print(f"From character {at:,}:\n  then: {then[at : at + 200]!r}\n  now:  {now[at : at + 200]!r}")
        raise typer.Exit(1)
    print(f"{replayed.calls} observations of {replayed.rollouts} rollouts are equal.")


def show(
    out: DirArgument,
    rollout: Annotated[str | None, typer.Argument(metavar="[ID]", help="Of a rollout or a task; none: a list.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print records as JSON.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows of the list.")] = 50,
) -> None:
    """Read rollouts in the terminal."""
    episodes = told(lambda: list(records(out)))
    if rollout is None:
        for episode in islice(episodes, limit):
            answer = "-" if episode.answer is None else episode.answer.text.replace("\n", " ")[:60]
            counts = f"{len(episode.turns):>4} turns {len(episode.tool_events):>4} calls"
            print(f"{episode.id}  {episode.task.id:<12.12}  {episode.stop_reason:<20} {counts}  {answer}")
        return
    found = [episode for episode in episodes if rollout in (episode.id, episode.task.id)]
    if not found:
        fail(f"{out} has no rollout or task {rollout!r}. `stillweb agent show {out}` lists them.")
    for episode in found:
        if as_json:
            print(orjson.dumps(episode.model_dump(by_alias=True), option=orjson.OPT_INDENT_2).decode())
        else:
            print(readable(episode))


def stats(
    out: DirArgument,
    prompt_price: Annotated[float, typer.Option(help="Dollars a million prompt tokens.")] = 0.0,
    completion_price: Annotated[float, typer.Option(help="Dollars a million completion tokens.")] = 0.0,
) -> None:
    """Turns, mix of tools, over-search, repeats, made-up URLs, stop reasons, tokens and cost, as JSON."""
    found = stats_of(told(lambda: list(records(out))), dollars_a_million=(prompt_price, completion_price))
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def export(
    out: DirArgument,
    to: Annotated[str, typer.Option(help=f"Format: {', '.join(EXPORTS)}.")],
    file: Annotated[
        Path, typer.Option("--out", help="In .jsonl or .jsonl.zst: a line a rollout. Else a folder, a file a rollout.")
    ],
    failed: Annotated[bool, typer.Option("--failed", help="Rollouts that ended in an error, too.")] = False,
) -> None:
    """Write rollouts in another format; docs/records-formats.md tells what each can hold."""
    exported = told(lambda: write_as(records(out), to, file, failed=failed), status=2)
    _count(f"{exported.written} rollouts written", exported.left_out)
    print(file)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, JSON or Parquet, or a folder of them.")],
    from_: Annotated[str, typer.Option("--from", help=f"Format: {', '.join(IMPORTS)}.")],
    out: Annotated[Path, typer.Option(help="Folder for the records.")],
) -> None:
    """Make records of other people's trajectories; what they do not tell is named in `origin.unknown`."""
    imported = told(lambda: read_as(file, from_, out), status=2)
    _count(f"{imported.written} rollouts read", imported.left_out)
    print(out)


def _count(what: str, left_out: Counter[str]) -> None:
    print(f"{what}.", file=sys.stderr)
    for reason, count in sorted(left_out.items()):
        print(f"{count} left out: {reason}.", file=sys.stderr)


def _profile(name: str, said: dict[str, Any], out: Path) -> Profile:
    """The profile as the run had it."""
    about, model = said["about"], said["identity"]["agent"].get("summaries")
    summaries = None if model is None else (model, Path(about.get("summaries") or out / SUMMARIES))
    return replayed_profile(
        name,
        python=about.get("python", False),
        weak_sandbox=about.get("weak_sandbox", False),
        summaries=summaries,
    )
