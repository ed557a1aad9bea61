"""Names that nobody bears: coined from syllables, each number another name, so that no list of used ones is kept.

A stem is consonants and vowels by turns and never starts or ends in a way that could be read twice, so two numbers of
one kind never give one name; endings differ by kind, so two kinds never share one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

_ONSETS = (
    *("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "br", "dr", "fr", "gr", "kr", "tr"),
    *("vr", "pl", "fl", "gl", "sk", "st", "th", "sh", "ch", "kl", "sp"),
)
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ai", "ei", "ou", "au", "ia")
_CODAS = ("", "n", "r", "l")
_SIMPLE = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "h")
_PLAIN = ("a", "e", "i", "o", "u")

ENDINGS: dict[str, tuple[str, ...]] = {
    "country": ("dor", "thia", "renia", "lund", "veria", "stria", "mora", "nesse"),
    "region": ("shire", "marches", "vale", "land", "moor", "fell", "gard", "reach"),
    "town": (
        *(
            "ford",
            "mere",
            "holm",
            "wick",
            "den",
            "ton",
            "by",
            "stead",
            "gate",
            "vik",
            "mar",
            "bridge",
            "combe",
            "burgh",
        ),
        *("port", "haven", "minster", "cliff", "well", "brook", "croft", "hythe", "thorpe", "low"),
    ),
    "river": ("ve", "sse", "lle", "nne", "ril", "der", "x", "bra"),
    "surname": (
        *("ren", "lis", "th", "nek", "dal", "ven", "mont", "kos", "rin", "sk", "lane", "nard", "vitz", "ro", "quist"),
        *("man", "dine", "ler"),
    ),
    "brand": ("xo", "mox", "tec", "zen", "tron", "vex", "dyne", "corp", "bel", "gen"),
    "institution": ("leigh", "crest", "bourne", "hurst", "more", "field"),
    "title": (
        *("dwyn", "reth", "sseth", "nor", "kesh", "mirth", "sel", "lorn", "lanth", "doc", "vash", "tuin", "pha", "zed"),
        *("rix", "lume", "shan", "goth", "beth", "quel", "tris", "mund", "sora", "vane", "wen", "dros"),
    ),
}
_PER_ENDING = len(_ONSETS) * len(_VOWELS) * len(_CODAS) * len(_SIMPLE) * len(_PLAIN)

_GIVEN = (
    ("lsa", "nne", "rwen", "ssia", "lye", "mra", "thea", "dhra", "ffa", "vyn", "xa", "lda"),
    ("rn", "sk", "lf", "ric", "vald", "mund", "xen", "dwin", "gor", "thic", "nk", "lvo"),
)

_FOUND = """
Bailiwick Balaton Baltimore Barlaman Birkaland Bonoman Davorin Duluth Fairfax Famenne Felix Flevoland Frontex
Futuro Garonne Gotaland Grouville Hapith Hararo Hazank Hedeby Herero Hillaby Homeland Hopewell Husavik Kaliro
Karaman Kenneth Kermith Kisoro Kitaby Kosove Kralove Krisuvik Lineth Logatec Luzern Maduro Mahaman Malaren
Mandarin Mantaro Marrakesh Matilda Mindoro Miramar Modern Mogador Mogoton Moselle Nagaland Native Nokoreach
Nouvelle Potaro Ramiro Return Rogaland Rogatec Rosoman Rotuman Rudolf Runavik Salvador Samux Saturn Savanne
Sendero Severin Seville Shalamar Sigave Sigulda Skalavik Somalis Talparo Tanith Temerin Terrero Togoland
Tororo Tronador Turkoman Valdemar Vanern Varvarin Vernelle Voldemar
"""
REAL = frozenset(_FOUND.split())
"""Coined words that the Factbook has as names; `tests/corpus/test_world_names.py` says how to find them."""


def coiner(seed: int) -> Callable[[str, int], str]:
    """A function (kind, number) -> name. The names of one kind are different for different numbers."""
    steps: dict[str, tuple[int, int, int]] = {}
    for place, (kind, endings) in enumerate(ENDINGS.items()):
        size = _PER_ENDING * len(endings)
        # A multiplier near the golden section spreads neighbouring numbers over the whole range.
        factor = int(size * 0.6180339) + (seed * 2_654_435_761 + place * 40_503) % (size // 7)
        while gcd(factor, size) != 1:
            factor += 1
        steps[kind] = size, factor, (seed * 1_000_003 + place * 7_919) % size

    def coin(kind: str, number: int) -> str:
        size, factor, shift = steps[kind]
        while True:  # walking on past real names keeps different numbers at different names
            number = (number * factor + shift) % size
            name = _spell(kind, number)
            if name not in REAL:
                return name

    return coin


def capacity(kind: str) -> int:
    """How many names there are of a kind."""
    return _PER_ENDING * len(ENDINGS[kind])


def _spell(kind: str, number: int) -> str:
    number, ending = divmod(number, len(ENDINGS[kind]))
    number, onset = divmod(number, len(_ONSETS))
    number, vowel = divmod(number, len(_VOWELS))
    number, coda = divmod(number, len(_CODAS))
    plain, simple = divmod(number, len(_SIMPLE))
    stem = _ONSETS[onset] + _VOWELS[vowel] + _CODAS[coda] + _SIMPLE[simple] + _PLAIN[plain]
    return (stem + ENDINGS[kind][ending]).capitalize()


def given_name(draw: Callable[[], float], female: bool) -> str:
    """A first name. Many people share one."""
    endings = _GIVEN[0 if female else 1]
    while True:
        name = _ONSETS[int(draw() * 20)] + _PLAIN[int(draw() * 5)] + _SIMPLE[int(draw() * 15)]
        name = (name + _PLAIN[int(draw() * 5)] + endings[int(draw() * len(endings))]).capitalize()
        if name not in REAL:
            return name


def slug_of(name: str) -> str:
    """A name as it stands in a URL."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower().replace("'", "")).split())
