"""Python for models: the one tool that asks no server. Which name it goes by is the profile's affair."""

from __future__ import annotations

import asyncio

from agent.client import AsyncClient
from agent.sandbox import Sandbox
from agent.tools.schema import object_of
from agent.tools.tool import Act, Arguments, Observation, Tool, refused


class Workshop:
    """A sandbox and how many runs of it are under way at once; one for all rollouts of a run.

    More runs than there are cores would eat into each other's wall time, and a run that was stopped for its
    neighbours' sake is no observation that can be made again.
    """

    def __init__(self, sandbox: Sandbox, at_once: int) -> None:
        self.sandbox = sandbox
        self._turn = asyncio.Semaphore(at_once)

    async def run(self, code: str) -> Observation:
        """Raises SandboxRefused where this machine has no sandbox."""
        async with self._turn:
            ran = await self.sandbox.run(code)
        return Observation(
            ran.text,
            status="ok" if ran.status == "ok" else "error",
            error_code=None if ran.ok else f"code_{ran.status}",
        )


def python_tools(name: str, workshop: Workshop | None) -> tuple[Tool, ...]:
    """The tool under a name; none without a workshop."""
    if workshop is None:
        return ()
    description = "Run Python code and get what it prints and the value of its last expression. Nothing is kept."
    schema = object_of({"code": {"type": "string", "description": "The code."}}, closed=False)
    return (Tool(name, description, schema, _python(workshop)),)


def _python(workshop: Workshop) -> Act:
    async def run(arguments: Arguments, env: AsyncClient) -> Observation:
        if not arguments["code"].strip():
            return refused("no_code", "There is no code.", "Write it in `code`, or in <code> tags after the call.")
        return await workshop.run(arguments["code"])

    return run
