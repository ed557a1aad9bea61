"""Places and papers as columns of a snapshot: kept, covered by its ids, and gone from it where no source has any."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.build import add_to_snapshot
from corpus.export import export
from corpus.filters import Filters
from corpus.geography import DETOUR, bearing, compass, distance_km, travel_minutes
from corpus.manifest import check_files
from corpus.records import Document, Paper, Place, doc_id_of, document_from_json, document_to_json
from corpus.sources import read_source
from corpus.sources.table_rows import paper_of, place_in, place_of
from corpus.transport import diff, pack, unpack
from corpus.world import papers, places
from tests.table_web import PAPERS, PLACES, SITE, rows, write_rows

NONE = BuildOptions(encoder="none")
DEGREES = st.floats(-90, 90), st.floats(-180, 180)


def test_a_document_without_a_row_is_written_as_it_always_was() -> None:
    assert document_to_json(Document("https://a.example/", "A", "text")) == (
        b'["https://a.example/","A","text",[],[],null,null,null,null,[]]'
    )


def test_rows_come_back_from_the_snapshot_as_the_source_gave_them(atlas: Snapshot) -> None:
    for slug, (name, latitude, longitude, kind) in PLACES.items():
        document = atlas.document(url=SITE + slug)
        assert (document.place, document.paper) == (Place(name, latitude, longitude, kind), None)
    tides = atlas.document(url=SITE + "tides-again").paper
    assert tides == Paper("Tides, once more", ("Ann Bell",), 2010, 7, (doc_id_of(SITE + "tides"),))
    lost = atlas.document(url=SITE + "tides-lost").paper
    assert lost is not None
    assert (lost.title, lost.year, lost.citations, len(lost.cites)) == ("Untitled tides", None, None, 3)
    plain = atlas.document(url=SITE + "plain")
    assert (plain.place, plain.paper) == (None, None)
    assert (len(atlas.store.tables.places), len(atlas.store.tables.papers)) == (len(PLACES), len(PAPERS))
    for document in map(atlas.store.document, range(len(atlas.store))):
        assert document_from_json(document_to_json(document)) == document


def test_a_snapshot_without_rows_has_no_files_of_tables(tiny: Snapshot, atlas: Snapshot) -> None:
    def files(web: Snapshot) -> list[str]:
        return [name for name in web.manifest.files if re.search(r"documents/(place|paper)", name)]

    assert files(tiny) == []
    assert (len(tiny.store.tables.places), tiny.store.tables.named("Ashford")) == (0, [])
    assert len(tiny.store.tables.around(0, 0, 0, math.inf)[0]) == 0
    assert len(files(atlas)) == 12
    check_files(atlas.path, atlas.manifest)


def test_another_number_of_citations_is_another_snapshot(atlas: Snapshot, tmp_path: Path) -> None:
    changed = rows()
    changed[6]["paper"] = {**changed[6]["paper"], "citations": 41}
    other = build_snapshot([str(write_rows(tmp_path / "other.jsonl", changed))], tmp_path / "other", NONE)
    assert other.content_id != atlas.manifest.content_id
    assert other.snapshot_id != atlas.manifest.snapshot_id
    assert tuple(diff(atlas, open_snapshot(tmp_path / "other")).changed) == (SITE + "tides",)


@pytest.mark.parametrize("name", ["pages.jsonl", "pages.jsonl.zst", "pages.parquet"])
def test_an_export_builds_the_same_snapshot_again(atlas: Snapshot, tmp_path: Path, name: str) -> None:
    export(atlas, tmp_path / name)
    again = build_snapshot([str(tmp_path / name)], tmp_path / "again", NONE)
    assert (again.content_id, again.snapshot_id) == (atlas.manifest.content_id, atlas.manifest.snapshot_id)


def test_rows_are_added_packed_and_unpacked_with_their_pages(atlas: Snapshot, tmp_path: Path) -> None:
    first, second = (write_rows(tmp_path / f"{n}.jsonl", part) for n, part in enumerate((rows()[:4], rows()[4:])))
    build_snapshot([str(first)], tmp_path / "first", NONE)
    whole = add_to_snapshot(tmp_path / "first", [str(second)], tmp_path / "whole")
    assert whole.snapshot_id == atlas.manifest.snapshot_id
    pack(tmp_path / "whole", tmp_path / "whole.tar.zst")
    unpack(tmp_path / "whole.tar.zst", tmp_path / "back")
    back = open_snapshot(tmp_path / "back")
    assert back.store.document(0) == atlas.store.document(0)
    assert back.store.tables.named("cliff") == atlas.store.tables.named("Cliff") != []


def test_a_name_is_found_in_any_case_and_width_and_only_whole(atlas: Snapshot) -> None:
    named = atlas.store.tables.named
    assert named("ashford") == named("ＡＳＨＦＯＲＤ") == named(" Ashford ") != []
    assert len(named("Birch")) == 2
    assert named("Birch") == sorted(named("Birch"))
    assert named("Birc") == named("") == named("Ashford, a town") == []


def test_distances_are_those_of_the_globe() -> None:
    assert distance_km(0, 0, 0, 1) == 111.2
    assert distance_km(90, 0, -90, 77) == 20015.1
    assert distance_km(-50, 179.9, -50, -179.9) == 14.3, "over the date line"
    assert distance_km(48.2, 16.37, 52.52, 13.4) == pytest.approx(524, abs=2), "Vienna to Berlin"
    assert [compass(bearing(0, 0, *end)) for end in ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1))] == [
        "north", "east", "south", "west", "north-east", "south-west",
    ]  # fmt: skip
    assert travel_minutes(80, "fly") == 6
    assert travel_minutes(80, "drive") == round(80 * DETOUR / 80 * 60)


@given(*DEGREES, *DEGREES)
def test_a_way_is_as_long_there_as_back(lat: float, lon: float, other_lat: float, other_lon: float) -> None:
    there, back = distance_km(lat, lon, other_lat, other_lon), distance_km(other_lat, other_lon, lat, lon)
    assert there == pytest.approx(back, abs=0.11)
    assert 0 <= there <= 20015.2
    assert 0 <= bearing(lat, lon, other_lat, other_lon) < 360


def test_what_lies_around_a_place_is_what_each_distance_says(atlas: Snapshot) -> None:
    store = atlas.store
    every, km = store.tables.around(50.0, 0.0, 0.0, math.inf)
    assert sorted(every.tolist()) == store.tables.places.docs.tolist()
    assert km.tolist() == sorted(km.tolist())
    for number, distance in zip(every.tolist(), km.tolist(), strict=True):
        place = store.place(number)
        assert place is not None
        assert distance == distance_km(50.0, 0.0, place.latitude, place.longitude)
    between, _ = store.tables.around(50.0, 0.0, float(km[1]), float(km[2]))
    assert between.tolist() == every[1:3].tolist(), "both bounds are included"


@pytest.mark.parametrize(
    "value",
    [None, "London", [1, 2], {}, {"latitude": 91, "longitude": 0}, {"latitude": 1}, {"latitude": "x", "longitude": 1},
     {"latitude": float("nan"), "longitude": 1}, {"latitude": True, "longitude": 1}, {"latitude": 0, "longitude": 181}],
)  # fmt: skip
def test_other_people_s_fields_of_that_name_are_no_places(value: Any, tmp_path: Path) -> None:
    assert place_of(value, "T") is None
    assert place_of({"latitude": "1.5", "longitude": -0.0}, "T") == Place("T", 1.5, 0.0, "")


def test_a_paper_takes_what_it_can_use() -> None:
    odd = {"title": " A  b ", "authors": "One", "year": "soon", "citations": -1, "cites": ["0" * 16, "no url", 3]}
    assert paper_of(odd, "T") == Paper("A b", ("One",), None, None, ("0" * 16,))
    assert paper_of("a paper", "T") is None
    assert paper_of({"year": 0, "citations": 0}, "T") == Paper("T", (), None, 0, ())


def test_coordinates_in_words_are_degrees_and_minutes() -> None:
    assert place_in("metropolitan France: 46 30 N, 2 15 W\n\nGuadeloupe: 16 15 N, 61 35 W", "F", "c") == Place(
        "F", 46.5, -2.25, "c"
    )
    assert place_in("17 90 N, 62 85 W", "S", "c") is None, "there are no 90 minutes"


def test_every_place_of_the_factbook_lies_where_its_page_says(factbook: Snapshot) -> None:
    store = factbook.store
    assert len(store.tables.places) > 245
    for number in store.tables.places.docs.tolist():
        place = store.place(number)
        assert place is not None
        said = re.search(r"Geographic coordinates[:\s]+(?:- )?(?:[^\n:]*: )?(\d+) (\d+) ([NS]), (\d+) (\d+) ([EW])",
                         store.text(number))  # fmt: skip
        assert said is not None, place.name
        degrees, minutes, side, east, east_minutes, east_side = said.groups()
        latitude, longitude = int(degrees) + int(minutes) / 60, int(east) + int(east_minutes) / 60
        assert place.latitude == pytest.approx(latitude if side == "N" else -latitude, abs=1e-4)
        assert place.longitude == pytest.approx(longitude if east_side == "E" else -longitude, abs=1e-4)
    assert {place.kind for n in store.tables.places.docs.tolist() if (place := store.place(n))} == {
        "country",
        "territory",
    }


def test_the_tables_of_a_world_are_its_truth() -> None:
    args = "seed=5,pages=700"
    documents = [item for item in read_source(f"world:{args}") if isinstance(item, Document)]
    assert {(d.doc_id, d.place.name, d.place.latitude, d.place.longitude) for d in documents if d.place} == {
        (p.doc_id, p.name, p.lat, p.lon) for p in places(args)
    }
    assert {
        (d.doc_id, d.paper.title, d.paper.authors, d.paper.year, d.paper.citations) for d in documents if d.paper
    } == {(p.doc_id, p.title, p.authors, p.year, p.citations) for p in papers(args)}
    known = {d.doc_id for d in documents if d.paper}
    cited = [doc_id for d in documents if d.paper for doc_id in d.paper.cites]
    assert cited
    assert set(cited) <= known
    tail = [item for item in read_source(f"world:{args}", skip=300) if isinstance(item, Document)]
    assert tail == documents[-len(tail) :], "a page has its row whoever came before it"


def test_only_pages_with_a_row_are_searched_where_that_is_asked(factbook: Snapshot, atlas: Snapshot) -> None:
    for table, count in (("places", len(PLACES)), ("papers", len(PAPERS))):
        filters = Filters(table=table)  # type: ignore[arg-type]
        found = atlas.search("tides ferry", k=50, allowed=filters)
        assert len(found.hits) == count
        listed = getattr(atlas.store.tables, table)
        assert all(listed.row_of(atlas.store.require(doc_id=hit.doc_id)) is not None for hit in found.hits)
    places_only = Filters(table="places")
    for mode in ("bm25", "dense", "hybrid"):
        hits = factbook.search("union of countries with one currency", k=30, mode=mode, allowed=places_only).hits
        assert "European Union" not in {factbook.document(doc_id=hit.doc_id).title for hit in hits}
        assert len(hits) == 30
    none = factbook.search("union", k=5, allowed=Filters(table="papers"))
    assert none.hits == ()
    assert not np.any(factbook.store.tables.papers.docs)
