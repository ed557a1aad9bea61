"""A generated world: pages a second, memory as it grows, how long the last page takes, and what is in it.

python -m tests.bench.bench_world
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

from corpus.world import RELATIONS, entities, statements, truth
from tests.bench.figures import FIGURES, write_figures

PAGE = FIGURES.parent / "world.md"
SIZES = (10_000, 100_000)
COUNTED = ("entities", "relations", "statements", "facts", "facts_joining_two_things", "triangles", "squares", "k4")
LOOKED_AT = "seed=7,pages=5000"
_GENERATE = """
import json, resource, sys, time
from corpus.records import Document
from corpus.world import read_world
pages = int(sys.argv[1])
list(read_world("seed=6,pages=1000"))
started, characters, links, count = time.process_time(), 0, 0, 0
for item in read_world(f"seed=7,pages={pages}"):
    if isinstance(item, Document):
        count, characters, links = count + 1, characters + len(item.text), links + len(item.links)
cpu_s = time.process_time() - started
started = time.process_time()
(last,) = read_world("seed=7,pages=10000000,images=0", skip=9_999_999)
print(json.dumps({
    "pages": count, "cpu_s": round(cpu_s, 2), "pages_per_cpu_s": round(count / cpu_s),
    "characters_per_page": round(characters / count), "links_per_page": round(links / count, 2),
    "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    "last_of_ten_million_ms": round(1000 * (time.process_time() - started), 1),
}))
"""


def generated(pages: int) -> dict[str, Any]:
    """A world read to its end in a process of its own."""
    done = subprocess.run([sys.executable, "-c", _GENERATE, str(pages)], capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def contents(args: str) -> dict[str, Any]:
    """How many facts there are, on how many pages each, and how closely things are joined."""
    where: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    count = 0
    for s in statements(args):
        count += 1
        inverse = RELATIONS[s.relation].inverse
        key = (s.subject, s.relation, s.object or (s.value.text if s.value else ""))
        where[min(key, (s.object, inverse, s.subject)) if s.object and inverse else key].add(s.doc_id)
    joined = [key for key in where if RELATIONS[key[1]].value_kind == "entity"]
    near: dict[str, set[str]] = defaultdict(set)
    degree: Counter[str] = Counter()
    for one, _, other in joined:
        near[one].add(other)
        near[other].add(one)
        degree.update((one, other))
    triangles = {frozenset((a, b, c)) for a in near for b, c in combinations(sorted(near[a]), 2) if c in near[b]}
    k4 = {three | {d} for three in triangles for d in set.intersection(*(near[t] for t in three))}
    shared = Counter(pair for a in near for pair in combinations(sorted(near[a]), 2))
    return {
        "entities": sum(1 for _ in entities(args)),
        "relations": len(RELATIONS),
        "statements": count,
        "facts": len(where),
        "facts_joining_two_things": len(joined),
        "pages_per_fact": round(sum(map(len, where.values())) / len(where), 3),
        "told_on_neither_page": round(sum(not ({k[0], k[2]} & where[k]) for k in joined) / len(joined), 3),
        "degree": {"least": min(degree.values()), "mean": round(degree.total() / len(degree), 2),
                   "most": max(degree.values())},
        "triangles": len(triangles),
        "squares": sum(n * (n - 1) // 2 for n in shared.values()) // 2,
        "k4": len(k4),
        "planted": dict(sorted(Counter(row.kind for row in truth(args)).items())),
    }  # fmt: skip


def rendered(measured: dict[str, Any]) -> str:
    """docs/world.md with the figures in it."""
    inside = measured["contents"]
    lines = ["| pages | pages a CPU second | characters a page | peak memory |", "|---|---|---|---|"]
    lines += [
        f"| {row['pages']:,} | {row['pages_per_cpu_s']:,} | {row['characters_per_page']} | {row['peak_mib']} MiB |"
        for row in measured["generated"]
    ]
    lines += ["", f"| `{measured['looked_at']}` | |", "|---|---|"]
    for name in (
        "entities",
        "relations",
        "statements",
        "facts",
        "facts_joining_two_things",
        "triangles",
        "squares",
        "k4",
    ):
        lines.append(f"| {name.replace('_', ' ').replace('k4', 'K4')} | {inside[name]:,} |")
    degree = inside["degree"]
    lines += [
        f"| pages that state a fact, on average | {inside['pages_per_fact']} |",
        f"| facts told on neither thing's own page | {inside['told_on_neither_page']:.1%} |",
        f"| claims a thing is in: least, mean, most | {degree['least']}, {degree['mean']}, {degree['most']} |",
        *(f"| planted: {kind.replace('_', ' ')} | {count:,} |" for kind, count in inside["planted"].items()),
    ]
    last = max(row["last_of_ten_million_ms"] for row in measured["generated"])
    lines += ["", f"Page 9,999,999 of ten million is there after {last} ms of CPU time."]
    block = "<!-- world -->\n" + "\n".join(lines) + "\n<!-- end -->"
    return re.sub(r"<!-- world -->.*?<!-- end -->", lambda _: block, PAGE.read_text("utf-8"), flags=re.DOTALL)


def stored() -> dict[str, Any]:
    """What was measured last."""
    found: dict[str, Any] = json.loads(Path(FIGURES / "world.json").read_text("utf-8"))["measured"]
    return found


if __name__ == "__main__":
    measured = {
        "generated": [generated(size) for size in SIZES],
        "looked_at": LOOKED_AT,
        "contents": contents(LOOKED_AT),
    }
    write_figures("world", "python -m tests.bench.bench_world", measured)
    PAGE.write_text(rendered(measured), "utf-8")
