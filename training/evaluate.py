"""What a run is worth: its records scored against their tasks, with what the figures rest on beside each.

    scored = evaluate(episodes, tasks, text_of=snapshot_texts(web))
    scored.rates["correct"].mean, scored.rates["correct"].low, scored.at[8].pass_any

Rows of status error say nothing of the agent: they are counted and left out. Pure: no model, no network, no clock.
`training/comparing.py` holds runs against each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from agent.records import Episode
from corpus.answers import normalise
from training import statistics as of
from training.rubric import Score, TextOf, score_episode
from training.tasks import Task

Outcome = Literal["correct", "judged"]
RATES = (
    "correct",
    "judged",
    "f1",
    "answered",
    "seen",
    "opened",
    "opened_gold",
    "precision",
    "cited_opened",
    "hallucinated",
    "quoted",
    "supported",
)
"""Parts of a score that are reported as rates."""


class NothingScored(Exception):
    """No record belongs to a task; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rollout and what it is worth."""

    episode_id: str
    task_id: str
    family: str
    score: Score
    answer: str | None
    """Normalised: equal answers are equal votes."""
    confidence: float | None
    turns: int
    calls: int
    tokens: int
    dollars: float
    wall_s: float
    stop_reason: str


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean over tasks of the mean over samples, 0 to 1.

    The interval is Wilson's where every task has one value and each is 0 or 1, else a bootstrap over family and sample.
    `error` is clustered by family. `detectable`: the smallest difference to another run over as many tasks that would
    be seen four times out of five (two-sided, 5 %, not paired). `tasks`: those that have a value.
    """

    mean: float
    low: float
    high: float
    error: float
    detectable: float
    tasks: int

    def rounded(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class AtK:
    """What k samples of a task give: on average, with one right, with all right, by majority. Over `tasks` tasks."""

    tasks: int
    average: float
    average_low: float
    average_high: float
    pass_any: float
    pass_any_error: float
    pass_any_detectable: float
    """The smallest difference of pass@k to another such run, not paired."""
    pass_all: float
    pass_all_error: float
    majority: float
    majority_error: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Of `n` rollouts; NaN of none. `detectable`: the smallest difference of means to another such run, not paired."""

    n: int
    mean: float
    p50: float
    p99: float
    detectable: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What stated confidence is worth, over the rollouts that state one."""

    rollouts: int
    confidence: float
    accuracy: float
    error: float
    """ECE over ten bins of equal mass, all of them."""
    legacy_error: float
    """As BrowseComp-Plus reports it, its last bin of 100 left out: 0.0 for fewer than 200."""
    brier: float
    auroc: float
    detectable: float
    """The smallest mean gap between confidence and accuracy that would be seen four times out of five."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of a run. `outcome` is the part that says who is right in `at`, `turns`, `calibration` and losses."""

    outcome: Outcome
    rollouts: int
    errors: int
    """Rows of status error, left out."""
    unknown: int
    """Rows of tasks that the file does not have, left out."""
    tasks: int
    tasks_without: int
    """Tasks of the file without a rollout."""
    families: int
    rates: Mapping[str, Rate]
    at: Mapping[int, AtK]
    first_seen: Spread
    """Calls to the first page of evidence seen, where there was one."""
    first_opened: Spread
    calls: Spread
    tokens: Spread
    wall_s: Spread
    turns: Mapping[str, Spread]
    """By outcome: right, wrong, no_answer."""
    stop_reasons: Mapping[str, int]
    dollars: float
    dollars_a_right_answer: float
    calibration: Calibration | None
    agreement: Mapping[str, float] | None
    """Of rules and judge: rollouts, share agreed, kappa, rules_only, judge_only (right by one alone)."""
    rows: Sequence[Row] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Without rows; NaN as null."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "rows"}
        found: dict[str, Any] = finite(_plain(shown))
        return found

    def by_task(self, value: Callable[[Row], float | None]) -> dict[str, list[float]]:
        """task_id -> its rollouts' values, those that have one, in the order of the records."""
        found: dict[str, list[float]] = {}
        for row in self.rows:
            if (one := value(row)) is not None:
                found.setdefault(row.task_id, []).append(one)
        return found


def evaluate(
    episodes: Iterable[Episode],
    tasks: Iterable[Task],
    *,
    text_of: TextOf | None = None,
    verdicts: Mapping[str, bool] | None = None,
    dollars_a_million: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
) -> Evaluation:
    """Score a run. `verdicts`: a judge's, by episode id; with them the judge says who is right, else the rules do.

    `dollars_a_million`: of a million prompt tokens, of a million completion tokens. Raises NothingScored.
    """
    by_id = {task.task_id: task for task in tasks}
    rows: list[Row] = []
    counts: Counter[str] = Counter()
    for episode in episodes:
        task = by_id.get(episode.task.id)
        if task is None or episode.status != "ok":
            counts["unknown" if task is None else "errors"] += 1
            continue
        verdict = None if verdicts is None else verdicts.get(episode.id)
        rows.append(
            _row(episode, task, score_episode(episode, task, text_of=text_of, verdict=verdict), dollars_a_million)
        )
    if not rows:
        raise NothingScored(
            f"No rollout can be scored: {counts['errors']} ended in errors, {counts['unknown']} are of tasks that the "
            "file does not have. Name the tasks that the run's questions were written from."
        )
    outcome: Outcome = "correct" if verdicts is None else "judged"
    right = [bool(row.score[outcome]) for row in rows]
    dollars = math.fsum(row.dollars for row in rows)
    by_outcome: dict[str, list[Row]] = {"right": [], "wrong": [], "no_answer": []}
    for row, is_right in zip(rows, right, strict=True):
        by_outcome["right" if is_right else "wrong" if row.score["answered"] else "no_answer"].append(row)
    return Evaluation(
        outcome=outcome,
        rollouts=len(rows),
        errors=counts["errors"],
        unknown=counts["unknown"],
        tasks=len({row.task_id for row in rows}),
        tasks_without=len(by_id.keys() - {row.task_id for row in rows}),
        families=len({row.family for row in rows}),
        rates={name: rate for name in RATES if (rate := _rate(rows, name, seed)) is not None},
        at=_at(rows, outcome, seed),
        first_seen=_spread(rows, lambda row: row.score["seen_at"]),
        first_opened=_spread(rows, lambda row: row.score["opened_at"]),
        calls=_spread(rows, lambda row: row.calls),
        tokens=_spread(rows, lambda row: row.tokens),
        wall_s=_spread(rows, lambda row: row.wall_s),
        turns={kind: _spread(of_kind, lambda row: row.turns) for kind, of_kind in by_outcome.items()},
        stop_reasons=dict(sorted(Counter(row.stop_reason for row in rows).items())),
        dollars=dollars,
        dollars_a_right_answer=dollars / sum(right) if any(right) else math.nan,
        calibration=_calibrated(rows, right),
        agreement=_agreement(rows),
        rows=rows,
    )


def finite(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _row(episode: Episode, task: Task, score: Score, dollars_a_million: tuple[float, float]) -> Row:
    usage, answer = episode.usage, episode.answer
    prompt, completion = dollars_a_million
    return Row(
        episode_id=episode.id,
        task_id=task.task_id,
        family=task.family or task.task_id,
        score=score,
        answer=normalise(answer.text) if answer is not None and answer.text.strip() else None,
        confidence=answer.confidence if answer is not None else None,
        turns=len(episode.turns),
        calls=len(episode.tool_events),
        tokens=usage.prompt_tokens + usage.completion_tokens,
        dollars=(prompt * usage.prompt_tokens + completion * usage.completion_tokens) / 1e6,
        wall_s=episode.timing.wall_s,
        stop_reason=episode.stop_reason,
    )


def value_of(part: str) -> Callable[[Row], float | None]:
    return (lambda row: float(row.calls)) if part == "calls" else (lambda row: row.score[part])


def _rate(rows: Sequence[Row], part: str, seed: int) -> Rate | None:
    values: dict[str, list[float]] = {}
    families: dict[str, str] = {}
    for row in rows:
        if (value := row.score[part]) is not None:
            values.setdefault(row.task_id, []).append(value)
            families[row.task_id] = row.family
    if not values:
        return None
    clusters = list(families.values())
    means = [of.mean(found) for found in values.values()]
    interval = _interval(list(values.values()), clusters, seed)
    return Rate(
        of.mean(means), interval.low, interval.high, of.clustered_error(means, clusters),
        _detectable(means, clusters), len(means),
    )  # fmt: skip


def _interval(values: Sequence[Sequence[float]], clusters: Sequence[str], seed: int) -> of.Interval:
    """Wilson's for a rate of single outcomes, and where a bootstrap has no width: all tasks agree, others may not."""
    wilson = of.wilson(of.mean([of.mean(found) for found in values]) * len(values), len(values))
    if all(len(found) == 1 and found[0] in (0.0, 1.0) for found in values):
        return wilson
    drawn = of.bootstrap(values, clusters=clusters, seed=seed)
    return drawn if drawn.low < drawn.high else wilson


def _detectable(means: Sequence[float], clusters: Sequence[str]) -> float:
    """Where all tasks agree the error is 0, and no run of finite size is so sure: Wilson's width stands in for it."""
    wilson = of.wilson(of.mean(means) * len(means), len(means))
    error = max(of.clustered_error(means, clusters), (wilson.high - wilson.low) / (2 * of.Z))
    return of.detectable(math.sqrt(2) * error)


def _at(rows: Sequence[Row], outcome: Outcome, seed: int) -> dict[int, AtK]:
    """k = 1, 2, 4, ... and the number of samples that most tasks have; each over the tasks that have so many."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.task_id, []).append(row)
    most = Counter(map(len, groups.values())).most_common(1)[0][0]
    found = {}
    for k in sorted({2**power for power in range(10) if 2**power <= most} | {most}):
        kept = [group for group in groups.values() if len(group) >= k]
        clusters = [group[0].family for group in kept]
        right = [[bool(row.score[outcome]) for row in group] for group in kept]
        shares = [[float(one) for one in values] for values in right]
        any_ = [of.pass_at(len(values), sum(values), k) for values in right]
        all_ = [of.pass_all(len(values), sum(values), k) for values in right]
        majority = [
            of.majority_at([row.answer for row in group], values, k, seed=seed)
            for group, values in zip(kept, right, strict=True)
        ]
        average = _interval(shares, clusters, seed)
        found[k] = AtK(
            len(kept), of.mean([of.mean(one) for one in shares]), average.low, average.high,
            of.mean(any_), of.clustered_error(any_, clusters),
            _detectable(any_, clusters),
            of.mean(all_), of.clustered_error(all_, clusters),
            of.mean(majority), of.clustered_error(majority, clusters),
        )  # fmt: skip
    return found


def _calibrated(rows: Sequence[Row], right: Sequence[bool]) -> Calibration | None:
    pairs = [(row, row.confidence, yes) for row, yes in zip(rows, right, strict=True) if row.confidence is not None]
    if not pairs:
        return None
    stated, correct = [one for _, one, _ in pairs], [yes for _, _, yes in pairs]
    gaps = of.clustered_error([one - yes for _, one, yes in pairs], [row.family for row, _, _ in pairs])
    return Calibration(
        len(pairs), of.mean(stated), sum(correct) / len(pairs), of.calibration(stated, correct),
        of.legacy_calibration(stated, correct), of.brier(stated, correct), of.auroc(stated, correct),
        of.detectable(gaps),
    )  # fmt: skip


def _agreement(rows: Sequence[Row]) -> dict[str, float] | None:
    both = [(bool(row.score["correct"]), bool(row.score["judged"])) for row in rows if row.score["judged"] is not None]
    if not both:
        return None
    rules, judge = [one for one, _ in both], [one for _, one in both]
    return {
        "rollouts": len(both),
        "agreed": sum(a == b for a, b in both) / len(both),
        "kappa": of.kappa(rules, judge),
        "rules_only": sum(a and not b for a, b in both),
        "judge_only": sum(b and not a for a, b in both),
    }


def _spread(rows: Sequence[Row], value: Callable[[Row], float | None]) -> Spread:
    pairs = [(float(one), row.family) for row in rows if (one := value(row)) is not None]
    found = [one for one, _ in pairs]
    error = of.clustered_error(found, [family for _, family in pairs])
    gap = of.detectable(math.sqrt(2) * error) if len(found) > 1 else math.nan
    return Spread(len(found), of.mean(found), of.quantile(found, 0.5), of.quantile(found, 0.99), gap)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return value
