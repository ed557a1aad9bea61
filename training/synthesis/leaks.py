"""Does a question give its answer away?"""

from __future__ import annotations

import re
import unicodedata

from corpus.snapshot import Snapshot
from training.synthesis.proof import TaskDraft, Verdict


def check_leaks(draft: TaskDraft, question: str, *, snapshot: Snapshot | None = None) -> Verdict:
    """Fails where the question holds a name of the answer or of a hidden node."""
    said = _folded(question)
    for variable, doc_id in enumerate(draft.proof.solution):
        entity = draft.facts.entities[doc_id]
        for name in (entity.name, *entity.aliases):
            if (folded := _folded(name).strip()) and f" {folded} " in said:
                return Verdict(False, "hidden name" if variable else "answer name")
    return Verdict(True)


def _folded(text: str) -> str:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    return f" {' '.join(words)} "
