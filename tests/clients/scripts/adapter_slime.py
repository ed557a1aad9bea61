"""Samples played by stillweb_slime beside fakes of what it asks of slime, with what the engine was asked."""

import asyncio
import json
import sys
from types import ModuleType, SimpleNamespace

import stillweb_slime

SAID = ("<search>harbour map</search>", "Hm.", "<think>So.</think><answer>Ada Verne</answer>")
ARGUMENTS = SimpleNamespace(sglang_router_ip="127.0.0.1", sglang_router_port=3000, partial_rollout=False)


class FakeTokenizer:
    """A fake: a token is a character."""

    def __call__(self, text, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [ord(one) for one in text]}

    def apply_chat_template(self, messages, add_generation_prompt, tokenize):
        assert add_generation_prompt
        assert not tokenize
        return "".join(message["content"] for message in messages) + "\n"


class FakeState:
    """A fake of slime.rollout.sglang_rollout.GenerateState."""

    def __init__(self, args):
        self.tokenizer = FakeTokenizer()


class FakeSample:
    """A fake of slime.utils.types.Sample: the fields that a rollout reads and writes."""

    class Status:
        COMPLETED, TRUNCATED, ABORTED = "completed", "truncated", "aborted"

    def __init__(self, row):
        self.prompt, self.metadata = row["prompt"], dict(row["metadata"])
        self.tokens, self.loss_mask, self.rollout_log_probs = [], [], []
        self.response, self.response_length, self.status = "", 0, "pending"


class FakeEngine:
    """A fake of SGLang behind slime.utils.http_utils.post: the replies of a script, a log-probability a token."""

    def __init__(self, *replies, ends="stop"):
        self.replies, self.ends, self.asked = list(replies), ends, []

    async def post(self, url, body):
        assert url == "http://127.0.0.1:3000/generate"
        self.asked.append(body)
        text = self.replies.pop(0)
        drawn = [[-0.5, ord(one), None] for one in text]
        return {"text": text, "meta_info": {"output_token_logprobs": drawn, "finish_reason": {"type": self.ends}}}


def faked(**modules):
    for name in ("slime", "slime.rollout", "slime.utils"):
        sys.modules[name] = ModuleType(name)
    for name, members in modules.items():
        module = sys.modules[f"slime.{name.replace('__', '.')}"] = ModuleType(name)
        vars(module).update(members)


async def played(engine, room):
    faked(rollout__sglang_rollout={"GenerateState": FakeState}, utils__http_utils={"post": engine.post})
    sample = FakeSample(stillweb_slime.rows("test")[0])
    sample = await stillweb_slime.generate(ARGUMENTS, sample, {"max_new_tokens": room, "temperature": 1.0})
    reward = await stillweb_slime.reward_func(ARGUMENTS, sample)
    return {**vars(sample), "reward": reward, "asked": engine.asked}


async def main():
    return {
        "rows": stillweb_slime.rows("test"),
        "said": SAID,
        "answered": await played(FakeEngine(*SAID), 10_000),
        "no room": await played(FakeEngine("<search>harbour</search>"), 60),
        "cut": await played(FakeEngine("<answer>cut", ends="length"), 900),
    }


print(json.dumps(asyncio.run(main())))
