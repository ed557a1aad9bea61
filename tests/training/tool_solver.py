"""A solver that has tools: whatever a claim is about is asked of a server over HTTP, or computed in the sandbox."""

from __future__ import annotations

import asyncio
import json

import numpy as np

from agent.client import Client
from agent.sandbox import Sandbox
from corpus.facts.base import FactBase
from training.synthesis.blur import SEARCH_CAP
from training.synthesis.index import FactIndex
from training.synthesis.solve import solve
from training.synthesis.tool_proof import ToolProof, constraints_of
from training.synthesis.tooling import Claim, Desk, Distance, Floats, Listed, ToolIndex

TOLD_BY_TOOLS = frozenset(("latitude", "longitude", "citation_count", "published_on"))
"""Relations of pages that say what the tools' tables hold: a solver of pages alone does without them."""


class HttpDesk(Desk):
    """Values as a server tells them. It knows of each entity its name and page, and nothing of the tables."""

    def __init__(self, index: FactIndex, client: Client) -> None:
        self.index, self.client = index, client
        self.calls = 0

    def values(self, claim: Claim) -> Floats:
        found = np.full(self.index.size, np.nan)
        entities = self.index.base.entities
        if isinstance(claim, Distance):
            name = entities[claim.origin].name
            # The map's own search, and for a drive the route to each place that it finds.
            near = self.client.places(None, near=name, k=100)
            self.calls += 1
            for place in near.places:
                value = place.distance_km or 0.0
                if claim.by == "drive":
                    value = self.client.route(name, {"url": place.url}).duration_min
                    self.calls += 1
                found[self.index.number[place.doc_id]] = value
        elif isinstance(claim, Listed):
            for number, doc_id in enumerate(self.index.ids):
                if entities[doc_id].kind != "paper":
                    continue
                self.calls += 1
                for paper in self.client.scholar(entities[doc_id].name, k=3).papers:
                    figure = paper.citations if claim.figure == "citations" else paper.year
                    if paper.doc_id == doc_id and figure is not None:
                        found[number] = figure
        else:
            for number, value in self._computed(claim.over, claim.under).items():
                found[number] = value
        return found

    def _computed(self, over: str, under: str) -> dict[int, float]:
        """Quotients by a program that is handed what the pages say."""
        rows = []
        for number, doc_id in enumerate(self.index.ids):
            stated = [[f for f in self.index.base.about(doc_id) if f.relation == name] for name in (over, under)]
            if all(len(facts) == 1 and not facts[0].conflict and facts[0].value for facts in stated):
                rows.append([number, *(facts[0].value.number for facts in stated if facts[0].value)])
        code = f"import json\nprint(json.dumps([[n, a / b] for n, a, b in {rows!r} if a is not None and b]))"
        ran = asyncio.run(Sandbox().run(code))
        assert ran.ok, ran.text
        self.calls += 1
        return {int(n): float(value) for n, value in json.loads(ran.text.splitlines()[0])}


def solved_with_tools(proof: ToolProof, index: FactIndex, client: Client) -> list[str]:
    """Answers (doc_ids) of a solver that reads the facts of pages and asks the tools."""
    told = ToolIndex(index, HttpDesk(index, client))
    found = solve(told, constraints_of(proof.base, proof.edits), "closed", distinct=True, cap=SEARCH_CAP)
    return [index.ids[entity] for entity in found.answers]


def without_tables(facts: FactBase) -> FactBase:
    """The facts of pages but for what the tables hold."""
    kept = tuple(fact for fact in facts.facts if fact.relation not in TOLD_BY_TOOLS)
    return FactBase(facts.snapshot_id, facts.extractor, facts.entities, facts.relations, kept, facts.links)
