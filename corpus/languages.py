"""What language a page is in, and words where a script writes none.

Chinese is brought to simplified characters (OpenCC) and cut into words by a dictionary (rjieba), long words also into
the words they hold, so that 大学 finds 北京大學. Japanese, Korean, Thai and their like are cut into overlapping pairs
of letters, which needs no dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

STEMMED = {
    "ar": "arabic",
    "da": "danish",
    "nl": "dutch",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hu": "hungarian",
    "it": "italian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Language -> its Snowball stemmer. English is everybody's second and not listed."""

# Others that are common enough on the web to be told apart; fewer candidates make fewer mistakes on short texts.
_UNSTEMMED = "bg bn ca cs et fa he hi hr id ja ko lt lv ms sk sl sr th uk ur vi zh pl".split()
_SAME = {"nb": "no", "nn": "no", "cmn": "zh", "yue": "zh", "wuu": "zh", "iw": "he", "in": "id"}

_WORD = re.compile(r"[a-z]+")
_ENGLISH = frozenset("the and with which that this were their from these has have".split())
_ENGLISH_OR_KIN = _ENGLISH | frozenset("of is a in by it was on for to as are at an be or been its".split())
"""Six different ones at the head of a text, two of the first kind among them, and no other language needs to be
considered: most English pages are told so in a twentieth of the time. Dutch and Danish share some, and stay below."""
_CONFIDENT = 0.9
_SAMPLE_CHARS = 600
_MIN_LETTERS = 12

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7af"
_SOUTHEAST = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3"  # Thai, Lao, Burmese, Khmer
_UNSEGMENTED = re.compile(f"[{_HAN}{_KANA}{_HANGUL}{_SOUTHEAST}]")
_HAN_RUN = re.compile(f"[{_HAN}]+")
_PAIRED_RUN = re.compile(f"[{_KANA}]+|[{_HANGUL}]+|[{_SOUTHEAST}]+")
_JAPANESE_RUN = re.compile(f"[{_HAN}{_KANA}]+|[{_HANGUL}]+|[{_SOUTHEAST}]+")


def primary_language(tag: str | None) -> str | None:
    """The language of a tag in two letters where it has two: "de" of "de-AT", "no" of "nb", "zh" of "yue-Hant"."""
    if not tag:
        return None
    code = re.split("[-_]", tag.strip().lower(), maxsplit=1)[0]
    return _SAME.get(code, code) or None


def detect_language(text: str) -> str | None:
    """The language of a text by its first 600 characters; None where that is not at least 90 % sure.

    Source: py3langid, naive Bayes over byte n-grams (Lui and Baldwin, langid.py, ACL 2012), among 43 languages.
    """
    sample = text[:_SAMPLE_CHARS]
    words = set(_WORD.findall(sample.lower()))
    if len(words & _ENGLISH_OR_KIN) >= 6 and len(words & _ENGLISH) >= 2:
        return "en"
    letters = sum(map(str.isalpha, sample[:200]))
    if letters < (4 if _UNSEGMENTED.search(sample) else _MIN_LETTERS):
        return None
    language, probability = _identifier().classify(sample)
    return str(language) if float(probability) >= _CONFIDENT else None


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["en", *STEMMED, *_UNSTEMMED])
    return identifier


def segmented(text: str, *, japanese: bool = False) -> str:
    """The text with spaces between the words of scripts that write none; other text is left as it is.

    `japanese` says that Chinese characters are to be read as Japanese: paired with what stands beside them.
    """
    if text.isascii() or not _UNSEGMENTED.search(text):
        return text
    if japanese:
        return _JAPANESE_RUN.sub(lambda match: _pairs(match.group()), text)
    text = _HAN_RUN.sub(lambda match: _words(match.group()), text)
    return _PAIRED_RUN.sub(lambda match: _pairs(match.group()), text)


def has_unsegmented(text: str) -> bool:
    """Whether a text holds letters of a script that writes no spaces."""
    return not text.isascii() and _UNSEGMENTED.search(text) is not None


def _words(run: str) -> str:
    import rjieba

    return f" {' '.join(rjieba.cut_for_search(_simplify()(run)))} "


@cache
def _simplify() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def _pairs(run: str) -> str:
    # Signs above and below a letter would be taken for the end of a word by the tokenizer.
    letters = [char for char in run if char.isalnum()]
    if len(letters) < 2:
        return f" {''.join(letters)} "
    return " " + " ".join(map("".join, pairwise(letters))) + " "
