"""Stillweb over HTTP with the standard library alone, as adapters need it: questions, episodes, search, fetch, answer.

The gold answer stays on the server (`stillweb serve SNAPSHOT --database FILE --tasks FILE`): an episode is opened with
a task's id, and the answer is handed in for its reward.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

PROMPT = (
    "You answer questions by searching a web. Search, read the pages that look right, and check what you found against "
    "every part of the question. When you are sure, or can get no further, give the answer alone, without a call."
)
TAGS = (
    "You answer questions by searching a web. Write <search>words</search> to search, <fetch>URL</fetch> to read a "
    "page, and nothing after it: what was found comes between <information> and </information>. When you are sure, or "
    "can get no further, write <answer>the answer alone</answer>."
)
OF_THE_RUN = frozenset(
    "unauthorized snapshot_mismatch unknown_snapshot unknown_episode episode_over unread_answer no_such_route".split()
)
"""Codes of errors that say the run is set up wrongly: they say nothing of the policy."""

_THOUGHT = re.compile(r"<think>.*?</think>|^.*?</think>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_ACTION = re.compile(r"<(search|fetch|answer)>(.*?)</\1>", re.DOTALL)
_LOCAL = threading.local()
_IDLE_S = 60.0
"""How long an idle connection is kept; the server keeps it 75 s, so it is never the one to close first."""


class WebError(Exception):
    """The server refused, or did not answer (status 0). As a string it is what a model may be shown."""

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.status, self.code = status, code

    @property
    def of_the_run(self) -> bool:
        """Whether it is no answer to the model's call: the server is gone, or the run is set up wrongly."""
        return self.status == 0 or self.code in OF_THE_RUN


@dataclass(frozen=True)
class Web:
    """A server. A plain value: it can be pickled, and connections are kept by thread beside it."""

    url: str
    """As http://127.0.0.1:8080, or with /s/NAME."""
    token: str | None = field(default=None, repr=False)
    control_url: str | None = None
    """Where episodes and tasks answer, if the server was given a control port."""
    control_token: str | None = field(default=None, repr=False)
    weather: str | Mapping[str, Any] | None = None
    """Of episodes: a profile's name, or a profile."""
    seed: int = 0
    """With the task's id it makes an episode's seed: rollouts of one task meet the same weather."""
    max_calls: int | None = None
    """Budget of an episode, kept by the server."""
    observation_chars: int = 4000
    """Of a page's text that a fetch shows at once, 100 or more."""
    timeout_s: float = 60.0

    def tasks(self, split: str | None = None, *, most: int | None = None) -> list[dict[str, Any]]:
        """Of the server's task file, in its order: `id`, `question`, `split`, `snapshot_id`. Raises WebError."""
        found: list[dict[str, Any]] = []
        cursor = 0
        while True:
            wanted = {"cursor": cursor, "limit": 1000} | ({} if split is None else {"split": split})
            part = self._control("GET", f"/v1/tasks?{urlencode(wanted)}")
            found += part["tasks"]
            if part["next"] is None or (most is not None and len(found) >= most):
                return found[:most]
            cursor = part["next"]

    def open(self, task: str | None, **spec: Any) -> str:
        """Open an episode; its id. `spec`: what else POST /v1/episodes takes, over what this value says."""
        body = {"task": task, "seed": seed_of(self.seed, task), "weather": self.weather}
        if self.max_calls is not None:
            body["budget"] = {"calls": self.max_calls}
        return str(self._control("POST", "/v1/episodes", {**body, **spec})["id"])

    def answer(self, episode: str, text: str) -> dict[str, Any]:
        """Hand in the answer and end the episode: `reward`, `correct`, `f1`, `scorer`, `parts`. Raises WebError.

        The same answer may be handed in again, after a reply that was lost.
        """
        told: dict[str, Any] = self._control("POST", f"/v1/episodes/{quote(episode)}/answer", {"answer": text[:20_000]})
        return told

    def close(self, episode: str) -> None:
        """End an episode without an answer. One that is over stays as it is."""
        self._control("POST", f"/v1/episodes/{quote(episode)}/close", {})

    def search(self, query: str, *, top_k: int = 5, episode: str | None = None) -> str:
        """Titles, URLs and snippets, best first, as text for a model. Raises WebError."""
        found = self._ask("POST", "/v1/search", {"query": query, "k": max(1, min(int(top_k), 10))}, episode)
        hits = [f"{hit['rank']}. {hit['title']}\n{hit['url']}\n{hit['snippet']}" for hit in found["hits"]]
        return "\n\n".join(hits) or "No results. Try other or fewer words."

    def fetch(self, url: str, *, page: int = 1, episode: str | None = None) -> str:
        """Part `page` of a page, as text for a model: `observation_chars` of it, links written out on top. Raises
        WebError."""
        wanted = {"url": url, "page": int(page), "page_chars": self.observation_chars}
        read = self._ask("POST", "/v1/fetch", wanted, episode)
        more = f"\n\n[There is more: page={read['page'] + 1}.]" if read["page"] < read["pages"] else ""
        return f"{read['title']}\n{read['url']}\n\n{read['text']}{more}"

    def mcp_url(self, episode: str | None = None) -> str:
        """Where this web, or an episode of it, speaks MCP. With the token in it, for clients that send no headers."""
        key = f"?{urlencode({'api_key': self.token})}" if self.token else ""
        return f"{self.url.rstrip('/')}{f'/e/{quote(episode)}' if episode else ''}/mcp{key}"

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        return self._asked(self.control_url or self.url, self.control_token or self.token, method, path, body, None)

    def _ask(self, method: str, path: str, body: Any, episode: str | None) -> Any:
        return self._asked(self.url, self.token, method, path, body, episode)

    def _asked(self, base: str, token: str | None, method: str, path: str, body: Any, episode: str | None) -> Any:
        """The parsed answer. A server that is full asks to come again; weather that says so is the model's to meet."""
        headers = {"Content-Type": "application/json"} | ({"X-Stillweb-Episode": episode} if episode else {})
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        for again in range(6):
            status, retry_after, data = _exchange(base, method, path, body, headers, self.timeout_s)
            if status < 300:
                return _read(status, data, path)
            error = _error_of(status, data, path)
            if error.code != "overloaded" or again == 5:
                raise error
            time.sleep(min(retry_after, 60.0))
        raise AssertionError("the loop ends by itself")


def web_from_environment(environment: Mapping[str, str] = os.environ, **given: Any) -> Web:
    """STILLWEB_URL, and where wanted STILLWEB_TOKEN, _CONTROL_URL, _CONTROL_TOKEN, _WEATHER (a name, or JSON), _SEED,
    _MAX_CALLS, _OBSERVATION_CHARS. `given`: fields of Web that win over them where they are not None. Raises WebError
    without a URL, and for a variable that cannot be read."""
    read = environment.get
    wanted = {name: value for name, value in given.items() if value is not None}
    url = wanted.pop("url", None) or read("STILLWEB_URL")
    if not url:
        raise WebError(0, "no_url", "STILLWEB_URL is not set.", "Set it to where `stillweb serve` listens.")
    weather: Any = read("STILLWEB_WEATHER") or None
    calls = read("STILLWEB_MAX_CALLS")
    known = Web(
        url,
        token=read("STILLWEB_TOKEN") or None,
        control_url=read("STILLWEB_CONTROL_URL") or None,
        control_token=read("STILLWEB_CONTROL_TOKEN") or None,
        weather=_set("STILLWEB_WEATHER", json.loads, weather) if weather and weather.startswith("{") else weather,
        seed=_set("STILLWEB_SEED", int, read("STILLWEB_SEED") or 0),
        max_calls=_set("STILLWEB_MAX_CALLS", int, calls) if calls else None,
        observation_chars=_set("STILLWEB_OBSERVATION_CHARS", int, read("STILLWEB_OBSERVATION_CHARS") or 4000),
    )
    return replace(known, **wanted)


def shown(call: Callable[[], str]) -> str:
    """What a call gives, or its error in the server's words. Raises WebError where that says nothing to a model."""
    try:
        return call()
    except WebError as error:
        if error.of_the_run:
            raise
        return f"Error: {error}"


def final_answer(text: str) -> str:
    """What a model's last message answers: what stands between its last <answer> tags, or all but its thoughts."""
    text = _THOUGHT.sub("", text)
    tagged = _ANSWER.findall(text)
    return (tagged[-1] if tagged else text).strip()


def tagged_action(text: str) -> tuple[str, str]:
    """The first action of a reply in tags, thoughts left out: (search | fetch | answer, words); ("", "") without one.

    What is written after it was written before it was answered, and does not count.
    """
    found = _ACTION.search(_THOUGHT.sub("", text))
    return (found[1], found[2].strip()) if found else ("", "")


def done_in_tags(web: Web, kind: str, words: str, episode: str | None) -> str:
    """What a model in tags reads next. Raises WebError where that says nothing to a model."""
    if kind == "search":
        said = shown(lambda: web.search(words, episode=episode))
    elif kind == "fetch":
        said = shown(lambda: web.fetch(words, episode=episode))
    else:
        said = "Write <search>words</search>, <fetch>URL</fetch> or <answer>the answer alone</answer>."
    return f"\n<information>{said}</information>\n"


def rows_command(made: Callable[[str | None], list[dict[str, Any]]]) -> None:
    """The command line of a file that makes rows: `FILE.py OUT.jsonl --split train`."""
    parser = argparse.ArgumentParser(description="Write rows of the task file of the server at STILLWEB_URL.")
    parser.add_argument("out", help="a file .jsonl")
    parser.add_argument("--split", help="of the task file; without it all of it")
    given = parser.parse_args()
    part = f"{given.out}.part"  # renamed in the end: a run that is cut leaves no file that looks whole
    try:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in made(given.split)]
        if not lines:
            parser.exit(2, f"The task file has no task of split {given.split!r}.\n")
        with open(part, "w", encoding="utf-8") as file:
            file.writelines(lines)
        os.replace(part, given.out)
    except WebError as error:
        parser.exit(2, f"{error}\n")
    except OSError as error:
        with suppress(OSError):
            os.unlink(part)
        parser.exit(2, f"{given.out} cannot be written: {error.strerror}.\n")


def _set(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise WebError(0, "bad_setting", f"{name} cannot be read: {error}.", "Correct it, or leave it out.") from error


def seed_of(seed: int, task: str | None) -> int:
    """An episode's seed, 48 bits."""
    return int(hashlib.sha256(f"{seed}:{task or ''}".encode()).hexdigest()[:12], 16)


def _exchange(
    base: str, method: str, path: str, body: Any, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, float, bytes]:
    """Status, Retry-After in seconds, body. Over this thread's connection to the server, or a new one.

    Nothing is sent twice: in an episode the second would be another attempt.
    """
    data = None if body is None else json.dumps(body).encode()
    kept: dict[str, tuple[http.client.HTTPConnection, float]] = _LOCAL.__dict__.setdefault("kept", {})
    connection = None
    try:
        parts = urlsplit(base if "//" in base else f"http://{base}")
        # By process, too: over a connection that a fork has doubled, one would read the other's answers.
        place = f"{os.getpid()} {parts.scheme}://{parts.netloc}"
        connection, used_at = kept.pop(place, (None, 0.0))
        if connection is None or time.monotonic() - used_at > _IDLE_S:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(parts.netloc, timeout=timeout_s)
        connection.request(method, parts.path.rstrip("/") + path, data, dict(headers))
        answer = connection.getresponse()
        read = answer.read()
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a token that no header can hold
        if connection is not None:
            connection.close()
        remedy = "Check that the server runs and that STILLWEB_URL is its own."
        raise WebError(0, "unreachable", f"{path.partition('?')[0]} gave no complete answer.", remedy) from error
    kept[place] = connection, time.monotonic()
    retry_after = answer.getheader("Retry-After") or "1"
    return answer.status, float(retry_after) if retry_after.isdigit() else 1.0, read


def _read(status: int, data: bytes, path: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:  # a proxy's page
        raise _error_of(status, data, path) from error


def _error_of(status: int, data: bytes, path: str) -> WebError:
    try:
        told = json.loads(data)["error"]
        return WebError(status, str(told["code"]), str(told["message"]), str(told["remedy"]))
    except (ValueError, KeyError, TypeError):
        told = f"{path.partition('?')[0]} gave status {status} and no answer of Stillweb's."
        return WebError(status, "unread_answer", told, "Check that STILLWEB_URL is a Stillweb server.")
