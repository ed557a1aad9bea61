"""The resources server of NeMo Gym, asked over HTTP as its simple agent asks: seed, tools, verify, by cookie."""

import json
import os
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from unittest.mock import MagicMock

from fastapi.testclient import TestClient
from nemo_gym.base_resources_server import BaseResourcesServerConfig, BaseRunRequest
from nemo_gym.server_utils import ServerClient
from omegaconf import OmegaConf

sys.path.insert(0, str(Path("stillweb").absolute()))
import app

PAGE = "https://www.cia.gov/the-world-factbook/countries/liechtenstein/"


def response(*output):
    about = {"id": "r", "created_at": 0, "model": "scripted", "object": "response", "parallel_tool_calls": False}
    return {**about, "tool_choice": "auto", "tools": [], "output": list(output)}


def message(text):
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}


CALL = {"type": "function_call", "call_id": "c", "name": "search", "arguments": "{}", "id": "f", "status": "completed"}


def rollout(client, row, *output):
    client.cookies.clear()
    seeded = client.post("/seed_session", json=row)
    cookies = seeded.cookies
    searched = client.post("/search", json={"query": "doubly landlocked principality in the Alps", "top_k": 2})
    fetched = client.post("/fetch", json={"url": PAGE})
    missing = client.post("/fetch", json={"url": PAGE + "nothing", "page": 1})
    verified = client.post("/verify", json={**row, "response": response(*output)})
    verified.raise_for_status()
    kept = ("reward", "correct", "answered", "mask_sample", "failure_reason", "task_id")
    return {
        "status": seeded.status_code,
        "cookies": len(cookies),
        "texts": [one.json()["text"] for one in (searched, fetched, missing)],
        "verified": {name: verified.json().get(name) for name in kept},
    }


def main():
    subprocess.run([sys.executable, "stillweb/app.py", "rows.jsonl", "--split", "test"], check=True)
    row = json.loads(Path("rows.jsonl").read_text())
    BaseRunRequest.model_validate(row)
    config = BaseResourcesServerConfig(host="127.0.0.1", port=8080, entrypoint="app.py", name="stillweb")
    server = app.StillwebResourcesServer(config=config, server_client=MagicMock(spec=ServerClient))
    told = {"python": metadata("nemo-gym")["Requires-Python"], "row": row}
    told |= {"config": OmegaConf.to_container(OmegaConf.load("stillweb/configs/stillweb.yaml"))}
    with TestClient(server.setup_webserver()) as client:
        right = message("<think>So.</think>Liechtenstein")
        told["rollouts"] = [rollout(client, row, CALL, right) for _ in range(2)]
        told["call"] = rollout(client, row, CALL)
        told["open"] = len(server.episodes)
        # Verified again, in another process say: the session has no episode any more.
        again = client.post("/verify", json={**row, "response": response(right)})
        told["again"] = again.json()["reward"]
        client.cookies.clear()
        client.post("/seed_session", json=row)
        os.environ["STILLWEB_URL"] = "http://127.0.0.1:9"
        gone = client.post("/verify", json={**row, "response": response(right)}).json()
        told["gone"] = {name: gone[name] for name in ("reward", "mask_sample", "failure_reason")}
    return told


print("\n" + json.dumps(main()))
