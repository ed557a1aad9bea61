"""The files of a remote folder, through fsspec: listed, read from any byte, written; every failure in our own words."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from corpus.errors import CorpusError, RemoteUnavailable
from corpus.transport import Moved

_CHUNK_BYTES = 4 * 1024**2
"""Read at once: over HTTP a request each, so that this much is lost where a connection breaks."""
_TRIES = 3
"""How often in a row a file may break off before a fetch gives up; what has arrived stays."""
_VERSIONS = ("ETag", "etag", "md5Hash", "generation", "Last-Modified", "LastModified", "updated", "mtime", "created")
"""What file systems call the things that change when a file does."""
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"}


class RangesRefused(Exception):
    """The remote sends a file only from its beginning."""


def shown(url: str) -> str:
    """A URL as messages name it: without password and signature."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0]).rstrip("/")


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder at a URL, or a single file, whose name within is then ""."""

    url: str
    fs: Any
    root: str

    @classmethod
    def open(cls, url: str) -> RemoteFolder:
        """Raises RemoteUnavailable where the URL is of a kind unknown, or its package is not installed."""
        options: dict[str, Any] = {}
        try:
            from fsspec.core import url_to_fs

            if url.startswith(("http://", "https://")):
                # Its own limit is five minutes for a whole file; ours is a minute of silence.
                timeout = import_module("aiohttp").ClientTimeout(total=None, sock_connect=30, sock_read=60)
                options = {"client_kwargs": {"timeout": timeout}}
            fs, root = url_to_fs(url, **options)
            fs.invalidate_cache()
        except ImportError as error:
            missing = getattr(error.__cause__, "name", None) or error.name
            package = "'stillweb[sources]'" if missing == "fsspec" else missing
            raise RemoteUnavailable(
                f"{shown(url)} needs the package {missing}." if missing else f"{shown(url)}: {error}.",
                f"Install it: pip install {package}" if missing else "",
            ) from error
        except Exception as error:
            raise RemoteUnavailable(
                f"{shown(url)} cannot be opened: {error}.",
                "Give a folder, or a URL that fsspec knows, such as s3://, gs://, https:// or file://.",
            ) from error
        return cls(url, fs, root.rstrip("/"))

    @property
    def shown(self) -> str:
        return shown(self.url)

    @property
    def _protocols(self) -> set[str]:
        return {self.fs.protocol} if isinstance(self.fs.protocol, str) else set(self.fs.protocol)

    @property
    def is_local(self) -> bool:
        """On a disk or in the memory of this machine, where reading back is cheap."""
        return bool(self._protocols & {"file", "local", "memory"})

    @property
    def is_http(self) -> bool:
        return bool(self._protocols & {"http", "https"})

    def path(self, name: str) -> str:
        return f"{self.root}/{quote(name) if self.is_http else name}" if name else self.root

    def broken(self, name: str, reason: str) -> RemoteUnavailable:
        place = f"{self.shown}/{name}" if name else self.shown
        reason = reason.replace(self.url, self.shown).rstrip(".")
        return RemoteUnavailable(
            f"{place} failed: {reason}.",
            "When that is mended, run the same command again: it goes on where it stopped.",
        )

    @contextmanager
    def reaching(self, name: str = "") -> Iterator[None]:
        """Whatever a file system raises in the block becomes RemoteUnavailable, with the cause kept."""
        try:
            yield
        except (CorpusError, RangesRefused):
            raise
        except Exception as raised:  # each has a family of its own, from OSError to botocore's
            error: BaseException = raised
            # Over HTTP fsspec says "not found" of a host that does not answer, too.
            if self.is_http and isinstance(raised, FileNotFoundError) and raised.__cause__ is not None:
                error = raised if getattr(raised.__cause__, "status", None) == 404 else raised.__cause__
            said = str(error)
            raise self.broken(name, f"{type(error).__name__}: {said}" if said else type(error).__name__) from error

    def sizes(self) -> dict[str, int]:
        """Name -> bytes of every file below; nothing for a folder that is not there."""
        with self.reaching():
            self.fs.invalidate_cache()
            try:
                found = self.fs.find(self.root, detail=True)
            except FileNotFoundError:
                return {}
            return {path[len(self.root) + 1 :]: entry["size"] for path, entry in found.items()}

    def version(self) -> tuple[int | None, list[str]]:
        """Bytes of the file the URL names, None where the remote does not tell, and what changes when it does."""
        with self.reaching():
            found = self.fs.info(self.path(""))
            return found.get("size"), [f"{key}={found[key]}" for key in _VERSIONS if found.get(key) is not None]

    def holds(self, name: str) -> bool:
        with self.reaching(name):
            return bool(self.fs.exists(self.path(name)))

    @contextmanager
    def reading(self, name: str) -> Iterator[Any]:
        with self.reaching(name), self.fs.open(self.path(name), "rb") as file:
            yield file

    def read(self, name: str, limit_bytes: int) -> bytes:
        """A small file whole. Raises RemoteUnavailable, with FileNotFoundError as its cause where there is none."""
        with self.reading(name) as file:
            data: bytes = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise self.broken(name, f"it has more than {limit_bytes:,} bytes")
        return data

    def digest(self, name: str) -> str:
        digest = hashlib.sha256()
        for chunk in self.chunks(name, 0):
            digest.update(chunk)
        return digest.hexdigest()

    def chunks(self, name: str, start: int, *, ranges: bool = True) -> Iterator[bytes]:
        """The bytes of a file from `start`; with `ranges` false in one stream, which servers without ranges need.

        Raises RemoteUnavailable, and RangesRefused where the file must be read from its beginning.
        """
        with self.reaching(name):
            file = self.fs.open(self.path(name), "rb", **({"block_size": 0} if self.is_http and not ranges else {}))
        try:
            while True:
                with self.reaching(name):
                    try:
                        if start:
                            file.seek(start)
                            start = 0
                        chunk = file.read(_CHUNK_BYTES)
                    except ValueError as error:
                        if not ranges:
                            raise
                        raise RangesRefused from error
                if not chunk:
                    return
                yield chunk
        finally:
            file.close()

    def send(self, file: Path, name: str, moved: Moved) -> None:
        """Write a local file. A break may leave part of it there."""
        from fsspec.callbacks import Callback

        class Sent(Callback):  # type: ignore[misc]  # fsspec has no types
            told = 0

            def relative_update(self, inc: int = 1) -> None:
                self.told += inc
                moved(inc)

        sent = Sent()
        with self.reaching(name):
            self._make_folder(name)
            self.fs.put_file(str(file), self.path(name), callback=sent)
        moved(file.stat().st_size - sent.told)  # some file systems tell nothing on the way

    def write(self, name: str, data: bytes) -> None:
        with self.reaching(name):
            self._make_folder(name)
            self.fs.pipe_file(self.path(name), data)

    def remove(self, name: str) -> None:
        if self.holds(name):
            with self.reaching(name):
                self.fs.rm_file(self.path(name))

    def _make_folder(self, name: str) -> None:
        # Object stores have no folders, and would make a bucket of a mistyped name.
        if not self._protocols & _OBJECT_STORES:
            self.fs.makedirs(self.path(name).rpartition("/")[0], exist_ok=True)


def size_of(file: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return file.stat().st_size if file.is_file() else 0


def fetch(
    remote: RemoteFolder, name: str, target: Path, size_bytes: int | None, moved: Moved, sha256: str | None = None
) -> str:
    """Bring a file into `target`, going on behind what is there of it; return the sha256 of the whole.

    What is there is not believed where the whole does not come out as `sha256`: then it is fetched once more from the
    beginning. Without a size the remote's end is the end. Raises RemoteUnavailable; an OSError is of `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if size_bytes is not None and size_of(target) > size_bytes:
        target.unlink()
    kept = size_of(target)
    digest = _append(remote, name, target, size_bytes, moved)
    if kept and sha256 is not None and digest != sha256:
        moved(-target.stat().st_size)
        target.unlink()
        digest = _append(remote, name, target, size_bytes, moved)
    return digest


def _append(remote: RemoteFolder, name: str, target: Path, size_bytes: int | None, moved: Moved) -> str:
    failures, ranges = 0, True
    with open(target, "a+b") as file:
        file.seek(0)
        digest, have = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            have += len(chunk)
        moved(have)
        while have != size_bytes:
            try:
                for chunk in remote.chunks(name, have, ranges=ranges):
                    fitting = chunk if size_bytes is None else chunk[: size_bytes - have]
                    file.write(fitting)
                    digest.update(fitting)
                    have += len(fitting)
                    moved(len(fitting))
                    failures = 0 if ranges else failures
                    if have == size_bytes:
                        break
                if size_bytes is None or have == size_bytes:
                    break
                raise remote.broken(name, f"it ended behind {have:,} of {size_bytes:,} bytes")
            except RangesRefused:
                ranges = False
            except RemoteUnavailable as error:
                failures += 1
                if failures == _TRIES or isinstance(error.__cause__, FileNotFoundError | PermissionError):
                    raise
                time.sleep(0.2 * failures)
            if not ranges:  # what comes next begins at the first byte
                file.truncate(0)
                moved(-have)
                digest, have = hashlib.sha256(), 0
    return digest.hexdigest()
