"""What the tools tell of a task's claims, asked as an agent would ask them: maps and papers of a server, and Python."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from agent.client import AsyncClient
from agent.sandbox import Sandbox
from training.synthesis.tool_proof import Edit, Measured
from training.synthesis.tooling import Distance, Listed

T = TypeVar("T")
Told: TypeAlias = tuple[str, dict[str, Any], float]
"""Tool, arguments, value."""
Titles: TypeAlias = Callable[[str], Awaitable[str]]
PAPERS = 10
"""Papers that a search by title is asked for."""


class Patient(Protocol):
    """Asks again while the server says that this may help."""

    async def __call__(self, ask: Callable[[], Awaitable[T]]) -> T: ...


async def measured(edits: tuple[Edit, ...], env: AsyncClient, title_of: Titles, patient: Patient) -> list[Measured]:
    """One call for each claim that has a value, in their order; a claim that a tool has no value for is left out.

    `title_of` gives the title of a page by doc_id. Raises EnvError, and SandboxRefused where no Python can be run.
    """
    found = []
    for at, edit in enumerate(edits):
        told: Told | None
        if isinstance(edit.claim, Distance):
            told = await _route(edit, edit.claim, env, patient)
        elif isinstance(edit.claim, Listed):
            told = await _paper(edit, edit.claim, env, await title_of(edit.entity), patient)
        else:
            told = await _quotient(edit)
        if told is not None:
            found.append(Measured(edit=at, tool=told[0], asked=told[1], value=told[2]))
    return found


async def _route(edit: Edit, claim: Distance, env: AsyncClient, patient: Patient) -> Told:
    # The planner looks up what the two are called; the call that counts is by the origin's name, as a solver has it.
    known = await patient(partial(env.route, {"doc_id": claim.origin}, {"doc_id": edit.entity}))
    asked = {"origin": known.origin.name, "destination": {"url": known.destination.url}, "means": "drive"}
    found = await patient(partial(env.route, known.origin.name, {"url": known.destination.url or ""}))
    return "route", asked, found.distance_km if claim.by == "km" else float(found.duration_min)


async def _paper(edit: Edit, claim: Listed, env: AsyncClient, title: str, patient: Patient) -> Told | None:
    found = await patient(partial(env.scholar, title, k=PAPERS))
    for paper in found.papers:
        value = paper.citations if claim.figure == "citations" else paper.year
        if paper.doc_id == edit.entity and value is not None:
            return "scholar", {"query": title, "k": PAPERS}, float(value)
    return None


async def _quotient(edit: Edit) -> Told | None:
    over, under = (float((fact.value or "").split()[0]) for fact in edit.facts)
    code = f"print({over!r} / {under!r})"
    # The code is ours and holds two numbers, so any sandbox will do.
    ran = await Sandbox(weak=True).run(code)
    return ("python", {"code": code}, float(ran.text)) if ran.ok else None
