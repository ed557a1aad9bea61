"""The link graph in memory-mapped arrays: who links where, and with which words.

Only links between pages of the snapshot are kept here; a page's other links stand in its body. `out` and `into` are
CSR arrays: targets (or origins) of document d are edges[starts[d]:starts[d + 1]].
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.docstore import DocStore
from corpus.errors import BadUrl


def write_link_graph(store: DocStore, folder: Path) -> int:
    """Resolve every link of every page; write the graph; return the number of links between pages."""
    folder.mkdir(parents=True, exist_ok=True)
    edges = np.fromiter(_edges(store), dtype=[("origin", "<u4"), ("place", "<u4"), ("target", "<u4")])
    starts = np.searchsorted(edges["origin"], np.arange(len(store) + 1)).astype("<u8")
    np.save(folder / "out_starts.npy", starts)
    np.save(folder / "out_targets.npy", edges["target"])
    np.save(folder / "out_places.npy", edges["place"])
    # Stable, so that origins stay ascending within a target whatever the sort algorithm.
    order = np.argsort(edges["target"], kind="stable")
    incoming = edges[order]
    np.save(folder / "in_starts.npy", np.searchsorted(incoming["target"], np.arange(len(store) + 1)).astype("<u8"))
    np.save(folder / "in_origins.npy", incoming["origin"])
    np.save(folder / "in_places.npy", incoming["place"])
    return len(edges)


def _edges(store: DocStore) -> Iterator[tuple[int, int, int]]:
    known: dict[str, int | None] = {}
    for origin in range(len(store)):
        for place, link in enumerate(store.body(origin).links):
            if link.url not in known:
                if len(known) > 50_000:  # a bound, so that memory does not grow with the corpus
                    known.clear()
                try:
                    known[link.url] = store.find_url(link.url)
                except BadUrl:
                    known[link.url] = None
            target = known[link.url]
            if target is not None:
                yield origin, place, target


class LinkGraph:
    """Read access by document number."""

    def __init__(self, folder: Path) -> None:
        def column(name: str) -> npt.NDArray[np.uint32]:
            loaded: npt.NDArray[np.uint32] = np.load(folder / f"{name}.npy", mmap_mode="r")
            return loaded

        self._out = column("out_starts"), column("out_targets"), column("out_places")
        self._in = column("in_starts"), column("in_origins"), column("in_places")

    @property
    def edge_count(self) -> int:
        return len(self._out[1])

    def targets(self, number: int) -> dict[int, int]:
        """{place of a link among the page's links: document it leads to}."""
        starts, targets, places = self._out
        span = slice(int(starts[number]), int(starts[number + 1]))
        return dict(zip(places[span].tolist(), targets[span].tolist(), strict=True))

    def origins(self, number: int) -> list[tuple[int, int]]:
        """(document, place of the link among its links) for every link that leads here, in order of document."""
        starts, origins, places = self._in
        span = slice(int(starts[number]), int(starts[number + 1]))
        return list(zip(origins[span].tolist(), places[span].tolist(), strict=True))
