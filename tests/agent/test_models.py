"""Models of every kind but the local one: what they send, what they keep of an answer, and how they fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web

from agent.formats import HERMES, PLAIN, SEARCH_R1
from agent.models.openai_api import ChatModel, CompletionModel, served_models
from agent.models.openai_wire import chat_reply
from agent.models.playback import Play, PlaybackModel
from agent.models.protocol import Message, Model, ModelError, Reply, Sampling, Tokens, ToolCall, Usage
from agent.models.random_policy import RandomPolicy
from agent.models.router import Router
from agent.models.scripted import ScriptedModel
from tests.agent.fake_openai import fake

QUESTION: list[Message] = [{"role": "user", "content": "Which harbour did the cartographer Ada chart first?"}]
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": name,
            "parameters": {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]},
        },
    }
    for name, argument in (("search", "query"), ("fetch", "url"))
]
CHAT: dict[str, Any] = {
    "choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1},
}


async def ask(
    model: Model, messages: Sequence[Message] = QUESTION, sampling: Sampling | None = None, rollout: str = "r"
) -> Reply:
    try:
        return await model.reply(messages, TOOLS, sampling or Sampling(), rollout=rollout)
    finally:
        await model.close()


async def failure(model: Model) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(model)
    return caught.value


async def test_a_chat_request_says_what_was_asked_for_and_no_more() -> None:
    async with fake(CHAT) as (server, url):
        await ask(
            ChatModel(url + "/v1/", "m", api_key="k", extra={"top_k": 5}), sampling=Sampling(0.5, 0.9, 77, 3, ("x",))
        )
        await ask(ChatModel(url, "m"))
    path, body = server.asked[0]
    assert path == server.asked[1][0] == "/v1/chat/completions"
    assert body == {
        "model": "m", "messages": QUESTION, "tools": TOOLS, "temperature": 0.5, "top_p": 0.9, "max_tokens": 77,
        "seed": 3, "stop": ["x"], "top_k": 5,
    }  # fmt: skip
    assert set(server.asked[1][1]) == {"model", "messages", "tools", "temperature", "top_p", "max_tokens"}
    assert server.headers[0]["Authorization"] == "Bearer k"
    assert "Authorization" not in server.headers[1]


async def test_calls_reasoning_and_usage_of_a_chat_are_kept() -> None:
    message = {
        "content": None,
        "reasoning": "I should look.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"query": "ada"'}},
            {"function": {"name": "fetch", "arguments": {"url": "u"}}},
        ],
    }
    answer = {**CHAT, "choices": [{"message": message, "finish_reason": "tool_calls"}]}
    async with fake(answer) as (_, url):
        reply = await ask(ChatModel(url, "m"))
    # Broken arguments are the model's own words: what to do about them is the loop's business.
    assert reply.tool_calls == (ToolCall("c1", "search", '{"query": "ada"'), ToolCall("", "fetch", '{"url":"u"}'))
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("", "I should look.", "tool_calls")
    assert (reply.usage, reply.tokens) == (Usage(5, 1), None)
    assert reply.as_message()["tool_calls"][0]["function"]["arguments"] == '{"query": "ada"'


async def test_token_ids_and_logprobs_of_a_chat_are_kept_as_they_came() -> None:
    choice = {
        "message": {"content": "Hi", "reasoning_content": "r"},
        "token_ids": [7, 8],
        "loss_mask": [1, 0],
        "logprobs": {"content": [{"token": "H", "logprob": -0.5}, {"token": "i", "logprob": -0.25}]},
    }
    async with fake({"choices": [choice], "prompt_token_ids": [1, 2, 3]}) as (server, url):
        reply = await ask(ChatModel(url, "m", tokens=True))
    assert reply.tokens == Tokens((1, 2, 3), (7, 8), (-0.5, -0.25), (1, 0))
    assert server.asked[0][1]["return_token_ids"] is True
    assert server.asked[0][1]["logprobs"] is True


def test_logprobs_that_do_not_fit_the_ids_are_left_out() -> None:
    choice = {"message": {"content": "Hi"}, "token_ids": [7, 8], "logprobs": {"content": [{"logprob": -0.5}]}}
    reply = chat_reply({"choices": [choice], "prompt_token_ids": [1]})
    assert reply.tokens == Tokens((1,), (7, 8))


async def test_a_completion_is_asked_for_by_the_ids_that_the_endpoint_made() -> None:
    completion = {
        "choices": [{
            "text": "Search: ada", "finish_reason": "stop", "prompt_token_ids": [4, 5, 6], "token_ids": [9, 10],
            "logprobs": {"token_logprobs": [-1.0, -2.0], "text_offset": [40, 46]},
        }],
    }  # fmt: skip
    answers = {"/tokenize": {"count": 3, "tokens": [4, 5, 6]}, "/v1/completions": completion}
    async with fake(lambda request, body: web.json_response(answers[request.path])) as (server, url):
        reply = await ask(CompletionModel(url, "m"))
    (tokenize, asked_ids), (complete, asked) = server.asked
    assert (tokenize, complete) == ("/tokenize", "/v1/completions")
    assert (asked_ids["messages"], asked_ids["tools"]) == (QUESTION, TOOLS)
    assert (asked["prompt"], asked["return_token_ids"], asked["logprobs"]) == ([4, 5, 6], True, 0)
    assert reply.tokens == Tokens((4, 5, 6), (9, 10), (-1.0, -2.0), (), (0, 6))


async def test_a_completion_takes_a_prompt_of_our_own_making() -> None:
    async with fake({"choices": [{"text": "x"}]}) as (server, url):
        reply = await ask(CompletionModel(url, "m", prompt=lambda messages, tools: "Once", tokens=False))
    assert server.asked[0][1]["prompt"] == "Once"
    assert (reply.content, reply.tokens) == ("x", None)


def test_tokens_behind_a_cut_are_masked() -> None:
    tokens = Tokens((1,), (7, 8, 9), offsets=(0, 4, 9))
    assert tokens.cut(9).loss_mask == (1, 1, 0)
    assert tokens.cut(3).completion_ids == (7, 8, 9)
    assert Tokens((1,), (7, 8)).cut(0) == Tokens((1,), (7, 8))


@pytest.mark.parametrize(
    ("status", "body", "kind", "retry"),
    [
        (429, b"slow down", "overloaded", True),
        (503, b"", "overloaded", True),
        (500, b"oops", "server", True),
        (504, b"", "timeout", True),
        (401, b"key", "refused", False),
        (404, b"no such model", "refused", False),
        (302, b"", "refused", False),
        (400, b'{"error": {"message": "This model\'s maximum context length is 8192 tokens."}}', "too_long", False),
        (400, b'{"error": {"message": "bad tool"}}', "refused", False),
        (200, b"<html>", "malformed", True),
        (200, b"[]", "malformed", True),
        (200, b'{"choices": []}', "malformed", True),
        (200, b'{"choices": [{"message": {"content": 5}}]}', "malformed", True),
        (200, b'{"choices": [{"message": {"content": "", "tool_calls": [{}]}}]}', "malformed", True),
        (200, b'{"choices": [{"message": {"content": "\\ud800"}}]}', "malformed", True),
    ],
)
async def test_every_refusal_is_named(status: int, body: bytes, kind: str, retry: bool) -> None:
    async with fake(body, status) as (_, url):
        error = await failure(ChatModel(url, "m"))
    assert (error.kind, error.retry) == (kind, retry)
    assert "m at " in str(error)


async def test_the_time_that_an_endpoint_asks_for_is_handed_on() -> None:
    async with fake({}, 429, {"Retry-After": "7"}) as (_, url):
        assert (await failure(ChatModel(url, "m"))).retry_after_s == 7.0
    async with fake({}, 429, {"Retry-After": "Fri, 01 Jan 2010 00:00:00 GMT"}) as (_, url):
        assert (await failure(ChatModel(url, "m"))).retry_after_s == 0.0
    async with fake({}, 429, {"Retry-After": "soon"}) as (_, url):
        assert (await failure(ChatModel(url, "m"))).retry_after_s is None


async def test_an_endpoint_that_never_answers_is_not_waited_for() -> None:
    async with fake(CHAT) as (server, url):
        server.hold.clear()
        error = await failure(ChatModel(url, "m", timeout_s=0.2))
    assert (error.kind, error.retry) == ("timeout", True)


async def test_an_endpoint_that_is_not_there_is_named_with_its_url() -> None:
    async with fake(CHAT) as (_, url):
        pass
    error = await failure(ChatModel(url, "m"))
    assert (error.kind, error.retry) == ("unreachable", True)
    assert url in str(error)


async def test_a_connection_that_was_closed_while_idle_is_made_anew() -> None:
    closed: list[bool] = []

    def close_once(request: web.Request, body: Any) -> web.StreamResponse:
        if len(server.asked) == 2:
            closed.append(True)
            assert request.transport is not None
            request.transport.close()
        return web.json_response(CHAT)

    async with fake(close_once) as (server, url):
        model = ChatModel(url, "m")
        for _ in range(2):
            assert (await model.reply(QUESTION, [], Sampling(), rollout="r")).content == "Hello"
        await model.close()
    assert (closed, len(server.asked)) == ([True], 3)


async def test_half_a_surrogate_pair_in_the_history_is_a_refusal_and_not_a_crash() -> None:
    async with fake(CHAT) as (_, url):
        with pytest.raises(ModelError) as caught:
            await ask(ChatModel(url, "m"), [{"role": "user", "content": "\ud800"}])
    assert caught.value.kind == "refused"


async def test_the_models_of_an_endpoint_are_told() -> None:
    async with fake({"data": [{"id": "a"}, {"id": "b"}]}) as (server, url):
        assert await served_models(url) == ["a", "b"]
    assert server.asked == [("/v1/models", None)]
    async with fake({"data": 1}) as (_, url):
        with pytest.raises(ModelError):
            await served_models(url)


class Held:
    """A model whose replies wait until they are let go, or that fails."""

    def __init__(self, name: str = "m", error: ModelError | None = None) -> None:
        self.name = name
        self.error = error
        self.rollouts: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], sampling: Sampling, *, rollout: str
    ) -> Reply:
        self.rollouts.append(rollout)
        await self.gate.wait()
        if self.error:
            raise self.error
        return Reply("ok")

    async def close(self) -> None:
        self.closed = True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def through(router: Router, rollout: str) -> Reply:
    return await router.reply(QUESTION, [], Sampling(), rollout=rollout)


async def test_a_new_rollout_goes_where_least_is_under_way() -> None:
    models = [Held(), Held(), Held()]
    router = Router(models)
    for model in models:
        model.gate.clear()
    started = []
    for at in range(6):
        started.append(asyncio.create_task(through(router, f"r{at}")))
        await asyncio.sleep(0)
    assert [model.rollouts for model in models] == [["r0", "r3"], ["r1", "r4"], ["r2", "r5"]]
    models[1].gate.set()
    await asyncio.gather(started[1], started[4])
    late = [asyncio.create_task(through(router, name)) for name in ("r6", "r7")]
    async with asyncio.timeout(10):  # elsewhere they would wait for ever
        await asyncio.gather(*late)
    assert models[1].rollouts == ["r1", "r4", "r6", "r7"]
    for model in models:
        model.gate.set()
    await asyncio.gather(*started)


async def test_a_rollout_stays_where_it_began() -> None:
    models = [Held(), Held()]
    router = Router(models)
    for _ in range(3):
        for rollout in ("a", "b", "c"):
            await through(router, rollout)
    assert [model.rollouts for model in models] == [["a", "c"] * 3, ["b"] * 3]


async def test_an_endpoint_that_fails_is_left_for_a_while() -> None:
    bad, good, clock = Held(error=ModelError("down", retry=True, kind="unreachable")), Held(), Clock()
    router = Router([bad, good], rest_s=30, clock=clock)
    assert (await through(router, "a")).content == "ok"
    await through(router, "b")
    assert (bad.rollouts, good.rollouts) == (["a"], ["a", "b"])
    clock.now = 31.0
    bad.error = None
    await through(router, "a")
    await through(router, "c")
    assert bad.rollouts == ["a", "c"]  # and a stays where its prefix is now


async def test_when_all_endpoints_rest_the_caller_is_told_how_long() -> None:
    clock = Clock()
    down = ModelError("down", retry=True, kind="server")
    router = Router([Held(error=down), Held(error=down)], rest_s=30, clock=clock)
    with pytest.raises(ModelError, match="down"):
        await through(router, "a")
    clock.now = 10.0
    with pytest.raises(ModelError, match="All 2 endpoints") as caught:
        await through(router, "a")
    assert (caught.value.retry, caught.value.retry_after_s) == (True, 20.0)


async def test_an_overloaded_endpoint_keeps_its_rollouts_and_gets_no_new_ones() -> None:
    clock = Clock()
    busy, other = Held(), Held()
    router = Router([busy, other], clock=clock)
    await through(router, "a")
    busy.error = ModelError("busy", retry=True, retry_after_s=5.0, kind="overloaded")
    with pytest.raises(ModelError, match="busy"):
        await through(router, "a")
    for rollout in ("b", "c"):
        await through(router, rollout)
    assert other.rollouts == ["b", "c"]
    clock.now = 6.0
    busy.error = None
    for rollout in ("a", "d"):
        await through(router, rollout)
    assert busy.rollouts == ["a", "a", "a", "d"]


async def test_a_request_at_fault_is_not_tried_elsewhere() -> None:
    first, second = Held(error=ModelError("bad", retry=False, kind="refused")), Held()
    router = Router([first, second])
    with pytest.raises(ModelError, match="bad"):
        await through(router, "a")
    assert second.rollouts == []
    await router.close()
    assert first.closed
    assert second.closed


def test_a_router_wants_endpoints_of_one_model() -> None:
    with pytest.raises(ValueError, match="a, b"):
        Router([Held("a"), Held("b")])
    with pytest.raises(ValueError, match="none"):
        Router([])


def answered(*replies: str) -> list[Message]:
    return [*QUESTION, *({"role": "assistant", "content": one} for one in replies)]


async def test_a_script_goes_on_where_the_messages_are() -> None:
    model = ScriptedModel({"r": ["one", Reply("two", usage=Usage(9, 9))], "s": ["three"]})
    assert (await ask(model, rollout="s")).content == "three"
    second = await ask(model, answered("one"))
    assert (second.content, second.usage) == ("two", Usage(9, 9))
    first = await ask(ScriptedModel(["one"]))
    assert (first.content, first.usage.prompt_tokens > 0) == ("one", True)
    with pytest.raises(ModelError, match="no turn 2"):
        await ask(model, answered("one", "two"))
    with pytest.raises(ModelError, match="no lines for rollout x"):
        await ask(model, rollout="x")


async def test_an_error_in_a_script_is_raised_once_for_each_rollout() -> None:
    model = ScriptedModel(["one", ModelError("busy", retry=True), "two"])
    for rollout in ("r", "s"):
        assert (await ask(model, rollout=rollout)).content == "one"
        with pytest.raises(ModelError, match="busy"):
            await ask(model, answered("one"), rollout=rollout)
        assert (await ask(model, answered("one"), rollout=rollout)).content == "two"
    assert model.calls == 6


async def test_a_script_may_be_a_function() -> None:
    model = ScriptedModel(lambda rollout, turn, messages: f"{rollout} {turn} {len(messages)}")
    assert (await ask(model, answered("x"))).content == "r 1 2"


PLAY = Play((("search", {"query": "Ada"}), ("fetch", {"url": "https://tiny.example/ada"})), "Kelp Bay")


async def test_a_play_is_played_call_by_call_and_ends_with_its_answer() -> None:
    model = PlaybackModel({"t1": PLAY}, task_of=lambda rollout: rollout.partition("/")[0])
    said = [await ask(model, answered(*["x"] * turn), rollout="t1/3") for turn in range(3)]
    calls = [(one.tool_calls[0].name, json.loads(one.tool_calls[0].arguments)) for one in said]
    assert calls == [*PLAY.calls, ("answer", {"answer": "Kelp Bay"})]
    with pytest.raises(ModelError, match="task t2"):
        await ask(model, rollout="t2/0")


@pytest.mark.parametrize("format", [HERMES, SEARCH_R1, PLAIN], ids=lambda one: one.name)
async def test_a_play_in_a_text_format_is_read_as_what_it_was(format: Any) -> None:
    model = PlaybackModel({"r": Play(PLAY.calls[:1], PLAY.answer)}, format=format)
    first = format.read(await ask(model), "c")
    assert json.loads(first.tool_calls[0].arguments) == {"query": "Ada"}
    assert format.read(await ask(model, answered("x")), "c").answer == "Kelp Bay"


SEEN: Message = {"role": "tool", "content": "1. Ada\nhttps://tiny.example/people/ada\nAda charted Kelp Bay in 1802."}


async def test_the_random_policy_searches_then_opens_what_it_saw_then_answers() -> None:
    names: set[str] = set()
    for at in range(60):
        model = RandomPolicy(seed=1, turns=3)
        first = (await ask(model, rollout=f"r{at}")).tool_calls[0]
        assert first.name == "search"
        assert set(json.loads(first.arguments)["query"].split()) <= set(
            "Which harbour did the cartographer Ada chart first".split()
        )
        later = (await ask(model, [*answered("x"), SEEN], rollout=f"r{at}")).tool_calls[0]
        names.add(later.name)
        if later.name == "fetch":
            assert json.loads(later.arguments) == {"url": "https://tiny.example/people/ada"}
        last = (await ask(model, [*answered("x", "y", "z"), SEEN], rollout=f"r{at}")).tool_calls[0]
        assert last.name == "answer"
    assert names == {"search", "fetch", "answer"}


async def test_the_random_policy_is_the_same_for_the_same_rollout_and_seed() -> None:
    drawn = [
        [await ask(RandomPolicy(seed=seed), [*answered("x"), SEEN], rollout=f"r{at}") for at in range(20)]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


async def test_the_random_policy_speaks_in_text_formats_and_uses_tools_that_take_lists() -> None:
    listed = [{"function": {"name": "search", "parameters": {"properties": {"query": {"type": "array"}}}}}]
    reply = await RandomPolicy(format=HERMES, tools=listed).reply(QUESTION, [], Sampling(), rollout="r")
    (call,) = HERMES.read(reply, "c").tool_calls
    assert isinstance(json.loads(call.arguments)["query"], list)
