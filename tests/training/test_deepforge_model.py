"""DeepForge mode by a model behind an OpenAI-compatible URL, played by a script that reads the prompts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from agent.client import AsyncClient
from agent.models.protocol import Message, Reply, Sampling, Usage
from tests.training.test_wording_rewriting import endpoint
from training.deepforge.by_model import TRIES, ByModel
from training.deepforge.make import Tally, make_rows
from training.deepforge.rows import Chain, Known, Row, Tie
from training.deepforge.steps import Asked, Dropped
from training.deepforge.web import Web
from training.synthesis.gates import Replies

KINDS = {
    "nouns": "nouns to search",
    "entities": "entities that are least known",
    "explore": "Properties are what is said",
    "ask": "whose only answer is",
    "harden": "Make this question harder",
    "memory": "from memory",
}
LINKS = re.compile(r"\b([A-Z][a-z]{3,} [A-Z][a-z]{3,})\b")


class Scripted:
    """Answers each sort of prompt by a function of it; counts what was asked."""

    name = "scripted"

    def __init__(self, **says: Callable[[str, int], str]) -> None:
        self.says = {**SAYS, **says}
        self.asked: Counter[str] = Counter()

    async def start(self) -> None:
        pass

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[object], sampling: Sampling, *, rollout: str
    ) -> Reply:
        prompt = str(messages[0]["content"])
        sort = next(name for name, words in KINDS.items() if words in prompt)
        self.asked[sort] += 1
        return Reply(self.says[sort](prompt, sampling.seed or 0), usage=Usage(1, 1))

    async def close(self) -> None:
        pass


def page_of(prompt: str) -> str:
    return prompt.partition("<page>")[2].partition("</page>")[0]


def answer_of(prompt: str) -> str:
    return str(json.loads(re.findall(r'"answer": (".*?")\}', prompt)[-1]))


def explored(prompt: str, sample: int) -> str:
    names = dict.fromkeys(LINKS.findall(page_of(prompt)))
    said = {"kind": "thing", "entity_self": {"note": "old"}, "entity_relations": dict.fromkeys(names, "knows")}
    said["entity_relations"]["Nobody Atall"] = "is not on the page"
    return f"Here:\n```json\n{json.dumps(said)}\n```"


SAYS: dict[str, Callable[[str, int], str]] = {
    "nouns": lambda prompt, sample: '{"nouns": ["botanist", "museum", 7]}',
    "entities": lambda prompt, sample: json.dumps(
        dict.fromkeys([*LINKS.findall(page_of(prompt)), "Nobody Atall"], "something")
    ),
    "explore": explored,
    "ask": lambda prompt, sample: json.dumps({"question": "Which one knows a few?", "answer": answer_of(prompt)}),
    "harden": lambda prompt, sample: json.dumps({"question": "Which one knows some?", "answer": answer_of(prompt)}),
    "memory": lambda prompt, sample: "Otterbrook",
}


async def made(server: str, model: Scripted, count: int, kept: Path | None = None) -> tuple[list[Row], Tally]:
    tally = Tally()
    async with endpoint(cast(Any, model)) as chat, AsyncClient(server) as env:
        web = Web(env)
        steps = ByModel(web, chat, Replies(kept))
        await steps.prepare()
        return [row async for row in make_rows(steps, web, count=count, tally=tally)], tally


async def test_a_model_does_every_step_and_a_second_run_asks_it_nothing(world_server: str, tmp_path: Path) -> None:
    model = Scripted()
    rows, tally = await made(world_server, model, 12, tmp_path / "replies.jsonl")
    assert len(rows) == 12
    assert {row.question for row in rows} == {"Which one knows some?"}
    assert set(model.asked) == set(KINDS)
    assert model.asked["nouns"] == 1
    assert "Nobody Atall" not in {name for row in rows for name in row.extra_info.entity_dict}
    assert "Nobody Atall" not in {
        name for row in rows for entity in row.extra_info.entity_dict.values() for name in entity.entity_relations
    }
    assert all(row.depth == len(row.extra_info.transition_path) for row in rows)
    assert tally.counts["topics"] >= 1
    again = Scripted()
    assert (await made(world_server, again, 12, tmp_path / "replies.jsonl"))[0] == rows
    assert not again.asked


async def test_what_the_model_answers_from_memory_is_dropped(world_server: str) -> None:
    rows, _ = await made(world_server, Scripted(), 4)
    known = {row.answer for row in rows[:2]}
    by_question = {row.answer: f"Which one knows some {place}?" for place, row in enumerate(rows)}
    letters = dict(zip(by_question, "wxyz", strict=True))

    def harden(prompt: str, sample: int) -> str:
        answer = answer_of(prompt)
        return json.dumps({"question": f"Which one knows {letters.get(answer, 'others')}?", "answer": answer})

    def memory(prompt: str, sample: int) -> str:
        return next((a for a in sorted(known) if f"knows {letters[a]}?" in prompt), "Otterbrook")

    left, tally = await made(world_server, Scripted(harden=harden, memory=memory), 4)
    assert tally.counts["dropped: answered without tools"] == 2
    assert not known & {row.answer for row in left}


def flawed(*replies: str) -> Callable[[str, int], str]:
    """One reply after the other, whatever is asked."""
    left = list(replies)
    return lambda prompt, sample: left.pop(0) if len(left) > 1 else left[0]


CHAIN = Chain((Known("Ada Hale"), Known("Bo Linden")), (Tie("Bo Linden", None, "was taught by", "u"),))
GOOD = '{"question": "Who learned from somebody of note?", "answer": "Ada Hale"}'


@pytest.mark.parametrize(
    "bad",
    [
        "I would rather not.",
        "{'question': 'Who?', 'answer': 'Ada Hale'}",
        '{"question": ["Who?"], "answer": "Ada Hale"}',
        '{"question": "Who learned from somebody of note?", "answer": "Bo Linden"}',
        '{"question": "Is it Ada?", "answer": "Ada Hale"}'.replace("Ada?", "Hale?"),
        '{"question": "Who learned 3 crafts?", "answer": "Ada Hale"}',
        '{"question": "Who was the oldest of them?", "answer": "Ada Hale"}',
        '{"question": "Who was it before?", "answer": "Ada Hale"}',
    ],
)
async def test_a_question_that_does_not_hold_is_asked_for_again_up_to_eight_times(world_server: str, bad: str) -> None:
    model = Scripted(harden=flawed(bad, GOOD), ask=flawed(bad))
    async with endpoint(cast(Any, model)) as chat, AsyncClient(world_server) as env:
        steps = ByModel(Web(env), chat, Replies(None))
        before, rng = Asked("Who was it before?"), np.random.default_rng(0)
        assert (await steps.harden(CHAIN, before, rng)).question == "Who learned from somebody of note?"
        assert model.asked["harden"] == 2
        if "before" not in bad:  # as a first question it is as good as any
            with pytest.raises(Dropped, match="no vague question"):
                await steps.ask(CHAIN, rng)
            assert model.asked["ask"] == TRIES


async def test_a_page_that_the_model_says_nothing_readable_of_has_no_relations(world_server: str) -> None:
    model = Scripted(explore=lambda prompt, sample: "{'entity_self': {}}")
    async with endpoint(cast(Any, model)) as chat, AsyncClient(world_server) as env:
        web = Web(env)
        hit = (await web.search("botanist")).hits[0]
        known = await ByModel(web, chat, Replies(None)).explore(Tie(hit.title, hit.doc_id, "", ""))
    assert (known.name, known.url, known.ties) == (hit.title, hit.url, ())
    assert model.asked["explore"] == TRIES // 2


async def test_nouns_and_names_as_long_as_a_page_are_not_searched_for(world_server: str) -> None:
    def nouns(prompt: str, sample: int) -> str:
        return json.dumps({"nouns": ["harbour " * 5_000, "botanist"]})

    def entities(prompt: str, sample: int) -> str:
        return json.dumps({page_of(prompt).strip(): "all of it", **dict.fromkeys(LINKS.findall(page_of(prompt)), "a")})

    rows, _ = await made(world_server, Scripted(nouns=nouns, entities=entities), 2)
    assert len(rows) == 2
    assert all(len(row.entity) <= 200 for row in rows)
