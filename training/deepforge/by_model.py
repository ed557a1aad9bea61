"""Every step of DeepForge mode by a model behind an OpenAI-compatible URL; replies are JSON or are asked for again.

Names that a reply has and the page has not are left out, so that a property or relation always rests on the page whose
URL it carries. The prompts say what DeepForge's are said to; their words are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson

from agent.models.protocol import Model, Sampling
from corpus.answers import normalise, score_answer
from training.deepforge.lint import lint
from training.deepforge.longtail import ENTITIES, LEAST_CHARS, SEEN_CHARS, Found
from training.deepforge.parsing import json_object, texts_by_name
from training.deepforge.rows import Chain, Known, Property, Tie, bare
from training.deepforge.steps import Asked, Dropped
from training.deepforge.topics import topics as nouns
from training.deepforge.web import Text, Web
from training.synthesis.gates import NO_TOOL, Replies

TRIES = 8
"""For one question; DeepForge's."""
RELATIONS = 24
_NAME_CHARS = 200
"""Of a noun or a name that is searched for: a model may write a page into it, and servers bound a query."""
_WORDS = 12
_LANGUAGES = {"en": "English", "zh": "Chinese"}

TOPICS = """Give {count} nouns to search an encyclopedia for, as different as you can: technology, geography, culture, \
art, nature, brands, films, science, history, sport. Set {number}.
Reply with one JSON object and nothing else: {{"nouns": ["...", "..."]}}"""
ENTITIES_PROMPT = """From the page below take the 5 to 10 entities that are least known: names that you are not very \
familiar with. No general terms, no famous names. Write each as the page does.

<page>
{page}
</page>
Reply with one JSON object and nothing else: {{"<entity>": "<what it is, in a sentence>"}}"""
EXPLORE = """What does the page below say of {name}? Properties are what is said of it alone; relations lead to other \
entities, least known ones first, each written as the page does.

<page>
{page}
</page>
Reply with one JSON object and nothing else:
{{"kind": "<a noun>", "entity_self": {{"<property>": "<value>"}}, "entity_relations": {{"<entity>": "<relation, as in \
\\"was taught by\\">"}}}}"""
ASK = """Write a question in {language} whose only answer is {answer}. It has to be found by searching again and \
again, along this chain:

{chain}

Do not name the answer, nor what lies between. Be vague: ranges and relative terms, no exact dates, no digits or \
number words, no famous names, no superlatives.{wrong}
Reply with one JSON object and nothing else: {{"question": "...", "answer": {answer_json}}}"""
HARDEN = """Make this question harder: say its clues more vaguely and leave out properties that are not needed. Name \
nothing that it hides, and leave out names where a description does. The answer stays {answer}.

<question>{question}</question>
What is known, to choose from:

{chain}

No exact dates, no digits or number words, no superlatives. Write in {language}.{wrong}
Reply with one JSON object and nothing else: {{"question": "...", "answer": {answer_json}}}"""


class ByModel:
    """`replies` keeps what was replied, so that a second run asks for nothing twice."""

    def __init__(self, web: Web, model: Model, replies: Replies, *, samples: int = 1) -> None:
        self._web, self._model, self._replies, self._samples = web, model, replies, samples
        self._languages: dict[str, str] = {}
        self._given: list[str] = []
        self.name = model.name

    async def prepare(self, count: int = 100) -> None:
        """Ask for nouns; the rules' own follow behind them."""
        said = await self._json(TOPICS.format(count=count, number=1), lambda row: isinstance(row.get("nouns"), list))
        words = (said or {}).get("nouns", [])
        given = (word.strip() for word in words if isinstance(word, str))
        self._given = list(dict.fromkeys(word for word in given if 0 < len(word) <= _NAME_CHARS))

    def topics(self, seed: int) -> Iterator[str]:
        yield from self._given
        yield from nouns(seed)

    async def entities(self, page: Text) -> list[Found]:
        if len(page.text) < LEAST_CHARS:
            return []
        seen = page.text[:SEEN_CHARS]
        said = await self._json(ENTITIES_PROMPT.format(page=seen), bool)
        names = [
            name
            for name in texts_by_name(said, at_most=4 * ENTITIES)
            if len(name) <= _NAME_CHARS and (name in seen or name == page.title)
        ]
        return list(await asyncio.gather(*map(self._found, names[:ENTITIES])))

    async def explore(self, tie: Tie) -> Known:
        doc_id = tie.doc_id or await self._web.resolve(tie.name)
        if doc_id is None:
            return Known(tie.name)
        page = await self._web.text(doc_id)
        self._languages[page.title] = page.language
        said = await self._json(
            EXPLORE.format(name=page.title, page=page.text), lambda row: isinstance(row.get("entity_relations"), dict)
        )
        said = said or {}
        properties = texts_by_name(said.get("entity_self"), at_most=RELATIONS)
        relations = texts_by_name(said.get("entity_relations"), at_most=RELATIONS)
        ties = [
            Tie(name, None, words, page.url)
            for name, words in relations.items()
            if len(name) <= _NAME_CHARS and name in page.text and normalise(name) != normalise(page.title)
        ]
        resolved = await asyncio.gather(*(self._web.resolve(one.name) for one in ties))
        texts = [None if found is None else await self._web.text(found) for found in resolved]
        kind = said.get("kind")
        return Known(
            page.title, doc_id, page.url, kind if isinstance(kind, str) else "",
            tuple(Property(label, text, page.url) for label, text in properties.items()),
            tuple(
                one if text is None else Tie(text.title, text.doc_id, one.text, one.url)
                for one, text in zip(ties, texts, strict=True)
            ),
        )  # fmt: skip

    async def ask(self, chain: Chain, rng: np.random.Generator) -> Asked:
        return await self._asked(chain, ASK, "no vague question")

    async def harden(self, chain: Chain, asked: Asked, rng: np.random.Generator) -> Asked:
        return await self._asked(chain, HARDEN, "not made harder", asked.question)

    async def from_memory(self, chain: Chain, asked: Asked) -> bool:
        prompt = NO_TOOL.format(question=asked.question)
        for sample in range(self._samples):
            drawn = Sampling(1.0 if self._samples > 1 else 0.0, 1.0, 256, seed=sample)
            said = await self._replies.of(self._model, prompt, sample, drawn)
            if score_answer(said, bare(chain.nodes[0].name), aliases=[chain.nodes[0].name]).correct:
                return True
        return False

    async def _found(self, name: str) -> Found:
        doc_id = await self._web.resolve(name)
        return Found(name, doc_id, None if doc_id is None else await self._web.popularity(doc_id))

    async def _asked(self, chain: Chain, prompt: str, reason: str, before: str = "") -> Asked:
        answer = bare(chain.nodes[0].name)
        language = self._languages.get(chain.nodes[0].name, "en")
        wrong = ""
        hidden = [node.name for node in chain.nodes[:-1]]
        for sample in range(TRIES):
            text = prompt.format(
                language=_LANGUAGES.get(language, language), answer=answer, answer_json=orjson.dumps(answer).decode(),
                chain=told(chain), question=before, wrong=wrong,
            )  # fmt: skip
            said = json_object(await self._reply(text, sample))
            question = said.get("question") if said else None
            if not said or not isinstance(question, str) or not question.strip():
                wrong = "\nYour last reply was no such JSON object."
                continue
            question = " ".join(question.split())
            flaws = list(lint(question, hidden))
            if normalise(str(said.get("answer"))) != normalise(answer):
                flaws.append("another answer")
            if question == before:
                flaws.append("nothing changed")
            if not flaws:
                return Asked(question)
            wrong = f"\nYour last question had: {', '.join(flaws)}."
        raise Dropped(reason)

    async def _json(self, prompt: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        for sample in range(TRIES // 2):
            said = json_object(await self._reply(prompt, sample))
            if said is not None and fits(said):
                return said
        return None

    async def _reply(self, prompt: str, sample: int) -> str:
        drawn = Sampling(0.0 if sample == 0 else 0.7, 1.0, 2048, seed=sample)
        return await self._replies.of(self._model, prompt, sample, drawn)


def told(chain: Chain) -> str:
    """The chain as lines that a model reads: what each entity is, and what joins it to the next."""
    lines = []
    for at, node in enumerate(chain.nodes):
        known = "; ".join(f"{one.label}: {one.text}" for one in node.properties[:_WORDS])
        lines.append(f"- {node.name}{f' ({node.kind})' if node.kind else ''}{f': {known}' if known else ''}")
        if at < chain.depth:
            lines.append(f"  {chain.ties[at].text} -> {chain.nodes[at + 1].name}")
    return "\n".join(lines)
