"""Every step of DeepForge mode without a model: titles, links and fields of served pages, facts where they are at hand.

`steps.Steps` says what each step gives.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.deepforge.factual import FactWeb
from training.deepforge.lint import lint
from training.deepforge.longtail import Found, Popularity, long_tail
from training.deepforge.reading import read_page
from training.deepforge.rows import Chain, Known, Tie
from training.deepforge.steps import Asked, Dropped
from training.deepforge.topics import topics
from training.deepforge.web import Text, Web
from training.deepforge.wording import Plan, harder_plan, vague_plan, worded


class Rules:
    """`facts` is None where only served pages are at hand."""

    def __init__(self, web: Web, reference: Popularity, facts: FactWeb | None = None) -> None:
        self._web, self._reference, self._facts = web, reference, facts
        self.name = "rules"

    def topics(self, seed: int) -> Iterator[str]:
        return topics(seed)

    async def entities(self, page: Text) -> list[Found]:
        return await long_tail(self._web, page, self._reference)

    async def explore(self, tie: Tie) -> Known:
        if tie.doc_id is None:
            return Known(tie.name)
        if self._facts is not None and self._facts.knows(tie.doc_id):
            return self._facts.known(tie.doc_id)
        return await read_page(await self._web.text(tie.doc_id), self._web)

    async def ask(self, chain: Chain, rng: np.random.Generator) -> Asked:
        facts = self._facts if all(node.typed for node in chain.nodes) else None
        end = chain.nodes[-1].doc_id
        famous = end is None or await self._web.popularity(end) > 2 * self._reference.median
        plan = vague_plan(chain, famous, rng, facts)
        if plan is None:
            raise Dropped("several answers")
        return Asked(worded(plan, rng), plan)

    async def harden(self, chain: Chain, asked: Asked, rng: np.random.Generator) -> Asked:
        assert isinstance(asked.plan, Plan)
        facts = self._facts if all(node.typed for node in chain.nodes) else None
        plan = harder_plan(asked.plan, rng, facts)
        if plan is None:
            raise Dropped("not made harder")
        return Asked(worded(plan, rng), plan)

    async def from_memory(self, chain: Chain, asked: Asked) -> bool:
        """Without a model: what states its answer, or a name that it hides, needs no tool."""
        return "name" in lint(asked.question, (node.name for node in chain.nodes))
