"""What a tool is: a name, a JSON schema, and a run that turns arguments into an observation.

    check            arguments against the schema: None, or what is wrong
    Tool.run         validated arguments -> Observation. A failure that passes (`EnvError.retry`) is raised, not shown
    failed           an EnvError as the observation to show once nobody tries again

The text of an observation depends on the answers alone: no clock, no latency, no id of a process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from agent.answers import Delivery
from agent.client import AsyncClient
from agent.errors import EnvError
from agent.records import Citation
from agent.tools.schema import Schema, checked, type_name

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a call gave: the text that the model reads, and what a record wants to know of it."""

    text: str
    doc_ids: tuple[str, ...] = ()
    """Documents seen, in the order of the text."""
    ranks: tuple[int, ...] = ()
    """Of `doc_ids` where they are hits of a search, from 1 in each ranking; else empty."""
    urls: tuple[str, ...] = ()
    """Of `doc_ids`."""
    opened: tuple[str, ...] = ()
    """Documents of which page text was read."""
    status: Literal["ok", "error"] = "ok"
    error_code: str | None = None
    cached: bool = False
    """Every answer behind it came from the server's cache."""
    fault: str | None = None
    """What the weather drew; names joined by commas where several answers are behind it."""
    latency_ms: float = 0.0
    """Of the requests behind it, added up."""
    digest: str = field(init=False)
    """32 hex digits of the sha256 of `text`."""

    def __post_init__(self) -> None:
        # What models write is echoed, and half a surrogate pair could be neither sent nor kept.
        data = self.text.encode("utf-8", "replace")
        object.__setattr__(self, "text", data.decode())
        object.__setattr__(self, "digest", hashlib.sha256(data).hexdigest()[:32])


Act = Callable[[Arguments, AsyncClient], Awaitable[Observation]]


@dataclass(frozen=True, slots=True)
class Tool:
    """Something a model may call."""

    name: str
    description: str
    parameters: Schema
    """JSON schema of the arguments, an object; the one source of all that is rendered (`agent.tools.render`)."""
    act: Act = field(repr=False, compare=False)
    """Arguments that fit, defaults filled in -> what came of it."""
    cited: Callable[[str], list[Citation]] | None = field(default=None, repr=False, compare=False)
    """What an answer's text cites of what this rollout's tools showed, where they have marks of their own for that."""

    def check(self, arguments: Any) -> Observation | None:
        """The observation that answers arguments which do not fit; None where they do."""
        problem = checked(arguments, self.parameters)[1]
        return None if problem is None else refused("bad_arguments", f"{self.name}: {problem}", self.usage())

    def usage(self) -> str:
        """A sentence on what the tool takes."""
        properties = self.parameters.get("properties", {})
        if not properties:
            return f"{self.name} takes no arguments."
        required = self.parameters.get("required", [])
        shown = (
            f"{name} ({type_name(of)}{'' if name in required else ', optional'})" for name, of in properties.items()
        )
        return f"{self.name} takes {', '.join(shown)}."

    async def run(self, arguments: Arguments, env: AsyncClient) -> Observation:
        """Raises EnvError for what may pass (overload, time-out, a server that is gone); other failures are
        observations of status `error`."""
        fitting, problem = checked(arguments, self.parameters)
        if problem is not None:
            return refused("bad_arguments", f"{self.name}: {problem}", self.usage())
        try:
            return await self.act(fitting, env)
        except EnvError as error:
            if error.retry:
                raise
            return failed(error)


def refused(code: str, message: str, remedy: str) -> Observation:
    """An error that the model can act on."""
    return Observation(error_text(code, message, remedy), status="error", error_code=code)


def failed(error: EnvError) -> Observation:
    """The environment's error, as the model reads it."""
    text = error_text(error.code, error.message, error.remedy)
    return Observation(text, status="error", error_code=error.code, **told(error.delivery))


def error_text(code: str, message: str, remedy: str) -> str:
    values = {"code": code, "message": message, "remedy": remedy}
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in values.items()}
    return orjson.dumps({"error": clean}).decode()


def told(*deliveries: Delivery | None) -> dict[str, Any]:
    """`cached`, `fault` and `latency_ms` of the answers behind an observation."""
    known = [delivery for delivery in deliveries if delivery is not None]
    faults = dict.fromkeys(delivery.fault for delivery in known if delivery.fault)
    return {
        "cached": bool(known) and all(delivery.cached for delivery in known),
        "fault": ",".join(faults) or None,
        "latency_ms": sum(delivery.latency_ms for delivery in known),
    }


def joined(parts: Iterable[Observation], separator: str, text: str | None = None) -> Observation:
    """Several observations as one, in order. An error where all of them are; the code is the first's."""
    given = list(parts)
    bad = bool(given) and all(part.status == "error" for part in given)
    faults = dict.fromkeys(part.fault for part in given if part.fault)
    return Observation(
        text if text is not None else separator.join(part.text for part in given),
        doc_ids=tuple(doc_id for part in given for doc_id in part.doc_ids),
        # Ranks beside documents that have none would be read for another document's.
        ranks=tuple(rank for part in given for rank in part.ranks)
        if all(len(part.ranks) == len(part.doc_ids) for part in given)
        else (),
        urls=tuple(url for part in given for url in part.urls),
        opened=tuple(doc_id for part in given for doc_id in part.opened),
        status="error" if bad else "ok",
        error_code=given[0].error_code if bad else None,
        cached=bool(given) and all(part.cached for part in given),
        fault=",".join(faults) or None,
        latency_ms=sum(part.latency_ms for part in given),
    )
