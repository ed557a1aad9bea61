"""Several questions in one request, as Serper takes them: a JSON array of bodies is answered by an array of answers.

Each item is what its question would have got alone, byte for byte, also where that is a refusal: one bad question
takes no other along. Only where the server fails, all do, and what one request may look at (`CHOSEN_FROM`) is shared.
Parameters of the query string hold for all, as they do for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from corpus.errors import CorpusError
from env_server.dialects.dialect import Asked, Handler, Reply
from env_server.errors import EnvServerError, Problem, check_bound, problem_of

_DEFAULT_NUM = 10
_NUM = TypeAdapter(Annotated[int, Field(ge=1, le=100)])
_PAGE = TypeAdapter(Annotated[int, Field(ge=1, le=1000)])
"""As a question alone reads them: "100" is a number, too."""


def batched(handler: Handler, refuse: Callable[[Problem], Reply]) -> Handler:
    """The same handler for one question or for several. Raises a 400 for an empty batch, a 422 for too large a one,
    and what is no question's own fault (a 5xx)."""

    def one(asked: Asked, question: object) -> bytes:
        if not isinstance(question, dict):
            told = EnvServerError(400, "invalid_json", "An item is no JSON object.", 'Send objects, as [{"q": "..."}].')
            return refuse(told.problem).body
        alone = replace(asked, body=b"")
        # Not written out to be read again: orjson reads what is nested more deeply than it writes.
        vars(alone).update(json=question, fields=asked.query | question)
        try:
            return handler(alone).body
        except (EnvServerError, CorpusError) as error:
            problem = problem_of(error)
            if problem.status >= 500:
                raise  # it may pass, and an answer of status 200 is kept
            return refuse(problem).body

    def answer(asked: Asked) -> Reply:
        questions = _questions(asked)
        if questions is None:
            return handler(asked)
        settings = asked.service.settings
        check_bound("queries", len(questions), settings.max_batch)
        ranked = sum(min(_last(asked, question), settings.max_k) for question in questions)
        check_bound("hits times queries", ranked, settings.max_batch_hits)
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


def _last(asked: Asked, question: object) -> int:
    """The last hit that a question needs, pages before its own included; 0 where it is refused."""
    if not isinstance(question, dict):
        return 0
    given: Mapping[str, Any] = asked.query | question
    try:
        num, page = (
            default if given.get(name) is None else kind.validate_python(given[name])
            for name, kind, default in (("num", _NUM, _DEFAULT_NUM), ("page", _PAGE, 1))
        )
    except ValidationError:
        return 0
    return num * page
