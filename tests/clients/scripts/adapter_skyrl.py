"""Three rollouts of stillweb_skyrl, made as SkyRL's generator makes them: two alike, and one that has too few turns."""

import json
from types import SimpleNamespace

import skyrl_gym
import stillweb_skyrl
from skyrl_gym.envs import register
from skyrl_gym.envs.search.env import SearchEnv, SearchEnvConfig

register(id="stillweb", entry_point="stillweb_skyrl:StillwebEnv")
rows = stillweb_skyrl.rows("test")
REPLIES = (
    "<think>I could write <answer>anything</answer>.</think><search>doubly landlocked principality in the Alps</search>"
    "<information>made up</information><answer>made up</answer>",
    "<fetch>https://www.cia.gov/the-world-factbook/countries/liechtenstein/</fetch>",
    "I wonder.",
    "<answer>Liechtenstein</answer>",
)


def rollout(row, turns):
    env = skyrl_gym.make(row["env_class"], env_config=SimpleNamespace(), extras={**row, "max_turns": turns})
    env.init(row["prompt"])
    told = {"observations": [], "rewards": [], "done": []}
    for reply in REPLIES:
        step = env.step(reply)
        told["observations"] += [one["content"] for one in step["observations"]]
        told["rewards"].append(step["reward"])
        told["done"].append(step["done"])
        if step["done"]:
            break
    told["metrics"] = env.get_metrics()
    env.close()
    return told


rollouts = [rollout(rows[0], turns) for turns in (8, 8, 2)]
stock = SearchEnv(SearchEnvConfig(), {"reward_spec": {"ground_truth": {"target": []}}})
print(json.dumps({"turns": stock.max_turns, "rows": len(rows), "row": rows[0], "rollouts": rollouts}))
