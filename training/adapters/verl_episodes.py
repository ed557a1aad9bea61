"""Stillweb in verl 0.9: tools whose calls are one episode a trajectory, the reward, and rows of training data.

    python stillweb_verl.py train.jsonl --split train      # rows: questions of the server's task file
    tool_config_path=stillweb_verl.yaml                    # the tools
    reward.custom_reward_function.path=stillweb_verl.py    # `compute_score`

verl makes a tool once a worker and a tool's instance once a call, so neither can hold an episode; what it hands to
every call of a trajectory, and from there to the reward, is `agent_data.extra_fields`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from verl.tools.base_tool import BaseTool
from verl.tools.schemas import ToolResponse

from training.adapters.web import PROMPT, WebError, final_answer, rows_command, web_from_environment

EPISODE, FAILED = "stillweb_episode", "stillweb_failed"
TAGGED = f"{PROMPT} Put the answer between <answer> and </answer>."
"""The reward is given the words of a whole trajectory, pages read included: only tags tell where the answer is."""


class _EpisodeTool(BaseTool):
    """A tool of a trajectory's episode. Errors that say nothing to a model are marked, and end the call: verl shows
    every exception of a tool to the model and goes on."""

    async def execute(
        self, instance_id: str, parameters: dict[str, Any], agent_data: Any = None, **rest: Any
    ) -> tuple[ToolResponse, float, dict[str, Any]]:
        try:
            episode = await self._episode(agent_data)
            text = await asyncio.to_thread(self._call, parameters, episode)
        except (TypeError, ValueError, KeyError) as error:
            text = f"Error: the arguments cannot be read: {error}"
        except WebError as error:
            text = f"Error: {error}"
            if error.of_the_run:
                agent_data.extra_fields[FAILED] = True
        return ToolResponse(text=text), 0.0, {}

    def _call(self, parameters: dict[str, Any], episode: str) -> str:
        raise NotImplementedError

    async def _episode(self, agent_data: Any) -> str:
        # Calls of one turn run at once: the first opens.
        lock: asyncio.Lock = agent_data.__dict__.setdefault("_stillweb_opening", asyncio.Lock())
        async with lock:
            if EPISODE not in agent_data.extra_fields:
                task = agent_data.tools_kwargs[self.name]["create_kwargs"]["task"]
                agent_data.extra_fields[EPISODE] = await asyncio.to_thread(web_from_environment().open, task)
        return str(agent_data.extra_fields[EPISODE])


class SearchTool(_EpisodeTool):
    """search(query, top_k); its schema is in the YAML."""

    def _call(self, parameters: dict[str, Any], episode: str) -> str:
        top_k = int(parameters.get("top_k") or 5)
        return web_from_environment().search(str(parameters["query"]), top_k=top_k, episode=episode)


class FetchTool(_EpisodeTool):
    """fetch(url, page); its schema is in the YAML."""

    def _call(self, parameters: dict[str, Any], episode: str) -> str:
        page = int(parameters.get("page") or 1)
        return web_from_environment().fetch(str(parameters["url"]), page=page, episode=episode)


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **rest: Any
) -> dict[str, Any]:
    """The server's reward of the trajectory's answer, for its episode where it has one.

    Raises WebError where the server does not answer: a zero would say that the policy was wrong.
    """
    web, known = web_from_environment(), extra_info or {}
    said = answer_in(solution_str)
    episode = known.get(EPISODE)
    if said:
        # Where no tool opened one, or rewards are computed apart from rollouts, an episode of the answer alone.
        told = web.answer(str(episode or web.open(known["task_id"])), said)
        score, correct = float(told["reward"]), float(told["correct"])
    else:
        score, correct = 0.0, 0.0
        if episode:
            web.close(str(episode))
    return {"score": score, "acc": correct, "answered": float(bool(said)), FAILED: float(bool(known.get(FAILED)))}


def answer_in(solution: str) -> str:
    """What the model's last message has between <answer> tags; "" without them."""
    last = solution.rpartition("</tool_response>")[2]
    return final_answer(last) if "<answer>" in last and "</answer>" in last else ""


def rows(split: str | None = None, *, prompt: str = TAGGED) -> list[dict[str, Any]]:
    """Rows of verl's data set, without gold answers. Raises WebError."""
    made = []
    for index, task in enumerate(web_from_environment().tasks(split)):
        create = {"create_kwargs": {"task": task["id"]}}
        made.append(
            {
                "data_source": "stillweb",
                "agent_name": "tool_agent",
                "prompt": [
                    {"role": "system", "content": prompt},
                    {"role": "user", "content": task["question"]},
                ],
                "reward_model": {"style": "rule", "ground_truth": ""},  # verl reads it of every row
                "extra_info": {
                    "index": index,
                    "task_id": task["id"],
                    "need_tools_kwargs": True,
                    "tools_kwargs": {"search": create, "fetch": create},
                },
            }
        )
    return made


if __name__ == "__main__":
    rows_command(rows)
