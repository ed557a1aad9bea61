"""The floor plan, redrawn from the real imports: each floor may look down and never up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"corpus", "env_server", "agent", "training"}
MAY_IMPORT = {
    "corpus": set[str](),
    "env_server": {"corpus"},
    "agent": set[str](),
    "training": {"agent", "corpus"},
}


def imports_of(file: Path) -> set[str]:
    """Top-level names a file imports, wherever in it the import stands; relative ones count as their own package."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(room for room in ROOMS if (ROOT / room).is_dir()))
def test_a_floor_imports_only_what_lies_below_it(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    wrong = {str(file.relative_to(ROOT)): imports_of(file) & ROOMS - {room} - MAY_IMPORT[room] for file in files}
    assert {name: up for name, up in wrong.items() if up} == {}


def test_the_front_door_imports_no_room_before_a_verb_is_called() -> None:
    tree = ast.parse((ROOT / "stillweb.py").read_text())
    assert not {name for node in tree.body if isinstance(node, ast.Import) for name in [node.names[0].name]} & ROOMS


def test_there_is_one_door_to_threads_on_the_server_floor() -> None:
    words = ("to_thread", "run_in_executor", "Thread(")
    files = [f.name for f in (ROOT / "env_server").rglob("*.py") if any(word in f.read_text() for word in words)]
    # The plugin runs in the process of somebody's tests, whose event loop is theirs.
    assert sorted(files) == ["plugin.py", "threads.py"]


def test_no_folder_is_a_place_for_everything() -> None:
    others = {".venv", ".stillweb"}  # environments of development and of other people's clients
    names = {path.name for path in ROOT.rglob("*") if not others & set(path.relative_to(ROOT).parts)}
    assert not names & {"common", "utils", "utils.py", "helpers", "helpers.py", "misc.py"}


def test_every_folder_that_git_keeps_holds_something() -> None:
    for room in ROOMS & {path.name for path in ROOT.iterdir()}:
        code = [file for file in (ROOT / room).rglob("*.py") if file.name != "__init__.py"]
        assert code, f"{room} is an empty shell"
