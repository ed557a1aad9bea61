"""The front door: `stillweb VERB ...`. A verb's package is imported only when the verb is called."""

from __future__ import annotations

import sys
from importlib import import_module

# Verb (one word or two) -> where its function lives, and what it does in a line.
VERBS: dict[str, tuple[str, str]] = {
    "serve": ("env_server.cli:serve", "Serve snapshots: search and fetch at http://127.0.0.1:8080"),
    "run": ("env_server.redirect.cli:run", "Run a command whose web calls Stillweb answers"),
    "ledger": ("env_server.ledger.cli:ledger", "Tell what was asked and what it would have cost elsewhere"),
    "mcp": ("env_server.mcp_cli:mcp", "Give a model search and fetch as MCP tools, over stdio"),
    "agent run": ("agent.cli:run", "Roll out on a file of questions"),
    "agent ask": ("agent.cli:ask", "Ask one question and watch"),
    "agent replay": ("agent.cli_records:replay_run", "Make every observation of a run again and compare"),
    "agent show": ("agent.cli_records:show", "Read rollouts in the terminal"),
    "agent stats": ("agent.cli_records:stats", "Count turns, tools, repeats, tokens of a run"),
    "agent export": ("agent.cli_records:export", "Write rollouts in another format"),
    "agent import": ("agent.cli_records:import_", "Make records of other people's trajectories"),
    "search": ("env_server.terminal:search", "Search in the terminal"),
    "fetch": ("env_server.terminal:fetch", "Read a page in the terminal"),
    "corpus build": ("corpus.cli:build", "Build a snapshot from pages"),
    "corpus add": ("corpus.cli:add", "Build a snapshot from one and more pages"),
    "corpus plan": ("corpus.cli:plan", "Tell what a build would take, from a sample"),
    "corpus info": ("corpus.cli:info", "Tell what a snapshot holds"),
    "corpus facts": ("corpus.cli_facts:facts", "Read typed facts from a snapshot and tell what there is"),
    "corpus world-truth": ("corpus.world.cli:world_truth", "Write what is true in a generated world"),
    "corpus schema": ("corpus.cli:schema", "Print the JSON schema of a snapshot's manifest"),
    "corpus verify": ("corpus.cli:verify", "Check every file of a snapshot"),
    "corpus diff": ("corpus.cli_transport:diff", "Tell what changed from one snapshot to another"),
    "corpus pack": ("corpus.cli_transport:pack", "Write a snapshot as one file"),
    "corpus unpack": ("corpus.cli_transport:unpack", "Unpack and verify a packed snapshot"),
    "corpus push": ("corpus.cli_transport:push", "Send a snapshot to any URL"),
    "corpus pull": ("corpus.cli_transport:pull", "Fetch a snapshot from any URL"),
    "corpus export": ("corpus.cli_transport:export", "Write the pages of a snapshot as JSON lines or Parquet"),
    "weather profiles": ("env_server.weather.cli:profiles", "List the ready-made weather"),
    "weather show": ("env_server.weather.cli:show", "Tell how often a weather's faults come"),
    "weather calibrate": ("env_server.weather.cli:calibrate", "Find how much to degrade retrieval for a stated recall"),
    "recording import": ("env_server.recording.cli:import_", "Add answers that others kept: HAR files, JSON caches"),
    "recording export": ("env_server.recording.cli:export", "Write results and pages of a recording as JSON lines"),
    "recording info": ("env_server.recording.cli:info", "Tell what a recording holds"),
    "tasks import": ("training.cli_eval:import_", "Make tasks of a benchmark's questions"),
    "tasks questions": ("training.cli_eval:questions", "Write the questions of tasks, without answers"),
    "adapters": ("training.cli_adapters:adapters", "List trainers and evaluations with the lines each needs"),
    "ablate": ("training.cli_ablate:ablate", "Run arms of an ablation under shared seeds and compare them"),
    "ablate transfer": ("training.cli_ablate:transfer", "Tell whether two webs put the same arms in the same order"),
    "eval agent": ("training.cli_eval:agent", "Score a run against its tasks"),
    "tasks make": ("training.cli_tasks:make", "Make tasks with proofs from a snapshot's facts and links"),
    "data sft": ("training.cli_data:sft", "Keep the rollouts that are fit to imitate"),
    "data dpo": ("training.cli_data:dpo", "Make preference pairs of rollouts"),
    "data forks": ("training.cli_data:forks", "Draw other actions where rollouts parted, and see how they end"),
    "data rl": ("training.cli_data:rl", "Choose prompts for RL by pass rate"),
    "data midtrain": ("training.cli_midtrain:midtrain", "Make grounding, plans, tool dialogues, trajectories"),
    "data midtrain-check": ("training.cli_midtrain:check", "Check data for mid-training again"),
    "tasks deepforge": ("training.cli_deepforge:deepforge", "Make questions as DeepForge does, against a server"),
    "tasks tools": ("training.cli_task_tools:tools", "Put claims that only a tool settles for clues of tasks"),
    "tasks verify": ("training.cli_task_files:verify", "Check every proof again, offline"),
    "tasks witness": ("training.cli_task_files:witness", "Solve tasks through a server, as proof that it can be done"),
    "tasks gates": ("training.cli_task_gates:gates", "Ask models or look at rollouts whether tasks are fit"),
    "tasks report": ("training.cli_task_files:report", "Tell yields, histograms, structure against pass rate"),
    "tasks split": ("training.cli_task_files:split", "Split into train and test that share no evidence"),
    "tasks export": ("training.cli_task_files:export", "Write tasks in other people's forms"),
    "tasks decontaminate": ("training.cli_task_files:decontaminate", "Drop tasks that given questions are like"),
    "eval retrieval": ("corpus.cli_eval:retrieval", "Measure rankings against judged queries"),
}


def main() -> None:
    """Find the verb, import its package, hand over the rest of the line."""
    words = sys.argv[1:]
    if words in ([], ["--help"], ["-h"], ["help"]):
        print(_help())
        return
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"stillweb {version('stillweb')}")
        return
    for count in (2, 1):
        verb = " ".join(words[:count])
        if verb in VERBS:
            module, _, name = VERBS[verb][0].partition(":")
            _run(getattr(import_module(module), name), verb, words[count:])
            return
    if any(verb.startswith(words[0] + " ") for verb in VERBS):
        print(_help(words[0]))
        sys.exit(0 if words[1:] in (["--help"], []) else 2)
    print(f"stillweb: no verb {words[0]!r}. `stillweb --help` lists them.", file=sys.stderr)
    sys.exit(2)


def _run(function: object, verb: str, arguments: list[str]) -> None:
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(function)  # type: ignore[type-var]
    app(args=arguments, prog_name=f"stillweb {verb}")


def _help(group: str = "") -> str:
    rows = [(verb, line) for verb, (_, line) in VERBS.items() if verb.startswith(group)]
    width = max(len(verb) for verb, _ in rows) + 2
    lines = [f"  stillweb {verb:<{width}}{line}" for verb, line in rows]
    return "\n".join(
        [
            "A web that stands still.",
            "",
            *lines,
            "",
            "`stillweb VERB --help` tells the options of a verb, `stillweb --version` the version.",
        ]
    )


if __name__ == "__main__":
    main()
