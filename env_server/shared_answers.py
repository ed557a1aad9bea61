"""Finished answers that the workers of one server share: what one has made the others copy.

A mapped piece of memory without a name in any file system, which goes with the last process that has it open. In front
lies an index, behind it a log of answers in the order they were made, written over from the start when it is full.
Whoever writes holds a lock. Whoever reads does not: it copies, and a copy whose checksum is another, since it was being
written over, is no answer.
"""

from __future__ import annotations

import fcntl
import marshal
import mmap
import os
import sys
import zlib
from contextlib import ExitStack
from hashlib import blake2b
from typing import Any, TypeAlias

Fields: TypeAlias = tuple[Any, ...]
"""Numbers, bytes, strings, lists and tuples of them."""

_MARK = b"stillweb"
_HEAD, _RESERVED, _FIRST = 1, 2, 3
"""Words of the front, behind the mark: how far the log is written, how far somebody may be writing now, the first of
the index.

Positions in the log only grow; a place in it is what is left of one when divided by its length."""
_WORDS, _WAYS = 4, 4
"""Of an entry: two of the key's digest, the position, length and checksum. Entries that a digest may lie in."""
_BYTES_AN_ENTRY = 2048
"""Of the log for each entry of the index; answers are 5 kB and more."""
_KEY = 16


class SharedAnswers:
    """One worker's view of the memory that `made` gives. For one thread; other processes may write at any time."""

    def __init__(self, path: str, writer: str = "") -> None:
        """`writer` names the code that writes here, which reads its own answers alone: a worker that is started again
        after an update finds none of before. Raises OSError where the path cannot be opened, or is another file."""
        with ExitStack() as stack:
            self._file = stack.enter_context(open(path, "r+b", buffering=0))
            if self._file.read(len(_MARK)) != _MARK:
                raise OSError(f"{path} holds no answers of workers")
            self._map = mmap.mmap(self._file.fileno(), 0)
            stack.pop_all()  # it stays open
        self._writer = blake2b(writer.encode(), digest_size=_KEY).digest()
        self._sets, self._start = _shape(len(self._map))
        self._room = len(self._map) - self._start
        self._words = memoryview(self._map)[: self._start].cast("Q")

    def get(self, key: bytes) -> Fields | None:
        """What was put under a key, by any worker; None where nothing was, or where it is written over by now."""
        digest = self._digest(key)
        found = self._entry(digest)
        if found is None:
            return None
        position, packed = self._words[found + 2], self._words[found + 3]
        length, checksum = packed & 0xFFFFFFFF, packed >> 32
        if not self._is_there(position, length):
            return None
        begin = self._start + position % self._room
        copied = self._map[begin : begin + length]
        if zlib.crc32(copied) != checksum or not copied.startswith(digest) or not self._is_there(position, length):
            return None
        fields: Fields = marshal.loads(memoryview(copied)[_KEY:])
        return fields

    def put(self, key: bytes, fields: Fields) -> bool:
        """False where it was not kept: it is too long, or another worker is writing."""
        digest = self._digest(key)
        written = digest + marshal.dumps(fields)
        length = len(written)
        if length > self._room // 4:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another is writing, or the system is out of locks
            return False
        try:
            position = self._words[_HEAD]
            if position % self._room + length > self._room:  # no answer goes round the end
                position += self._room - position % self._room
            self._words[_RESERVED] = position + length
            begin = self._start + position % self._room
            self._map[begin : begin + length] = written
            entry = self._entry(digest)
            if entry is None:
                entry = min(self._set(digest), key=lambda at: self._words[at + 2])
            self._words[entry] = int.from_bytes(digest[:8], "little")
            self._words[entry + 1] = int.from_bytes(digest[8:], "little")
            self._words[entry + 2] = position
            self._words[entry + 3] = length | zlib.crc32(written) << 32
            self._words[_HEAD] = position + length
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def _digest(self, key: bytes) -> bytes:
        return blake2b(key, digest_size=_KEY, person=self._writer).digest()

    def _is_there(self, position: int, length: int) -> bool:
        """Whether nobody writes, or has written, over what begins at a position."""
        return 0 < length <= self._room and self._words[_RESERVED] - self._room <= position

    def _set(self, digest: bytes) -> range:
        first = _FIRST + _WORDS * _WAYS * (int.from_bytes(digest[:8], "little") % self._sets)
        return range(first, first + _WORDS * _WAYS, _WORDS)

    def _entry(self, digest: bytes) -> int | None:
        low, high = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
        for at in self._set(digest):
            if self._words[at] == low and self._words[at + 1] == high:
                return at
        return None


def made(max_bytes: int) -> str:
    """New memory of about that many bytes, none of them used before something is put there: a path for this user's
    processes to open, as long as this one lives. Raises OSError where the system has no such thing."""
    if not hasattr(os, "memfd_create"):
        raise OSError("this system has no memory without a file")
    descriptor = os.memfd_create("stillweb-answers", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, max_bytes)
        with mmap.mmap(descriptor, max_bytes) as mapped:
            room = max_bytes - _shape(max_bytes)[1]
            # A first round is behind us, so that an entry of zeros is one that was written over.
            mapped[: 8 * _FIRST] = _MARK + 2 * room.to_bytes(8, sys.byteorder)
    except (OSError, OverflowError, ValueError) as error:
        os.close(descriptor)
        raise OSError(f"there is no room for {max_bytes:,} bytes of answers") from error
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _shape(size: int) -> tuple[int, int]:
    """Sets of the index, and where the log begins."""
    sets = max(1, size // (_BYTES_AN_ENTRY * _WAYS))
    return sets, 8 * (_FIRST + _WORDS * _WAYS * sets)
