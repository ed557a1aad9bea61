"""Where other people's clients live: an environment for each set of them that gets along, with every version pinned.

Made once, under $STILLWEB_HOME/clients or the user's cache directory, in a folder named for the digest of the pins; a
half-made one has no `.finished` and is made anew. Needs the package registries the first time, nothing later.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillweb"
# Read at import: a fixture hides STILLWEB_* from the tests themselves.
HOME = Path(os.environ.get("STILLWEB_HOME") or _CACHE).absolute() / "clients"

_NEVER = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONPATH")


class ClientFailed(AssertionError):
    """A client's script ended with an error; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Something that runs scripts: a Python or Node with clients installed."""

    name: str
    command: tuple[str, ...]
    scripts: Path
    bin: Path

    def run(
        self, script: str, *arguments: str, through: Sequence[str] = (), timeout_s: float = 120.0, **variables: str
    ) -> Any:
        """What `scripts/SCRIPT` printed, parsed from JSON; `variables` are set in its environment.

        `through` is a command that starts the script: `stillweb run --server URL --`.
        """
        environment = {name: value for name, value in os.environ.items() if name not in _NEVER}
        command = [*through, *self.command, str(self.scripts / script), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env={**environment, **variables}
        )
        if done.returncode:
            raise ClientFailed(f"{script} {' '.join(arguments)} in {self.name}\n{done.stdout}\n{done.stderr}")
        try:
            return json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise ClientFailed(f"{script} printed no JSON: {done.stdout!r}\n{done.stderr}") from error


def python_with(name: str) -> Environment:
    """The environment of `requirements/NAME.txt`: this very Python where it has all of it, else one made for it.

    A file that begins with `# bare:` names all that is to be installed, whatever its packages ask for besides.
    """
    pins = HERE / "requirements" / f"{name}.txt"
    if _here(pins):
        return Environment(name, (sys.executable,), HERE / "scripts", Path(sys.executable).parent)
    constraints = ROOT / "constraints.txt"
    digest = _digest(pins, *([constraints] if name == "main" else []))
    folder = HOME / f"{name}-{sys.version_info.major}.{sys.version_info.minor}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / ".finished").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        _must([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(pins)]
        if pins.read_text().startswith("# bare:"):
            install += ["--no-deps", "--ignore-requires-python"]
        # `main` shares the versions of the development environment; the others pin everything themselves.
        _must([*install, "-c", str(constraints)] if name == "main" else install)
        (folder / ".finished").touch()
    return Environment(name, (str(python),), HERE / "scripts", python.parent)


def node_with(name: str = "node") -> Environment:
    """The environment of `NAME/package-lock.json`. Raises RuntimeError where Node or npm is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise RuntimeError("Node and npm are needed for the JavaScript clients: install Debian's nodejs and npm.")
    files = [HERE / name / "package.json", HERE / name / "package-lock.json"]
    folder = HOME / f"{name}-{_digest(*files)}"
    if not (folder / ".finished").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder)
        _must([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cwd=folder)
        (folder / ".finished").touch()
    # A module is looked for beside the script that asks for it, so the scripts are copied to where the modules are.
    for script in (HERE / "scripts").glob("*.mjs"):
        shutil.copy(script, folder)
    return Environment(name, (node,), folder, folder / "node_modules" / ".bin")


def _here(pins: Path) -> bool:
    """Whether the Python that runs the tests has every pinned version already."""
    for line in pins.read_text().splitlines():
        name, _, version = line.partition("==")
        if not version:
            continue
        try:
            if importlib.metadata.version(name) != version:
                return False
        except importlib.metadata.PackageNotFoundError:
            return False
    return True


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _must(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
