"""What a map and an index of papers have of a world, for the tables of a snapshot: the same as `truth` tells."""

from __future__ import annotations

from corpus.records import Paper, Place
from corpus.world.making.things import Claim, Thing


def place_of(thing: Thing) -> Place | None:
    """A town on the map, None for anything else."""
    return Place(thing.name, thing.y, thing.x, thing.kind) if thing.kind == "town" else None


def papers_of(papers: list[Thing], claims: list[Claim]) -> dict[tuple[int, str, int], Paper]:
    """The papers of a block by key, from what is claimed in it: all claims of a paper are made in its own block."""
    authors: dict[tuple[int, str, int], list[str]] = {}
    cites: dict[tuple[int, str, int], list[str]] = {}
    for claim in claims:
        if claim.object is not None and claim.relation == "written_by":
            authors.setdefault(claim.subject.key, []).append(claim.object.name)
        elif claim.object is not None and claim.relation == "cites":
            cites.setdefault(claim.subject.key, []).append(claim.object.doc_id)
    return {
        paper.key: Paper(
            paper.name,
            tuple(authors.get(paper.key, ())),
            paper.start,
            int(dict(paper.facts)["citation_count"].number or 0),
            tuple(sorted(cites.get(paper.key, ()))),
        )
        for paper in papers
    }
