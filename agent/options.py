"""Options that verbs of the agent share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ServerOption = Annotated[str, typer.Option(envvar="STILLWEB_URL", help="Server to search.")]
TokenOption = Annotated[str | None, typer.Option(envvar="STILLWEB_TOKEN", help="Bearer token of the server.")]
ControlOption = Annotated[
    str | None, typer.Option(envvar="STILLWEB_CONTROL_TOKEN", help="Token that opens episodes, where it is another.")
]
PinOption = Annotated[
    str | None, typer.Option("--snapshot", help="Id to pin; default: what the server serves when the run begins.")
]
NameOption = Annotated[str | None, typer.Option("--served-as", help="Which of several snapshots the server serves.")]
ModelOption = Annotated[
    list[str],
    typer.Option(
        "--model", help="URL of an OpenAI-compatible endpoint (several: as many options), `local` or `random`."
    ),
]
ModelNameOption = Annotated[str | None, typer.Option(help="Model to ask for; default: the one the endpoint serves.")]
RevisionOption = Annotated[str | None, typer.Option(help="Revision of the model's weights, for the record.")]
ProfileOption = Annotated[str, typer.Option(help="Tools and prompt: default, tongyi, browser, browsecomp_plus, ...")]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="native, hermes, search_r1, plain; default: the profile's.")
]
PolicyOption = Annotated[
    str, typer.Option("--context", help="none, keep_last_k:5, discard_all:0.9, summary:0.9, truncate:2000.")
]
TurnsOption = Annotated[int, typer.Option(help="Turns of a rollout.")]
CallsOption = Annotated[int, typer.Option(help="Tool calls of a rollout.")]
WindowOption = Annotated[int, typer.Option(help="Tokens that the model's window holds.")]
TokensOption = Annotated[int | None, typer.Option(help="Prompt and completion tokens of a rollout.")]
WallOption = Annotated[float | None, typer.Option(help="Seconds of a rollout.")]
TemperatureOption = Annotated[float, typer.Option(help="0 is greedy.")]
TopPOption = Annotated[float, typer.Option(help="Share of probability to draw from.")]
ReplyOption = Annotated[int, typer.Option(help="Tokens of a reply.")]
WeatherOption = Annotated[str | None, typer.Option(help="Profile of the weather; each rollout gets an episode.")]
SeedOption = Annotated[int, typer.Option(help="Of all draws: sampling and weather.")]
DirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, or a file of its rows.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Of torch, for `--model local`; default: all cores.")]
PythonOption = Annotated[bool, typer.Option("--python", help="Give the model Python in a sandbox.")]
WeakOption = Annotated[
    bool, typer.Option("--weak-sandbox", help="Where namespaces are refused: code can then reach this user's files.")
]
SummarizeOption = Annotated[
    str | None,
    typer.Option("--summarize-with", help="URL of a model that reads pages for goals; default: the pages' own words."),
]
SummaryModelOption = Annotated[str | None, typer.Option(help="Its name, where the endpoint serves several.")]
SummariesOption = Annotated[
    Path | None, typer.Option(help="File that keeps what it read, to be shared between runs; default: in the run.")
]
