"""How the verbs of this floor end where something is wrong."""

from __future__ import annotations

from typing import NoReturn

from agent.terminal import fail as fail_with


def fail(message: str) -> NoReturn:
    """Say it on standard error and leave with status 2."""
    fail_with(message, 2)
