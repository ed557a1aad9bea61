"""The table of docs/records-formats.md, from the code: `python -m tests.agent.render_formats` writes it in."""

from __future__ import annotations

import re

from agent.exports.parts import PARTS
from agent.exports.writing import FORMATS
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "records-formats.md"
_BETWEEN = re.compile(r"(<!-- formats -->\n).*?(<!-- /formats -->)", re.DOTALL)


def table() -> str:
    head = f"| | {' | '.join(f'`{name}`' for name in FORMATS)} |\n|---|{'---|' * len(FORMATS)}\n"
    rows = (
        f"| {part} | {' | '.join('yes' if part in format.keeps else '' for format in FORMATS.values())} |\n"
        for part in PARTS
    )
    return head + "".join(rows)


def rendered(page: str) -> str:
    """The page with the table of now."""
    return _BETWEEN.sub(lambda found: f"{found[1]}{table()}{found[2]}", page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
