"""What the containers of docker/compose.yaml would run, run here without them: same commands, same environment.

Folders, hosts and ports are those of the test; nothing else is changed. PostgreSQL is a real one.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.serving.processes import started
from tests.conftest import ROOT, TINY_WEB
from tests.docker.stack import DOCKER, SECRETS, compose, service
from tests.env_server.databases import postgresql
from tests.ports import free_port

TOKEN, CONTROL = SECRETS["STILLWEB_TOKEN"], SECRETS["STILLWEB_CONTROL_TOKEN"]


def ask(url: str, token: str | None = None, body: object = None) -> tuple[int, str]:
    """Status and text of an answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the container `snapshot` builds, twice: the second time it has nothing to do."""
    out = tmp_path_factory.mktemp("snapshots") / "web"
    built = service("snapshot", STILLWEB_SOURCE=str(TINY_WEB))
    for _ in range(2):
        command = built.on_this_machine({"/snapshots/web": str(out)})
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True, env={**os.environ, **built.environment})
    return out


@pytest.fixture(scope="module")
def server(snapshot: Path) -> Iterator[str]:
    served, port = service("server"), free_port()
    with postgresql() as new:
        places = {
            "/snapshots/web": str(snapshot),
            "postgresql://stillweb@postgres/stillweb": new(),
            "0.0.0.0": "127.0.0.1",
            "8080": str(port),
        }
        with started(served.on_this_machine(places), port, served.environment):
            yield f"http://127.0.0.1:{port}"


@pytest.mark.slow
def test_the_server_of_the_stack_keeps_its_tokens_and_its_episodes_in_postgresql(server: str) -> None:
    query = {"query": "lamp", "k": 2}
    assert ask(f"{server}/v1/search", None, query)[0] == 401
    assert ask(f"{server}/v1/search", TOKEN, query)[0] == 200
    assert ask(f"{server}/v1/episodes", TOKEN, {})[0] in (401, 403), "a rollout's token opens no episode"
    status, opened = ask(f"{server}/v1/episodes", CONTROL, {})
    assert status in (200, 201), opened
    episode = json.loads(opened)["id"]
    assert ask(f"{server}/e/{episode}/v1/search", TOKEN, query)[0] == 200
    assert json.loads(ask(f"{server}/v1/episodes/{episode}", CONTROL)[1])["id"] == episode
    assert ask(f"{server}/metrics", TOKEN)[0] in (401, 403)


@pytest.mark.slow
def test_the_health_check_passes_where_there_is_a_server_and_fails_where_there_is_none(server: str) -> None:
    kind, program, *rest = compose()["services"]["server"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    for port, passes in ((server.rsplit(":", 1)[1], True), (str(free_port()), False)):
        command = [sys.executable, *(part.replace("8080", port) for part in rest)]
        assert (subprocess.run(command, capture_output=True).returncode == 0) is passes


@pytest.mark.slow
def test_every_metric_and_label_of_the_dashboard_is_one_the_server_has(server: str) -> None:
    for body in ({"query": "lamp"}, {"query": "lamp"}, {"query": "harbour"}):
        assert ask(f"{server}/v1/search", TOKEN, body)[0] == 200
    assert ask(f"{server}/tavily/search", TOKEN, {"query": "lamp"})[0] == 200
    # Of the two workers one counts a request just after it has sent the answer, and the other may be asked meanwhile.
    deadline = time.monotonic() + 60
    while True:
        told = ask(f"{server}/metrics", CONTROL)[1]
        counted = re.findall(r"^stillweb_ledger_calls_total\{(.*)\} (\S+)$", told, re.MULTILINE)
        if sum(float(calls) for _, calls in counted) >= 4 and any("tavily" in labels for labels, _ in counted):
            break
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    names: dict[str, set[str]] = {}
    families: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(told):
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
            families.setdefault(family.name, set()).add(sample.name)
    panels = json.loads((DOCKER / "grafana" / "stillweb.json").read_text())["panels"]
    asked: set[str] = set()
    for expr in (target["expr"] for panel in panels for target in panel["targets"]):
        metrics = re.findall(r"stillweb_\w+", expr)
        assert metrics, expr
        for metric in metrics:
            assert metric in names, f"{metric} of a panel is not in /metrics"
            chosen = re.findall(rf"{metric}\{{(\w+)", expr)
            grouped = re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", expr)))
            assert {*chosen, *grouped} <= names[metric], expr
        asked.update(metrics)
    assert {family for family, samples in families.items() if not samples & asked} == {
        "stillweb_ledger_billed", "stillweb_ledger_cached", "stillweb_ledger_bytes",
    }, "what no panel shows"  # fmt: skip


def test_the_panels_ask_the_source_that_is_provisioned_and_have_names_of_their_own() -> None:
    (source,) = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    panels = json.loads((DOCKER / "grafana" / "stillweb.json").read_text())["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert source["url"] == "http://prometheus:9090"


@pytest.mark.slow
def test_a_real_prometheus_scrapes_the_server_with_the_configuration_of_the_stack(server: str, tmp_path: Path) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("prometheus is not here: it is in Debian's package prometheus")
    (tmp_path / "token").write_text(CONTROL)
    text = (DOCKER / "prometheus.yml").read_text()
    for theirs, ours in {
        "/run/secrets/control_token": str(tmp_path / "token"),
        "server:8080": server.removeprefix("http://"),
        "15s": "1s",
    }.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    (tmp_path / "prometheus.yml").write_text(text)
    assert ask(f"{server}/v1/search", TOKEN, {"query": "lamp"})[0] == 200
    port = free_port()
    command = [prometheus, *service("prometheus").on_this_machine({
        "/etc/prometheus/prometheus.yml": str(tmp_path / "prometheus.yml"), "=/prometheus": f"={tmp_path / 'kept'}",
    })]  # fmt: skip
    process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        query = f"http://127.0.0.1:{port}/api/v1/query?query=sum(stillweb_requests_total)"
        assert float(first_of(query)) >= 1
    finally:
        process.terminate()
        process.wait(20)


def first_of(query: str, patience_s: float = 30) -> Any:
    """The value of a query once there is one."""
    tick = threading.Event()
    for _ in range(int(patience_s / 0.2)):
        try:
            found = json.loads(ask(query)[1])["data"]["result"]
        except (urllib.error.URLError, ValueError, KeyError):
            found = []
        if found:
            return found[0]["value"][1]
        tick.wait(0.2)
    raise AssertionError(f"nothing was scraped in {patience_s} s: {query}")


@pytest.mark.slow
def test_the_model_of_the_stack_answers_as_openai_s_would() -> None:
    command = service("model").on_this_machine({"0.0.0.0": "127.0.0.1", "8000": "0"})
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        url = next(
            (line.split("running on ")[1].split()[0] for line in process.stderr if "running on http" in line), ""
        )
        assert url, "it did not start"
        assert json.loads(ask(f"{url}/health")[1]) == {"status": "healthy"}
        body = {"model": "any", "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 4}
        status, answer = ask(f"{url}/v1/chat/completions", None, body)
        assert status == 200
        assert json.loads(answer)["usage"]["completion_tokens"] in range(1, 5)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("name", ["trainer", "trainer-gpu"])
def test_the_trainers_options_are_ones_it_has(name: str) -> None:
    """Read from the script's text: to import it takes torch and many seconds."""
    python, flag, module, *options = service(name).command
    assert (python, flag) == ("python", "-m")
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    (main,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    has = set()
    for argument in main.args.args:
        words = [node.value for node in ast.walk(argument) if isinstance(node, ast.Constant)]
        own = {word for word in words if isinstance(word, str) and word.startswith("--")}
        has |= own or {f"--{argument.arg.replace('_', '-')}"}
    assert {option.split("=")[0] for option in options} <= has


@pytest.mark.slow
def test_the_batch_script_gives_its_command_a_server_and_leaves_nothing_behind(snapshot: Path, tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, module in (("stillweb", "-P -m stillweb"), ("python", "")):
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (bin_ / name).chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "SNAPSHOT": str(snapshot)}
    script = ["bash", str(DOCKER / "slurm.sbatch")]
    ran = {
        "capture_output": True,
        "text": True,
        "env": {**environment, "TMPDIR": str(scratch), "STILLWEB_WORKERS": "1"},
        "cwd": ROOT,
    }
    done = subprocess.run([*script, "stillweb", "search", "first lamp", "--json"], **ran)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"]
    failed = subprocess.run([*script, "false"], **ran)  # type: ignore[call-overload]
    assert failed.returncode == 1
    assert list(scratch.iterdir()) == []
    assert subprocess.run(script, **ran).returncode == 2  # type: ignore[call-overload]
