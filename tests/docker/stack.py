"""docker/compose.yaml as a container would meet it: variables filled in, a service's command and environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.conftest import ROOT

DOCKER = ROOT / "docker"
SECRETS = {
    "STILLWEB_TOKEN": "searches-and-fetches",
    "STILLWEB_CONTROL_TOKEN": "opens-episodes",
    "POSTGRES_PASSWORD": 'p@ss/w:rd "quoted"',
    "GRAFANA_PASSWORD": "for-people",
}
"""What docker/example.env asks to be filled in."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class VariableMissing(ValueError):
    """A variable that the file asks for with `:?` is not given."""


@dataclass(frozen=True)
class Service:
    """What a container runs."""

    command: list[str]
    environment: dict[str, str]

    def on_this_machine(self, replaced: Mapping[str, str]) -> list[str]:
        """The command with folders, hosts and ports of containers replaced by those of a test, and nothing else.

        Raises AssertionError where one to be replaced is not there.
        """
        said = "\0".join(self.command)
        for theirs, ours in replaced.items():
            assert theirs in said, f"{theirs} is not in {self.command}"
            said = said.replace(theirs, ours)
        program, *rest = said.split("\0")
        own = {"python": [sys.executable], "stillweb": [sys.executable, "-P", "-m", "stillweb"]}
        return [*own.get(program, [program]), *rest]


def compose(given: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The file with its variables filled in from `given`. Raises VariableMissing."""

    def filled(found: re.Match[str]) -> str:
        name, mark, rest = found.groups()
        if given.get(name):
            return given[name]
        if mark == "?":
            raise VariableMissing(f"{name}: {rest}")
        return rest or ""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(filled, value)
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        return [walk(each) for each in value] if isinstance(value, list) else value

    whole: dict[str, Any] = walk(yaml.safe_load((DOCKER / "compose.yaml").read_text()))
    return whole


def service(name: str, **given: str) -> Service:
    """A service of the file, its variables filled in from `given` and SECRETS."""
    found = compose({**SECRETS, **given})["services"][name]
    environment = {key: str(value) for key, value in found.get("environment", {}).items()}
    return Service([str(part) for part in found["command"]], environment)
