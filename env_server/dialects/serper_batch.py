"""Several questions in one request, as Serper takes them: a JSON array of bodies is answered by an array of answers.

Each item is what its question would have got alone, byte for byte, also where that is a refusal: one bad question takes
no other along. Parameters of the query string hold for all, as they do for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson

from corpus.errors import CorpusError
from env_server.dialects.dialect import Asked, Handler, Reply
from env_server.errors import EnvServerError, Problem, check_bound, problem_of

_DEFAULT_NUM = 10
_MOST_NUM = 100


def batched(handler: Handler, refuse: Callable[[Problem], Reply]) -> Handler:
    """The same handler for one question or for several. Raises a 400 for an empty batch, a 422 for too large a one."""

    def one(asked: Asked, question: object) -> bytes:
        if not isinstance(question, dict):
            told = EnvServerError(400, "invalid_json", "An item is no JSON object.", 'Send objects, as [{"q": "..."}].')
            return refuse(told.problem).body
        try:
            return handler(replace(asked, body=orjson.dumps(question))).body
        except (EnvServerError, CorpusError) as error:
            return refuse(problem_of(error)).body

    def answer(asked: Asked) -> Reply:
        questions = _questions(asked)
        if questions is None:
            return handler(asked)
        settings = asked.service.settings
        check_bound("queries", len(questions), settings.max_batch)
        check_bound("hits times queries", sum(map(_num, questions)), settings.max_batch_hits)
        return Reply(b"[" + b",".join(one(asked, question) for question in questions) + b"]")

    return answer


def _questions(asked: Asked) -> list[object] | None:
    """The items of an array in the body; None where there is none."""
    if not asked.body.lstrip().startswith(b"[") or "x-www-form-urlencoded" in asked.content_type:
        return None
    try:
        questions: list[object] = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        return None  # the handler says what is wrong
    if not questions:
        raise EnvServerError(400, "missing_query", "The batch is empty.", 'Send [{"q": "..."}].')
    return questions


def _num(question: object) -> int:
    num = question.get("num") if isinstance(question, dict) else None
    return num if isinstance(num, int) and 0 < num <= _MOST_NUM else _DEFAULT_NUM  # any other is refused
