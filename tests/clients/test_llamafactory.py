"""Sets of rollouts and of pairs, read by LLaMA-Factory itself with the entries that the docs give."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.models.local import smollm2
from tests.clients.environments import ROOT, Environment
from tests.env_server.test_determinism import running_server
from tests.training.data_parts import KEEPER, OPEN, PERSON, READ, RIGHT, ROLLOUTS, TASK, rolled, script
from training.data.dpo import build_dpo
from training.data.filters import Sieve
from training.data.sft import build_sft

pytestmark = pytest.mark.clients(tier="B")

SEEN_ONLY = "left in 1978"
"""Words of a page that no reply has."""
ENTRIES = re.compile(r"```json\n(\{\"rollouts\".*?)```", re.DOTALL)


def test_replies_are_trained_on_and_no_observation_is(
    environment: Callable[[str], Environment], tiny_path: Path, tmp_path: Path
) -> None:
    with running_server(tiny_path, database=str(tmp_path / "episodes.sqlite")) as url:
        native = asyncio.run(rolled(url, {"native": script(KEEPER, OPEN, PERSON, READ, RIGHT)}))
        episodes = asyncio.run(rolled(url, ROLLOUTS))
    build_sft(lambda: native.values(), [TASK], tmp_path / "sft", sieve=Sieve(calls=1))
    build_dpo(episodes.values(), [TASK], tmp_path / "dpo")
    sets = tmp_path / "sets"
    sets.mkdir()
    for file in ("sft/sharegpt.jsonl", "dpo/steps_sharegpt.jsonl"):
        shutil.copy(tmp_path / file, sets)
    (entries,) = ENTRIES.findall((ROOT / "docs/data-sets.md").read_text())
    (sets / "dataset_info.json").write_text(entries)

    read = environment("llamafactory").run(
        "read_llamafactory.py", str(sets), str(smollm2()), "rollouts", "steps", timeout_s=300, HF_HUB_OFFLINE="1"
    )

    (row,) = read["sft"]
    with_loss, without = row[""]["with"], row[""]["without"]
    assert with_loss.count("<tool_call>") == 4
    assert with_loss.count("<|im_end|>") == 5, "each reply's end is learned"
    assert "<answer>1978</answer>" in with_loss
    assert "tool_response" not in with_loss
    assert SEEN_ONLY not in with_loss
    assert SEEN_ONLY in without
    assert TASK.question in without

    rows = [json.loads(line) for line in (sets / "steps_sharegpt.jsonl").read_text().splitlines()]
    assert len(read["dpo"]) == len(rows) > 3
    told = [[side["chosen_"]["with"], side["rejected_"]["with"]] for side in read["dpo"]]
    wanted = [[f"{pair[side]['value']}<|im_end|>\n" for side in ("chosen", "rejected")] for pair in rows]
    assert sorted(told) == sorted(wanted)
    for pair in read["dpo"]:
        assert pair["chosen_"]["without"] == pair["rejected_"]["without"], "a pair has one prompt"
