"""A plan in Chinese. Names of entities and words of pages stay as they are."""

from __future__ import annotations

import re

import numpy as np

from training.synthesis.proof import TaskDraft
from training.synthesis.wording.chinese_clauses import ChineseClauses
from training.synthesis.wording.kinds import CHINESE, PEOPLE
from training.synthesis.wording.lexicon import one
from training.synthesis.wording.marks import Marks, Wording, finished
from training.synthesis.wording.plan import Clause, Plan, Sentence

_NUMERAL = re.compile(r"(?:另一|一|某)[个座条家所部幅篇款件位]")
_NUMERALS = "一二三四五六七八九"
_STEMS = "甲乙丙丁戊己庚辛壬"
# {kind} is a noun, {clf} its classifier, {said} predicates of a subject, {one} "一个国家", {that} the noun described.
_ASK = (
    "哪{clf}{kind}{said}？",
    "请问哪{clf}{kind}{said}？",
    "请找出这样{one}：它{said}。",
    "有{one}{said}，请问是哪{clf}？",
    "我想知道哪{clf}{kind}{said}。",
    "试问哪{clf}{kind}{said}？",
    "请说出符合以下条件的{kind}：{said}。",
    "要找的是{one}，它{said}。",
    "我在找{one}，它{said}。",
    "什么{kind}{said}？",
    "谁能说出{one}的名字？它{said}。",
    "请判断哪{clf}{kind}{said}。",
    "求{one}的名称：它{said}。",
)
_TELL = (
    "有{one}{said}。",
    "{one}{said}。",
    "某{clf}{kind}{said}。",
    "设想{one}，它{said}。",
    "考虑{one}：它{said}。",
    "我想到{one}，它{said}。",
    "世上有{one}，它{said}。",
    "资料里提到{one}，它{said}。",
    "题目说的是{one}，它{said}。",
    "已知{one}{said}。",
    "且看{one}，它{said}。",
)
_LEADS = (
    *("{subject}{said}。",) * 8,
    "此外，{subject}{said}。",
    "另外，{subject}{said}。",
    "同时，{subject}{said}。",
    "还知道{subject}{said}。",
    "而{subject}{said}。",
    "再者，{subject}{said}。",
    "已知{subject}{said}。",
    "又知{subject}{said}。",
)
_CASTS = (
    "这里涉及{listed}。",
    "现有{listed}。",
    "设有{listed}。",
    "题中有{listed}。",
    "假定有{listed}，彼此不同。",
    "下面谈到{listed}。",
)
_SOUGHT = ("要找的{kind}", "所求的{kind}", "目标{kind}", "待求的{kind}", "题中所问的{kind}", "未知的那{clf}{kind}")
_CLOSE = (
    "{sought}是哪一{clf}？",
    "请说出{sought}的名称。",
    "{sought}叫什么？",
    "请指出{sought}。",
    "问：{sought}是什么？",
    "请给出{sought}的名字。",
)
_CLOSE_PERSON = (
    "{sought}是谁？",
    "请说出{sought}的姓名。",
    "{sought}叫什么名字？",
    "请指出{sought}是谁。",
    "问：{sought}是谁？",
    "请给出{sought}的姓名。",
)
_CLOSE_ALONE = (
    "这是哪{clf}{kind}？",
    "请说出这{clf}{kind}的名称。",
    "这{clf}{kind}叫什么？",
    "它是哪{clf}{kind}？",
    "请指出是哪{clf}{kind}。",
    "问：是哪{clf}{kind}？",
)


class ChineseWriter:
    """Writes one question; used once."""

    def __init__(self, draft: TaskDraft, rng: np.random.Generator) -> None:
        self.draft, self.rng, self.marks = draft, rng, Marks()
        self.clauses = ChineseClauses(draft, rng)
        self.nouns = [CHINESE.get(kind, (kind, "个")) for kind in draft.proof.kinds]
        self.alone = [self.nouns.count(noun) == 1 for noun in self.nouns]
        self.lettered = rng.random() < 0.3
        noun, classifier = self.nouns[0]
        self.person = [kind in PEOPLE for kind in draft.proof.kinds]
        self.sought = one(_SOUGHT, rng).format(kind=noun, clf=classifier)
        self.ordinal: dict[int, int] = {}
        self.seen: set[int] = set()
        self.kind_said: set[int] = set()

    def write(self, plan: Plan) -> Wording:
        rows, text = list(plan.sentences), []
        if plan.cast:
            text.append(self._cast())
        elif rows[0].subject == 0:
            text.append(self._opening(rows.pop(0), plan.asks_first))
        last = plan.sentences[0] if text and not plan.cast else None
        plain = last is None
        for row in rows:
            again = last is not None and self._is_clear(last, row.subject) and self.rng.random() < 0.4
            subject = self._it(row.subject) if again else self._mention(row.subject)
            lead = _LEADS[0] if plain else one(_LEADS, self.rng)
            text.append(lead.format(subject=subject, said=self._predicates(row, bare=False)))
            last, plain = row, False
        if not plan.asks_first:
            options = _CLOSE_PERSON if self.person[0] else _CLOSE_ALONE if self.alone[0] else _CLOSE
            noun, classifier = self.nouns[0]
            text.append(one(options, self.rng).format(kind=noun, clf=classifier, sought=self.sought))
        return finished(re.sub(r"([。？]){2}", r"\1", "".join(text)), self.marks.parts)

    def _is_clear(self, before: Sentence, subject: int) -> bool:
        """Whether a pronoun can only be the subject of the sentence before."""
        others = [clause.other for clause in before.clauses]
        others += [modifier.other for clause in before.clauses for modifier in clause.modifiers]
        sorts = {self.person[other] for other in others if other is not None}
        return before.subject == subject and self.person[subject] not in sorts

    def _it(self, variable: int) -> str:
        return "此人" if self.person[variable] else "它"

    def _opening(self, row: Sentence, asks: bool) -> str:
        form = one(_ASK if asks else _TELL, self.rng)
        self.seen.add(0)
        self._number(0)
        kind, classifier = self._kind(0), self.nouns[0][1]
        bare = form.startswith("请说出符合")
        said = self._predicates(row, bare=bare)
        filled = form.format(kind=kind, clf=classifier, one=f"一{classifier}{kind}", said=said)
        return filled.replace("它", self._it(0))

    def _cast(self) -> str:
        groups: dict[tuple[str, str], list[int]] = {}
        for variable, kind in enumerate(self.nouns):
            groups.setdefault(kind, []).append(variable)
            self.seen.add(variable)
            self._number(variable)
        named = []
        for (noun, its), members in groups.items():
            count = "两" if len(members) == 2 else _NUMERALS[len(members) - 1]
            text = f"{count}{its}{noun}"
            for variable in members:
                if self.draft.proof.kinds[variable]:
                    text = self.marks.around(f"kind:{variable}", text)
                self.kind_said.add(variable)
            named.append(text)
        return one(_CASTS, self.rng).format(listed="、".join(named[:-1]) + ("和" if len(named) > 1 else "") + named[-1])

    def _mention(self, variable: int) -> str:
        (noun, classifier), first = self.nouns[variable], variable not in self.seen
        self.seen.add(variable)
        at = self._number(variable)
        if variable == 0 and not self.alone[0]:
            return self.sought.replace(noun, self._kind(0), 1)
        if self.alone[variable]:
            if first:
                return f"{one(('一', '某'), self.rng)}{classifier}{self._kind(variable)}"
            return f"{one(('这', '该', '那'), self.rng)}{classifier}{noun}".replace(f"该{classifier}", "该")
        kind = self._kind(variable) if first else noun
        if self.lettered:
            return f"{kind}{_STEMS[at]}"
        if first and at == 1:
            return one((f"另一{classifier}{kind}", f"第二{classifier}{kind}"), self.rng)
        return f"第{_NUMERALS[at]}{classifier}{kind}"

    def _number(self, variable: int) -> int:
        """As in English: the answer is the first of its noun."""
        if variable not in self.ordinal:
            group = [v for v in self.ordinal if self.nouns[v] == self.nouns[variable] and v != 0]
            ahead = self.nouns[variable] == self.nouns[0] and variable != 0
            self.ordinal[variable] = 0 if variable == 0 else len(group) + (ahead and not self.lettered)
        return self.ordinal[variable]

    def _kind(self, variable: int) -> str:
        noun = self.nouns[variable][0]
        if variable in self.kind_said or not self.draft.proof.kinds[variable]:
            return noun
        self.kind_said.add(variable)
        return self.marks.around(f"kind:{variable}", noun)

    def _predicates(self, row: Sentence, *, bare: bool) -> str:
        """Predicates of one subject; `bare`: the subject does not stand right before them."""
        said = [self._clause(clause, bare=bare or at > 0) for at, clause in enumerate(row.clauses)]
        joint = one(("，", "，并且", "，同时"), self.rng) if len(said) == 2 else "，"
        return joint.join(said)

    def _clause(self, clause: Clause, *, bare: bool) -> str:
        if clause.other is None:
            return self.marks.around(clause.part, self.clauses.clue(clause.part, bare=bare))
        thing = self._mention(clause.other)
        if clause.modifiers:
            # What describes a thing stands before it, behind no more than its numeral: 一个森林覆盖率为40%至80%的国家.
            said = "、".join(self._modifier(modifier) for modifier in clause.modifiers)
            numeral = _NUMERAL.match(thing)
            thing = f"{numeral[0]}{said}的{thing[numeral.end() :]}" if numeral else f"{said}的{thing}"
        return self.marks.around(clause.part, self.clauses.edge(clause.part, clause.subject, thing, bare=bare))

    def _modifier(self, clause: Clause) -> str:
        if clause.other is None:
            return self.marks.around(clause.part, self.clauses.clue(clause.part, bare=True, inner=True))
        thing = self._mention(clause.other)
        return self.marks.around(
            clause.part, self.clauses.edge(clause.part, clause.subject, thing, bare=True, inner=True)
        )
