"""Tasks of one and two hops from a world's facts, each played once through the real API before it counts.

A task is proven in three ways: its relation has one value for its subject in the closed world of the snapshot's facts,
nothing contradicts it, and the words of the answer came back from the server within the calls that a rollout has. The
facts and the spans that state them stand in `meta`. `training.synthesis` makes harder tasks, which a model of this size
does not solve; the miniature is about the loop.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.canonical import digest
from agent.client import AsyncClient
from agent.errors import EnvError
from agent.models.playback import Play
from agent.tools.tool import Tool
from corpus.facts.base import FactBase
from corpus.facts.records import Fact, Support
from training.miniature_agent import LIMITS, OBSERVATION_CHARS, small_manner
from training.tasks import Task

ASKED: Mapping[str, tuple[str, str]] = {
    "occupation": ("What is the occupation of {}?", "occupation"),
    "born_in": ("In which town was {} born?", "born in"),
    "lives_in": ("In which town does {} live?", "lives in"),
    "married_to": ("To whom is {} married?", "married"),
    "genre": ("What is the genre of {}?", "genre"),
    "known_for": ("What is {} known for?", "known for"),
    "in_region": ("In which region is {}?", "region"),
    "based_in": ("In which town is {} based?", "based in"),
    "industry": ("In which industry is {}?", "industry"),
    "made_by": ("Which company makes {}?", "made by"),
    "held_by": ("Which collection holds {}?", "collection"),
    "held_in": ("In which town is {} held?", "held in"),
    "published_by": ("Who published {}?", "published by"),
    "given_by": ("Who gives {}?", "given by"),
    "rises_in": ("In which region does {} rise?", "rises in"),
    "part_of": ("Which country is {} part of?", "country"),
    "field": ("To which field does {} belong?", "field"),
}
"""Relation -> question about a name, and what to search for beside the name. Their values stand on pages verbatim."""
FIRST_HOPS: Mapping[str, str] = {
    "born_in": "the birthplace of {}",
    "lives_in": "the home town of {}",
    "based_in": "the seat of {}",
    "made_by": "the maker of {}",
    "held_in": "the host town of {}",
    "married_to": "the spouse of {}",
}


@dataclass(frozen=True)
class Candidate:
    task: Task
    hops: tuple[tuple[str, str], ...]
    """(query, words that its results must hold), in order."""


def candidates(facts: FactBase, *, seed: int, two_hop_share: float = 0.3) -> Iterator[Candidate]:
    """Every one- and two-hop question that these facts answer uniquely, in an order drawn from the seed.

    A question's subject is drawn once: no two tasks ask about the same name.
    """
    draw = random.Random(seed)
    known: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts.facts:
        known.setdefault((fact.subject, fact.relation), []).append(fact)
    single = {
        key: found[0]
        for key, found in known.items()
        if key[1] in ASKED and len(found) == 1 and not found[0].conflict and _stated(found[0])
    }
    named = Counter(entity.name for entity in facts.entities.values())
    keys = sorted(single)
    draw.shuffle(keys)
    used: set[str] = set()
    for subject, relation in keys:
        if subject in used or named[facts.entities[subject].name] > 1:
            continue
        fact = single[subject, relation]
        chain = [fact]
        if relation in FIRST_HOPS and fact.object is not None and draw.random() < two_hop_share:
            onward = [name for name in ASKED if (fact.object, name) in single and name != relation]
            if onward:
                chain.append(single[fact.object, draw.choice(onward)])
        used.add(subject)
        yield _candidate(facts, chain)


def _candidate(facts: FactBase, chain: Sequence[Fact]) -> Candidate:
    name = facts.entities[chain[0].subject].name
    asked_of = name if len(chain) == 1 else FIRST_HOPS[chain[0].relation].format(name)
    question = ASKED[chain[-1].relation][0].format(asked_of)
    answer, aliases = _answer(facts, chain[-1])
    hops = tuple(
        (f"{facts.entities[fact.subject].name} {ASKED[fact.relation][1]}", _answer(facts, fact)[0]) for fact in chain
    )
    proof = [
        {"subject": fact.subject, "relation": fact.relation, "object": fact.object,
         "value": fact.value.text if fact.value else None,
         "supports": [[one.doc_id, one.start, one.end] for one in _stated(fact)]}
        for fact in chain
    ]  # fmt: skip
    task = Task(
        task_id=digest([facts.snapshot_id, question, answer])[:32],
        question=question,
        answer=answer,
        aliases=aliases,
        evidence=tuple(sorted({one.doc_id for fact in chain for one in _stated(fact)})),
        snapshot_id=facts.snapshot_id,
        meta={"hops": len(chain), "facts": proof},
    )
    # No two tasks that are evaluated share evidence, so each is a family of its own.
    return Candidate(task.model_copy(update={"family": task.task_id[:12]}), hops)


async def witnessed(candidate: Candidate, env: AsyncClient) -> tuple[Task, Play] | None:
    """Play a candidate: search for each hop, open the first results where the words are not shown. None where the words
    do not come within the calls of a rollout. The task's evidence is then what was met: pages that hold the facts."""
    tools = {tool.name: tool for tool in small_manner().profile.make()}
    calls: list[tuple[str, Mapping[str, str]]] = []
    met: list[str] = []
    for query, wanted in candidate.hops:
        found = False
        for name, arguments in (("search", {"query": query}), ("fetch", {"url": "1"}), ("fetch", {"url": "2"})):
            # The second result is opened only in place of the first, which told nothing.
            if arguments == {"url": "2"} and calls and calls[-1] == ("fetch", {"url": "1"}):
                calls.pop()
            calls.append((name, arguments))
            text, pages = await _observed(tools[name], arguments, env)
            if wanted.casefold() in text.casefold():
                met += pages
                found = True
                break
        if not found or len(calls) > LIMITS.calls:
            return None
    evidence = sorted(set(candidate.task.evidence) & set(met))
    # A page that holds the words without stating the fact is luck, and no proof.
    if len(evidence) < (1 if len(candidate.hops) == 1 else 2):
        return None
    answer = candidate.task.answer
    assert isinstance(answer, str)
    task = candidate.task.model_copy(update={"evidence": tuple(evidence)})
    return task, Play(tuple(calls), answer)


async def _observed(tool: Tool, arguments: Mapping[str, str], env: AsyncClient) -> tuple[str, tuple[str, ...]]:
    try:
        seen = await tool.run(dict(arguments), env)
    except EnvError:
        return "", ()
    return " ".join(seen.text.split())[:OBSERVATION_CHARS], seen.doc_ids


def split(tasks: Sequence[tuple[Task, Play]], *, held_out: int, train: int) -> dict[str, list[tuple[Task, Play]]]:
    """Held-out tasks first, of which no two share a page; then tasks to train on that share none with those.

    Pages are those that state any of the facts, not only those that were met.
    """
    taken: set[str] = set()
    chosen: dict[str, list[tuple[Task, Play]]] = {"held-out": [], "train": []}
    for task, play in tasks:
        pages = pages_of(task)
        if len(chosen["held-out"]) < held_out and not pages & taken:
            chosen["held-out"].append((task.model_copy(update={"split": "held-out"}), play))
            taken |= pages
    ids = {task.task_id for task, _ in chosen["held-out"]}
    for task, play in tasks:
        if len(chosen["train"]) < train and task.task_id not in ids and not pages_of(task) & taken:
            chosen["train"].append((task.model_copy(update={"split": "train"}), play))
    return chosen


def pages_of(task: Task) -> set[str]:
    """Every page that states a fact of the task."""
    return {support[0] for fact in task.meta["facts"] for support in fact["supports"]}


def _stated(fact: Fact) -> tuple[Support, ...]:
    return tuple(one for one in fact.supports if not one.scanned)


def _answer(facts: FactBase, fact: Fact) -> tuple[str, tuple[str, ...]]:
    if fact.object is not None:
        return facts.entities[fact.object].name, facts.entities[fact.object].aliases
    assert fact.value is not None
    return fact.value.text, ()
