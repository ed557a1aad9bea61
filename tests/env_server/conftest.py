"""The two databases of episodes, for every module that keeps some: one PostgreSQL for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.env_server.databases import DATABASES, postgresql, url_of


@pytest.fixture(scope="session")
def server() -> Iterator[partial[str]]:
    """A PostgreSQL; what it gives makes a new database and returns its URL."""
    with postgresql() as new:
        yield new


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path, server: partial[str]) -> str:
    """A new database, of either kind."""
    return url_of(request.param, tmp_path, server)
