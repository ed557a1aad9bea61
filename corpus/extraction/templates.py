"""What the templates of a wiki say, as far as their arguments tell: infoboxes, dates, quantities, words in a style.

A template's text lies in another page and may be a program, so nothing is expanded. The common ones of the English
Wikipedia, and those that other wikis call alike, are written out here. Of any other: three or more named values are
written as `name: value`, a single argument stands for itself, all else goes. Nothing depends on the day of the build.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corpus.extraction.wikitext import WikiRenderer

_LIST_SIGN = re.compile(r"^[*#]+\s*")
_LINE_BREAK = re.compile(r"\s*(?:<br>\s*)+")
_MONTHS = "January February March April May June July August September October November December".split()
_INFOBOX = re.compile(
    r"infobox|taxobox|speciesbox|subspeciesbox|chembox|drugbox|geobox|infotaula|^ficha |^карточка|^картка"
)
# References, notices, navigation and the wiki's own affairs.
_DROPPED = re.compile(
    r"(?:cit(?:e|ation)\b|sfn|harv|efn|refn?\b|reflist|refbegin|refend|notelist|rp$|note\b|nav(?:box|bar)|sidebar"
    r"|authority|portal|short desc|use \w+ (?:dates|english)|use \w+$|engvar|pp\b|pp-|good article|featured"
    r"|article issues|multiple issues|unreferenced|more (?:citations|footnotes)|refimprove|cleanup|orphan|update"
    r"|outdated|expand|stub|sister|commons|wikt|wikisource|wikiquote|wikibooks|wikinews|wikivoyage|wikidata|spoken"
    r"|clear$|clr$|toc\b|anchor|dead link|webarchive|citation needed|cn$|fact$|clarify|when$|who$|which$|by whom|where$"
    r"|why$|dubious|failed|better|page needed|verif|according to whom|original research|pov|about|for$|for |distinguish"
    r"|other |redirect|hatnote|italic title|lowercase|displaytitle|defaultsort|coord missing|category|cat |flagicon|hs$"
    r"|shy|zwj|zwnj|thinsp|hidden|cbignore|inflation)"
)
_STUB = re.compile(r".*[- ]stub$")
_FIRST = "nowrap nobr nobold noitalic small smaller big larger italics em strong abbr tooltip sup sub samp code tmath"
_FIRST += " math mvar var sic highlight notatypo flag flagcountry flagu flagdeco nts nobreak key small-caps smallcaps"
_LAST = (
    "lang langx transl transliteration nativename color fontcolor colored resize sort align left right center script"
)
_LAST += " font"
_LISTS = "hlist ubl ublist unbulletedlist plainlist flatlist bulletedlist cslist"
_SIGNS = {
    "ndash": "–", "snd": " – ", "spacedndash": " – ", "mdash": "—", "spacedmdash": " — ", "·": " · ", "dot": " · ",
    "•": " • ", "bull": " • ", "bullet": " • ", "nbsp": " ", "pipe": "|", "!": "|", "=": "=", "'": "'", "-'": "'",
    "yes": "Yes", "no": "No", "y": "Yes", "n": "No", "n/a": "N/A", "na": "N/A", "won": "Won", "nom": "Nominated",
    "tba": "TBA", "dagger": "†", "br": "<br>", "break": "<br>", "crlf": "<br>", "increase": "▲", "decrease": "▼",
}  # fmt: skip
_CURRENCIES = {"us$": "US$", "usd": "US$", "gbp": "£", "£": "£", "eur": "€", "€": "€", "inr": "₹", "jpy": "¥", "¥": "¥"}
_DATES = (
    "birthdate birthdateandage bda deathdate deathdateandage dda startdate enddate startdateandage filmdate date dts"
)
_DATES += " birthyear birthyearandage deathyear deathyearandage releasedate launchdate"
_HATS = {"main": "Main article", "mainarticle": "Main article", "seealso": "See also", "further": "Further information"}
_HATS |= {"details": "Further information", "furtherinformation": "Further information"}
_RANGE = frozenset("to and or by x × - – — to( +/- ± ,".split())
_NUMBER = re.compile(r"[-−+]?[\d.,]*\d[\d.,/+eE⁄]*")
_PICTURE = re.compile(r"(?:\w+:)?[^|\[\]{}<>\n]{1,240}\.(?:jpe?g|png|svg|gif|webp|tiff?)", re.IGNORECASE)
_LAYOUT_KEY = re.compile(
    r".*(?:size|width|height_px|upright|style|colou?r|caption|alt|align|border|zoom|label_position|mapframe|embed|module_"
    r"|relief|footnotes|ref|padding|scale)\d*$|image.*|logo|photo|pushpin.*|name|header.*|bodyclass"
)


class _Arguments:
    """Arguments of one template by name; those without a name count from "1". The last of a name counts."""

    def __init__(self, node: Any, renderer: WikiRenderer) -> None:
        self.raw: dict[str, Any] = {}
        self.renderer = renderer
        self._done: dict[str, str] = {}
        count = 0
        for parameter in node.params:
            if parameter.showkey:
                key = " ".join(str(parameter.name).split())[:100]
            else:
                count += 1
                key = str(count)
            self.raw[key] = parameter.value

    def __getitem__(self, key: str) -> str:
        """HTML of an argument on one line, "" where there is none."""
        if key not in self._done:
            words = self.renderer.line(self.raw[key].nodes) if key in self.raw else ""
            # The first sign of a list does not stand at the beginning of a line, so it was not read as one.
            self._done[key] = _LIST_SIGN.sub("", words)
        return self._done[key]

    @property
    def row(self) -> list[str]:
        """Those without a name (or with a number as one), in their order, up to the first that is missing."""
        found: list[str] = []
        while (key := str(len(found) + 1)) in self.raw:
            found.append(self[key])
        return found

    @property
    def named(self) -> dict[str, str]:
        return {key: value for key in self.raw if not key.isdigit() and (value := self[key])}


def render(node: Any, renderer: WikiRenderer) -> str:
    """HTML of a template; "" for what says nothing without its program."""
    name = " ".join(str(node.name).replace("_", " ").split()).casefold()[:200]
    if ":" in name:
        return _function(name, str(node.name), renderer)
    arguments = _Arguments(node, renderer)
    key = name.replace(" ", "")
    if key in _SIGNS:
        return arguments["1"] or _SIGNS[key]
    if (handler := _HANDLERS.get(key)) is not None:
        return handler(arguments)
    if _INFOBOX.search(name):
        return _infobox(arguments)
    if key.startswith(("lang-", "ipa")):
        return arguments["1"] if key.startswith("lang-") or len(arguments.raw) == 1 else ""
    if _DROPPED.match(name) or _STUB.match(name):
        return ""
    return _unknown(arguments)


def _function(name: str, written: str, renderer: WikiRenderer) -> str:
    """Parser functions: those that only shape words keep them."""
    function = name.partition(":")[0]
    if function in ("formatnum", "lc", "uc", "lcfirst", "ucfirst"):
        return renderer.words(written.partition(":")[2].strip())
    return ""


def _infobox(arguments: _Arguments) -> str:
    """One line a fact, and the picture with its caption."""
    parts, pictures = [], []
    for key, value in arguments.raw.items():
        plain = str(value).strip()
        if _PICTURE.fullmatch(plain):
            file = arguments.renderer.lookup(plain if ":" in plain else f"File:{plain}")
            if file.kind == "file" and file.url:
                pictures.append((key, file.url))
        elif not _LAYOUT_KEY.fullmatch(key.lower()) and (words := arguments[key]):
            label = " ".join(key.replace("_", " ").split())
            parts.append(
                f"<li>{escape(label[:1].upper() + label[1:], quote=False)}: {_LINE_BREAK.sub(', ', words)}</li>"
            )
    figures = "".join(_picture(arguments, number, *picture) for number, picture in enumerate(pictures))
    return f"\n{figures}<ul>{''.join(parts)}</ul>\n" if parts or figures else ""


def _picture(arguments: _Arguments, number: int, key: str, url: str) -> str:
    caption = arguments[f"{key}_caption"] or arguments[key.replace("image", "caption")] * ("image" in key)
    caption = caption or (arguments["caption"] if not number else "")
    alt = re.sub("<[^>]*>", "", arguments[f"{key}_alt"] or (arguments["alt"] if not number else ""))
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><img src="{escape(url)}" alt="{alt.replace(chr(34), "&quot;")}">{words}</figure>'


def _unknown(arguments: _Arguments) -> str:
    named = arguments.named
    if len(named) >= 3:
        told = "; ".join(f"{escape(key.replace('_', ' '), quote=False)}: {value}" for key, value in named.items())
        return f"\n<p>{told}</p>\n"
    row = arguments.row
    return row[0] if len(row) == 1 and not named else ""


def _day(year: str, month: str = "", day: str = "") -> str:
    """A date in words; "" where the year is none. Months may be numbers or names."""
    if not re.fullmatch(r"-?\d{1,6}", year):
        return ""
    name = _MONTHS[int(month) - 1] if re.fullmatch("0?[1-9]|1[0-2]", month) else month if month.isalpha() else ""
    return " ".join(filter(None, (day.lstrip("0") if name and day.isdigit() and len(day) <= 2 else "", name, year)))


def _date(arguments: _Arguments) -> str:
    """The first date among the arguments, and the age at it where a second one follows."""
    row = arguments.row
    words = _day(*row[:3]) if row else ""
    if not words:
        return ", ".join(filter(None, row[:1]))
    rest = row[3:6]
    if len(rest) == 3 and all(re.fullmatch(r"\d{1,4}", part) for part in (*row[:3], *rest)):
        died, born = (tuple(map(int, part)) for part in (row[:3], rest))
        years = died[0] - born[0] - (died[1:] < born[1:])
        return f"{words} (aged {years})" if 0 <= years < 150 else words
    return words


def _quantity(arguments: _Arguments) -> str:
    """`{{convert|5|to|10|km|mi}}` is what was measured, 5 to 10 km; nothing is converted."""
    parts = []
    for word in arguments.row[:8]:
        parts.append(word)
        if not _NUMBER.fullmatch(word) and word not in _RANGE:
            break
    return " ".join(parts)


def _coordinates(arguments: _Arguments) -> str:
    parts: list[str] = []
    for word in arguments.row[:8]:
        if not re.fullmatch(r"-?\d+(?:\.\d+)?|[NSEW]", word):
            break
        parts.append(word)
    if not any(word in "NSEW" for word in parts):
        return ", ".join(parts[:2])
    found, signs = "", "°′″"
    for word in parts:
        found += f"{word} " if word in "NSEW" else word + signs[0]
        signs = "°′″" if word in "NSEW" else signs[1:] + "″"
    return found.strip()


def _value(arguments: _Arguments) -> str:
    power = f"×10^{arguments['e']}" if arguments["e"] else ""
    return " ".join(filter(None, (arguments["1"] + power, arguments["u"] or arguments["ul"])))


def _fraction(arguments: _Arguments) -> str:
    row = arguments.row[:3]
    whole = f"{row[0]} " if len(row) == 3 else ""
    return whole + "/".join((["1", *row] if len(row) == 1 else row)[-2:]) if row else ""


def _quote(arguments: _Arguments) -> str:
    words = arguments["1"] or arguments["text"] or arguments["quote"]
    source = ", ".join(
        filter(
            None, (arguments["2"] or arguments["author"] or arguments["sign"], arguments["3"] or arguments["source"])
        )
    )
    return f"\n<blockquote>{words}{f'<br>— {source}' if source else ''}</blockquote>\n" if words else ""


def _list(arguments: _Arguments) -> str:
    return ", ".join(filter(None, arguments.row))


def _nihongo(arguments: _Arguments) -> str:
    other = ", ".join(filter(None, arguments.row[1:3]))
    return f"{arguments['1']} ({other})" if other else arguments["1"]


def _url(arguments: _Arguments) -> str:
    url = re.sub("<[^>]*>", "", arguments["1"])
    if not url:
        return ""
    address = url if "://" in url else f"https://{url}"
    return f'<a href="{address.replace(chr(34), "%22")}">{arguments["2"] or url}</a>'


def _link(arguments: _Arguments) -> str:
    row, renderer = arguments.row, arguments.renderer
    title = " ".join(str(arguments.raw["1"]).split()) if row else ""
    words = arguments["lt"] or (row[0] if row else "")
    target = renderer.lookup(title) if title and len(title) <= 500 else None
    return f'<a href="{escape(target.url)}">{words}</a>' if target and target.url else words


def _sorted_name(arguments: _Arguments) -> str:
    words = " ".join(filter(None, arguments.row[:2]))
    target = arguments.renderer.lookup(arguments["3"] or words) if words and not arguments["nolink"] else None
    return f'<a href="{escape(target.url)}">{words}</a>' if target and target.url else words


def _marriage(arguments: _Arguments) -> str:
    years = "–".join(filter(None, arguments.row[1:3]))
    return f"{arguments['1']} ({years})" if years else arguments["1"]


def _height(arguments: _Arguments) -> str:
    units = ("m", "cm", "ft", "in")
    return " ".join(f"{arguments[unit]} {unit}" for unit in units if arguments[unit])


def _hat(lead: str) -> Callable[[_Arguments], str]:
    def hat(arguments: _Arguments) -> str:
        links = []
        for title in (str(arguments.raw[str(n)]).strip() for n in range(1, len(arguments.row) + 1)):
            target = arguments.renderer.lookup(title.partition("#")[0]) if 0 < len(title) <= 500 else None
            words = escape(title, quote=False)
            links.append(f'<a href="{escape(target.url)}">{words}</a>' if target and target.url else words)
        return f"\n<p>{lead}: {', '.join(links)}</p>\n" if links else ""

    return hat


def _before(sign: str, gap: str = " ") -> Callable[[_Arguments], str]:
    return lambda arguments: sign + gap + "–".join(filter(None, arguments.row[:2])) if arguments["1"] else sign


_HANDLERS: dict[str, Callable[[_Arguments], str]] = {
    "convert": _quantity, "cvt": _quantity, "coord": _coordinates, "val": _value, "frac": _fraction,
    "sfrac": _fraction, "fraction": _fraction, "quote": _quote, "blockquote": _quote, "cquote": _quote,
    "quotebox": _quote, "nihongo": _nihongo, "url": _url, "officialurl": _url, "officialwebsite": _url, "ill": _link,
    "interlanguagelink": _link, "sortname": _sorted_name, "marriage": _marriage, "height": _height,
    "circa": _before("c."), "c.": _before("c."), "ca.": _before("c."), "floruit": _before("fl."), "fl.": _before("fl."),
    "reign": _before("r."), "asof": _before("As of"),
}  # fmt: skip
_HANDLERS |= dict.fromkeys(_LISTS.split(), _list)
_HANDLERS |= {name: lambda arguments: arguments["1"] for name in _FIRST.split() if name not in _HANDLERS}
_HANDLERS |= {name: lambda arguments: (arguments.row or [""])[-1] for name in _LAST.split()}
_HANDLERS |= dict.fromkeys(_DATES.split(), _date)
_HANDLERS |= {name: _hat(lead) for name, lead in _HATS.items()}
_HANDLERS |= {name: _before(sign, "") for name, sign in _CURRENCIES.items()}
