"""The adapters, and the lines a user needs of each: what `stillweb adapters` prints and docs/adapters.md shows."""

from __future__ import annotations

from dataclasses import dataclass

SERVE = "stillweb serve my-snapshot --database episodes.sqlite --tasks tasks.jsonl"


@dataclass(frozen=True, slots=True)
class Adapter:
    """One package, and how it is pointed at Stillweb."""

    name: str
    package: str
    """As it was tested: name and version."""
    gives: str
    """In a line."""
    lines: str
    """Shell lines, or Python where they begin with `from` or `import`."""
    files: tuple[tuple[str, str], ...] = ()
    """What `--write` writes: our file, and its name there."""
    traps: tuple[str, ...] = ()
    """What bites in that version, and what the adapter does about it; each has a test."""
    kept: str = ""
    """Whose the episode is, in a few words; "" where calls are stateless."""


def lines_of(adapter: Adapter) -> list[str]:
    return adapter.lines.strip().splitlines()


ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        Adapter(
            name="trl",
            package="trl 1.16.0",
            gives="environment, data set and reward of GRPOTrainer and AsyncGRPOTrainer, in Stillweb itself",
            kept="a rollout, where it has weather",
            lines="""
from training.environment import spec_of
from training.tasks import read_tasks

spec = spec_of(read_tasks("train.jsonl"), "http://127.0.0.1:8080")
GRPOTrainer(model="Qwen/Qwen3-4B", args=GRPOConfig(max_completion_length=8192), **spec.trl_kwargs())
""",
            traps=(
                "`max_completion_length` is 512 where nothing is said, and pages that are read count: say more.",
                "The answer is the last message, which `get_reward` never sees: the reward is a function beside it.",
            ),
        ),
        Adapter(
            name="verifiers",
            package="verifiers 0.4.0",
            gives="a taskset: questions of the server, tools through MCP, the server's reward",
            files=(("verifiers_taskset.py", "stillweb_verifiers.py"),),
            kept="a rollout",
            lines="""
stillweb adapters verifiers --write .
export STILLWEB_URL=http://127.0.0.1:8080 PYTHONPATH=$PWD
vf-eval stillweb_verifiers -n 3 -r 2 --env.agent.harness.id null --env.agent.runtime.type subprocess --no-push \\
  --model MODEL --client.base-url http://127.0.0.1:8000/v1 --client.api-key-var MY_KEY
""",
            traps=(
                "The package of 0.1 is gone: `ToolEnv`, `Rubric` and `load_environment` are not there any more. "
                "A taskset is a class in a module's `__all__`.",
                "Where no runtime is named, an agent runs in Prime's cloud, and a run ends before it begins without a "
                "login there: say `subprocess`. The null harness needs `uv`.",
                "A tool server that runs already is given by URL alone, without headers: a token goes into the URL.",
                "Where a rollout is cut, the words beside its last call pass for its reply: they are no answer here.",
                "Tools of a task are asked of its class: the episode of a rollout travels in a context variable.",
            ),
        ),
        Adapter(
            name="verl",
            package="verl 0.9.1",
            gives="tools of an episode (YAML) or without one (function tools), the reward, rows of data",
            files=(
                ("verl_episodes.py", "stillweb_verl.py"),
                ("verl_tools.yaml", "stillweb_verl.yaml"),
                ("verl_functions.py", "stillweb_verl_functions.py"),
            ),
            kept="a trajectory, with the YAML's tools",
            lines="""
stillweb adapters verl --write .
export STILLWEB_URL=http://127.0.0.1:8080 PYTHONPATH=$PWD
python stillweb_verl.py train.jsonl --split train && python stillweb_verl.py test.jsonl --split test
python -m verl.trainer.main_ppo actor_rollout_ref.model.path=MODEL \\
  data.train_files=train.jsonl data.val_files=test.jsonl \\
  data.max_prompt_length=2048 data.max_response_length=16384 \\
  actor_rollout_ref.rollout.multi_turn.enable=True \\
  actor_rollout_ref.rollout.multi_turn.format=hermes \\
  actor_rollout_ref.rollout.multi_turn.max_assistant_turns=24 \\
  actor_rollout_ref.rollout.multi_turn.max_parallel_calls=8 \\
  actor_rollout_ref.rollout.multi_turn.max_tool_response_length=8000 \\
  actor_rollout_ref.rollout.multi_turn.tool_response_truncate_side=right \\
  actor_rollout_ref.rollout.multi_turn.tool_config_path=stillweb_verl.yaml \\
  actor_rollout_ref.rollout.agent.default_agent_loop=tool_agent \\
  reward.custom_reward_function.path=stillweb_verl.py
# without episodes: ...multi_turn.function_tool_path=stillweb_verl_functions.py in place of tool_config_path
""",
            traps=(
                "`max_tool_response_length` is 256 characters where nothing is said, cut out of the middle, and "
                "`max_parallel_calls` is 1: the other calls of a message are dropped in silence.",
                "A tool is made once a worker, and an instance once a call: an episode is kept in "
                "`agent_data.extra_fields`, which verl hands to every call and to the reward.",
                "The reward is given the words of the whole trajectory, pages read included: the answer is asked for "
                "in `<answer>` tags, and looked for behind the last tool response.",
                "Whatever a tool raises is shown to the model and the rollout goes on: where the server is gone, the "
                "reward has `stillweb_failed` beside it.",
                "`data.max_prompt_length` is 512 tokens where nothing is said, the tools' schemas count, and a longer "
                "row is filtered out.",
                "Function tools are kept by name and a second one is refused, so they have a file of their own.",
                "A tool response that would pass `data.max_response_length` is left out and ends the trajectory, "
                "without an answer.",
            ),
        ),
        Adapter(
            name="skyrl",
            package="skyrl-gym 0.4.0",
            gives="a text environment with search, fetch and the server's reward, and rows of data",
            files=(("skyrl_env.py", "stillweb_skyrl.py"),),
            kept="a rollout",
            lines="""
stillweb adapters skyrl --write .
export STILLWEB_URL=http://127.0.0.1:8080 PYTHONPATH=$PWD
python stillweb_skyrl.py train.jsonl --split train
# in your entry point, before training:
#   from skyrl_gym.envs import register
#   register(id="stillweb", entry_point="stillweb_skyrl:StillwebEnv")
# SkyRL-Gym's own search environment needs its URL alone: SearchEnvConfig(search_url=URL + "/retrieve")
""",
            traps=("`max_turns` is 2 in the search environment where nothing is said, and 8 here.",),
        ),
        Adapter(
            name="openenv",
            package="openenv 0.10.0",
            gives="an OpenEnv server with questions and rewards in front of Stillweb, and its typed client",
            files=(("openenv_env.py", "stillweb_openenv.py"),),
            kept="from a reset to the answer",
            lines="""
stillweb adapters openenv --write .
export STILLWEB_URL=http://127.0.0.1:8080 PYTHONPATH=$PWD
uvicorn --factory stillweb_openenv:app --port 8000
# trainer: from stillweb_openenv import StillwebEnv, WebAction; env = StillwebEnv(base_url="http://127.0.0.1:8000")
# tools alone, without rewards, need no adapter: GenericEnvClient(base_url="http://127.0.0.1:8080")
""",
            traps=(
                "The package is `openenv`; `openenv-core` is its old name.",
                "A server holds one session where nothing is said: this one holds 256 (STILLWEB_SESSIONS).",
            ),
        ),
        Adapter(
            name="slime",
            package="slime (its repository; the package of that name on the index is another)",
            gives="generate and reward_func: a rollout in Search-R1's manner, with pages to read and an episode",
            files=(("slime_rollout.py", "stillweb_slime.py"),),
            kept="a sample",
            lines="""
stillweb adapters slime --write .
export STILLWEB_URL=http://127.0.0.1:8080 PYTHONPATH=$PWD
python stillweb_slime.py train.jsonl --split train
# add to slime's train.py:
#   --custom-generate-function-path stillweb_slime.generate --custom-rm-path stillweb_slime.reward_func
#   --prompt-data train.jsonl --input-key prompt --label-key label --metadata-key metadata --apply-chat-template
# slime's own example: SEARCH_BACKEND=local RETRIEVAL_SERVER_URL=http://127.0.0.1:8080
""",
            traps=(
                "slime's example cuts a reply at the end of its call, but keeps the ids of all of it: text and tokens "
                "are not the same. Here the engine stops there, and its own ids and log-probabilities are kept.",
            ),
        ),
        Adapter(
            name="search-r1",
            package="Search-R1 (its repository)",
            gives="its retriever's route, POST /retrieve: nothing to install",
            lines="""
# add to the arguments of verl.trainer.main_ppo in Search-R1's train_grpo.sh:
#   retriever.url=http://127.0.0.1:8080/retrieve retriever.topk=3
""",
        ),
        Adapter(
            name="nemo-gym",
            package="nemo-gym 0.7.0",
            gives="a resources server: search, fetch, /seed_session and /verify, and rows of data",
            files=(
                ("nemo_gym_server.py", "stillweb/app.py"),
                ("nemo_gym_config.yaml", "stillweb/configs/stillweb.yaml"),
            ),
            kept="a session",
            lines="""
stillweb adapters nemo-gym --write resources_servers     # in a checkout of NeMo Gym, with Python 3.13.14 or newer
echo '-e nemo-gym[dev] @ ../../' > resources_servers/stillweb/requirements.txt
export STILLWEB_URL=http://127.0.0.1:8080
mkdir -p resources_servers/stillweb/data
python resources_servers/stillweb/app.py resources_servers/stillweb/data/train.jsonl --split train
gym env start --model-type openai_model --resources-server stillweb
gym eval run --no-serve --agent simple_agent --output rollouts.jsonl \\
  --input resources_servers/stillweb/data/train.jsonl
# its google_search server needs no adapter: Stillweb answers POST /nemo-gym/search and /nemo-gym/browse
""",
            traps=(
                "It needs Python 3.13.14: the test runs the server in 3.11 with its checks for that switched off, "
                "which shows the routes and models, and not a training run.",
                "A reward of 0 says that the policy was wrong: where Stillweb does not answer, `mask_sample` is set.",
            ),
        ),
        Adapter(
            name="inspect",
            package="inspect-ai 0.3.285",
            gives="a task over the server's questions, its tools search and fetch, and the server's reward as a score",
            files=(("inspect_task.py", "stillweb_inspect.py"),),
            kept="a sample",
            lines="""
stillweb adapters inspect --write .
export STILLWEB_URL=http://127.0.0.1:8080
inspect eval stillweb_inspect.py@stillweb -T split=test --model openai/MODEL --epochs 4
""",
            traps=(
                "What `react` submits is put behind what the model said beside the call, and where a sample is cut "
                "there are those words alone: the submit tool here keeps the answer, and nothing else is scored.",
                "An exception of a tool ends the sample as an error: what a model may read is a ToolError.",
            ),
        ),
    )
}
