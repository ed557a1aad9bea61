"""A folder with a set in it: JSON lines, `README.md` that tells how they came to be, the same as `card.json`.

The README's head names each file as a configuration, so that `datasets.load_dataset(FOLDER, NAME)` finds it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from agent.canonical import safe_json
from agent.plan import RUN, read_run
from agent.records import Episode
from corpus.manifest import Manifest
from training.tasks import Task


class BadSet(Exception):
    """A set cannot be made; the message says why and what to do."""


class NothingKept(BadSet):
    """Not one row is left."""


@dataclass
class Sources:
    """What a set rests on; fed while records are read."""

    runs: Mapping[str, Any] = field(default_factory=dict)
    """Name of a run's folder -> its seed."""
    episodes: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """(snapshot_id, weather, model, profile and format) -> rollouts."""

    def note(self, episode: Episode) -> None:
        env, agent = episode.env, episode.agent
        weather = env.weather if isinstance(env.weather, str) else "none" if env.weather is None else "its own"
        self.episodes[env.snapshot_id, weather, episode.model.name, f"{agent.profile}, {agent.format}"] += 1

    def to_json(self, manifest: Manifest | None) -> dict[str, Any]:
        ids = {snapshot_id for snapshot_id, *_ in self.episodes}
        if manifest is not None and ids and manifest.snapshot_id not in ids:
            raise BadSet(
                f"The rollouts are of snapshot {', '.join(sorted(ids))}, and --snapshot is {manifest.snapshot_id}. "
                "Name the snapshot that they were made on."
            )
        licences = None
        if manifest is not None:
            licences = {source.name: source.licence or "not stated" for source in manifest.sources}
        return {
            "seeds_of_runs": dict(self.runs),
            "rollouts": [
                {"snapshot_id": key[0], "weather": key[1], "model": key[2], "profile": key[3], "rollouts": count}
                for key, count in sorted(self.episodes.items())
            ],
            "licences_of_pages": licences,
        }


def seeds_of(runs: Iterable[Path]) -> dict[str, Any]:
    """Name of each run's folder -> the seed that it was begun with; None for a file of rows, which does not say."""
    return {run.resolve().name: read_run(run)["identity"]["seed"] if (run / RUN).is_file() else None for run in runs}


def write_set(
    out: Path,
    title: str,
    files: Mapping[str, Iterable[Mapping[str, Any]]],
    told: Callable[[], Mapping[str, Any]],
    uses: Mapping[str, str],
) -> dict[str, Any]:
    """Write files of rows and the card; `told` is asked once they are written. Returns the card.

    `uses`: what each file is for. An empty file is not kept: `datasets` reads none. Nothing stands under `out` before
    all is written. Raises BadSet where `out` holds something already, NothingKept where every file is empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadSet(f"{out} is there already. Give --out another name, or take it away first.")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        written = {name: _write(part / f"{name}.jsonl", rows) for name, rows in files.items()}
        kept = {name: about for name, about in written.items() if about["rows"]}
        for name in written.keys() - kept.keys():
            (part / f"{name}.jsonl").unlink()
        card = {"title": title, "files": kept, **told()}
        if not kept:
            raise NothingKept(f"Not one row is left for {out}: {_why(card)}. Loosen a filter, or roll out more.")
        (part / "card.json").write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2) + b"\n")
        (part / "README.md").write_text(page(card, uses), "utf-8")
        if out.exists():
            out.rmdir()
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return card


def by_id(tasks: Iterable[Task]) -> dict[str, Task]:
    return {task.task_id: task for task in tasks}


def page(card: Mapping[str, Any], uses: Mapping[str, str]) -> str:
    """The README of a set: its sections are the card's keys."""
    head = ["---", "configs:"]
    for name in card["files"]:
        head += [f"- config_name: {name}", f"  data_files: {name}.jsonl"]
    lines = [*head, "---", "", f"# {card['title']}", "", "| File | Rows | For |", "|---|---:|---|"]
    lines += [f"| `{name}.jsonl` | {about['rows']:,} | {uses[name]} |" for name, about in card["files"].items()]
    for key, value in card.items():
        if key not in ("title", "files"):
            lines += ["", f"## {key.replace('_', ' ').capitalize()}", "", *_section(value)]
    lines += ["", "`card.json` has the same, with the SHA-256 of each file.", ""]
    return "\n".join(lines)


def _section(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        if any(isinstance(one, Mapping | list) for one in value.values()):
            found: list[str] = []
            for name, one in value.items():
                found += [*([""] if found else []), f"### {_label(name)}", "", *_section(one)]
            return found
        rows = [f"| {_label(name)} | {_shown(one)} |" for name, one in value.items()]
        return ["| | |", "|---|---:|", *rows]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        names = list(value[0])
        rows = ["| " + " | ".join(_shown(row[name]) for name in names) + " |" for row in value]
        return ["| " + " | ".join(map(_label, names)) + " |", "|" + "---|" * len(names), *rows]
    return [_shown(value) if value not in ({}, []) else "None."]


def _label(name: str) -> str:
    return str(name).replace("_", " ")


def _shown(value: Any) -> str:
    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if isinstance(value, float) else str(value)


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    count, sha = 0, hashlib.sha256()
    with path.open("wb") as file:
        for row in rows:
            line = safe_json(row) + b"\n"
            sha.update(line)
            file.write(line)
            count += 1
    return {"rows": count, "sha256": sha.hexdigest()}


def _why(card: Mapping[str, Any]) -> str:
    counts = card.get("counts", {})
    return "; ".join(f"{_label(name)} {count}" for name, count in counts.items() if isinstance(count, int) and count)
