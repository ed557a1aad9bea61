"""A build, stage by stage: CPU and wall seconds, measured in a process of its own.

python -m tests.bench.stages OUT ENCODER SOURCE...    prints one line of JSON
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from corpus.build import BuildOptions, build_snapshot

T = TypeVar("T")


class Stopwatch:
    """A `Progress` that notes when each stage begins; what follows the last item of one still belongs to it."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, float, float, int]] = []

    def __call__(self, items: Iterator[T], stage: str, total: int | None) -> Iterator[T]:
        mark = len(self.marks)
        name = "reading" if stage.startswith("reading") else stage
        self.marks.append((name, time.process_time(), time.perf_counter(), 0))
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007  counted to its end
            yield item
        self.marks[mark] = (*self.marks[mark][:3], count)

    def stages(self) -> dict[str, dict[str, float]]:
        """Stage -> items, CPU and wall seconds up to the next one's beginning."""
        ends = [*[(cpu, wall) for _, cpu, wall, _ in self.marks[1:]], (time.process_time(), time.perf_counter())]
        found: dict[str, dict[str, float]] = {}
        for (name, cpu, wall, count), (next_cpu, next_wall) in zip(self.marks, ends, strict=True):
            row = found.setdefault(name, {"items": 0, "cpu_s": 0.0, "wall_s": 0.0})
            row["items"] += count
            row["cpu_s"] = round(row["cpu_s"] + next_cpu - cpu, 2)
            row["wall_s"] = round(row["wall_s"] + next_wall - wall, 2)
        return found


class AnonymousPeak(threading.Thread):
    """Watches what the process itself holds: the peak the kernel keeps counts mapped files, too."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0

    def run(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text()
            held = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))
            self.mib = max(self.mib, int(held) / 1024)
            time.sleep(0.1)


def main(out: str, encoder: str, *sources: str) -> None:
    watch, peak = Stopwatch(), AnonymousPeak()
    peak.start()
    started = time.perf_counter()
    manifest = build_snapshot(list(sources), Path(out), BuildOptions(encoder=encoder), progress=watch)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    measured = {
        "snapshot_id": manifest.snapshot_id,
        "pages": manifest.counts.documents,
        "passages": manifest.counts.passages,
        "stages": watch.stages(),
        "cpu_s": round(cpu_s, 1),
        "wall_s": round(time.perf_counter() - started, 1),
        "passages_per_cpu_s": round(manifest.counts.passages / cpu_s),
        "pages_per_cpu_s": round(manifest.counts.documents / cpu_s),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "peak_anonymous_mib": round(peak.mib),
    }
    print(json.dumps(measured))


def measured_build(out: Path, encoder: str, *sources: str) -> dict[str, Any]:
    """What `main` prints, from a process of its own: its peak memory is that of the build and nothing else."""
    command = [sys.executable, "-m", "tests.bench.stages", str(out), encoder, *sources]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
