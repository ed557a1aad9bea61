"""Pages that say nearly the same: MinHash signatures of word shingles, candidates by bands, each candidate verified.

near_duplicates  texts in, for each page the lowest number of its group out
  ├── shingles   hashes of three words in a row, for a batch of texts at once
  ├── Signatures MinHash (rensa), 256 bytes a page
  └── _join      pages that share a band are compared, and joined where they agree

Source: Broder, "On the resemblance and containment of documents", 1997; bands as in Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # type: ignore[import-untyped]

THRESHOLD = 0.8
"""Share of three-word shingles two pages have in common (Jaccard) from which on they are near-duplicates."""
MIN_WORDS = 20
"""Pages of fewer words are near-duplicates only of equal texts: one word more or less would decide."""
SHINGLE_WORDS = 3
"""With 3 words a page with 3 % of its words exchanged still passes THRESHOLD; with 5 words 2 % would be the limit."""
SLOTS = 256
"""Values in a signature, of 8 bits each; the estimate's standard error is sqrt(0.8 * 0.2 / 256) = 0.025 at 0.8."""
BY_CHANCE = 1 / 256
"""Share of slots that agree in 8 bits though the whole values differ."""
BANDS, BAND_SLOTS = 32, 8
"""Pages that agree in all slots of a band are compared: 1 - (1 - s**8)**32 of those with similarity s.

That is 0.002 at s = 0.3, 0.12 at 0.5, 0.42 at 0.6, 0.85 at 0.7, 0.997 at THRESHOLD and above 0.99999 at 0.9.
"""
MAX_NEIGHBOURS = 32
"""In a band shared by more pages than this a page is compared with the next ones only, so that work stays linear."""
SEED = 20_000
UNSEGMENTED_CHARS = 3
"""In scripts without spaces every character begins a "word" of so many: three in a row span five characters."""

_BATCH_CHARS = 500_000
_PAIRS_AT_ONCE = 16_384
_BASE, _STEP = 0x9E3779B97F4A7C15, 0xD1342543DE82EF95
_MASK = 2**64 - 1
_SEPARATOR, _WORD, _UNSEGMENTED = 0, 1, 2
_Ranges = tuple[tuple[int, int], ...]
# First and last code point. Ranges rather than str.isalnum(): that follows the Unicode version of each Python and takes
# vowel signs for gaps.
# fmt: off
_SEPARATORS: _Ranges = (
    (0, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0xA9), (0xAB, 0xB4), (0xB6, 0xB9), (0xBB, 0xBF), (0xD7, 0xD7),
    (0xF7, 0xF7), (0x2000, 0x206F), (0x20A0, 0x20CF), (0x2190, 0x2BFF), (0x2E00, 0x2E7F), (0x3000, 0x3004),
    (0x3008, 0x3020), (0x3030, 0x3030), (0x30FB, 0x30FB), (0xD800, 0xF8FF), (0xFE10, 0xFE6F), (0xFEFF, 0xFF0F),
    (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF65), (0x964, 0x965), (0x60C, 0x60C), (0x61B, 0x61F),
    (0x6D4, 0x6D4),
)
# Thai and Lao, Myanmar, Khmer, kana, Chinese characters. Korean writes spaces.
_UNSEGMENTED_RANGES: _Ranges = (
    (0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x302F),
    (0x3031, 0x30FA), (0x30FC, 0x312F), (0x31A0, 0x31FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
    (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)
# fmt: on

U64 = npt.NDArray[np.uint64]


def near_duplicates(texts: Iterable[str]) -> npt.NDArray[np.uint32]:
    """For each page, in the order given, the lowest number of the group of near-duplicates it is in; else its own.

    Groups are closed: a page that is near to one of a group is in it. Case and punctuation do not count. The groups
    do not depend on the order of the pages, on threads or on the process. Reads the texts once and holds about 350
    bytes a page; time is linear in the characters, however many pages are alike.
    """
    signatures = Signatures()
    for batch in _batches(texts):
        signatures.add(batch)
    first, inverse = np.unique(signatures.fingerprints, return_index=True, return_inverse=True)[1:]
    parent = first[inverse]  # equal texts and equal signatures are one page from here on
    # Where a page's signature lies; -1 where it is too short for one. By fingerprint, an order free of page numbers.
    leaders = first[signatures.rows[first] >= 0]
    _join(parent, leaders, signatures)
    return _roots(parent).astype(np.uint32)


class Signatures:
    """MinHash signatures of pages, 8 bits a slot, and one 64-bit fingerprint a page."""

    def __init__(self) -> None:
        self._values = bytearray()  # grows in place, by an eighth
        self._fingerprints = bytearray()
        self._rows = bytearray()
        self._count = 0

    def add(self, texts: Sequence[str]) -> None:
        """Take the next pages."""
        hashes, offsets = shingles(texts)
        long = np.diff(offsets) > 0
        ends = np.concatenate([offsets[:1], offsets[1:][long]])
        prints = np.zeros(len(texts), np.uint64)
        if len(ends) > 1:
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends, SLOTS, SEED)
            slots = np.array(matrix.to_rows(), np.uint64)
            # 8 bits of each: for the same memory twice the slots of 16 bits, which is worth more than BY_CHANCE costs.
            self._values += (mixed(slots) >> np.uint64(56)).astype(np.uint8).tobytes()
            prints[long] = _combined(slots)
        for at in np.flatnonzero(~long).tolist():
            digest = hashlib.blake2b(texts[at].encode("utf-8", "surrogatepass"), digest_size=8).digest()
            prints[at] = int.from_bytes(digest, "little")
        rows = np.where(long, self._count + np.cumsum(long) - 1, -1)
        self._count += int(long.sum())
        self._fingerprints += prints.tobytes()
        self._rows += rows.astype(np.int32).tobytes()

    @property
    def values(self) -> npt.NDArray[np.uint8]:
        """One row of SLOTS values a page of MIN_WORDS or more."""
        return np.frombuffer(self._values, np.uint8).reshape(-1, SLOTS)

    @property
    def fingerprints(self) -> U64:
        """Of the signature; of the text where a page is too short for one."""
        return np.frombuffer(self._fingerprints, np.uint64)

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """Each page's row in `values`, or -1."""
        return np.frombuffer(self._rows, np.int32)


def shingles(texts: Sequence[str]) -> tuple[U64, U64]:
    """(hashes, offsets): text i has the shingle hashes[offsets[i] : offsets[i + 1]], none if below MIN_WORDS.

    One pass of array operations over all characters of the batch: a word's hash is a difference of two sums of a
    polynomial, shifted back to the word's own place. A text above _BATCH_CHARS stands alone and is read in pieces.
    """
    if len(texts) == 1 and len(texts[0]) > _BATCH_CHARS:
        pieces = [texts[0][at : at + _BATCH_CHARS] for at in range(0, len(texts[0]), _BATCH_CHARS)]
        parts = np.concatenate([shingles([piece])[0] for piece in pieces])
        return parts, np.array([0, len(parts)], np.uint64)
    folded = [text.lower() for text in texts]
    joined = "\n".join(["", *folded, "", ""])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds()[codes]
    powers, inverses = _powers(1 << (len(codes) - 1).bit_length())
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(_letters()[codes & np.uint32(0xFFFF)] * (codes + np.uint64(1)) * powers[: len(codes)], out=sums[1:])
    # A run of one kind ends before the next change; a separator begins and ends the batch.
    changes = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
    runs, single = changes[kinds[changes] == _WORD], np.flatnonzero(kinds == _UNSEGMENTED)
    starts = np.sort(np.concatenate([runs, single])) if len(single) else runs
    ends = changes[np.searchsorted(changes, starts, side="right")] if len(starts) else starts
    if len(single):
        ends = np.where(kinds[starts] == _UNSEGMENTED, np.minimum(ends, starts + UNSEGMENTED_CHARS), ends)
    words = mixed((sums[ends] - sums[starts]) * inverses[starts])
    # Texts begin after a line break each.
    borders = np.cumsum([1, *(len(text) + 1 for text in folded)])
    bounds = np.searchsorted(starts, borders)
    counts = np.diff(bounds)
    counts = np.where(counts >= MIN_WORDS, counts - (SHINGLE_WORDS - 1), 0)
    hashes = sum((words[at : len(words) - SHINGLE_WORDS + 1 + at] * _odd(at) for at in range(SHINGLE_WORDS)), _zero())
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    if not offsets[-1]:
        return np.zeros(0, np.uint64), offsets
    # The shingles of a text begin where its words do; those that reach into the next text are left out.
    where = np.arange(int(offsets[-1])) + np.repeat(bounds[:-1] - offsets[:-1].astype(np.int64), counts)
    return mixed(hashes[where]), offsets


def mixed(values: U64) -> U64:
    """Every bit of a 64-bit value spread over all (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _combined(columns: npt.NDArray[np.generic]) -> U64:
    """One hash a row."""
    total = np.zeros(len(columns), np.uint64)
    for at in range(columns.shape[1]):
        total += mixed(columns[:, at].astype(np.uint64) + _odd(at))
        total *= np.uint64(_STEP)
    return mixed(total)


def _odd(at: int) -> np.uint64:
    return np.uint64((_BASE * (2 * at + 1)) & _MASK)


def _zero() -> U64:
    return np.zeros(1, np.uint64)


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    kinds = np.full(0x110000, _WORD, np.uint8)
    for kind, ranges in ((_SEPARATOR, _SEPARATORS), (_UNSEGMENTED, _UNSEGMENTED_RANGES)):
        for first, last in ranges:
            kinds[first : last + 1] = kind
    return kinds


@cache
def _letters() -> U64:
    return mixed(np.arange(0x10000, dtype=np.uint64) + np.uint64(_BASE)) | np.uint64(1)


@cache
def _powers(size: int) -> tuple[U64, U64]:
    """The first `size` powers of an odd number modulo 2**64, and of its inverse."""
    powers = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        row = np.full(size, base, np.uint64)
        row[0] = 1
        powers.append(np.cumprod(row))
    return powers[0], powers[1]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in groups of at most _BATCH_CHARS: enough for array operations to pay, little enough to stay in cache."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        # A character more for each, so that empty texts cannot make an endless batch.
        if batch and chars + len(text) + 1 > _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text) + 1
    if batch:
        yield batch


def _join(parent: npt.NDArray[np.intp], leaders: npt.NDArray[np.intp], signatures: Signatures) -> None:
    """Join, in `parent`, pages that share a band and agree in THRESHOLD of their slots."""
    values, rows = signatures.values, signatures.rows
    at = rows[leaders]
    for band in range(BANDS):
        keys = _combined(values[at, band * BAND_SLOTS : (band + 1) * BAND_SLOTS])
        # Stable: pages of one key stay in the order of their fingerprints, so that page numbers have no say in who is
        # compared where a band is shared by more than MAX_NEIGHBOURS.
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        same = np.flatnonzero(keys[1:] == keys[:-1])
        for step in range(1, MAX_NEIGHBOURS + 1):
            same = same[same + step < len(keys)]
            same = same[keys[same] == keys[same + step]]
            if not len(same):
                break
            _compare(parent, leaders[order[same]], leaders[order[same + step]], values, rows)


def _compare(
    parent: npt.NDArray[np.intp],
    first: npt.NDArray[np.intp],
    second: npt.NDArray[np.intp],
    values: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int32],
) -> None:
    """Join those of the pairs of pages (first[i], second[i]) that are near-duplicates and not joined yet."""
    apart = parent[first] != parent[second]
    first, second = first[apart], second[apart]
    enough = SLOTS * (THRESHOLD + (1 - THRESHOLD) * BY_CHANCE)
    for begin in range(0, len(first), _PAIRS_AT_ONCE):
        some, others = (pages[begin : begin + _PAIRS_AT_ONCE] for pages in (first, second))
        agree = np.count_nonzero(values[rows[some]] == values[rows[others]], axis=1) >= enough
        for one, other in zip(parent[some[agree]].tolist(), parent[others[agree]].tolist(), strict=True):
            while (above := int(parent[one])) != one:
                one = above
            while (above := int(parent[other])) != other:
                other = above
            parent[max(one, other)] = min(one, other)
        if agree.any():
            parent[:] = _roots(parent)


def _roots(parent: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The lowest page of each page's group."""
    while not np.array_equal(above := parent[parent], parent):
        parent = above
    return parent
