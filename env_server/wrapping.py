"""What a client calls its request, kept from everything behind the front: equal requests are one, whatever their ids.

A dialect that has such names says so by `Dialect.unwrap`; of those here it is MCP, whose messages are counted up.
"""

from __future__ import annotations

from dataclasses import replace

from env_server.cache import FinishedAnswer
from env_server.dialects.dialect import Wrap

WRAP = "stillweb.wrap"
"""Where a request's scope holds what `Dialect.unwrap` gave."""


def wrapped(answer: FinishedAnswer, wrap: Wrap) -> FinishedAnswer:
    """An answer with the name of its request in it."""
    body = wrap(answer.body)
    length = (b"content-length", str(len(body)).encode())
    headers, hit_headers = (
        [length if header[0] == b"content-length" else header for header in kept]
        for kept in (answer.headers, answer.hit_headers)
    )
    return replace(answer, headers=headers, body=body, hit_headers=hit_headers, hit_head=b"")
