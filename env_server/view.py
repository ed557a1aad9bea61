"""What a caller may see: the part of an episode that reaches the service, as a value with a digest.

Everything that changes content stands here and so in the cache's key; what delays or replaces an answer stays above
the cache and never gets here. The empty view is the whole snapshot.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field, fields

import orjson

CONTENT_FAULTS = ("truncated", "stale", "paywalled", "captcha", "empty", "shuffled")


@dataclass(frozen=True, slots=True)
class View:
    """Masks (`exclude_urls`, `exclude_domains`, `dropped`), `as_of` (hides pages dated on or after that ISO day),
    `obfuscation_seed`, `degradation` (recall, 0 to 1), `distractors` (doc_ids mixed in), and at most one drawn
    `content_fault`. Sequences are sorted, so that equal views have equal digests.

    Masks and as-of are honoured by `env_server.service`; it refuses the other four until the weather that draws them
    is built, so that no one takes a clear web for a stormy one.
    """

    exclude_urls: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    as_of: str | None = None
    obfuscation_seed: int | None = None
    degradation: float | None = None
    distractors: tuple[str, ...] = ()
    content_fault: str | None = None
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("exclude_urls", "exclude_domains", "dropped", "distractors"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        if self.content_fault is not None and self.content_fault not in CONTENT_FAULTS:
            raise ValueError(f"Unknown content fault {self.content_fault!r}: use one of {', '.join(CONTENT_FAULTS)}.")
        object.__setattr__(self, "digest", "")
        digest = hashlib.sha256(orjson.dumps(astuple(self))).hexdigest()[:16]
        object.__setattr__(self, "digest", digest)

    @property
    def unsupported(self) -> list[str]:
        """Fields set that the service cannot honour yet."""
        asked = ("obfuscation_seed", "degradation", "distractors", "content_fault")
        return [f.name for f in fields(self) if f.name in asked and getattr(self, f.name) not in (None, ())]


EMPTY_VIEW = View()
