"""Real questions over a real corpus: a small real model, chance, and what bounds them from below and above.

    python -m tests.bench.bench_questions --snapshot WTQ --out DIR [--questions 50] [--random 200] [--cap-s 3600]

Questions: the train questions of ../shared/data/wtq that can be asked alone, name their page and have it in the
snapshot, drawn by the seed. Arms:

    local      SmolLM2-135M-Instruct at temperature 0.7, top-p 0.95, plain text format, default profile, at most 6 turns
    no_tool    the same model with worked examples that answer at once: the floor
    oracle     the same, given what the server's extract route takes out of the evidence page: the ceiling
    random     the policy that searches, opens and answers by chance

The runs are kept in DIR and gone on with: given again, the command scores what is there and asks no model. `--cap-s`
bounds each arm's time; what was not begun by then is left out, and the figures say how many there are. `--score` rolls
nothing out.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import uvloop

from agent.client import AsyncClient
from agent.context import Policy
from agent.formats import PLAIN, Format, Results
from agent.loop import Gates, Limits, Player
from agent.models.local import LocalModel
from agent.models.protocol import Message, Model, Sampling
from agent.models.random_policy import RandomPolicy
from agent.plan import Plan, settle
from agent.questions import Question
from agent.records import ModelRef, decode
from agent.runner import Drain, run
from agent.shards import rows
from agent.speech import Manner, agent_ref, manner_of
from agent.throttle import Gate
from agent.tools import native
from agent.tools.profile import Profile
from agent.tools.profiles import profile
from agent.world import World, look_at
from corpus import open_snapshot
from corpus.evidence import holds_answer
from tests.bench.figures import FIGURES, write_figures
from tests.bench.serving.processes import TOKEN, stillweb
from tests.conftest import SHARED_DATA
from training.comparing import decompose
from training.evaluate import Evaluation, evaluate
from training.loaders import load, placed
from training.rubric import gold_of, snapshot_texts
from training.tasks import Task

ORACLE_CHARS = 4000
RESULT_CHARS = 700
SMALL = Limits(turns=6, calls=6, context_tokens=4096)
WIDE = Limits(turns=20, calls=20, context_tokens=10**6)
"""By chance a policy opens long pages; it reads none of them."""
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=48)
_PAGE = (
    "Page: Tessel Bridge\nThe Tessel Bridge joins the two halves of the city. It was built in 1931 by Ida Korn.\n"
    "Question: Which year was the bridge over the Tessel built?"
)


def shots(*pairs: tuple[str, str]) -> tuple[Message, ...]:
    """Questions with their answers, as turns of a conversation."""
    said = [({"role": "user", "content": asked}, {"role": "assistant", "content": answer}) for asked, answer in pairs]
    return tuple(message for pair in said for message in pair)


FROM_MEMORY = shots(
    ("Question: In which country is the town of Orvane?", "Answer: Lurmark"),
    ("Question: Which year was the bridge over the Tessel built?", "Answer: 1931"),
)
FROM_PAGE = shots(
    (_PAGE, "Answer: 1931"),
    (_PAGE.rpartition("\n")[0] + "\nQuestion: Who built the Tessel Bridge?", "Answer: Ida Korn"),
)


def briefly(results: Results) -> list[Message]:
    """As the worked examples show them: of a search the best hit, of a page its beginning, without blank lines.

    With more than one hit, or a structured error, this model goes on with the list instead of calling a tool.
    """
    texts = []
    for _, text in results:
        if text.startswith("{"):
            text = "nothing. Write a line that begins with Search:, Open: or Answer:"
        elif text.startswith("1. "):
            text = text.split("\n\n")[0]
        texts.append("\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())[:RESULT_CHARS])
    return [{"role": "user", "content": "\n".join(f"Results: {text}" for text in texts)}]


def answering(name: str, system: str, format: Format) -> Manner:
    """No tool but the answer."""

    def tools() -> tuple[Any, ...]:
        return tuple(tool for tool in native.tools() if tool.name == "answer")

    bare = Profile(name, "plain", system, "answer", tools)
    return Manner(bare, format, system, tuple(bare.schemas))


async def played(
    world: World, manner: Manner, model: Model, sampling: Sampling, questions: Sequence[Question], out: Path,
    cap_s: float, limits: Limits = SMALL, concurrency: int = 1,
) -> None:  # fmt: skip
    player = Player(manner, model, manner.sampling(sampling), limits, Policy())
    plan = Plan(
        tuple(questions), 1, 0, agent_ref(manner, "none", asdict(limits)),
        ModelRef(name=model.name, sampling=asdict(player.sampling)), manner.schemas, world.identity(),
    )  # fmt: skip
    settle(out, plan, {})
    drain = Drain()
    timer = asyncio.get_running_loop().call_later(cap_s, lambda: setattr(drain, "asked", True))
    await run(plan, player, world, Gates(Gate(concurrency), Gate(8)), out, concurrency=concurrency, drain=drain)
    timer.cancel()
    await model.close()


async def with_pages(world: World, tasks: Sequence[Task], titles: dict[str, str]) -> list[Question]:
    """Each question under what its first evidence page says of it."""
    found = []
    for task in tasks:
        page = task.evidence[0]
        taken = await world.client.extract(page, task.question, max_chars=ORACLE_CHARS)
        parts = [part.text for part in sorted(taken.passages, key=lambda part: part.start)]
        text = f"Page: {titles[page]}\n" + "\n".join(parts) + f"\nQuestion: {task.question}"
        found.append(Question(task.task_id, text))
    return found


async def rolled_out(
    port: int, tasks: Sequence[Task], few: int, titles: dict[str, str], out: Path, cap_s: float, threads: int
) -> None:
    """Every arm, one after the other."""

    def small() -> LocalModel:
        return LocalModel(template="plain", threads=threads)

    asked = [Question(task.task_id, task.question) for task in tasks]
    searching = replace(manner_of(profile("default"), "plain"), format=replace(PLAIN, observations=briefly))
    async with AsyncClient(f"http://127.0.0.1:{port}", token=TOKEN) as client:
        world = await look_at(client)
        chance = manner_of(profile("default"))
        policy = RandomPolicy(tools=chance.schemas)
        await played(world, chance, policy, Sampling(), asked, out / "random", cap_s, WIDE, 8)
        memory = answering("no_tool", "You answer questions.", replace(PLAIN, shots=FROM_MEMORY))
        await played(world, memory, small(), SAMPLING, asked[:few], out / "no_tool", cap_s)
        oracle = answering("oracle", "You answer questions from a page.", replace(PLAIN, shots=FROM_PAGE, question=str))
        pages = await with_pages(world, tasks[:few], titles)
        await played(world, oracle, small(), SAMPLING, pages, out / "oracle", cap_s)
        await played(world, searching, small(), SAMPLING, asked[:few], out / "local", cap_s)


def shown(scored: Evaluation) -> dict[str, Any]:
    """What the page of the docs quotes of an arm."""
    accuracy = scored.rates["correct"]
    return {
        "rollouts": scored.rollouts,
        "right": round(accuracy.mean * scored.rollouts),
        "accuracy": round(accuracy.mean, 4),
        "low": round(accuracy.low, 4),
        "high": round(accuracy.high, 4),
        "answered": round(scored.rates["answered"].mean, 4),
        "evidence_seen": round(scored.rates["seen"].mean, 4),
        "evidence_opened": round(scored.rates["opened"].mean, 4),
        "calls": round(scored.calls.mean, 2),
        "detectable": round(accuracy.detectable, 4),
    }


def rendered(measured: dict[str, Any]) -> str:
    """The table of docs/evaluation.md."""
    lines = [
        "| arm | questions | right | accuracy, 95 % | answered | evidence seen | opened | calls | detectable |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for arm, one in measured["arms"].items():
        shares = [f"{100 * one[name]:.1f} %" for name in ("answered", "evidence_seen", "evidence_opened")]
        interval = f"{100 * one['accuracy']:.1f} % ({100 * one['low']:.1f} to {100 * one['high']:.1f})"
        cells = [
            arm,
            one["rollouts"],
            one["right"],
            interval,
            *shares,
            one["calls"],
            f"{100 * one['detectable']:.1f} %",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def write_page(page: Path, measured: dict[str, Any]) -> None:
    """Put the table between its markers."""
    before, mark, rest = page.read_text().partition("<!-- questions -->\n")
    after = rest.partition("<!-- end -->")[2]
    page.write_text(f"{before}{mark}{rendered(measured)}\n<!-- end -->{after}")


def main(
    snapshot: Path, out: Path, questions: int, of_chance: int, cap_s: float, seed: int, threads: int, score: bool
) -> dict[str, Any]:
    web = open_snapshot(snapshot)
    file = SHARED_DATA / "wtq" / "questions.train.jsonl.zst"
    everything = load(file, "wtq")
    alone, _ = placed(everything, "wtq", web, alone=True)
    fit, _ = placed(everything, "wtq", web, alone=True, named=True)
    tasks = random.Random(seed).sample(sorted(fit, key=lambda task: task.task_id), max(questions, of_chance))
    titles = {page: web.store.head(web.store.require(doc_id=page))[1] for task in tasks for page in task.evidence}
    if not score:
        with stillweb(snapshot) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(rolled_out(server.port, tasks, questions, titles, out, cap_s, threads))
    by_id = {task.task_id: task for task in tasks}
    texts = snapshot_texts(web)
    episodes = {arm: [decode(row) for row in rows(out / arm)] for arm in ("random", "no_tool", "oracle", "local")}
    scored = {arm: evaluate(of, by_id.values(), text_of=texts) for arm, of in episodes.items()}
    loss = decompose(scored["local"], floor=scored["no_tool"], ceiling=scored["oracle"])
    pages = [(one.task.question.rpartition("\nQuestion: ")[0], by_id[one.task.id]) for one in episodes["oracle"]]
    held = sum(holds_answer(page, gold_of(task), aliases=task.aliases) for page, task in pages)
    return {
        "snapshot_id": web.snapshot_id,
        "questions": len(everything),
        "alone": len(alone),
        "alone_and_named": len(fit),
        "seed": seed,
        "model": "SmolLM2-135M-Instruct",
        "oracle_chars": ORACLE_CHARS,
        "oracle_extracts_that_state_the_gold": f"{held} of {len(pages)}",
        "arms": {arm: shown(scored[arm]) for arm in scored},
        "loss": loss.rounded(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=Path, required=True, help="of ../shared/data/wtq/docs.jsonl.zst")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs; gone on with")
    parser.add_argument("--questions", type=int, default=50, help="for the model")
    parser.add_argument("--random", type=int, default=200, help="for the policy that plays by chance")
    parser.add_argument("--cap-s", type=float, default=3600, help="seconds for each arm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--score", action="store_true", help="score what is there")
    given = parser.parse_args()
    figures = main(
        given.snapshot, given.out, given.questions, given.random, given.cap_s, given.seed, given.threads, given.score
    )
    write_figures("questions", "python -m tests.bench.bench_questions --snapshot WTQ --out DIR", figures)
    write_page(FIGURES.parent / "evaluation.md", figures)
