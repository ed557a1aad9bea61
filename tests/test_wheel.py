"""What a stranger installs: the wheel, alone, in a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_serves_the_demo_from_a_clean_environment(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"stillweb.py", "corpus/py.typed", "env_server/templates/search.html"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "docs", "docker"))]
    venv.create(tmp_path / "env", with_pip=True)
    bin_ = tmp_path / "env" / "bin"
    install = [str(bin_ / "pip"), "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    listed = subprocess.run(
        [bin_ / "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    ).stdout
    assert not [line for line in listed.lower().splitlines() if line.startswith(("torch", "transformers", "pytest"))]
    subprocess.run([bin_ / "pip", "check"], check=True, capture_output=True)
    port = free_port()
    environment = {**os.environ, "STILLWEB_HOME": str(tmp_path / "home")}

    def serve() -> subprocess.Popen[str]:
        command = [bin_ / "stillweb", "serve", "--port", str(port)]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)

    started = time.monotonic()
    server = serve()
    try:
        answer = first_answer(port, server, give_up_s=60)
        print(f"first search answered {time.monotonic() - started:.1f} s after the install")
    finally:
        server.terminate()
        server.wait(20)
    assert answer["hits"][0]["title"] == "Liechtenstein"
    again = time.monotonic()
    server = serve()
    try:
        assert first_answer(port, server, give_up_s=60) == answer
        print(f"a second start answered after {time.monotonic() - again:.1f} s")
    finally:
        server.terminate()
        server.wait(20)


def first_answer(port: int, server: subprocess.Popen[str], give_up_s: float) -> dict[str, list[dict[str, str]]]:
    """The first search, asked until it is answered."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/search",
        json.dumps({"query": "doubly landlocked principality in the Alps", "k": 3}).encode(),
        {"content-type": "application/json"},
    )
    deadline = time.monotonic() + give_up_s
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer: dict[str, list[dict[str, str]]] = json.load(response)
                return answer
        except OSError:
            assert server.poll() is None, server.stderr.read() if server.stderr else ""
            assert time.monotonic() < deadline, "no answer in time"
            time.sleep(0.1)
