"""What an ablation is: a YAML file of arms, each with the knobs in which it differs from the others.

config = read_config("distractors")          # one of READY_MADE
config = read_config(Path("mine.yaml"))
config.arms["some"].environment.distractors  # knobs of the file with those of the arm laid over them
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOLDER = Path(__file__).parent / "configs"
READY_MADE = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
METRICS = ("correct", "f1", "seen", "opened", "reward", "calls")
"""What held-out rollouts are measured by."""
KNOBS = ("environment", "agent", "trainer")

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
ArmName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Part = Literal["correct", "f1", "seen", "opened", "answered", "call"]


class BadConfig(Exception):
    """An ablation cannot be run as it is asked for; the message names file, field and remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Environment(_Part):
    snapshot: Path | None = None
    """Snapshot directory; a server is started for it. Of a file of yours, relative to that file."""
    server: str | None = None
    """A server that runs already, with a database for episodes; in place of a snapshot."""
    dialect: Literal["native", "serper"] = "native"
    """Routes that the search policy asks. A recording is replayed by those of a vendor."""
    mode: Literal["bm25", "dense", "hybrid"] | None = None
    """Retriever; None: the server's default."""
    top_k: Annotated[int, Field(ge=1, le=100)] = 5
    """Results of a search."""
    weather: str | dict[str, Any] | None = None
    """A profile by name, or the whole of one (docs/weather.md). The knobs below are laid over a whole one."""
    fault_rate: Share = 0.0
    """Chance that a call meets a fault, in equal parts of each of `fault_kinds`."""
    fault_kinds: Annotated[tuple[str, ...], Field(min_length=1)] = ("server_error", "timeout", "empty", "truncated")
    keep: Share = 1.0
    """Share of pages that a query still finds."""
    distractors: Share = 0.0
    """Share of a ranking's places that go to the task's near misses."""
    dropped_gold: Share = 0.0
    """Rate at which each page of the evidence is hidden from a rollout."""
    snippet_words: Count | None = None
    page_chars: Count | None = None
    obfuscation_seed: Annotated[int, Field(ge=0)] | None = None
    """Show pages at invented addresses."""

    def profile(self) -> str | dict[str, Any] | None:
        """The weather that the knobs make. Raises BadConfig where they are to be laid over a name."""
        kinds, rate = self.fault_kinds, self.fault_rate / len(self.fault_kinds)
        faults = [{"kind": kind, "rate": rate} for kind in kinds] if rate else []
        retrieval = {
            name: value
            for name, value, usual in (
                ("keep", self.keep, 1.0), ("distractors", self.distractors, 0.0),
                ("dropped_gold", self.dropped_gold, 0.0),
            )
            if value != usual
        }  # fmt: skip
        bounds = {"snippet_words": self.snippet_words, "page_chars": self.page_chars}
        limits = {name: value for name, value in bounds.items() if value is not None}
        if not (faults or retrieval or limits):
            return self.weather
        if isinstance(self.weather, str):
            raise BadConfig(
                f"weather is the name {self.weather!r}, and other knobs of the weather are set beside it. Write the "
                f"profile out in the file (`stillweb weather show {self.weather}`), or leave the knobs out."
            )
        given: dict[str, Any] = {"name": "ablation", **(self.weather or {})}
        return {
            **given,
            "faults": [*given.get("faults", ()), *faults],
            "retrieval": {**given.get("retrieval", {}), **retrieval},
            "limits": {**given.get("limits", {}), **limits},
        }


class Agent(_Part):
    max_calls: Count = 6
    """Calls of a rollout. What follows is for the backend `model` alone."""
    model: str = "random"
    """URL of an OpenAI-compatible endpoint, `local` or `random`, as `stillweb agent run --model` takes it."""
    model_name: str | None = None
    profile: str = "default"
    format: str | None = None
    context: str = "none"
    max_turns: Count = 12
    context_tokens: Count = 32_768
    reply_tokens: Count = 512
    temperature: Annotated[float, Field(ge=0)] = 1.0


class Trainer(_Part):
    steps: Count = 16
    tasks_a_step: Count = 8
    group: Annotated[int, Field(ge=2)] = 4
    """Rollouts of a task in a step; their mean is what each is held against."""
    learning_rate: Annotated[float, Field(gt=0)] = 16.0
    advantage: Literal["grpo", "dr_grpo", "reinforce"] = "dr_grpo"
    """grpo: less the group's mean, by its deviation; dr_grpo: less its mean; reinforce: less the mean of the step."""
    reward: Mapping[Part, float] = {"correct": 1.0, "opened": 0.5, "call": -0.01}
    """Weights: parts of the answer's score, `answered`, and each call made."""
    arguments: tuple[str, ...] = ()
    """Words added to the command, for the backend `command`."""


class Arm(_Part):
    environment: Environment = Environment()
    agent: Agent = Agent()
    trainer: Trainer = Trainer()


class Budget(_Part):
    """What the whole ablation may take. Once it is spent no arm is begun any more, and the report says what is owed."""

    minutes: Annotated[float, Field(gt=0)] | None = None
    calls: Count | None = None
    avoided_dollars: Annotated[float, Field(gt=0)] | None = None


class Config(_Part):
    name: ArmName
    question: str = ""
    """What it is to find out, for the report."""
    backend: Literal["search", "model", "command"] = "search"
    """search: a tabular search policy learns in each arm; model: `agent run` alone; command: a program trains."""
    command: tuple[str, ...] = ()
    """For the backend `command`; {arm}, {seed}, {out}, {server}, {tasks} are filled in."""
    command_minutes: Annotated[float, Field(gt=0)] = 600.0
    tasks: Path | None = None
    """File of tasks."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Share of the tasks that is measured and not trained on, where the tasks do not say so by `split`."""
    samples: Count = 2
    """Rollouts of a held-out task."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0, 1, 2)
    metric: Literal["correct", "f1", "seen", "opened", "reward", "calls"] = "correct"
    """The one that arms are compared by. Say it before you look."""
    evaluate_in: Literal["arm", "base"] = "arm"
    """Where held-out rollouts are made: in the arm's own environment, or all in the base's."""
    threshold: float | None = None
    """Reward whose first step is reported, as a mean over three steps."""
    base: str | None = None
    """Arm that the others are compared with; None: the first."""
    budget: Budget = Budget()
    arms: Annotated[dict[ArmName, Arm], Field(min_length=1)]

    @property
    def base_arm(self) -> str:
        return self.base or next(iter(self.arms))


def read_config(source: str | Path, changes: Mapping[str, Any] | None = None) -> Config:
    """A ready-made ablation by its name, or a file. `changes`: "group.knob" to a value, set in the file before the
    arms are laid over it. Raises BadConfig."""
    path = FOLDER / f"{source}.yaml" if str(source) in READY_MADE else Path(source)
    try:
        value = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise BadConfig(
            f"{source} cannot be read: {error.strerror}. Name a YAML file, or one of {', '.join(READY_MADE)}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict) or not isinstance(value.get("arms"), dict):
        raise BadConfig(
            f"{path} names no arms. It is to begin like one of {FOLDER.name}/*.yaml; see docs/ablations.md."
        )
    return config_of(value, str(path), beside=path.parent, changes=changes or {})


def config_of(value: Mapping[str, Any], where: str, *, beside: Path, changes: Mapping[str, Any]) -> Config:
    """A config from a mapping; `beside` is the folder that its paths start from. Raises BadConfig."""
    told = {name: part for name, part in value.items() if name not in KNOBS}
    for arm in value["arms"]:
        if not isinstance(arm, str):  # `off`, `no` and numbers
            raise BadConfig(f"{where}: arms: YAML reads a name as {arm!r}, which is no text. Put it in quotes.")
    common: dict[str, dict[str, Any]] = {name: dict(value.get(name) or {}) for name in KNOBS}
    for name, change in changes.items():
        group, _, knob = name.partition(".")
        if group not in KNOBS or not knob:
            raise BadConfig(f"{name!r} is no knob. Write {', '.join(f'{group}.KNOB' for group in KNOBS)}.")
        common[group][knob] = change
    told["arms"] = {
        str(arm): {name: {**common[name], **(own or {}).get(name, {})} for name in KNOBS}
        | {name: part for name, part in (own or {}).items() if name not in KNOBS}
        for arm, own in value["arms"].items()
    }
    try:
        config = Config.model_validate(told)
        for arm in config.arms.values():
            arm.environment.profile()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadConfig(f"{where}: {field}: {first['msg']}. docs/ablations.md lists the fields.") from error
    except BadConfig as error:
        raise BadConfig(f"{where}: {error}") from error
    _check(config, where)
    return _placed(config, beside)


def _check(config: Config, where: str) -> None:
    if config.base_arm not in config.arms:
        raise BadConfig(f"{where}: base: there is no arm {config.base!r}. Arms are {', '.join(config.arms)}.")
    if len(set(config.seeds)) < len(config.seeds):
        raise BadConfig(f"{where}: seeds: one stands there twice. A seed that is repeated adds nothing.")
    if (config.backend == "command") != bool(config.command):
        raise BadConfig(f"{where}: command goes with `backend: command`, and only with it.")
    for name, arm in config.arms.items():
        asked = arm.environment
        if asked.dialect != "native" and asked.mode is not None:
            raise BadConfig(f"{where}: arms.{name}: mode is of the native routes; {asked.dialect} has none.")
        # `agent run` opens its episodes without evidence and lets the profile say how many results are shown.
        if config.backend == "model" and (
            asked.distractors or asked.dropped_gold or asked.mode or asked.top_k != 5 or asked.dialect != "native"
        ):
            raise BadConfig(
                f"{where}: arms.{name}: distractors, dropped_gold, mode, top_k and dialect are knobs of the search "
                "policy; with `backend: model` use weather, fault_rate, keep, snippet_words, obfuscation_seed."
            )


def _placed(config: Config, beside: Path) -> Config:
    """With paths that hold wherever the command is given."""

    def placed(path: Path | None) -> Path | None:
        return None if path is None else (beside / path.expanduser()).absolute()

    arms = {
        name: arm.model_copy(
            update={"environment": arm.environment.model_copy(update={"snapshot": placed(arm.environment.snapshot)})}
        )
        for name, arm in config.arms.items()
    }
    return config.model_copy(update={"tasks": placed(config.tasks), "arms": arms})
