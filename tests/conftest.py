"""Shared by every test: the tiny web, built once, and clients that talk to the real application without a socket."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

from corpus import Snapshot, build_snapshot, open_snapshot
from env_server.app import create_app
from env_server.front import Front
from env_server.settings import ServerSettings
from tests.table_web import table_web

ROOT = Path(__file__).parent.parent
TINY_WEB = Path(__file__).parent / "tiny_web"
SHARED_DATA = ROOT.parent / "shared" / "data"

# The same examples each time, so that a run of the suite is repeatable; `make full` draws others, and more.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
if "STILLWEB_EXAMPLES" not in os.environ:
    settings.load_profile("repeatable")

MakeClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real corpora beside the checkout; tests that use them are marked shared_data."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished snapshot of the tiny web, with static vectors."""
    out = tmp_path_factory.mktemp("snapshots") / "tiny"
    build_snapshot([str(TINY_WEB)], out)
    return out


@pytest.fixture(scope="session")
def tiny(tiny_path: Path) -> Snapshot:
    return open_snapshot(tiny_path)


@pytest.fixture(scope="session")
def factbook(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The demo corpus: 250-odd real pages."""
    out = tmp_path_factory.mktemp("snapshots") / "factbook"
    build_snapshot(["factbook:"], out)
    return open_snapshot(out)


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Six places and three papers, without vectors."""
    return table_web(tmp_path_factory.mktemp("snapshots"))


@pytest.fixture
def make_app(tiny: Snapshot, tiny_path: Path) -> Callable[..., Front]:
    """`make_app(max_k=5, snapshots={...})`: the whole application, with settings of the test's choosing."""

    def make(snapshots: dict[str, Snapshot] | None = None, **settings: Any) -> Front:
        served = snapshots or {"tiny": tiny}
        paths = {name: snapshot.path for name, snapshot in served.items()}
        return create_app(served, ServerSettings(snapshots=paths, **settings))

    return make


@pytest.fixture
def make_client(make_app: Callable[..., Front]) -> MakeClient:
    """`async with make_client(...) as client`: an httpx client of `make_app(...)`."""

    @asynccontextmanager
    async def make(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=make_app(**settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield client

    return make


@pytest.fixture
async def client(make_client: MakeClient) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client() as client:
        yield client


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own STILLWEB_* variables must not decide whether a test passes."""
    import os

    for name in list(os.environ):
        if name.startswith("STILLWEB_"):
            monkeypatch.delenv(name)
