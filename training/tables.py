"""An evaluation for people: tables in plain text, each with the difference that it could have shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from training.comparing import Comparison, Loss
from training.evaluate import Evaluation, Spread

Cells = Sequence[str]


def as_tables(scored: Evaluation, compared: Sequence[Comparison] = (), loss: Loss | None = None) -> str:
    """Every figure of a run, of its comparison and of its losses."""
    left_out = f", left out: {scored.errors} that ended in errors, {scored.unknown} of other tasks"
    parts = [
        f"{scored.rollouts} rollouts over {scored.tasks} tasks in {scored.families} families"
        f"{left_out if scored.errors or scored.unknown else ''}"
        f"{f'; {scored.tasks_without} tasks have none' if scored.tasks_without else ''}. "
        f"Right is what {'the rules say' if scored.outcome == 'correct' else 'the judge says'}.",
        *_rates(scored),
        *_at(scored),
        *_spreads(scored),
        *_confidence(scored),
        *_costs(scored),
    ]
    if compared:
        parts += _compared(compared)
    if loss is not None:
        parts += _loss(loss)
    return "\n\n".join(parts)


def _rates(scored: Evaluation) -> list[str]:
    rows = [
        [name, _share(rate.mean), f"{_share(rate.low)} to {_share(rate.high)}", _share(rate.error), str(rate.tasks)]
        for name, rate in scored.rates.items()
    ]
    shown = table(["", "mean", "95 % interval", "error", "tasks"], rows)
    seen = scored.rates.get(scored.outcome) or next(iter(scored.rates.values()))
    return [shown, f"Detectable of {scored.outcome} against another such run, not paired: {_share(seen.detectable)}."]


def _at(scored: Evaluation) -> list[str]:
    rows = [
        [
            str(k), str(one.tasks), _share(one.average), f"{_share(one.average_low)} to {_share(one.average_high)}",
            f"{_share(one.pass_any)} ± {_share(one.pass_any_error)}",
            f"{_share(one.pass_all)} ± {_share(one.pass_all_error)}",
            f"{_share(one.majority)} ± {_share(one.majority_error)}",
            _share(one.pass_any_detectable),
        ]
        for k, one in scored.at.items()
    ]  # fmt: skip
    return [table(["k", "tasks", "avg@k", "95 % interval", "pass@k", "pass^k", "maj@k", "detectable"], rows)]


def _spreads(scored: Evaluation) -> list[str]:
    spreads: dict[str, Spread] = {
        "calls to the first evidence seen": scored.first_seen,
        "calls to the first evidence opened": scored.first_opened,
        "calls": scored.calls,
        "tokens": scored.tokens,
        "seconds": scored.wall_s,
        **{f"turns, {kind.replace('_', ' ')}": spread for kind, spread in scored.turns.items()},
    }
    rows = [
        [name, str(one.n), _plain(one.mean), _plain(one.p50), _plain(one.p99), _plain(one.detectable)]
        for name, one in spreads.items()
    ]
    return [table(["", "rollouts", "mean", "p50", "p99", "detectable"], rows)]


def _confidence(scored: Evaluation) -> list[str]:
    found = []
    if (one := scored.calibration) is not None:
        rows = [[
            str(one.rollouts), _share(one.confidence), _share(one.accuracy), _share(one.error),
            _share(one.legacy_error), _plain(one.brier), _plain(one.auroc), _share(one.detectable),
        ]]  # fmt: skip
        head = ["rollouts", "confidence", "accuracy", "ECE", "ECE, last bin left out", "Brier", "AUROC", "detectable"]
        found.append(table(head, rows))
    if (agreed := scored.agreement) is not None:
        found.append(
            f"Rules and judge agree on {_share(agreed['agreed'])} of {agreed['rollouts']:.0f} rollouts, kappa "
            f"{_plain(agreed['kappa'])}; right by the rules alone {agreed['rules_only']:.0f}, by the judge alone "
            f"{agreed['judge_only']:.0f}."
        )
    return found


def _costs(scored: Evaluation) -> list[str]:
    stops = ", ".join(f"{reason} {count}" for reason, count in scored.stop_reasons.items())
    if not scored.dollars:
        return [f"Ended by: {stops}."]
    return [
        f"Ended by: {stops}. Dollars: {scored.dollars:.4f}, {_plain(scored.dollars_a_right_answer)} a right answer."
    ]


def _compared(compared: Iterable[Comparison]) -> list[str]:
    rows = [
        [
            one.part, str(one.tasks), f"{one.difference:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}",
            f"{one.error:.3f}", f"{one.p:.4f}", f"{one.holm:.4f}", one.test, f"{one.detectable:.3f}",
        ]
        for one in compared
    ]  # fmt: skip
    head = [
        "this run more than the other",
        "tasks",
        "difference",
        "95 % interval",
        "error",
        "p",
        "Holm",
        "test",
        "detectable",
    ]
    return [table(head, rows)]


def _loss(loss: Loss) -> list[str]:
    rows = [
        [place, _share(getattr(loss, place)), _share(loss.recoverable[place])]
        for place in ("retrieval", "reading", "answering")
    ]
    shown = table(["wrong, lost in", "of rollouts", "the ceiling has it"], rows)
    return [
        f"{shown}\n\nRight {_share(loss.right)} over {loss.tasks} tasks, of it from memory {_share(loss.from_memory)}; "
        f"floor {_share(loss.floor)}, ceiling {_share(loss.ceiling)}, captured {_share(loss.captured)}; "
        f"without named evidence {_share(loss.unplaced)}; detectable {_share(loss.detectable)}."
    ]


def table(head: Cells, rows: Sequence[Cells]) -> str:
    """Columns of plain text, the first to the left, the others to the right."""
    widths = [max(len(line[place]) for line in (head, *rows)) for place in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _plain(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.3f}".rstrip("0").rstrip(".") if value else "0"
