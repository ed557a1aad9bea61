"""The link graph in memory-mapped arrays: who links where, and with which words.

Only links between pages of the snapshot are kept here; a page's other links stand in its body. `out` and `into` are
CSR arrays: targets (or origins) of document d are edges[starts[d]:starts[d + 1]].
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.docstore import DocStore

_EDGE = np.dtype([("origin", "<u4"), ("place", "<u4"), ("target", "<u4")])
_BATCH = 200_000


def write_link_graph(store: DocStore, folder: Path) -> int:
    """Resolve every link of every page; write the graph; return the number of links between pages."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [part for batch in _batches(store) for part in [_edges(store, *batch)] if len(part)]
    edges = np.concatenate(parts) if parts else np.zeros(0, dtype=_EDGE)
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


def _batches(store: DocStore) -> Iterator[tuple[array[int], array[int], list[str]]]:
    """Origins, places and URLs of links, some hundred thousand at a time: memory does not grow with the corpus."""
    origins, places, urls = array("I"), array("I"), list[str]()
    for origin in range(len(store)):
        for place, url in enumerate(store.link_urls(origin)):
            origins.append(origin)
            places.append(place)
            urls.append(url)
        if len(urls) > _BATCH:
            yield origins, places, urls
            origins, places, urls = array("I"), array("I"), []
    yield origins, places, urls


def _edges(store: DocStore, origins: array[int], places: array[int], urls: list[str]) -> npt.NDArray[np.void]:
    names = list(dict.fromkeys(urls))  # many pages link to the same few
    numbers = dict(zip(names, store.find_urls(names).tolist(), strict=True))
    targets = np.array([numbers[url] for url in urls], dtype=np.int64)
    inside = targets >= 0
    edges = np.zeros(int(inside.sum()), dtype=_EDGE)
    edges["origin"] = np.frombuffer(origins, dtype=np.uint32)[inside]
    edges["place"] = np.frombuffer(places, dtype=np.uint32)[inside]
    edges["target"] = targets[inside]
    return edges


class LinkGraph:
    """Read access by document number."""

    def __init__(self, folder: Path) -> None:
        def column(name: str) -> npt.NDArray[np.uint32]:
            loaded: npt.NDArray[np.uint32] = np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray)
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
