"""Settings of the server, declared once. Read from STILLWEB_* in `app_from_env`, passed down as values."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Annotated, Literal

from pydantic import DirectoryPath, Field, FilePath, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from env_server.cache import CACHE_BYTES
from env_server.view import View


class ServerSettings(BaseSettings):
    """Each is an environment variable too: `cache_bytes` is STILLWEB_CACHE_BYTES."""

    model_config = SettingsConfigDict(env_prefix="STILLWEB_", use_attribute_docstrings=True, frozen=True)

    snapshots: dict[str, DirectoryPath]
    """Snapshots to serve by name, as written by `stillweb corpus build`; the first also answers at the root."""
    token: SecretStr | None = None
    """Bearer token that every request but health and readiness must carry. None: no token is asked for."""
    control_token: SecretStr | None = None
    """Bearer token of the control routes (/v1/episodes, /v1/tasks, /metrics), in place of `token`: a rollout that has
    the other one cannot open, read or answer episodes. None: `token` opens them, too."""
    database: str | None = None
    """Where episodes are kept: a path (SQLite) or postgresql://USER@HOST/NAME. None: there are no episodes."""
    tasks: FilePath | None = None
    """Task file to open episodes from (docs/episodes.md)."""
    prices: FilePath | None = None
    """Price table of the ledger and of budgets in dollars (docs/ledger.md). None: the one that comes along."""
    price_as: str = "serper"
    """Vendor as whose calls those of native routes and of APIs without a price are priced."""
    episode_idle_s: PositiveFloat = 86_400.0
    """An episode without a call for this long is expired."""
    episode_keep_s: PositiveFloat | None = None
    """An episode that ended this long ago is removed with its calls. None: all are kept."""
    control_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the control routes, which then answer there alone, and nothing else there. None: the common port."""
    exclude_urls: list[str] = []
    """Pages that no request sees, in addition to what it or its episode hides."""
    exclude_domains: list[str] = []
    """Domains, with their subdomains, of which no request sees a page."""
    as_of: str | None = None
    """Pages dated on or after this day are seen by no request; undated ones are."""
    also: dict[str, int] = {}
    """Dialects that have a port of their own beside the common one: {"tavily": 8081}."""
    workers: PositiveInt = 1
    """Processes that share the port. Indexes are memory-mapped and shared; see `cache_bytes` for the cache."""
    threads: PositiveInt = max(1, os.cpu_count() or 1)
    """Searches that run at once in one worker: the cores, since a search is bound by them."""
    cache_bytes: int = CACHE_BYTES
    """Upper bound of finished answers kept, over all workers; 0 keeps none. Of several workers half of it is common."""
    shared_answers: str | None = None
    """Path of the memory in which workers share answers; the command makes it."""
    max_queue: PositiveInt = 1024
    """Requests computed or waiting to be, in one worker; the next is answered 503 with Retry-After."""
    max_body_bytes: PositiveInt = 1024**2
    """A request's body; a larger one is answered 413."""
    max_k: PositiveInt = 1000
    """Hits a search may ask for."""
    max_batch: PositiveInt = 128
    """Queries or pages in one batch."""
    max_batch_hits: PositiveInt = 10_000
    """Hits a batch may ask for over all its queries."""
    max_batch_page_chars: PositiveInt = 16_000_000
    """Characters a batch of pages may ask for: page_chars times items."""
    max_query_chars: PositiveInt = 8192
    """Characters of a query, a goal or a pattern."""
    max_page_chars: PositiveInt = 1_000_000
    """Characters of one page of a fetch."""
    weather: str | None = None
    """Weather of calls outside episodes: a ready-made profile's name or a YAML file (docs/weather.md). None: calm."""
    virtual_time: bool = False
    """Do not wait for what the weather delays: the header X-Stillweb-Latency-S tells it."""
    obfuscation_seed: int | None = None
    """Show every snapshot at invented addresses, drawn from this seed (docs/obfuscation.md). None: at its own."""
    recording: SecretStr | None = None
    """A recording of live answers: a path of an SQLite file, or a database's URL, which may hold a password."""
    modes: dict[str, Literal["local", "record", "replay", "live", "local-then-live"]] = {}
    """How a dialect is answered, by "DIALECT" or "DIALECT/PATH"; what is not named is local."""
    on_miss: Literal["error", "local", "empty"] = "error"
    """What a replay answers where the recording holds nothing."""
    upstreams: dict[str, list[str]] = {}
    """Addresses asked in place of a vendor's own, by dialect; the second is the backup of the first."""
    allow_hosts: list[str] = []
    """Hosts, or HOST:PORT, whose pages may be fetched though they are not of the public web."""
    access_log: bool = False
    """One log line per request. Costs about as much as a cached answer, so it is off."""

    @cached_property
    def view(self) -> View:
        """What every request sees at most."""
        return View(
            exclude_urls=tuple(self.exclude_urls),
            exclude_domains=tuple(self.exclude_domains),
            as_of=self.as_of,
            obfuscation_seed=self.obfuscation_seed,
        )

    @cached_property
    def also_at(self) -> dict[int, str]:
        """The dialect of a port."""
        return {port: name for name, port in self.also.items()}

    @field_validator("snapshots")
    @classmethod
    def _named(cls, snapshots: dict[str, DirectoryPath]) -> dict[str, DirectoryPath]:
        if not snapshots:
            raise ValueError("no snapshot to serve")
        return snapshots
