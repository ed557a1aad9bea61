"""An agent by what the command line calls it: model, profile, sandbox, summaries.

open_model     endpoints by URL, `local`, `random`
open_player    all of an agent that is equal for the rollouts of a run, and what has to be closed after it
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.acting import model_setback
from agent.context import parse_policy
from agent.failures import AgentError
from agent.loop import Limits, Player
from agent.models.local import LocalModel
from agent.models.openai_api import ChatModel, served_models
from agent.models.protocol import Model, ModelError, Sampling
from agent.models.random_policy import RandomPolicy
from agent.models.router import Router
from agent.records import AgentRef
from agent.sandbox import Sandbox
from agent.speech import Manner, agent_ref, manner_of
from agent.throttle import Gate
from agent.tools.goals import GoalReader, SummaryModel, SummaryStore
from agent.tools.profile import Profile
from agent.tools.profiles import WITH_GOALS, WITH_PYTHON, profile

SUMMARIES = "summaries.sqlite"
"""In a run's folder, unless another file is named."""
_SUMMARY = Sampling(temperature=0.0, max_tokens=4096)


@dataclass(frozen=True)
class Asked:
    """What the command line says of an agent."""

    model: tuple[str, ...]
    """URLs of one model's endpoints, or `local`, or `random`."""
    limits: Limits
    sampling: Sampling
    model_name: str | None = None
    profile: str = "default"
    format: str | None = None
    context: str = "none"
    seed: int = 0
    """Of the random policy; models are given a seed with each rollout."""
    threads: int | None = None
    """Of torch, for the local model."""
    python: bool = False
    weak_sandbox: bool = False
    summarize_with: str | None = None
    """URL of an endpoint whose model reads pages for goals."""
    summary_model: str | None = None
    summaries: Path | None = None
    """File that keeps what it read; None: memory."""
    api_key: str | None = None


@dataclass(frozen=True)
class Opened:
    """An agent that is ready to roll out."""

    player: Player
    ref: AgentRef


@asynccontextmanager
async def open_player(asked: Asked) -> AsyncIterator[Opened]:
    """Raises AgentError where something asked for is not to be had, before any rollout begins."""
    async with AsyncExitStack() as stack:
        chosen, summaries = await _profile(asked, stack)
        try:
            manner, policy = manner_of(chosen, asked.format), parse_policy(asked.context)
        except ValueError as error:
            raise AgentError(str(error)) from error
        model = await open_model(
            asked.model, asked.model_name, manner, asked.seed, api_key=asked.api_key, threads=asked.threads
        )
        stack.push_async_callback(model.close)
        played = Player(manner, model, manner.sampling(asked.sampling), asked.limits, policy)
        yield Opened(played, agent_ref(manner, str(policy), asdict(asked.limits), summaries))


async def open_model(
    given: Sequence[str],
    name: str | None,
    manner: Manner,
    seed: int,
    *,
    api_key: str | None = None,
    threads: int | None = None,
) -> Model:
    """Raises AgentError where it cannot be told what is meant, or no endpoint says which model it serves."""
    if threads is not None and list(given) != ["local"]:
        raise AgentError(
            "--threads is for `--model local`: an endpoint has threads of its own, and `random` needs none."
        )
    if list(given) == ["random"]:
        final = manner.profile.final_answer
        return RandomPolicy(seed=seed, format=manner.format, answer_tool=final, tools=manner.schemas)
    if list(given) == ["local"]:
        return LocalModel(name=name, template="plain" if manner.format.name == "plain" else "chat", threads=threads)
    if not given or not all(_is_url(url) for url in given):
        raise AgentError(
            f"--model {' '.join(given)}: take the URL of an OpenAI-compatible endpoint (http://127.0.0.1:8000/v1; "
            "several for several endpoints of one model), or `local`, or `random`, alone."
        )
    served = name or await _served(given[0], api_key, "--model-name")
    endpoints: list[Model] = [ChatModel(url, served, api_key=api_key) for url in given]
    return endpoints[0] if len(endpoints) == 1 else Router(endpoints)


def replayed_profile(name: str, *, python: bool, weak_sandbox: bool, summaries: tuple[str, Path] | None) -> Profile:
    """The profile of a run that is over: summaries (name of the model, file) are read and never made again.

    A page that the model gave no summary of was shown in its own words, and is so again.
    """
    sandbox = Sandbox(weak=weak_sandbox) if python else None
    goals = None if summaries is None else GoalReader(SummaryModel(summaries[0], _silent), SummaryStore(summaries[1]))
    return profile(name, goals=goals, sandbox=sandbox)


async def _profile(asked: Asked, stack: AsyncExitStack) -> tuple[Profile, str | None]:
    """The profile, and the name of the model that sums pages up for it."""
    sandbox = Sandbox(weak=asked.weak_sandbox) if asked.python else None
    if sandbox is not None:
        if asked.profile not in WITH_PYTHON:
            raise AgentError(
                f"Profile {asked.profile} has no tool for Python. Leave out --python, or take one of "
                f"{', '.join(WITH_PYTHON)}."
            )
        if not sandbox.weak and (reason := await sandbox.why_not()):
            raise AgentError(
                f"No sandbox for --python here: {reason}. Allow user namespaces (docs/tools.md says how), leave the "
                "option out, or add --weak-sandbox, which does not keep code from the files of this user."
            )
    goals = name = None
    if asked.summarize_with is not None:
        goals, name = await _reader(asked, asked.summarize_with, stack)
    try:
        return profile(asked.profile, goals=goals, sandbox=sandbox), name
    except ValueError as error:
        raise AgentError(str(error)) from error


async def _reader(asked: Asked, url: str, stack: AsyncExitStack) -> tuple[GoalReader, str]:
    if asked.profile not in WITH_GOALS:
        raise AgentError(
            f"Profile {asked.profile} reads no page for a goal. Leave out --summarize-with, or take one of "
            f"{', '.join(WITH_GOALS)}."
        )
    if not _is_url(url):
        raise AgentError(f"--summarize-with {url}: take the URL of an OpenAI-compatible endpoint.")
    name = asked.summary_model or await _served(url, asked.api_key, "--summary-model")
    model = ChatModel(url, name, api_key=asked.api_key)
    stack.push_async_callback(model.close)
    store = SummaryStore(asked.summaries)
    stack.callback(store.close)
    gate = Gate(64)

    async def reply(prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        try:
            tried = await gate.run(lambda: model.reply(messages, [], _SUMMARY, rollout=""), model_setback)
        except ModelError as error:
            if error.kind == "too_long":
                return ""  # as a reply that cannot be read: it is asked of less
            raise
        return tried.result.content

    return GoalReader(SummaryModel(name, reply), store), name


async def _silent(prompt: str) -> str:
    return ""


async def _served(url: str, api_key: str | None, option: str) -> str:
    """The one model that an endpoint serves."""
    try:
        listed = await served_models(url, api_key=api_key)
    except ModelError as error:
        raise AgentError(f"{url} does not list its models: {error} Check the URL, or say {option}.") from error
    if len(listed) != 1:
        raise AgentError(f"{url} serves {', '.join(listed) or 'no model'}. Say which with {option}.")
    return listed[0]


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))
