"""Where figures go: docs/figures/NAME.json, with machine, date and versions beside them."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parent.parent.parent / "docs" / "figures"
LIBRARIES = ("stillweb", "fastapi", "uvicorn", "tantivy", "faiss-cpu", "numpy", "onnxruntime", "tokenizers")


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GiB, system, Python."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_gib),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def write_figures(name: str, command: str, measured: dict[str, Any]) -> None:
    """Print the figures and keep them in docs/figures."""
    record = {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "versions": {library: version(library) for library in LIBRARIES},
        "measured": measured,
    }
    text = json.dumps(record, indent=2)
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"{name}.json").write_text(text + "\n")
    print(text)
