"""Pictures over HTTP: listed with their page, fetched by URL, hidden with the pages that show them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest

from corpus import Snapshot, open_snapshot
from corpus.build import BuildOptions, build_snapshot
from env_server.schemas import FetchRequest
from env_server.service import SearchService
from env_server.settings import ServerSettings
from env_server.view import View
from tests.conftest import MakeClient

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    site = tmp_path_factory.mktemp("gallery") / "site"
    for host in ("a.example", "b.example"):
        (site / host / "img").mkdir(parents=True)
        (site / host / "img" / "dot.png").write_bytes(PNG)
        (site / host / "index.html").write_text(
            f"<title>{host}</title><main><p>Pictures of {host}.</p><figure><img src='img/dot.png' alt='A dot'>"
            "<figcaption>The smallest dot</figcaption></figure><img src='/gone.png' alt='Gone'></main>"
        )
    (site / "b.example" / "img" / "drawing.svg").write_bytes(SVG)
    (site / "c.example").mkdir()
    (site / "c.example" / "index.html").write_text("<p>A guest: <img src='https://b.example/img/drawing.svg'></p>")
    build_snapshot([str(site)], site.parent / "out", BuildOptions(encoder="none"))
    return open_snapshot(site.parent / "out")


@pytest.fixture
async def client(gallery: Snapshot, make_client: MakeClient) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(snapshots={"gallery": gallery}) as client:
        yield client


async def test_a_page_lists_its_images_and_which_are_stored(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/fetch", json={"url": "https://a.example/"})).json()
    assert answer["images"] == [
        {"url": "https://a.example/img/dot.png", "alt": "A dot", "caption": "The smallest dot", "stored": True},
        {"url": "https://a.example/gone.png", "alt": "Gone", "caption": "", "stored": False},
    ]


async def test_a_stored_picture_comes_as_it_was(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/image", params={"url": "https://a.example/img/dot.png"})
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    again = await client.get("/v1/image", params={"url": "https://a.example/img/dot.png"})
    assert again.content == PNG
    assert again.headers["x-stillweb-cache"] == "hit"
    assert again.headers["content-type"] == "image/png"


async def test_a_drawing_cannot_run_scripts_in_our_origin(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/image", params={"url": "https://b.example/img/drawing.svg"})
    assert answer.content == SVG
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("https://a.example/gone.png", 404, "no_such_image"),
        ("https://a.example/", 404, "no_such_image"),
        ("no url", 422, "bad_url"),
        ("", 422, "bad_url"),
    ],
)
async def test_what_is_no_stored_picture_is_refused(
    client: httpx.AsyncClient, url: str, status: int, code: str
) -> None:
    answer = await client.get("/v1/image", params={"url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_pictures_vanish_with_the_pages_that_show_them(gallery: Snapshot) -> None:
    service = SearchService("gallery", gallery, ServerSettings(snapshots={"gallery": gallery.path}))
    dot = "https://a.example/img/dot.png"
    assert (await service.image(dot))[1] == PNG
    assert (await service.image(dot, View(exclude_urls=("https://b.example/",))))[1] == PNG
    for view in (
        View(exclude_urls=("https://a.example/",)),
        View(exclude_domains=("a.example",)),
    ):
        with pytest.raises(Exception, match="No image is stored"):
            await service.image(dot, view)


async def test_a_page_names_as_stored_only_what_its_reader_may_have(gallery: Snapshot) -> None:
    service = SearchService("gallery", gallery, ServerSettings(snapshots={"gallery": gallery.path}))
    for view, stored in ((View(), True), (View(exclude_domains=("b.example",)), False)):
        answer = orjson.loads(await service.fetch(FetchRequest(url="https://c.example/"), view))
        (drawing,) = answer["images"]
        assert drawing["stored"] is stored
        if stored:
            assert (await service.image(drawing["url"], view))[1] == SVG
        else:
            with pytest.raises(Exception, match="No image is stored"):
                await service.image(drawing["url"], view)
