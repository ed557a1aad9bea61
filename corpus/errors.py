"""What can go wrong on the ground floor.

    CorpusError
    ├── BadUrl               a string that is no absolute http(s) URL
    ├── BadSource            a source that cannot be read at all (one bad page in it is only a Skipped)
    ├── BadQuery             a query the chosen syntax or engine refuses
    ├── ModeUnavailable      a retrieval mode the snapshot has no index for
    ├── PageNotFound         no document under that URL or id
    ├── BadJudgements        queries or qrels that cannot be read, or that judge pages the snapshot has not
    ├── MissingPackage       a library of an extra that is not installed
    ├── EncoderUnavailable   an encoder that is unknown, not installed, or does not fit the snapshot
    ├── SnapshotIncomplete   a directory whose build did not finish
    ├── SnapshotCorrupt      a file that is not what the manifest says
    ├── SnapshotFormat       a format this version does not read
    ├── RemoteUnavailable    a remote folder or file that cannot be reached, read or written
    └── BuildRefused         a build, a pull or the like that must not start: other settings, no place to write

Every message names the thing, the cause and the remedy.
"""

from __future__ import annotations

from pathlib import Path


class CorpusError(Exception):
    """Base of every error this package raises on purpose: what happened to what, and what to do next."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:  # a KeyError among the bases would show the repr
        return str(self.args[0])


class BadUrl(CorpusError, ValueError):
    """The string is not an absolute http or https URL."""

    def __init__(self, url: str, why: str) -> None:
        shown = url if len(url) <= 120 else url[:117] + "..."
        super().__init__(f"{shown!r} {why}.", "Give an absolute http:// or https:// URL.")


class BadSource(CorpusError):
    """A source cannot be read at all."""


class BadQuery(CorpusError, ValueError):
    """The query cannot be run as asked."""


class ModeUnavailable(CorpusError, ValueError):
    """The snapshot has no index for the mode asked for."""

    def __init__(self, mode: str, available: tuple[str, ...]) -> None:
        super().__init__(
            f"This snapshot was built without vectors, so mode {mode!r} is not available.",
            f"Use {' or '.join(available)}, or build the snapshot again with --encoder static.",
        )


class PageNotFound(CorpusError, KeyError):
    """No document under that URL or id."""

    def __init__(self, name: str) -> None:
        shown = name if len(name) <= 200 else name[:197] + "..."
        super().__init__(
            f"No page {shown!r} in this snapshot.",
            "Use a URL or doc_id from a search, or list pages: GET /v1/documents.",
        )


class BadJudgements(CorpusError):
    """Queries or qrels cannot be read, or judge pages that the snapshot does not hold."""


class MissingPackage(CorpusError):
    """A library that only an extra brings is not installed."""


class EncoderUnavailable(CorpusError):
    """An encoder is unknown, not installed, or differs from the one the snapshot was built with."""


class SnapshotIncomplete(CorpusError):
    """There is no finished snapshot: no folder, no manifest, or a build that has not finished."""

    def __init__(self, path: Path) -> None:
        if (path / ".build").is_dir():
            super().__init__(
                f"{path} has no manifest.json, so its build did not finish.",
                f"Run the same `stillweb corpus build SOURCE... --out {path}` again: it continues where it stopped.",
            )
        elif path.is_dir():
            super().__init__(
                f"{path} is no snapshot: it has no manifest.json.",
                f"If it holds pages, build one from them: stillweb corpus build {path} --out snapshots/{path.name}",
            )
        else:
            super().__init__(
                f"There is no folder {path}.", "Build a snapshot: stillweb corpus build SOURCE... --out DIR"
            )


class SnapshotCorrupt(CorpusError):
    """A file of the snapshot is not what the manifest says."""

    def __init__(self, path: Path | str, difference: str) -> None:
        super().__init__(
            f"{path} differs from the manifest: {difference}.", "Restore the file from a copy or build again."
        )
        self.difference = difference


class SnapshotFormat(CorpusError):
    """The snapshot's format is not one this version reads."""


class BuildRefused(CorpusError):
    """A build that must not start or cannot go on."""


class RemoteUnavailable(CorpusError):
    """A remote folder or file cannot be reached, read or written."""
