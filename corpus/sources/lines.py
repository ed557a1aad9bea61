"""Lines of a plain, gzip, bzip2 or zstd file, in flat memory, with the misfortunes of files told in words."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from corpus.errors import BadSource

MAX_LINE_BYTES = 64 * 1024**2
_BZIP2 = b"BZh"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BUFFER_BYTES = 256 * 1024
# A zstd block of 4 bytes can unpack to 128 KiB: 2 KiB at a time never hold more than one longest line.
_ZSTD_BYTES = 2048


def storable(name: str) -> str:
    """A file's name as UTF-8 can hold it: bytes that are no UTF-8 are written as their escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


class _ZstdFile(io.RawIOBase):
    """Decompressed bytes of one zstd file of any number of frames.

    zstandard's own stream_reader takes a file that ends inside a frame for a complete one; here that is an EOFError.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        # The window a file was packed with is not ours to choose.
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed names no concrete buffer
        while not self._ready:
            packed = self._packed or self._file.read(_ZSTD_BYTES)
            self._packed = b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("the last frame is cut off")
                return 0
            self._frame = self._frame or self._decompressor.decompressobj()
            self._ready = memoryview(self._frame.decompress(packed))
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def read_lines(path: str, *, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[tuple[str, bytes | str]]:
    """Every line that is not blank as (where, line), `where` being "file:LINE".

    In place of a line stands a reason (str) where one is longer than `max_line_bytes`, and at the end where the file
    breaks off or is damaged. Raises BadSource at once where the file cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise BadSource(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from error
    return _lines(Path(path), magic, max_line_bytes)


def _lines(path: Path, magic: bytes, max_line_bytes: int) -> Iterator[tuple[str, bytes | str]]:
    # Only the name: where a build ran must not show in what it made.
    number, rows, name = 0, 0, storable(path.name)
    with open(path, "rb", buffering=_BUFFER_BYTES) as packed:
        file = open_packed(packed, magic)
        while True:
            try:
                line = file.readline(max_line_bytes + 1)
                whole = len(line) <= max_line_bytes
                rest = line
                while not whole and rest and not rest.endswith(b"\n"):
                    line = b""
                    rest = file.readline(_BUFFER_BYTES)
            except EOFError:
                yield f"{name}:{number + 1}", f"the file ends early, after {rows:,} rows; copy or download it again"
                return
            except (OSError, zlib.error, zstandard.ZstdError) as error:
                reason = f"the file is damaged ({error}) after {rows:,} rows; copy or download it again"
                yield f"{name}:{number + 1}", reason
                return
            if whole and not line:
                return
            number += 1
            if not whole:
                rows += 1
                yield f"{name}:{number}", f"the line is longer than {max_line_bytes:,} bytes"
            elif line.strip():
                rows += 1
                yield f"{name}:{number}", line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def open_packed(file: IO[bytes], magic: bytes) -> IO[bytes] | io.BufferedIOBase:
    """The unpacked bytes of a file that begins with `magic`: gzip, zstd, bzip2 (of any number of streams), or plain.

    Reading raises EOFError where it ends early, OSError, zlib.error or ZstdError where it is damaged.
    """
    if magic.startswith(_GZIP):
        # A second buffer around it would lose what it holds when the file breaks off.
        return gzip.GzipFile(fileobj=file, mode="rb")
    if magic.startswith(_ZSTD):
        return io.BufferedReader(_ZstdFile(file), _BUFFER_BYTES)
    if magic.startswith(_BZIP2):
        return bz2.BZ2File(file)
    return file
