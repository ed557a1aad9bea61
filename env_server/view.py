"""What a caller may see: the part of an episode that reaches the service, as a value with a digest.

Everything that changes content stands here and so in the cache's key; what delays or replaces an answer stays above
the cache and never gets here. The empty view is the whole snapshot.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field, fields, replace

import orjson

from corpus.extract import normal_date
from env_server.weather.content import ContentFault


@dataclass(frozen=True, slots=True)
class View:
    """Masks (`exclude_urls`, `exclude_domains`, `dropped`), `as_of` (hides pages dated on or after that ISO day),
    `obfuscation_seed`, `degradation` (share of pages that a query still finds, 0 to 1), `distractors` (doc_ids) mixed
    in at `distractor_level` (their share of a ranking's places), `seed` of these two, at most one drawn
    `content_fault`, and bounds of what is shown. Sequences are sorted, so that equal views have equal digests.

    A service of clear addresses refuses a view with an `obfuscation_seed`: `SearchService.under` gives the other one.
    """

    exclude_urls: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    as_of: str | None = None
    obfuscation_seed: int | None = None
    degradation: float | None = None
    distractors: tuple[str, ...] = ()
    distractor_level: float = 0.0
    seed: int = 0
    content_fault: ContentFault | None = None
    snippet_words: int | None = None
    snippet_cjk_chars: int | None = None
    page_chars: int | None = None
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("exclude_urls", "exclude_domains", "dropped", "distractors"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        object.__setattr__(self, "digest", "")
        digest = hashlib.sha256(orjson.dumps(astuple(self))).hexdigest()[:16]
        object.__setattr__(self, "digest", digest)

    def also_hiding(self, other: View) -> View:
        """This view with the masks of another one; the very same object where those add nothing."""
        days = [day for day in (self.as_of, other.as_of) if day is not None]
        hides_more = other.exclude_urls or other.exclude_domains or (other.as_of and other.as_of != self.as_of)
        if not hides_more:
            return self
        return replace(
            self,
            exclude_urls=(*self.exclude_urls, *other.exclude_urls),
            exclude_domains=(*self.exclude_domains, *other.exclude_domains),
            # A year stands for its first day, so that the earlier one also comes first as text.
            as_of=min(days, key=lambda day: normal_date(day) or "", default=None),
        )

    def __hash__(self) -> int:
        return hash(self.digest)  # and not of thousands of addresses, at each look into a table of views

    @property
    def unsupported(self) -> list[str]:
        """Fields set that a service of clear addresses cannot honour."""
        asked = ("obfuscation_seed",)
        return [f.name for f in fields(self) if f.name in asked and getattr(self, f.name) not in (None, ())]


EMPTY_VIEW = View()
