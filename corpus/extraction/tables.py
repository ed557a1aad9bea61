"""HTML table cells in their columns, and the pipe table they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Span = tuple[int, int, str]
"""Where an anchor starts and ends in a line, and the URL it points to."""

MAX_REPEATED_CHARS = 200
"""A cell that spans rows is repeated in each of them, so that every row says what it is about; longer ones are not."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a line of text, its link spans, and how many columns and rows it covers."""

    text: str = ""
    spans: tuple[Span, ...] = ()
    columns: int = 1
    rows: int = 1


@dataclass(slots=True)
class Table:
    """A table as it is read, row after row."""

    layout: bool = False
    """The table only places things on the page: its cells are written as blocks."""
    spilled: bool = False
    """The row at hand holds blocks (a table, code, headings), so its cells are written as blocks too."""
    cells: list[Cell] = field(default_factory=list)
    """Cells of the row at hand, as they come."""
    rows: list[list[Cell]] = field(default_factory=list)
    carried: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Cells from rows above that reach into the next one: column -> (rows left, text)."""

    def end_row(self, purse: int) -> int:
        """Put the cells into their columns, beside those that reach down from above.

        Every character that is not in the page is paid from `purse`, and what is left is returned: a column span of a
        thousand costs the page nine characters, so without it a small page could make a huge text.
        """
        cells, self.cells = self.cells, []
        row: list[Cell] = []
        coming: dict[int, tuple[int, str]] = {}

        def carry(upto: int) -> None:
            nonlocal purse
            while purse > 0 and (len(row) in self.carried or len(row) < upto):
                left, text = self.carried.get(len(row), (0, ""))
                if left > 1:
                    coming[len(row)] = (left - 1, text)
                row.append(Cell(text))
                purse -= len(text) + 3

        for cell in cells:
            carry(0)
            column = len(row)
            fill = max(0, min(cell.columns - 1, purse // 3))
            purse -= 3 * fill
            row += [cell, *[Cell()] * fill]
            if cell.rows > 1:
                coming.update(dict.fromkeys(range(column + 1, len(row)), (cell.rows - 1, "")))
                coming[column] = (cell.rows - 1, cell.text if len(cell.text) <= MAX_REPEATED_CHARS else "")
        carry(max(self.carried, default=0))
        self.carried = coming
        if any(cell.text for cell in cells):
            self.rows.append(row)
        return purse

    def take_lines(self) -> Iterator[tuple[str, list[Span]]]:
        """The rows so far as lines of a pipe table, the first as its header, and begin again without rows."""
        rows, self.rows = self.rows, []
        columns = max(map(len, rows), default=0)
        for number, row in enumerate(rows):
            if number == 0:
                row += [Cell()] * (columns - len(row))
            parts, spans, at = ["|"], [], 2
            for cell in row:
                spans += [(at + start, at + end, url) for start, end, url in cell.spans]
                parts.append(f" {cell.text} |")
                at += len(cell.text) + 3
            yield "".join(parts), spans
            if number == 0:
                yield "|" + " --- |" * columns, []
