"""Rewriting by a model behind an OpenAI-compatible URL, played by a script; and what its checker lets through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvicorn

from agent.model_server import create_app
from agent.models.openai_api import ChatModel
from agent.models.protocol import Message, Reply, Sampling, Usage
from corpus.world.schema import RELATIONS
from tests.training.drafts import draft_of, entity
from training.synthesis.leaks import LeakChecks
from training.synthesis.predicates import Compare, Equal, Named, Not, Range
from training.synthesis.rewriting import Rewriting, rewrite, same_claims
from training.tasks import Task

OTTER, ANSWER, RIVER = entity(9, "Otterbrook"), entity(1, "Brellick"), entity(2, "River Skaurmelle", "river")
DRAFT = draft_of(
    [OTTER, ANSWER, RIVER],
    RELATIONS,
    [ANSWER, RIVER],
    edges=[(0, "on_river", 1)],
    clues=[
        (0, Named(relation="twinned_with", entity=OTTER.doc_id)),
        (0, Range(relation="population", low=3_000, high=5_500, unit="persons")),
        (0, Not(of=Equal(relation="known_for", text="lace"))),
        (1, Compare(relation="length", sense="more", entity=OTTER.doc_id)),
    ],
)
BEFORE = (
    "Which town lies on a river that is longer than Otterbrook, is twinned with Otterbrook, has between 3,000 and "
    "5,500 inhabitants, and is not known for lace?"
)
FLUENT = (
    "A town on the banks of a river has been twinned with Otterbrook for years. Some 3,000 to 5,500 people live there, "
    "and lace is not what it is known for; the river is longer than Otterbrook. What is the town?"
)


class Scripted:
    """Says one line after the other."""

    name = "scripted"

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[str] = []

    async def start(self) -> None:
        pass

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[object], sampling: Sampling, *, rollout: str
    ) -> Reply:
        self.asked.append(str(messages[0]["content"]))
        return Reply(self.lines.pop(0), usage=Usage(1, 1))

    async def close(self) -> None:
        pass


@asynccontextmanager
async def endpoint(model: Scripted) -> AsyncIterator[ChatModel]:
    server = uvicorn.Server(uvicorn.Config(create_app(cast(Any, model)), port=0, log_level="error", access_log=False))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
        assert not running.done(), running
    chat = ChatModel(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1", "scripted")
    try:
        yield chat
    finally:
        await chat.close()
        server.should_exit = True
        await running


def a_task() -> Task:
    proof = DRAFT.proof.model_dump(mode="json", by_alias=True)
    return Task(task_id="a" * 32, question=BEFORE, answer="Brellick", proof=proof, meta={"treewidth": 1})


async def rewritten_by(*lines: str, tries: int = 3) -> tuple[Rewriting, Scripted]:
    model = Scripted(*lines)
    async with endpoint(model) as chat:
        return await rewrite(a_task(), LeakChecks(DRAFT.facts), DRAFT, chat, tries=tries), model


async def test_a_fluent_question_that_says_the_same_takes_the_place_of_the_template() -> None:
    result, model = await rewritten_by(f"Sure.\n<question>\n{FLUENT}\n</question>")
    assert result.rewritten
    assert result.reasons == ()
    assert result.task.question == FLUENT
    assert result.task.meta["wording"] == {"by": "scripted", "template": BEFORE}
    assert result.task.meta["treewidth"] == 1
    assert result.task.proof is not None
    assert result.task.proof["wording"] == []
    assert BEFORE in model.asked[0]
    assert "Brellick" not in model.asked[0]


async def test_what_does_not_hold_is_asked_for_again_and_then_left_as_it_was() -> None:
    lost = FLUENT.replace("Otterbrook", "another town")
    leaky = FLUENT.replace("What is the town", "Is it brellick")
    result, _ = await rewritten_by("no tags here", f"<question>{lost}</question>", f"<question>{FLUENT}</question>")
    assert result.rewritten
    assert result.reasons == ("no question", "name lost")
    result, model = await rewritten_by(*[f"<question>{leaky}</question>"] * 2, tries=2)
    assert not result.rewritten
    assert result.reasons == ("answer name", "answer name")
    assert result.task == a_task()
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Otterbrook", "that place", "name lost"),
        ("lace is not", "fine cloth is not", "value lost"),
        ("3,000 to 5,500", "about 4,000", "number lost"),
        ("Some 3,000", "Since 1900 some 3,000", "number added"),
        ("5,500 people", "5,500 million people", "scale added"),
        ("A town on", "A town in Wales on", "name added"),
        ("and lace is not what", "and lace is what", "negation changed"),
        ("is longer than", "flows past", "comparison changed"),
        ("has been twinned with Otterbrook for years", "has looked up to Otterbrook for years", "relation lost"),
    ],
)
def test_a_claim_that_is_lost_added_or_turned_round_is_seen(old: str, new: str, reason: str) -> None:
    assert same_claims(DRAFT, BEFORE, FLUENT).passed
    assert old in FLUENT
    assert same_claims(DRAFT, BEFORE, FLUENT.replace(old, new)).reason == reason


def test_a_negation_that_comes_where_there_was_none_is_seen() -> None:
    plain = draft_of(
        [OTTER, ANSWER], RELATIONS, [ANSWER], clues=[(0, Named(relation="twinned_with", entity=OTTER.doc_id))]
    )
    before = "Which town is twinned with Otterbrook?"
    assert same_claims(plain, before, "Otterbrook is twinned with which town?").passed
    assert same_claims(plain, before, "Which town isn't twinned with Otterbrook?").reason == "negation changed"
