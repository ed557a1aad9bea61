"""What a run of synthesis has finished, kept beside its output until that is whole: a run that breaks off goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from training.synthesis.attempt import Made
from training.tasks import Task


class Journal:
    """Finished regions in the file `<out>.journal`, one a line; a line that a crash cut short is left out.

    `recipe` says what the regions follow from: a journal of another recipe is begun anew.
    """

    def __init__(self, out: Path, recipe: str) -> None:
        self.path = out.with_name(out.name + ".journal")
        self.recipe = recipe
        self.done = list(self._read())
        self._file = open(self.path.with_name(self.path.name + ".part"), "wb")  # noqa: SIM115 - closed by __exit__
        self._file.write(orjson.dumps(recipe) + b"\n")
        for made in self.done:
            self._write(made)
        self._file.flush()
        # The lines that were whole are in the new file before it takes the old one's name.
        Path(self._file.name).replace(self.path)

    def keep(self, made: Made) -> None:
        self._write(made)
        self._file.flush()

    def finish(self) -> None:
        """The output is written: nothing is left to go on with."""
        self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _write(self, made: Made) -> None:
        tasks = [task.model_dump(mode="json", by_alias=True) for task in made.tasks]
        self._file.write(orjson.dumps([made.width, made.region, tasks, dict(made.yields)]) + b"\n")

    def _read(self) -> Iterator[Made]:
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            lines = [line for line in file if line.endswith(b"\n")]
        if not lines or orjson.loads(lines[0]) != self.recipe:
            return
        for line in lines[1:]:
            width, region, tasks, yields = orjson.loads(line)
            yield Made(width, region, tuple(map(Task.model_validate, tasks)), Counter(yields))
