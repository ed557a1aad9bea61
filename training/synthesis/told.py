"""The facts of a task in words, for a model that judges it."""

from __future__ import annotations

from training.synthesis.tool_proof import Edit, whole_of
from training.synthesis.tooling import Distance, Listed
from training.synthesis.verify import Ground
from training.tasks import Task

_EVIDENCE_CHARS = 600
"""Around each span."""


def facts_text(task: Task, ground: Ground) -> str:
    """The facts of a task's proof, one a line, each with the words that state it; then what tools told."""
    proof = whole_of(task.proof or {})
    lines = []
    for fact in dict.fromkeys(proof.facts):
        label = ground.facts.relations[fact.relation].label
        said = f"{_name(fact.subject, ground)} {label} {_name(fact.object, ground) if fact.object else fact.value}"
        known = ground.fact(fact.subject, fact.relation, fact.object, fact.value)
        if known is not None and known.amount is not None:
            said += f" ({known.amount.text})"
        doc_id, start, end = fact.supports[0]
        text = ground.text(doc_id) or ""
        words = " ".join(text[max(0, start - _EVIDENCE_CHARS // 2) : end + _EVIDENCE_CHARS // 2].split())
        lines.append(f"- {said}. Page {_name(doc_id, ground)!r}: ...{words}...")
    lines += [f"- {_told(edit, ground)}" for edit in proof.edits]
    return "\n".join(lines)


def _told(edit: Edit, ground: Ground) -> str:
    """What the tool measured, as a fact."""
    name, claim = _name(edit.entity, ground), edit.claim
    if isinstance(claim, Distance):
        far = f"{edit.value:.1f} km as the crow flies" if claim.by == "km" else f"{edit.value:.0f} minutes by car"
        return f"{name} lies {far} from {_name(claim.origin, ground)}. A map told it."
    if isinstance(claim, Listed):
        what = f"cited {edit.value:.0f} times" if claim.figure == "citations" else f"of the year {edit.value:.0f}"
        return f"{name} is {what}. An index of papers told it."
    return f"{name} has {edit.value:.4g} of {claim.over} to each unit of {claim.under}: computed from the facts above."


def _name(doc_id: str, ground: Ground) -> str:
    entity = ground.facts.entities.get(doc_id)
    return entity.name if entity else doc_id
