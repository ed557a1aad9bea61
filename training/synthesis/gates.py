"""Gates that ask a model, behind an OpenAI-compatible URL, or look at what agents did. Each is optional, and stored.

    no_tool       n answers from memory; a task that is solved so needs no search
    retrievable   the answer stands in title, words or URL of the first 50 results for the question itself
    consistent    the facts, the question and five booleans, as DeepTraceHub's validator has them
    verified      a model with the evidence before it says whether the stored answer is right
    rollouts      pass rate over the rollouts of a run, and whether it lies in a band
    alternatives  wrong answers that several rollouts agree on, held against the constraints: is one of them right too?

A gate's result goes to `Task.meta["gates"][name]`, with `passed` among its fields; whether it drops the task is the
caller's choice. Every reply is kept by model, prompt and sample, so that a second run asks for nothing twice.

Source of the gates: REDSearcher (arXiv 2602.14234), section 3.3, and the code of DeepTraceHub.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agent.canonical import digest
from agent.models.protocol import Model, ModelError, Sampling
from agent.records import Episode
from corpus.answers import normalise, score_answer
from corpus.scoring.words import tokens
from corpus.snapshot import Snapshot
from training.rubric import gold_of, scorer_of
from training.synthesis.solve import solve
from training.synthesis.told import facts_text
from training.synthesis.tool_proof import whole_of
from training.synthesis.tool_verify import ToolGround
from training.synthesis.verify import Ground
from training.tasks import BadTasks, Task

Result = dict[str, Any]
BOOLEANS = ("hallucination_ok", "leakage_ok", "semantic_ok", "deep_search_ok", "time_validity_ok")
LABELS = ("Supported", "Unverifiable", "Contradictory", "Answer-breaking")
RESULTS = 50
AGREEING = 2
"""Rollouts that give the same wrong answer before it is looked at."""
_TRIES = 4

NO_TOOL = """Answer the question from memory. Give the answer alone, in a few words; where you do not know, \
guess.

{question}"""
CONSISTENT = """A question was made from the facts below. Check it against them and use no knowledge of your own.

<facts>
{facts}
</facts>
<question>{question}</question>
<answer>{answer}</answer>

Take the question apart into atomic constraints and label each: Supported (a fact says it), Unverifiable (no fact says \
it, none contradicts it), Contradictory (a fact contradicts it), Answer-breaking (by the facts the answer cannot be \
right). Then say whether
hallucination_ok: no constraint is Contradictory or Answer-breaking (numbers may be rounded)
leakage_ok: the answer does not stand in the question
semantic_ok: the question can be understood, and asks for one thing
deep_search_ok: it needs several facts
time_validity_ok: the answer does not change with the day on which it is asked

Reply with one JSON object and nothing else:
{{"constraints": [{{"text": "...", "label": "Supported"}}], "hallucination_ok": true, "leakage_ok": true, \
"semantic_ok": true, "deep_search_ok": true, "time_validity_ok": true}}"""
VERIFY = """Is the answer to the question right? Judge by the evidence alone.

<evidence>
{facts}
</evidence>
<question>{question}</question>
<answer>{answer}</answer>

Reply with one JSON object and nothing else: {{"reason": "...", "right": true}}"""


class Replies:
    """Replies of models, kept in a file as they come: appended and synced, so that a crash loses none that was paid."""

    def __init__(self, path: Path | None) -> None:
        """None: in memory alone. A last line cut short is dropped. Raises BadTasks for a file of another kind."""
        self._path = path
        self._kept: dict[str, str] = {}
        self.asked = 0
        """Replies that a model was asked for, those found here aside."""
        if path is None or not path.exists():
            return
        whole, cut, torn = path.read_bytes().rpartition(b"\n")
        for number, line in enumerate(whole.split(b"\n") if cut else [], 1):
            try:
                row = orjson.loads(line)
                self._kept[row["key"]] = row["reply"]
            except (ValueError, TypeError, KeyError):
                raise BadTasks(f"{path}, line {number} is no kept reply. Name the file that --replies wrote.") from None
        if torn:
            os.truncate(path, len(whole) + len(cut))

    async def of(self, model: Model, prompt: str, sample: int, sampling: Sampling) -> str:
        """The reply to a prompt, from the file or from the model. Raises ModelError."""
        key = digest([model.name, prompt, sample, sampling.temperature])
        if key not in self._kept:
            reply = await _asked(model, prompt, sampling, key)
            self.asked += 1
            if self._path is not None:
                with self._path.open("ab") as file:
                    file.write(orjson.dumps({"key": key, "model": model.name, "reply": reply}) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            self._kept[key] = reply
        return self._kept[key]


async def no_tool(task: Task, model: Model, replies: Replies, *, samples: int = 4) -> Result:
    """Passed where none of the answers from memory is right."""
    prompt = NO_TOOL.format(question=task.question)
    right = 0
    for sample in range(samples):
        drawn = Sampling(1.0 if samples > 1 else 0.0, 1.0, 256, seed=sample)
        said = await replies.of(model, prompt, sample, drawn)
        right += score_answer(said, gold_of(task), aliases=task.aliases, scorer=scorer_of(task)).correct
    return {"passed": right == 0, "samples": samples, "right": right, "model": model.name}


def retrievable(task: Task, snapshot: Snapshot, *, results: int = RESULTS) -> Result:
    """Passed where the question itself brings the answer into the results; `rank` and `doc_id` tell which.

    No model: an entity counts as named where one of its names stands in title, snippet or URL, word for word.
    """
    found = snapshot.search(task.question, k=results)
    golds = [task.answer] if isinstance(task.answer, str) else list(task.answer)
    names = [f" {' '.join(words)} " for name in (*golds, *task.aliases) if (words := tokens(name))]
    for hit in found.hits:
        number = snapshot.store.require(doc_id=hit.doc_id)
        url, title, _ = snapshot.store.head(number)
        passage = snapshot.store.find_passage(hit.passage_id)
        snippet = snapshot.snippet(task.question, passage) if passage is not None else ""
        said = f" {' '.join(tokens(f'{title} {snippet} {url}'))} "
        if any(name in said for name in names):
            return {"passed": True, "rank": hit.rank, "doc_id": hit.doc_id, "results": results}
    return {"passed": False, "rank": None, "doc_id": None, "results": results}


async def consistent(task: Task, ground: Ground, model: Model, replies: Replies) -> Result:
    """Passed where all five booleans are true; what can be told without a model is not left to it."""
    prompt = CONSISTENT.format(facts=facts_text(task, ground), question=task.question, answer=_gold_text(task))
    said = await _json_reply(
        prompt, model, replies, lambda row: all(isinstance(row.get(name), bool) for name in BOOLEANS)
    )
    if said is None:
        return {"passed": False, "unread": True, "model": model.name}
    constraints = [row for row in said.get("constraints") or [] if isinstance(row, dict)]
    labels = Counter(str(row.get("label")) for row in constraints if row.get("label") in LABELS)
    found = {name: bool(said[name]) for name in BOOLEANS}
    found["hallucination_ok"] &= not labels["Contradictory"] and not labels["Answer-breaking"]
    found["leakage_ok"] &= not any(name and name in task.question for name in (_gold_text(task), *task.aliases))
    return {"passed": all(found.values()), **found, "labels": dict(sorted(labels.items())), "model": model.name}


async def verified(task: Task, ground: Ground, model: Model, replies: Replies, *, samples: int = 1) -> Result:
    """Agent as verifier: passed where most readings of the evidence say that the stored answer is right."""
    prompt = VERIFY.format(facts=facts_text(task, ground), question=task.question, answer=_gold_text(task))
    votes = []
    for sample in range(samples):
        said = await _json_reply(
            prompt, model, replies, lambda row: isinstance(row.get("right"), bool), sample * _TRIES
        )
        if said is not None:
            votes.append(bool(said["right"]))
    return {"passed": 2 * sum(votes) > samples, "right": sum(votes), "samples": samples, "model": model.name}


def rollouts(task: Task, episodes: Iterable[Episode], band: tuple[float, float]) -> Result:
    """Passed where the share of right rollouts lies in the band, both ends included; `n` 0 passes nothing.

    Rollouts of status error say nothing of the task and are left out.
    """
    ended = [one for one in episodes if one.task.id == task.task_id and one.status == "ok"]
    right = sum(_is_right(task, one) for one in ended)
    rate = right / len(ended) if ended else None
    return {
        "passed": rate is not None and band[0] <= rate <= band[1],
        "n": len(ended), "right": right, "pass_rate": rate, "band": list(band),
    }  # fmt: skip


def alternatives(task: Task, episodes: Iterable[Episode], on: ToolGround, *, agreeing: int = AGREEING) -> Result:
    """Passed where no wrong answer that several rollouts gave satisfies every constraint in the open world.

    `checked` has each such answer with "verified right", "verified wrong", or "unknown" where no entity has the name.
    """
    proof = whole_of(task.proof or {})
    index = on.index(proof.base.links) if proof.edits else on.ground.index(proof.base.links)
    votes: Counter[str] = Counter()
    for one in episodes:
        if one.task.id == task.task_id and one.answer and one.status == "ok" and not _is_right(task, one):
            votes[normalise(one.answer.text)] += 1
    named: dict[str, list[str]] = {}
    for doc_id, entity in on.ground.facts.entities.items():
        for name in (entity.name, *entity.aliases):
            named.setdefault(normalise(name), []).append(doc_id)
    asked = proof.asked
    fits = {index.ids[at] for at in solve(index, asked, "open", distinct=asked.apart).answers}
    checked = {}
    for said in sorted(said for said, count in votes.items() if said and count >= agreeing):
        owners = named.get(said, [])
        right = bool(fits & {*owners})
        checked[said] = "verified right" if right else "verified wrong" if owners else "unknown"
    return {"passed": "verified right" not in checked.values(), "checked": checked}


def with_gates(task: Task, results: Mapping[str, Result]) -> Task:
    """The task with results of gates in its meta, and the pass rate where rollouts gave one."""
    meta = {**task.meta, "gates": {**task.meta.get("gates", {}), **results}}
    if (rate := results.get("rollouts", {}).get("pass_rate")) is not None:
        meta["pass_rate"] = rate
    return task.model_copy(update={"meta": meta})


async def each(
    tasks: Sequence[Task], gate: Callable[[Task], Awaitable[Result]], *, concurrency: int = 16
) -> list[Result]:
    """A gate's result for every task, many at once, in their order. Raises the first ModelError."""
    free = asyncio.Semaphore(concurrency)

    async def one(task: Task) -> Result:
        async with free:
            return await gate(task)

    return await asyncio.gather(*(one(task) for task in tasks))


def _gold_text(task: Task) -> str:
    return task.answer if isinstance(task.answer, str) else "; ".join(task.answer)


def _is_right(task: Task, episode: Episode) -> bool:
    if episode.answer is None:
        return False
    return score_answer(episode.answer.text, gold_of(task), aliases=task.aliases, scorer=scorer_of(task)).correct


async def _json_reply(
    prompt: str, model: Model, replies: Replies, fits: Callable[[Result], bool], first: int = 0
) -> Result | None:
    """The first of a few replies that holds a fitting JSON object; None where none does."""
    for sample in range(first, first + _TRIES):
        said = await replies.of(model, prompt, sample, Sampling(0.0 if sample == 0 else 0.3, 1.0, 2048, seed=sample))
        at, end = said.find("{"), said.rfind("}")
        try:
            row = json.loads(said[at : end + 1])
        except ValueError:
            continue
        if isinstance(row, dict) and fits(row):
            return row
    return None


async def _asked(model: Model, prompt: str, sampling: Sampling, key: str) -> str:
    for left in range(_TRIES - 1, -1, -1):
        try:
            return (await model.reply([{"role": "user", "content": prompt}], (), sampling, rollout=key)).content
        except ModelError as error:
            if not error.retry or not left:
                raise
            await asyncio.sleep(error.retry_after_s or 0.5)
    raise AssertionError("unreachable")
