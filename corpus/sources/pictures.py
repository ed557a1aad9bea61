"""Pictures as sources hand them over: what kind the bytes are, and which files a page may mean."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from corpus.records import Picture, Skipped

MAX_PICTURE_BYTES = 16 * 1024**2
"""Larger pictures are skipped: no page needs them, and a snapshot keeps every one it is given."""
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif")

_MAGIC = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("image/avif", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("image/x-icon", re.compile(rb"\x00\x00\x01\x00[^\x00]")),
)
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,500}\?>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*){0,4}"
    rb"(?:<!DOCTYPE\s+svg(?:[^\[>]{0,500}(?:\[[^\]]{0,2000}\]\s*)?)>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*){0,4}"
    rb"<(?:svg:)?svg[\s>]",
    re.DOTALL | re.IGNORECASE,
)
_SVG_HEAD_BYTES = 8192
# Types whose bytes are known above: who declares one of these and sends something else is wrong.
_TELLABLE = frozenset(
    ("image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/avif", "image/svg+xml", "image/x-icon")
)
_MEDIA_TYPE = re.compile(r"image/[a-z0-9][a-z0-9.+-]{0,60}")


def media_type_of(data: bytes, declared: str = "") -> str | None:
    """The media type of a picture: what its first bytes say, else what was declared, else None.

    A declared type counts only where it is one whose bytes are not known here (such as image/jxl).
    """
    for media_type, magic in _MAGIC:
        if magic.match(data):
            return media_type
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and _SVG.match(data[:_SVG_HEAD_BYTES]):
        return "image/svg+xml"
    declared = declared.partition(";")[0].strip().lower()
    return declared if declared not in _TELLABLE and _MEDIA_TYPE.fullmatch(declared) else None


def picture_of(where: str, url: str, data: bytes, declared: str = "") -> Picture | Skipped:
    """The Picture at the canonical `url`, or why it is none: empty, too large, or no kind of picture."""
    if not data:
        return Skipped(where, "the picture is empty")
    if len(data) > MAX_PICTURE_BYTES:
        return Skipped(where, picture_too_large(len(data)))
    media_type = media_type_of(data, declared)
    if media_type is None:
        said = f"declared as {declared[:60]}, but " if declared else ""
        return Skipped(where, f"{said}its bytes are no picture of a known kind")
    return Picture(url, media_type, data)


def picture_too_large(size: int) -> str:
    """The reason for skipping a picture above MAX_PICTURE_BYTES."""
    return f"the picture has {size:,} bytes, more than the limit of {MAX_PICTURE_BYTES:,}"


def is_picture_name(name: str) -> bool:
    """Whether a file is named like a picture; wget keeps a query behind the name, as in `map.png?v=2`."""
    return name.partition("?")[0].lower().endswith(PICTURE_SUFFIXES)


def is_inside(file: str) -> bool:
    """Whether a relative path stays in its folder as it is written: not absolute, not climbing out, no NUL."""
    parts = PurePosixPath(file).parts
    return bool(parts) and not file.startswith(("/", "\\")) and ".." not in parts and "\0" not in file


def picture_in_file(where: str, url: str, folder: Path, file: str) -> Picture | Skipped:
    """The picture in `folder / file`; Skipped also for paths and symbolic links that lead out of the folder."""
    if not is_inside(file):
        return Skipped(where, "the path leads out of the folder of its source")
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            return Skipped(where, "the path leads out of the folder of its source")
        if not path.is_file():  # asked first: opening a pipe would wait for ever
            return Skipped(where, "there is no such file")
        if (size := path.stat().st_size) > MAX_PICTURE_BYTES:
            return Skipped(where, picture_too_large(size))
        return picture_of(where, url, path.read_bytes())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError
        return Skipped(where, f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
