"""Stillweb as a text environment of SkyRL-Gym 0.4: search and fetch in tags, and the server's reward.

    from skyrl_gym.envs import register
    register(id="stillweb", entry_point="stillweb_skyrl:StillwebEnv")

SkyRL-Gym's own `search` environment runs against `URL/retrieve` as it is; this one reads pages too, keeps an episode
(budget, weather, record), and needs no gold answer in the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from training.adapters.web import TAGS, Web, done_in_tags, rows_command, tagged_action, web_from_environment


class StillwebEnv(BaseTextEnv):
    """One rollout. `extras` has the task's id, as `rows` puts it into the data; `env_config` may have `url`."""

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        row = dict(extras or {})
        self.max_turns = int(row.get("max_turns") or 8)
        self.task = str((row.get("extra_info") or row)["task_id"])
        self.web: Web = web_from_environment(url=getattr(env_config, "url", None))
        self.episode: str | None = None
        self.correct = 0.0

    def init(self, prompt: list[dict[str, str]]) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """Open the rollout's episode. Raises WebError where the server has no such task."""
        self.close()
        self.episode, self.turns, self.correct = self.web.open(self.task), 0, 0.0
        return prompt, {"episode": self.episode}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """A reply without an answer in the last turn is worth 0."""
        self.turns += 1
        kind, words = tagged_action(action)
        if kind != "answer" and self.turns < self.max_turns:
            observation = {"role": "user", "content": done_in_tags(self.web, kind, words, self.episode)}
            told = {"action": kind}
            return BaseTextEnvStepOutput(observations=[observation], reward=0.0, done=False, metadata=told)
        reward = self._reward(words if kind == "answer" else "")
        return BaseTextEnvStepOutput(observations=[], reward=reward, done=True, metadata={"correct": self.correct})

    def get_metrics(self) -> dict[str, Any]:
        return {"turns": self.turns, "correct": self.correct}

    def close(self) -> None:
        if self.episode is not None:
            self.web.close(self.episode)
            self.episode = None

    def _reward(self, answer: str) -> float:
        if not answer or self.episode is None:
            self.close()
            return 0.0
        told = self.web.answer(self.episode, answer)
        self.episode, self.correct = None, float(told["correct"])
        return float(told["reward"])


def rows(split: str | None = None, *, max_turns: int = 8) -> list[dict[str, Any]]:
    """Rows of SkyRL's data set, without gold answers. Raises WebError."""
    return [
        {
            "env_class": "stillweb",
            "prompt": [{"role": "system", "content": TAGS}, {"role": "user", "content": task["question"]}],
            "extra_info": {"task_id": task["id"]},
            "max_turns": max_turns,
        }
        for task in web_from_environment().tasks(split)
    ]


if __name__ == "__main__":
    rows_command(rows)
