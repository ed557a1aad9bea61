"""The tables of docs/dialects.md, written from the code: dialects with their routes, and the rules of the root.

python -m tests.render_dialects
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from env_server.dialects import DIALECTS
from env_server.dialects.root import _PATHS, _STARTS, RULES, VENDOR_KEYS
from tests.bench.figures import FIGURES

PAGE = Path(__file__).parent.parent / "docs" / "dialects.md"


def rendered(page: str) -> str:
    """The page with its tables written anew."""
    tables = {"dialects": _dialects(), "costs": _costs(), "paths": _paths(), "rules": _rules(), "keys": _keys()}
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"The page has no place for the table {name!r}.")
        page = pattern.sub(lambda match, table=table: f"{match[1]}{table}{match[2]}", page)  # type: ignore[misc]
    return page


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _dialects() -> str:
    rows = []
    for dialect in DIALECTS.values():
        if dialect.name == "origin":
            continue
        routes: dict[str, list[str]] = {}
        for route in dialect.routes:
            routes.setdefault(route.methods, []).append(f"`{route.path}`")
        told = "; ".join(f"{methods.replace(' ', ', ')} {' '.join(paths)}" for methods, paths in routes.items())
        hosts = " ".join(dialect.hosts) or ""
        rows.append([f"`/{dialect.name}`", told, hosts, "429" if dialect.commercial else "503"])
    return _table(["Prefix", "Routes behind it", "Hosts", "Overload"], rows)


def _costs() -> str:
    measured = json.loads((FIGURES / "dialects.json").read_text())["measured"]
    rows = [
        [
            name,
            f"{told['over_native_us']:+,}",
            "kept" if told["passed"] else "**missed**",
            f"{told['hit_us']:.0f}",
            f"{told['hit_over_native']:.2f}",
        ]
        for name, told in measured["dialects"].items()
    ]
    head = ["Dialect", "Cold, us over native", f"at most {measured['at_most_us']}", "Hit, us", "times native"]
    return _table(head, rows)


def _paths() -> str:
    by_dialect: dict[str, list[str]] = {}
    for path, name in [*_PATHS.items(), *((f"{start}…", name) for start, name in _STARTS.items())]:
        by_dialect.setdefault(name, []).append(f"`{path}`")
    return _table(["Path at the root", "Dialect"], [[" ".join(paths), name] for name, paths in by_dialect.items()])


def _rules() -> str:
    rows = [[f"{rule.method} `{rule.path}`", rule.words, rule.dialect] for rule in RULES]
    return _table(["Request at the root", "Parameters", "Dialect"], rows)


def _keys() -> str:
    told = {"x-api-key": "told by parameters"}
    rows = [[f"`{name.decode()}`", told.get(kind, kind)] for name, kind in VENDOR_KEYS.items()]
    return _table(["Header", "Dialect on a shared path"], rows)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
