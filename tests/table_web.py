"""A few places and papers, small enough to know by heart: rows of JSON, and a snapshot of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot

SITE = "https://atlas.example/"
PLACES: dict[str, tuple[str, float, float, str]] = {
    "ashford": ("Ashford", 50.0, 0.0, "town"),
    "birch": ("Birch", 50.0, 1.0, "town"),
    "birch-hill": ("Birch", 52.0, 5.0, "village"),
    "cliff": ("Cliff", 51.0, 0.0, "town"),
    "dale": ("Dale", -50.0, 179.9, "town"),
    "easter": ("Easter", -50.0, -179.9, "village"),
}
"""By name of the page: name, latitude, longitude, kind. Birch there is twice; Dale and Easter are neighbours."""
PAPERS: dict[str, dict[str, Any]] = {
    "tides": {"title": "Tides of Ashford", "authors": ["Ann Bell", "Cy Dorn"], "year": 1999, "citations": 40},
    "tides-again": {"title": "Tides, once more", "authors": ["Ann Bell"], "year": 2010, "citations": 7,
                    "cites": [SITE + "tides"]},
    "tides-lost": {"authors": [], "cites": [SITE + "tides", SITE + "tides-again", SITE + "gone"]},
}  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Six places, three papers, and a page that is neither."""
    found: list[dict[str, Any]] = []
    for slug, (name, latitude, longitude, kind) in PLACES.items():
        place = {"name": name, "latitude": latitude, "longitude": longitude, "kind": kind}
        text = f"# {name}\n\n{name} is a {kind} with a ferry. See https://atlas.example/{slug} for more of {name}."
        found.append({"url": SITE + slug, "title": f"{name}, a {kind}", "text": text, "place": place})
    for slug, paper in PAPERS.items():
        title = paper.get("title", "Untitled tides")
        found.append({"url": SITE + slug, "title": title, "text": f"{title}: on tides and ferries.", "paper": paper})
    found.append({"url": SITE + "plain", "title": "Plain", "text": "A page about tides and ferries, and Ashford."})
    return found


def write_rows(path: Path, kept: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in kept))
    return path


def table_web(folder: Path, *, encoder: str = "none") -> Snapshot:
    """The snapshot of all of it."""
    build_snapshot([str(write_rows(folder / "atlas.jsonl", rows()))], folder / "atlas", BuildOptions(encoder=encoder))
    return open_snapshot(folder / "atlas")
