"""The page that shows the API works where there is no network."""

from __future__ import annotations

import re

import httpx


async def test_the_api_page_takes_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sources
    for source in sources:
        assert source.startswith("/"), source
        assert (await client.get(source)).status_code == 200
