"""Phrases for relations that no table knows: rows of infoboxes and columns of tables, and anything with a label."""

from __future__ import annotations

import re

from corpus.facts.records import Relation

# Keys of infoboxes that read as more than "under 'key'". {key} -> verb phrases about the article's subject.
_ROWS: dict[str, tuple[str, ...]] = {
    "born": ("is about somebody born in {}", "has a subject whose birth is placed in {}"),
    "died": ("is about somebody who died in {}", "has a subject whose death is placed in {}"),
    "born_date": ("is about somebody born {}", "has a subject who was born {}"),
    "died_date": ("is about somebody who died {}", "has a subject who died {}"),
    "genres": ("is about music or work of the genre {}", "gives among the genres {}"),
    "occupations": ("is about somebody whose occupations include {}", "gives among the occupations {}"),
    "nationality": ("is about somebody of the nationality {}", "gives the nationality {}"),
    "labels": ("is about somebody or something on the record label {}", "gives among the labels {}"),
    "released_date": ("is about something released {}", "has a subject that came out {}"),
    "founded_date": ("is about something founded {}", "has a subject that was founded {}"),
}


def english_phrases(relation: Relation) -> tuple[str, ...]:
    """Verb phrases with a slot for a relation by its name, and by its label where the name says nothing."""
    found = re.fullmatch(r"(infobox|table)_(.+?)(_text|_date)?(_of)?", relation.name)
    if found is None:
        return (f"{relation.label} {{}}",)
    where, key, sort, back = found.groups()
    known = _ROWS.get(key + ("_date" if sort == "_date" else ""))
    if known and where == "infobox" and not back:
        return known
    words = key.replace("_", " ")
    place = "infobox" if where == "infobox" else "tables"
    in_place = f"in its {place}"
    if back:
        the = "the infobox" if where == "infobox" else "a table"
        return (
            f'is named under "{words}" in {the} of {{}}',
            f'is the "{words}" in {the} of {{}}',
            f'stands under "{words}" in {the} of {{}}',
            f'is given as "{words}" in {the} of {{}}',
        )
    if sort == "_date":
        return (f'dates "{words}", {in_place}, {{}}', f'has in its {place} a date for "{words}" that falls {{}}')
    if where == "table":
        return (
            f'has a table that lists under "{words}" {{}}',
            f'names in a table, under "{words}", {{}}',
            f'has {{}} in the "{words}" column of a table',
            f'gives as "{words}", in one of its tables, {{}}',
        )
    return (
        f'has an infobox that gives for "{words}" {{}}',
        f'gives "{words}" in its infobox as {{}}',
        f'has {{}} under "{words}" in its infobox',
        f'names, as "{words}" in its infobox, {{}}',
    )


def chinese_phrases(relation: Relation) -> tuple[str, ...]:
    """The same in Chinese, in which keys stay as they are."""
    found = re.fullmatch(r"(infobox|table)_(.+?)(_text|_date)?(_of)?", relation.name)
    if found is None:
        return (f"与{{}}的关系是“{relation.label}”",)
    where, key, _, back = found.groups()
    words = key.replace("_", " ")
    place = "信息框" if where == "infobox" else "表格"
    if back:
        return (f"在{{}}的{place}中列于“{words}”一栏", f"是{{}}的{place}里“{words}”一栏的内容")
    return (f"的{place}中“{words}”一栏有{{}}", f"在{place}的“{words}”一栏列出{{}}")
