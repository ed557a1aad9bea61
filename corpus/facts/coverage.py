"""What a snapshot's facts come to: how many, of what, and how they are stated."""

from __future__ import annotations

from collections import Counter
from typing import Any

from corpus.facts.base import FactBase
from corpus.facts.records import Fact

SHOWN = 20
"""How many contradictions a report lists."""


def coverage(facts: FactBase) -> dict[str, Any]:
    """Counts by relation and kind, the share of pages with a typed fact, and what contradicts what.

    Pages are entities that are not "outside". `supports` tells how many facts have one, two, three or more places that
    an extractor read, `pages_per_fact` on how many pages they stand, and `scanned` how many more places a search found.
    """
    typed = {name for name, relation in facts.relations.items() if relation.typed}
    pages = [doc_id for doc_id, entity in facts.entities.items() if entity.kind != "outside"]
    speaking = {s.doc_id for fact in facts.facts if fact.relation in typed for s in fact.supports if not s.scanned}
    read = [[s for s in fact.supports if not s.scanned] for fact in facts.facts if fact.relation in typed]
    relations = Counter(fact.relation for fact in facts.facts)
    return {
        "snapshot_id": facts.snapshot_id,
        "extractor": facts.extractor,
        "facts": len(facts.facts),
        "typed_facts": sum(count for name, count in relations.items() if name in typed),
        "relations": dict(sorted(relations.items(), key=lambda item: (-item[1], item[0]))),
        "entities": dict(sorted(Counter(entity.kind for entity in facts.entities.values()).items())),
        "pages": len(pages),
        "pages_with_typed_facts": len(speaking),
        "links": sum(len(targets) for targets in facts.links.values()),
        "supports": _sizes(len(places) for places in read),
        "pages_per_fact": _sizes(len({place.doc_id for place in places}) for places in read),
        "scanned": sum(support.scanned for fact in facts.facts for support in fact.supports),
        "conflicts": dict(sorted(Counter(fact.relation for fact in facts.conflicts).items())),
        "contradictions": [_told(facts, fact) for fact in facts.conflicts[:SHOWN]],
        "one_sided": len(one_sided(facts)),
    }


def one_sided(facts: FactBase) -> tuple[Fact, ...]:
    """Facts of symmetric relations that the subject's own page does not state, though it states others of them."""
    symmetric = [name for name, relation in facts.relations.items() if relation.inverse == name]
    return tuple(
        fact for name in symmetric for fact in facts.of(name) if all(s.inverse or s.scanned for s in fact.supports)
    )


def _sizes(counts: Any) -> dict[str, int]:
    sizes = Counter(min(count, 3) for count in counts)
    return {"1": sizes[1], "2": sizes[2], "3+": sizes[3]}


def _told(facts: FactBase, fact: Fact) -> dict[str, Any]:
    said = fact.object or (fact.value.text if fact.value else "")
    return {
        "subject": fact.subject,
        "relation": fact.relation,
        "said": said,
        "amounts": [amount.text for amount in fact.amounts],
        "places": [f"{s.doc_id}:{s.start}-{s.end}" for s in fact.supports if not s.scanned],
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    share = report["pages_with_typed_facts"] / max(1, report["pages"])
    lines = [
        f"{report['facts']:,} facts ({report['typed_facts']:,} typed), {report['links']:,} links, "
        f"{report['pages']:,} pages, {share:.0%} of them with a typed fact",
        "entities: " + ", ".join(f"{count:,} {kind}" for kind, count in report["entities"].items()),
        "places a typed fact is read from: " + ", ".join(f"{n}: {c:,}" for n, c in report["supports"].items()),
        "pages it stands on: " + ", ".join(f"{n}: {c:,}" for n, c in report["pages_per_fact"].items()),
        f"places found by search besides: {report['scanned']:,}",
        f"stated on one side only: {report['one_sided']:,}",
        "",
        *(
            f"{name:<32}{count:>10,}" + _disputed(report["conflicts"].get(name, 0))
            for name, count in report["relations"].items()
        ),
    ]
    return "\n".join(lines)


def _disputed(count: int) -> str:
    return f"{count:>8,} in conflict" if count else ""
