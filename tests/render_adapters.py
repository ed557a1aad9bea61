"""`python -m tests.render_adapters`: the lines of training/adapters/catalogue.py in docs/adapters.md."""

from __future__ import annotations

from pathlib import Path

from training.adapters.catalogue import ADAPTERS, Adapter

PAGE = Path(__file__).parent.parent / "docs" / "adapters.md"
START, END = "<!-- adapters -->", "<!-- end of adapters -->"


def rendered(page: str) -> str:
    """The page with what stands between the marks made anew."""
    before, after = page.index(START) + len(START), page.index(END)
    table = ["| Name | Tested with | An episode is | Gives |", "| --- | --- | --- | --- |"]
    for one in ADAPTERS.values():
        table.append(f"| [{one.name}](#{one.name}) | {one.package} | {one.kept or 'none'} | {one.gives} |")
    sections = [_section(one) for one in ADAPTERS.values()]
    return page[:before] + "\n" + "\n".join(table) + "\n\n" + "\n\n".join(sections) + "\n" + page[after:]


def _section(adapter: Adapter) -> str:
    language = "python" if adapter.lines.lstrip().startswith(("from ", "import ")) else "sh"
    parts = [f"## {adapter.name}", f"```{language}\n{adapter.lines.strip()}\n```"]
    if adapter.traps:
        parts.append("\n".join(f"- {trap}" for trap in adapter.traps))
    return "\n\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
