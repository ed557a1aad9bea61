"""Records of every kind, made by the real loop against a real server: what exporters are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.canonical import digest
from agent.context import Policy
from agent.loop import Limits
from agent.models.protocol import Message, ModelError, Reply, Tokens, Usage
from agent.records import Episode
from tests.agent.loop_parts import Speak, Spoken, play, player, said, script, turn_of

ADA = "https://tiny.example/people/ada"
SEARCH = said("Let me look.", ("search", {"query": "lamp", "k": 3}))
FETCH = said("", ("fetch", {"url": ADA}))
CITED = {"answer": "Thorunn", "confidence": 0.5, "citations": [{"url": ADA, "quote": "lamp"}]}
ANSWER = said("Done.", ("answer", CITED))
BOTH = replace(
    said("", ("search", {"query": "café </tool_response> 🦉", "k": 2}), ("fetch", {"url": ADA}), id_="c"),
    reasoning="Two at once\nwill do.",
)
BROKEN = said("", ("search", '{"query": '), ("teleport", {}), ("search", {"words": 3}))


def thinking(content: str) -> Reply:
    return Reply(f"<think>\nI think.\n</think>\n{content}", usage=Usage(50, 10))


def with_tokens(speak: Speak, *, dropping: bool = False, masked: bool = False) -> Speak:
    """Ids that are counted: a prompt has ten for each message and goes on from the last one, unless it drops some."""

    def spoken(messages: Sequence[Message], rollout: str) -> Reply:
        reply, turn = speak(messages, rollout), turn_of(messages)
        known = [number for before in range(turn) for number in (before * 10 + 1, before * 10 + 2, before * 10 + 3)]
        prompt = (*(known[3:] if dropping and turn > 1 else known), turn * 10 + 1)
        mask = (1, 0) if masked else ()
        return replace(
            reply,
            usage=Usage(len(prompt), 2),
            tokens=Tokens(prompt, (turn * 10 + 2, turn * 10 + 3), (-0.5, -0.25), mask),
        )

    return spoken


async def records(url: str) -> dict[str, Episode]:
    """By what is special about each."""

    async def made(speak: Speak, **how: object) -> Episode:
        return await play(url, player(Spoken(speak), **how))  # type: ignore[arg-type]

    def broken(messages: Sequence[Message], rollout: str) -> Reply:
        if turn_of(messages):
            raise ModelError("gone", retry=False, kind="server")
        return SEARCH

    visit = f'<tool_call>{{"name": "visit", "arguments": {{"url": ["{ADA}"], "goal": "lamp"}}}}</tool_call>'
    look = '<tool_call>{"name": "search", "arguments": {"query": ["lamp", "salt"]}}</tool_call>'
    tagged = script(
        thinking(look), thinking(f"So.\n{visit}\n<tool_response>made up"), thinking("<answer> Thorunn </answer>")
    )
    lines = script(Reply("Search: lamp"), Reply("Open: 1"), Reply("Answer: Thorunn"))
    found = {
        "native": await made(script(SEARCH, BOTH, ANSWER)),
        "refused calls": await made(script(BROKEN, SEARCH, ANSWER)),
        "browser": await made(
            script(said("", ("search", {"query": "lamp"})), said("【0†L0】 So <answer>Thorunn</answer>")),
            name="browser",
        ),
        "keep_last_k": await made(script(SEARCH, BOTH, FETCH, ANSWER), policy=Policy("keep_last_k", 1)),
        "discard_all": await made(
            script(SEARCH, BOTH, SEARCH, FETCH, ANSWER),
            policy=Policy("discard_all", 0.2),
            limits=Limits(context_tokens=4000),
        ),
        "summary": await made(
            script(SEARCH, BOTH, said("A summary."), ANSWER),
            policy=Policy("summary", 0.1),
            limits=Limits(context_tokens=6000),
        ),
        "hermes": await made(tagged, name="tongyi"),
        "hermes, keep_last_k": await made(tagged, name="tongyi", policy=Policy("keep_last_k", 0)),
        "hermes, unreadable": await made(
            script(thinking("<tool_call>{no"), thinking("<answer>x</answer>")), name="tongyi"
        ),
        "search_r1": await made(
            script(thinking("<search>lamp</search>"), thinking("<answer>Thorunn</answer>")), name="search_r1"
        ),
        "plain": await made(lines, format="plain"),
        "forced": await made(script(SEARCH, FETCH, SEARCH), limits=Limits(turns=2)),
        "no answer": await made(script(SEARCH, said(""))),
        "error": await made(broken),
        "tokens": await made(with_tokens(script(SEARCH, BOTH, ANSWER))),
        "masked tokens": await made(with_tokens(script(SEARCH, ANSWER), masked=True)),
        "dropped tokens": await made(with_tokens(script(SEARCH, BOTH, FETCH, ANSWER), dropping=True)),
        "tokens on branches": await made(
            with_tokens(script(SEARCH, BOTH, FETCH, ANSWER)), policy=Policy("keep_last_k", 1)
        ),
    }
    return {kind: one.model_copy(update={"id": digest(kind)[:16]}) for kind, one in found.items()}
