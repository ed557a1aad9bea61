"""The files of docker/ against the tools that know their formats: the compose specification, hadolint, promtool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.docker.stack import DOCKER, SECRETS, VariableMissing, compose

BIN = Path(sys.executable).parent
MANIFESTS = list(yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text()))


def checked(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_compose_file_follows_the_compose_specification(tmp_path: Path) -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    checked(BIN / "check-jsonschema", *schema, DOCKER / "compose.yaml")
    filled = tmp_path / "filled.json"
    filled.write_text(json.dumps(compose()))
    checked(BIN / "check-jsonschema", *schema, filled)
    filled.write_text(json.dumps({**compose(), "servces": {}}))
    with pytest.raises(AssertionError, match="servces"):
        checked(BIN / "check-jsonschema", *schema, filled)


@pytest.mark.parametrize("missing", SECRETS)
def test_without_one_of_its_secrets_the_stack_does_not_come_up(missing: str) -> None:
    with pytest.raises(VariableMissing, match=missing):
        compose({**SECRETS, missing: ""})
    assert f"\n{missing}=\n" in (DOCKER / "example.env").read_text()


def test_git_takes_no_secrets() -> None:
    assert checked("git", "check-ignore", DOCKER / ".env").strip() == str(DOCKER / ".env")


def test_every_variable_of_the_compose_file_is_in_the_example_or_only_moves_a_port() -> None:
    used = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text()))
    listed = set(re.findall(r"^#?(\w+)=", (DOCKER / "example.env").read_text(), re.MULTILINE))
    unlisted = {name for name in used - listed if not name.endswith("_PORT")}
    assert unlisted == {"STILLWEB_VERSION", "TRAINED"}
    assert listed <= used


def test_what_the_stack_names_is_there() -> None:
    whole = compose()
    for name, one in whole["services"].items():
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                # Folders of a user's own pages and tasks are theirs to make.
                assert source in ("./pages", "./tasks") or (DOCKER / source).exists(), volume
            else:
                assert source in whole["volumes"], volume
        assert set(one.get("depends_on", {})) <= set(whole["services"]), name
        assert set(one.get("secrets", [])) <= set(whole["secrets"]), name
        if "build" in one:
            assert (DOCKER / one["build"]["context"] / one["build"]["dockerfile"]).is_file()
        assert re.search(r":v?\d+\.\d+", one["image"]), f"{one['image']} names no exact version"
        assert "healthcheck" in one or name in ("snapshot", "trainer", "trainer-gpu"), name


def test_only_the_server_can_be_bound_off_loopback() -> None:
    for name, one in compose({**SECRETS, "STILLWEB_BIND": "0.0.0.0"})["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", [])) or name == "server"
    assert compose()["services"]["server"]["ports"] == ["127.0.0.1:8080:8080"]


def test_no_secret_stands_in_a_command_line() -> None:
    for name, one in compose()["services"].items():
        said = json.dumps([one.get("command"), one.get("healthcheck")])
        assert not [secret for secret in SECRETS.values() if json.dumps(secret)[1:-1] in said], name


@pytest.mark.parametrize("name", ["server.Dockerfile", "trainer.Dockerfile"])
def test_hadolint_has_nothing_to_say(name: str) -> None:
    assert checked(BIN / "hadolint", "--failure-threshold", "style", DOCKER / name) == ""


@pytest.mark.parametrize("name", ["server.Dockerfile", "trainer.Dockerfile"])
def test_an_image_runs_as_nobody_in_particular_and_copies_only_what_the_context_has(name: str) -> None:
    text = (DOCKER / name).read_text()
    built = [stage for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:] if "AS build" not in stage]
    assert built
    assert all("\nUSER 10001\n" in stage for stage in built)
    allowed = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {path for line in re.findall(r"^COPY (?!--).*", text, re.MULTILINE) for path in line.split()[1:-1]}
    for path in copied:
        assert path in allowed
        assert (ROOT / path).exists()
    # Packages and what the build needs beside them: a package left out would be missing in the image alone.
    assert {"corpus", "env_server", "agent", "training", "stillweb.py", "pyproject.toml"} <= copied


def test_the_trainers_pins_are_those_of_the_constraints() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))

    ours, theirs = pins(DOCKER / "trainer.txt"), pins(ROOT / "constraints.txt")
    assert {name: version for name, version in ours.items() if theirs.get(name, version) != version} == {}


def test_the_manifests_are_kubernetes() -> None:
    checked(BIN / "kubernetes-validate", "--strict", DOCKER / "kubernetes.yaml")


def test_the_manifests_run_what_the_compose_file_runs() -> None:
    services = compose()["services"]
    server = next(each for each in MANIFESTS if each["kind"] == "Deployment" and each["metadata"]["name"] == "server")
    pod = server["spec"]["template"]["spec"]
    for one in (*pod["initContainers"], *pod["containers"]):
        assert one["command"] == services[one["name"]]["command"]
        assert one["image"] == services[one["name"]]["image"]
    assert {each["name"] for each in pod["containers"][0]["env"]} == set(services["server"]["environment"])
    others = {each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]
              for each in MANIFESTS if each["kind"] in ("Deployment", "StatefulSet", "Job")}  # fmt: skip
    assert others["vllm"]["args"] == services["vllm"]["command"]
    for name in ("vllm", "postgres", "trainer"):
        assert others[name]["image"] == services[name]["image"]


def test_what_the_manifests_take_from_each_other_is_there() -> None:
    text = (DOCKER / "kubernetes.yaml").read_text()
    claims = {each["metadata"]["name"] for each in MANIFESTS if each["kind"] == "PersistentVolumeClaim"}
    assert set(re.findall(r"claimName: (\S+)", text)) == claims
    secrets = [each for each in MANIFESTS if each["kind"] == "Secret"]
    assert not secrets, "a secret in the file is a secret in git"
    assert set(re.findall(r"secretKeyRef: \{name: ([\w-]+), ", text)) == {"stillweb"}
    for each in MANIFESTS:
        if each["kind"] == "Service":
            named = each["spec"]["selector"]
            assert any(
                one["kind"] in ("Deployment", "StatefulSet") and one["spec"]["template"]["metadata"]["labels"] == named
                for one in MANIFESTS
            )


def test_the_batch_script_is_one_that_bash_can_read() -> None:
    checked("bash", "-n", DOCKER / "slurm.sbatch")


@pytest.mark.slow
def test_promtool_takes_the_configuration_of_prometheus(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    (tmp_path / "token").write_text("secret")
    config = tmp_path / "prometheus.yml"
    text = (DOCKER / "prometheus.yml").read_text()
    config.write_text(text.replace("/run/secrets/control_token", str(tmp_path / "token")))
    assert "SUCCESS" in checked(promtool, "check", "config", config)
    assert yaml.safe_load(text)["scrape_configs"][0]["static_configs"][0]["targets"] == ["server:8080"]
