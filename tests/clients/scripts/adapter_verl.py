"""Trajectories of verl's ToolAgentLoop, its data set and its reward manager, with a scripted engine: `adapter_verl.py
KEY=VALUE...`, which are lines of `stillweb adapters verl`.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import ray
import torch
import verl
from omegaconf import OmegaConf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.experimental.agent_loop.agent_loop import DictConfigWrap, ToolListWrap
from verl.experimental.agent_loop.tool_agent_loop import ToolAgentLoop
from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
from verl.tools.tool_registry import ToolType, load_all_tools
from verl.trainer.ppo.reward import get_custom_reward_fn
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.workers.rollout.replica import TokenOutput

TEMPLATE = """{%- if tools %}<|im_start|>system
{{ messages[0].content if messages[0].role == 'system' }}
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools><|im_end|>
{% endif %}{%- for message in messages %}{%- if message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% elif not (tools and message.role == 'system') %}<|im_start|>{{ message.role }}
{{ message.content }}{%- for call in message.tool_calls or [] %}
<tool_call>
{{ call.function | tojson }}
</tool_call>{%- endfor %}<|im_end|>
{% endif %}{%- endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
QUERY = "doubly landlocked principality in the Alps"
PAGE = "https://www.cia.gov/the-world-factbook/countries/liechtenstein/"


def tokenizer():
    """A token is a byte; the marks of ChatML are one each."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={one: at for at, one in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    wrapped.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    wrapped.chat_template = TEMPLATE
    return wrapped


def call(name, **arguments):
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


class FakeEngine:
    """A fake of verl's LLMServerClient: says what it is told to, token by token."""

    def __init__(self, tokens, *replies):
        self.tokens, self.replies, self.seen = tokens, list(replies), []

    async def generate(self, request_id, prompt_ids, sampling_params, **rest):
        self.seen.append(self.tokens.decode(prompt_ids))
        ids = self.tokens(self.replies.pop(0) + "<|im_end|>", add_special_tokens=False)["input_ids"]
        return TokenOutput(token_ids=ids, log_probs=[-0.5] * len(ids))


def configured(words):
    """verl's own configuration with the lines; a key that it does not have is an error."""
    config = OmegaConf.load(Path(verl.__file__).parent / "trainer" / "config" / "_generated_ppo_trainer.yaml")
    OmegaConf.set_struct(config, True)
    for word in words:
        key, _, value = word.partition("=")
        assert OmegaConf.select(config, key.rpartition(".")[0], throw_on_missing=False) is not None, key
        OmegaConf.update(config, key, OmegaConf.create(f"x: {value}").x)
    return config


async def trajectory(config, tokens, row, *replies):
    """What the engine saw last, and the reward, of one row."""
    multi_turn = config.actor_rollout_ref.rollout.multi_turn
    tools = load_all_tools(multi_turn.tool_config_path, multi_turn.function_tool_path)
    engine = FakeEngine(tokens, *replies)
    loop = ToolAgentLoop(
        trainer_config=DictConfigWrap(config), server_manager=engine, tokenizer=tokens, processor=None,
        dataset_cls=RLHFDataset, data_config=DictConfigWrap(config.data), tools=ToolListWrap(tools),
    )  # fmt: skip
    told = {name: row[name] for name in ("raw_prompt", "tools_kwargs", "extra_info", "index")}
    output = await loop.run({}, **told)
    score = get_custom_reward_fn(config)
    assert score is not None
    manager = NaiveRewardManager(config, tokens, score)
    responses = torch.tensor([output.response_ids])
    others = {name: [row[name]] for name in ("data_source", "reward_model", "extra_info")}
    others |= {"tool_extra_fields": [output.extra_fields], "__num_turns__": [output.num_turns]}
    data = DataProto.from_dict(
        tensors={"responses": responses, "attention_mask": torch.ones_like(responses)},
        non_tensors={name: np.array(value, dtype=object) for name, value in others.items()},
    )
    rewarded = await manager.run_single(data)
    learnt = [one for one, mask in zip(output.response_ids, output.response_mask, strict=True) if mask]
    return {
        "seen": engine.seen,
        "reward": rewarded["reward_score"],
        "about": rewarded["reward_extra_info"],
        "learnt": tokens.decode(learnt),
        "response": tokens.decode(output.response_ids),
    }


async def main(config, tokens, made):
    rows = RLHFDataset(data_files=["train.jsonl"], tokenizer=tokens, config=config.data, processor=None)
    row, answer = rows[0], "<think>So.</think><answer>Liechtenstein</answer>"
    both = call("search", query=QUERY) + call("fetch", url=PAGE)
    said = configured([])
    defaults = said.actor_rollout_ref.rollout.multi_turn
    names = ("max_tool_response_length", "tool_response_truncate_side", "max_parallel_calls")
    told = {"rows": len(rows), "row": made, "defaults": [defaults[name] for name in names]}
    told["defaults"] += [said.data.max_prompt_length, [kind.value for kind in ToolType]]
    told["trajectories"] = [await trajectory(config, tokens, dict(rows[0]), both, answer) for _ in range(2)]
    told["wrong"] = await trajectory(
        config, tokens, dict(rows[0]), call("fetch", link=PAGE), "<answer>Andorra</answer>"
    )
    told["untagged"] = await trajectory(config, tokens, dict(rows[0]), call("search", query=QUERY), "Liechtenstein")
    told["direct"] = await trajectory(config, tokens, dict(rows[0]), answer)
    plain = config.copy()
    plain.actor_rollout_ref.rollout.multi_turn.max_tool_response_length = 256
    plain.actor_rollout_ref.rollout.multi_turn.tool_response_truncate_side = "middle"
    plain.actor_rollout_ref.rollout.multi_turn.max_parallel_calls = 1
    told["plain"] = await trajectory(plain, tokens, dict(row), both, answer)
    small = config.copy()
    small.actor_rollout_ref.rollout.response_length = 400
    told["small"] = await trajectory(small, tokens, dict(rows[0]), call("fetch", url=PAGE), answer)
    return told


if __name__ == "__main__":
    assert not ray.is_initialized()
    subprocess.run([sys.executable, "stillweb_verl.py", "train.jsonl", "--split", "test"], check=True)
    first = json.loads(Path("train.jsonl").read_text().splitlines()[0])
    result = asyncio.run(main(configured(sys.argv[1:]), tokenizer(), first))
    print()
    print(json.dumps(result))
