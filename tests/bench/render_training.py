"""Figures of the miniature and of rollouts in docs/miniature.md and docs/training.md, from docs/figures.

python -m tests.bench.render_training
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.bench.figures import FIGURES

PAGES = {"miniature": "miniature.md", "miniature_long": "miniature.md", "rollout_func": "training.md"}


def rendered(name: str) -> str:
    """What stands between the marks of a figure."""
    record = json.loads((FIGURES / f"{name}.json").read_text())
    return {"miniature": _miniature, "miniature_long": _long, "rollout_func": _rollouts}[name](record)


def page(name: str) -> str:
    """A page with its figures as they are now."""
    text = (FIGURES.parent / PAGES[name]).read_text()
    found = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert found.search(text), f"docs/{PAGES[name]} has no marks for {name}"
    return found.sub(lambda match: match[1] + rendered(name) + match[2], text)


def main() -> None:
    for name in PAGES:
        text = page(name)
        (FIGURES.parent / PAGES[name]).write_text(text)


def _miniature(record: dict[str, Any]) -> str:
    measured, machine = record["measured"], record["machine"]
    lines = [
        f"Measured {record['date']} on {machine['cores']} cores of {machine['cpu']}, "
        f"{'whole' if measured['complete'] else 'told of before it was done'}.",
        "",
        "| who | tasks | right | 95 % interval | against base | evidence seen | calls |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in measured["held_out"].items():
        correct, against = row["correct"], row.get("against_base")
        told = f"{against['difference']:+.3f} [{against['low']:+.3f}, {against['high']:+.3f}]" if against else ""
        lines.append(
            f"| {name} | {row['tasks']} | {correct['mean']:.3f} | {correct['low']:.3f} to {correct['high']:.3f} | "
            f"{told} | {row['seen']:.3f} | {row['calls']:.2f} |"
        )
    lines += ["", measured["claim"], "", "| stage | wall s | CPU s | calls | avoided $ | ended by its cap |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, stage in measured["stages"].items():
        ledger = stage["ledger"]
        lines.append(
            f"| {name} | {stage['wall_s']:.0f} | {stage['cpu_s']:.0f} | {ledger.get('calls', 0)} | "
            f"{ledger.get('avoided_usd', 0):.3f} | {_cap(stage)} |"
        )
    return "\n".join(lines) + "\n"


def _long(record: dict[str, Any]) -> str:
    measured, machine = record["measured"], record["machine"]
    ledger, form, seeds = measured["ledger"], measured["form"], measured["seeds"]
    lines = [
        f"Measured {record['date']} on {machine['cores']} cores of {machine['cpu']}: seeds "
        f"{', '.join(map(str, seeds))}, the same {measured['tasks']} held-out tasks for all, {form['train_tasks']} to "
        f"train on; {form['sft_steps']} steps of SFT, {form['dpo_steps']} of DPO, {form['grpo_steps']} of GRPO. "
        "Intervals are over seeds and tasks drawn anew.",
        "",
        "| who | right | 95 % interval | by seed | against base | against SFT | evidence seen | calls |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in measured["held_out"].items():
        correct = row["correct"]
        told = " | ".join(_difference(row.get(other)) for other in ("against_base", "against_sft"))
        by_seed = ", ".join(f"{one:.3f}" for one in row["seeds"])
        lines.append(
            f"| {name} | {correct['mean']:.3f} | {correct['low']:.3f} to {correct['high']:.3f} | {by_seed} | {told} | "
            f"{row['seen']:.3f} | {row['calls']:.2f} |"
        )
    lines += [
        "",
        f"All of it took {ledger['cpu_minutes'] / 60:.1f} hours of one core and {ledger['calls']:,} calls, which would "
        f"have cost {ledger['avoided_usd']:.2f} dollars elsewhere.",
    ]
    return "\n".join(lines) + "\n"


def _difference(one: dict[str, float] | None) -> str:
    return f"{one['mean']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]" if one else ""


def _cap(stage: dict[str, Any]) -> str:
    if not stage.get("capped"):
        return str(stage.get("skipped", ""))
    made = f"{stage['done']} of {stage['planned']}" if "planned" in stage else f"after {stage['steps']} steps"
    return f"yes, {made}"


def _rollouts(record: dict[str, Any]) -> str:
    measured = record["measured"]
    rows = [
        ("one call after another, as TRL's `GRPOTrainer` makes them", measured["serial_s"], ""),
        ("`Rollouts`, turns in lockstep", measured["overlapped_s"], measured["overlapped_speed_up"]),
        ("`Rollouts`, each rollout on its own", measured["free_s"], measured["free_speed_up"]),
        ("threads, as `AsyncGRPOTrainer`'s worker has them", measured["threads_s"], measured["threads_speed_up"]),
    ]
    head = (
        f"{measured['rollouts']} rollouts of {measured['calls_each']} calls, weather `{measured['weather']}`, "
        f"a scripted policy ({record['date']}):\n\n| tool calls | seconds | times faster |\n|---|---|---|\n"
    )
    return head + "".join(f"| {name} | {took} | {faster} |\n" for name, took, faster in rows)


if __name__ == "__main__":
    main()
