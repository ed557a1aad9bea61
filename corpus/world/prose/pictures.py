"""Small drawings as PNG: flags, maps with towns where they lie, portraits, landscapes, packshots.

Written without compression (a stored deflate block), since the bytes of a compressor differ between its versions.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from corpus.world.making.mould import Block, Draw
from corpus.world.making.things import Thing
from corpus.world.prose.writing import pick

WIDTH, HEIGHT = 72, 54
"""Size of every picture, in pixels."""
Canvas = list[bytearray]
_INKS = (
    *((245, 243, 235), (196, 58, 49), (38, 84, 140), (231, 178, 60), (52, 120, 74), (90, 64, 48), (28, 28, 34)),
    *((160, 200, 222), (214, 170, 140), (124, 92, 150), (176, 190, 110), (240, 222, 170)),
)
PAPER, RED, BLUE, GOLD, GREEN, BROWN, BLACK, WATER, SKIN, VIOLET, MOSS, SAND = range(12)


def png(rows: Canvas) -> bytes:
    """An image of palette indexes, one byte a pixel."""
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    stored = (
        b"\x78\x01\x01" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw + struct.pack(">I", zlib.adler32(raw))
    )
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", bytes(c for ink in _INKS for c in ink)), (b"IDAT", stored), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def draw_picture(draw: Draw, thing: Thing, things: Block) -> bytes:
    """The picture that goes with a thing's page."""
    if thing.kind == "country":
        return png(_flag(draw))
    if thing.kind in ("region", "town", "river"):
        return png(_map(draw, thing, things["town"]))
    if thing.kind == "person":
        return png(_portrait(draw, thing))
    if thing.kind == "product":
        return png(_packshot(draw))
    return png(_landscape(draw))


def caption_of(draw: Draw, thing: Thing) -> tuple[str, str]:
    """(alternative text, caption) of the picture of a thing."""
    forms = {
        "country": ("Flag", ("The flag of {}", "Flag of {} in its present form")),
        "region": ("Map", ("Map of {} with its towns", "{} and its towns")),
        "town": ("Map", ("{} and the places around it", "Where {} lies")),
        "river": ("Map", ("Towns near {}", "The country around {}")),
        "person": ("Portrait", ("Portrait of {}", "{}, drawn from a photograph")),
        "product": ("Product", ("{} as delivered", "The {}")),
    }
    what, captions = forms.get(thing.kind, ("Drawing", ("Sketch for {}", "{}, an impression")))
    return f"{what}: {thing.name}", pick(draw, captions).format(thing.name)


def _blank(ink: int) -> Canvas:
    return [bytearray([ink]) * WIDTH for _ in range(HEIGHT)]


def _box(rows: Canvas, left: int, top: int, right: int, bottom: int, ink: int) -> None:
    left, right = max(0, left), min(WIDTH, right)
    if left < right:
        for y in range(max(0, top), min(HEIGHT, bottom)):
            rows[y][left:right] = bytes([ink]) * (right - left)


def _disc(rows: Canvas, x: int, y: int, wide: int, high: int, ink: int) -> None:
    for dy in range(-high, high + 1):
        half = int(wide * (1 - (dy / (high + 0.5)) ** 2) ** 0.5)
        _box(rows, x - half, y + dy, x + half + 1, y + dy + 1, ink)


def _inks(draw: Draw, count: int) -> Sequence[int]:
    first = int(draw() * 5)
    return [((first + n * (1 + int(draw() * 2))) % 5) + (0 if n else 1) for n in range(count)]


def _flag(draw: Draw) -> Canvas:
    one, two, three = _inks(draw, 3)
    rows = _blank(one)
    shape = int(draw() * 4)
    if shape == 0:
        _box(rows, 0, HEIGHT // 3, WIDTH, 2 * HEIGHT // 3, two)
        _box(rows, 0, 2 * HEIGHT // 3, WIDTH, HEIGHT, three)
    elif shape == 1:
        _box(rows, WIDTH // 3, 0, 2 * WIDTH // 3, HEIGHT, two)
        _box(rows, 2 * WIDTH // 3, 0, WIDTH, HEIGHT, three)
    elif shape == 2:
        _box(rows, 20, 0, 30, HEIGHT, two)
        _box(rows, 0, 22, WIDTH, 32, two)
    else:
        _disc(rows, WIDTH // 2, HEIGHT // 2, 14, 14, two)
    if draw() < 0.4:
        _disc(rows, 12, 10, 5, 5, GOLD)
    return rows


def _map(draw: Draw, thing: Thing, towns: Sequence[Thing]) -> Canvas:
    rows = _blank(MOSS if draw() < 0.5 else SAND)
    x = int(10 + draw() * 50)
    for y in range(HEIGHT):  # a river from north to south
        x = min(WIDTH - 3, max(0, x + int(draw() * 3) - 1))
        _box(rows, x, y, x + 2, y + 1, WATER)
    middle_x, middle_y = (thing.x, thing.y) if thing.kind != "river" else (towns[0].x, towns[0].y)
    for town in towns:
        px, py = WIDTH // 2 + round((town.x - middle_x) * 130), HEIGHT // 2 - round((town.y - middle_y) * 130)
        if 1 < px < WIDTH - 2 and 1 < py < HEIGHT - 2:
            _box(rows, px - 1, py - 1, px + 2, py + 2, RED if town is thing else BLACK)
    return rows


def _portrait(draw: Draw, thing: Thing) -> Canvas:
    rows = _blank((PAPER, WATER, SAND, MOSS)[int(draw() * 4)])
    hair = (BLACK, BROWN, GOLD, PAPER)[int(draw() * 4)]
    _disc(rows, 36, 58, 24, 18, (BLUE, GREEN, VIOLET, RED, BLACK)[int(draw() * 5)])
    _disc(rows, 36, 22, 14, 15 + (6 if thing.female else 0), hair)
    _disc(rows, 36, 26, 11, 13, SKIN)
    for eye in (31, 40):
        _box(rows, eye, 24, eye + 2, 26, BLACK)
    _box(rows, 32, 33, 41, 34, RED)
    if draw() < 0.3:
        _box(rows, 28, 23, 45, 24, BLACK)
    return rows


def _packshot(draw: Draw) -> Canvas:
    rows = _blank(PAPER)
    ink = (RED, BLUE, GOLD, GREEN, VIOLET)[int(draw() * 5)]
    wide, high = 10 + int(draw() * 18), 8 + int(draw() * 14)
    _box(rows, 36 - wide, 30 - high, 36 + wide, 30 + high, ink)
    _disc(rows, 36, 30, 4 + int(draw() * 5), 4 + int(draw() * 4), BLACK)
    _box(rows, 36 - wide, 30 + high, 36 + wide, 31 + high, BLACK)
    return rows


def _landscape(draw: Draw) -> Canvas:
    rows = _blank(WATER)
    _disc(rows, 10 + int(draw() * 50), 8 + int(draw() * 8), 5, 5, GOLD)
    for place, ink in enumerate((GREEN, MOSS, SAND)):
        level = 24 + place * 10
        for x in range(0, WIDTH, 6):
            level = max(18 + place * 8, min(50, level + int(draw() * 5) - 2))
            _box(rows, x, level, x + 6, HEIGHT, ink)
    return rows
