"""Hierarchical plans: the constraints of a proven task in the order in which information flows, as goals.

    begin with the unnamed thing that its own clues leave the fewest candidates
    go on with the one that is then left the fewest, by its clues and by what joins it to those before; the answer last
    a goal is concrete where one candidate is left, ambiguous where several are and later steps have to narrow them

Candidates are counted over the whole snapshot, by the solver that proved the task. Every part of the proof is used
once, and no hidden name stands in a goal. Half of the rows begin in the middle: what was settled so far is told, and
the rest of the plan is wanted.

Source of the task: REDSearcher (arXiv 2602.14234), mid-training I-b; the order by candidates is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import ValidationError

from training.deepforge.lint import names
from training.midtraining.rows import SHORT_TOKENS, Message, PlanRow, Step, reckoned, row_id
from training.synthesis.proof import Proof, TaskDraft
from training.synthesis.solve import Constraints, solve
from training.synthesis.verify import Ground, constraints_of
from training.synthesis.wording.english_clauses import EnglishClauses
from training.synthesis.wording.kinds import ENGLISH
from training.tasks import Task

_ASK = "Plan how to find the answer; do not answer yet. Say of each goal whether it settles something or narrows it."
_LETTERS = "ABCDEFGHIJKLMNOP"


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    variables: tuple[int, ...]


def make_plans(
    tasks: Iterable[Task],
    ground: Ground,
    *,
    count: int,
    seed: int = 0,
    tokens_limit: int = SHORT_TOKENS,
    counts: Counter[str],
) -> Iterator[PlanRow]:
    """Rows of tasks in their order, until there are `count`. `counts` is told what was left out."""
    for task in tasks:
        if counts["rows"] == count:
            return
        row = plan_row(task, ground, seed, tokens_limit)
        if isinstance(row, str):
            counts[row] += 1
            continue
        counts["rows"] += 1
        counts["begun in the middle"] += row.done > 0
        counts["settled before the last step"] += sum(len(step.settles) for step in row.steps[:-1])
        for step in row.steps:
            counts[f"{step.sort} goals"] += 1
        yield row


def plan_row(task: Task, ground: Ground, seed: int, tokens_limit: int = SHORT_TOKENS) -> PlanRow | str:
    """The row of one task, or a few words that say why there is none."""
    if task.proof is None:
        return "no proof"
    if task.language != "en":
        return "not in English"
    proof = _proof_of(task)
    if proof is None:
        return "no proof that can be read"
    if proof.snapshot_id != ground.facts.snapshot_id:
        return "of another snapshot"
    ordered = order_of(proof, ground)
    if ordered is None:
        return "too many candidates to count"
    draft = TaskDraft(proof, ground.facts)
    steps = goals_of(draft, ordered, seed)
    if _leaks(draft, steps):
        return "a goal names what it hides"
    rng = _rng(seed, task.task_id)
    done = int(rng.integers(1, len(steps))) if len(steps) > 1 and rng.random() < 0.5 else 0
    messages = messages_of(draft, task.question, steps, done)
    size = reckoned(messages)
    if size > tokens_limit:
        return "too long"
    return PlanRow(
        id=row_id("plan", task.task_id, seed), tokens=size, messages=messages, snapshot_id=proof.snapshot_id,
        task_id=task.task_id, question=task.question, seed=seed, done=done, steps=steps,
    )  # fmt: skip


def order_of(proof: Proof, ground: Ground) -> list[Step] | None:
    """Steps without words. None where the solver gives up on a count."""
    parts = _parts(proof)
    left = set(range(len(proof.solution)))
    used: list[str] = []
    steps: list[Step] = []
    while left:
        seen = {step.target for step in steps}
        options = []
        for target in sorted(left):
            uses = [p.name for p in parts if target in p.variables and {*p.variables} <= {target, *seen}]
            number = candidates(proof, ground, [*used, *uses], target)
            if number is not None and uses:
                # The answer stays for the end: what comes after it in the plan would not help to find it.
                options.append((target == 0 and len(left) > 1, number, target, uses))
        if not options:
            return None
        _, number, target, uses = min(options)
        left.discard(target)
        used += uses
        sort = "concrete" if number == 1 else "ambiguous"
        steps.append(Step(target=target, sort=sort, uses=uses, candidates=number, goal=""))
    settled: set[int] = set()
    for at in range(len(steps)):
        known = settles(proof, ground, steps[: at + 1])
        if known is None:
            return None
        steps[at] = steps[at].model_copy(update={"settles": sorted({*known} - settled)})
        settled.update(known)
    return steps


def settles(proof: Proof, ground: Ground, steps: Sequence[Step]) -> list[int] | None:
    """Targets of the steps that have one candidate left under all that these use; None where the solver gives up."""
    used = [name for step in steps for name in step.uses]
    counted = {step.target: candidates(proof, ground, used, step.target) for step in steps}
    return None if None in counted.values() else sorted(at for at, number in counted.items() if number == 1)


def candidates(proof: Proof, ground: Ground, used: Iterable[str], target: int) -> int | None:
    """How many entities a variable can be under some parts of the proof; None where the solver gives up."""
    whole, chosen = constraints_of(proof), set(used)
    edges = tuple(edge for at, edge in enumerate(whole.edges) if f"edge:{at}" in chosen)
    clues = tuple(clue for at, clue in enumerate(whole.clues) if f"clue:{at}" in chosen)

    def swapped(at: int) -> int:
        """The solver answers for variable 0."""
        return {0: target, target: 0}.get(at, at)

    kinds = tuple(whole.kinds[swapped(at)] for at in range(len(whole.kinds)))
    turned = Constraints(
        kinds,
        tuple(replace(edge, a=swapped(edge.a), b=swapped(edge.b)) for edge in edges),
        tuple((swapped(at), predicate) for at, predicate in clues),
    )
    found = solve(ground.index(proof.links), turned, "closed", distinct=True)
    return len(found.answers) if found.complete else None


def goals_of(draft: TaskDraft, ordered: list[Step], seed: int) -> list[Step]:
    """The steps in words: a pure function of the proof, the order and the seed."""
    rng = _rng(seed, draft.proof.snapshot_id + "".join(draft.proof.solution))
    clauses = EnglishClauses(draft, rng)
    letters = _letters(draft.proof, ordered)
    found = []
    for place, step in enumerate(ordered):
        kind = _noun(draft.proof, step.target)
        said = []
        for part in step.uses:
            if part.startswith("clue:"):
                said.append(clauses.clue(part))
                continue
            edge = draft.proof.edges[int(part.partition(":")[2])]
            other = edge.b if edge.a == step.target else edge.a
            said.append(clauses.edge(part, step.target, f"{_noun(draft.proof, other)} {letters[other]}", heavy=False))
        what = f"the {kind} {letters[step.target]} that {_joined(said)}"
        if step.sort == "concrete":
            goal = f"Find {what}. This settles it: one {kind} fits."
            also = [letters[at] for at in step.settles if at != step.target]
            goal += f" {_joined(also)} {'is' if len(also) == 1 else 'are'} settled with it." if also else ""
        elif place == len(ordered) - 1:
            goal = f"List what can be {what}."
        else:
            goal = f"Narrow down {what}. Several fit so far; keep the list for the next steps."
            goal += f" This settles {_joined([letters[at] for at in step.settles])}." if step.settles else ""
        found.append(step.model_copy(update={"goal": goal}))
    return found


def messages_of(draft: TaskDraft, question: str, steps: list[Step], done: int) -> list[Message]:
    """The question, what is done, and the rest of the plan as the reply: a pure function of the row's fields."""
    letters = _letters(draft.proof, steps)
    asked = [f"Question: {question}", ""]
    if done:
        asked.append("Done so far:")
        for at, step in enumerate(steps[:done], 1):
            found = [f"{letters[one]} is {draft.name(draft.proof.solution[one])}." for one in step.settles]
            if step.sort == "ambiguous":
                found.append(f"{step.candidates:,} fit {letters[step.target]} so far.")
            asked.append(f"{at}. {step.goal} {' '.join(found)}")
        asked += ["", "Write the rest of the plan."]
    else:
        asked.append(_ASK)
    lines = [
        f"{at}. [{'settle' if step.sort == 'concrete' else 'narrow'}] {step.goal}"
        for at, step in enumerate(steps, 1)
        if at > done
    ]
    lines.append(f"{len(steps) + 1}. Check {letters[0]} against every clue of the question, then answer with its name.")
    return [
        {"role": "user", "content": "\n".join(asked)},
        {"role": "assistant", "content": "\n".join(lines)},
    ]


def plan_flaws(row: PlanRow, task: Task, ground: Ground, *, tokens_limit: int = SHORT_TOKENS) -> list[str]:
    """What is wrong with a row, against its task's proof; empty where nothing is."""
    if row.task_id != task.task_id or task.proof is None or row.question != task.question:
        return ["it is not of this task"]
    proof = _proof_of(task)
    if proof is None:
        return ["the proof of its task cannot be read"]
    if not row.snapshot_id == proof.snapshot_id == ground.facts.snapshot_id:
        return [f"it is of snapshot {row.snapshot_id}"]
    draft = TaskDraft(proof, ground.facts)
    flaws = []
    parts = {part.name: part for part in _parts(proof)}
    used = [name for step in row.steps for name in step.uses]
    if sorted(used) != sorted(parts) or not all(step.uses for step in row.steps):
        flaws.append("a part of the proof is not used, or used twice")
        return flaws
    if sorted(step.target for step in row.steps) != list(range(len(proof.solution))):
        return ["a variable has no step, or two"]
    before: list[str] = []
    seen: set[int] = set()
    settled: set[int] = set()
    for step in row.steps:
        if any(not {*parts[name].variables} <= {step.target, *seen} for name in step.uses):
            flaws.append("a step rests on what comes later")
        if any(step.target not in parts[name].variables for name in step.uses):
            flaws.append("a step uses what does not speak of its target")
        before += step.uses
        seen.add(step.target)
        if candidates(proof, ground, before, step.target) != step.candidates:
            flaws.append("a step leaves another number of candidates")
        if settles(proof, ground, row.steps[: len(seen)]) != sorted({*step.settles, *settled}):
            flaws.append("a step settles something else")
        settled.update(step.settles)
        if (step.candidates == 1) != (step.sort == "concrete"):
            flaws.append("a goal is not of the sort that it says")
    if candidates(proof, ground, before, 0) != 1:
        flaws.append("the plan does not settle the answer")
    if _leaks(draft, row.steps):
        flaws.append("a goal names what it hides")
    if not flaws and [step.goal for step in row.steps] != [one.goal for one in goals_of(draft, row.steps, row.seed)]:
        flaws.append("a goal does not say its parts")
    if not 0 <= row.done < len(row.steps):
        flaws.append("nothing is left to plan")
    elif row.messages != messages_of(draft, row.question, row.steps, row.done):
        flaws.append("the messages are not those of the fields")
    if row.tokens != reckoned(row.messages) or row.tokens > tokens_limit:
        flaws.append("it is longer than it may be")
    return flaws


def _proof_of(task: Task) -> Proof | None:
    try:
        return Proof.model_validate(task.proof)
    except ValidationError:
        return None


def _parts(proof: Proof) -> list[_Part]:
    clues = [_Part(f"clue:{at}", (clue.variable,)) for at, clue in enumerate(proof.clues)]
    return clues + [_Part(f"edge:{at}", (edge.a, edge.b)) for at, edge in enumerate(proof.edges)]


def _leaks(draft: TaskDraft, steps: Iterable[Step]) -> bool:
    hidden = [draft.name(doc_id) for doc_id in draft.proof.solution]
    shown = " ".join(draft.name(doc_id) for doc_id in draft.names_shown)
    # A clue may name an entity that shares a word with a hidden one: only what is said beyond such names tells.
    return any(names(step.goal, name) for step in steps for name in hidden if not names(shown, name))


def _letters(proof: Proof, steps: Iterable[Step]) -> dict[int, str]:
    """A letter for each variable, in the order of the plan."""
    return {step.target: _LETTERS[at] for at, step in enumerate(steps)}


def _noun(proof: Proof, variable: int) -> str:
    kind = proof.kinds[variable]
    return ENGLISH.get(kind, (kind,))[0]


def _joined(said: list[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _rng(seed: int, text: str) -> np.random.Generator:
    return np.random.default_rng([seed, 13, int(row_id(text)[:12], 16)])
