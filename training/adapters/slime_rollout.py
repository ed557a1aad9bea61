"""Stillweb in slime: a rollout in Search-R1's manner, with pages to read, and the server's reward.

    --custom-generate-function-path stillweb_slime.generate --custom-rm-path stillweb_slime.reward_func
    --input-key prompt --label-key label --metadata-key metadata --apply-chat-template

slime's own Search-R1 example runs against Stillweb as it is, with SEARCH_BACKEND=local and RETRIEVAL_SERVER_URL=URL.
This one has the engine stop at the end of a call, so that text and tokens are the same, reads pages, and keeps an
episode.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from training.adapters.web import TAGS, done_in_tags, rows_command, tagged_action, web_from_environment

EPISODE, ANSWER = "stillweb_episode", "stillweb_answer"
_STOP = ["</search>", "</fetch>", "</answer>"]


async def generate(args: Any, sample: Any, sampling_params: dict[str, Any]) -> Any:
    """Play a sample whose metadata has `task_id`: its tokens, loss mask (0 over what was read), log-probabilities.

    `max_new_tokens` bounds the whole response, pages read included: what would pass it is not read, and the sample is
    truncated. At most STILLWEB_MAX_TURNS (8) replies.
    """
    from slime.rollout.sglang_rollout import GenerateState
    from slime.utils.http_utils import post

    if getattr(args, "partial_rollout", False):
        raise ValueError("Partial rollouts are not supported: an episode is played once. Leave out --partial-rollout.")
    web, tokenizer = web_from_environment(), GenerateState(args).tokenizer
    sample.metadata[EPISODE] = episode = await asyncio.to_thread(web.open, sample.metadata["task_id"])
    prompt = sample.prompt
    if not isinstance(prompt, str):
        prompt = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    asked: list[int] = list(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    ids: list[int] = []
    mask: list[int] = []
    logprobs: list[float] = []
    text, status, room = "", "TRUNCATED", int(sampling_params["max_new_tokens"])
    for _ in range(int(os.environ.get("STILLWEB_MAX_TURNS") or 8)):
        stop = [*(sampling_params.get("stop") or []), *_STOP]
        # The mark that ends a call is part of it: without no_stop_trim the engine would cut it off the text.
        params = {**sampling_params, "stop": stop, "no_stop_trim": True, "max_new_tokens": room - len(ids)}
        body = {"input_ids": asked + ids, "sampling_params": params, "return_logprob": True}
        output = await post(f"http://{args.sglang_router_ip}:{args.sglang_router_port}/generate", body)
        drawn = output["meta_info"]["output_token_logprobs"]
        ids += [int(one[1]) for one in drawn]
        logprobs += [float(one[0]) for one in drawn]
        mask += [1] * len(drawn)
        text += output["text"]
        why = output["meta_info"]["finish_reason"]["type"]
        kind, words = tagged_action(output["text"])
        if why in ("abort", "length") or kind == "answer":
            status = {"abort": "ABORTED", "length": "TRUNCATED"}.get(why, "COMPLETED")
            sample.metadata[ANSWER] = words if kind == "answer" else ""
            break
        read = await asyncio.to_thread(done_in_tags, web, kind, words, episode)
        added = tokenizer(read, add_special_tokens=False)["input_ids"]
        if len(ids) + len(added) >= room:
            break
        ids, text = [*ids, *added], text + read
        mask += [0] * len(added)
        logprobs += [0.0] * len(added)
    sample.tokens, sample.response, sample.response_length = asked + ids, text, len(ids)
    sample.loss_mask, sample.rollout_log_probs = mask, logprobs
    sample.status = getattr(type(sample).Status, status)
    return sample


async def reward_func(args: Any, sample: Any, **rest: Any) -> float:
    """The server's reward; 0 without an answer. Raises WebError where the server does not answer."""
    web, episode, said = web_from_environment(), sample.metadata[EPISODE], sample.metadata.get(ANSWER)
    if not said:
        await asyncio.to_thread(web.close, episode)
        return 0.0
    return float((await asyncio.to_thread(web.answer, episode, said))["reward"])


def rows(split: str | None = None) -> list[dict[str, Any]]:
    """Rows of slime's prompt data, without gold answers. Raises WebError."""
    return [
        {
            "prompt": [{"role": "system", "content": TAGS}, {"role": "user", "content": task["question"]}],
            "label": "",
            "metadata": {"task_id": task["id"]},
        }
        for task in web_from_environment().tasks(split)
    ]


if __name__ == "__main__":
    rows_command(rows)
