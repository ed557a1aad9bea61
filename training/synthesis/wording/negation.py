"""English verb phrases in the third person, turned into what is not so."""

from __future__ import annotations

_BASES = {
    "has": "have",
    "had": "have",
    "does": "do",
    "goes": "go",
    "went": "go",
    "came": "come",
    "comes": "come",
    "became": "become",
    "began": "begin",
    "won": "win",
    "got": "get",
    "saw": "see",
    "gave": "give",
    "took": "take",
    "made": "make",
    "wrote": "write",
    "taught": "teach",
    "held": "hold",
    "put": "put",
    "set": "set",
    "led": "lead",
    "let": "let",
    "spent": "spend",
    "drew": "draw",
    "brought": "bring",
    "broke": "break",
    "lent": "lend",
    "founded": "found",
    "received": "receive",
    "used": "use",
    "owed": "owe",
    "died": "die",
    "created": "create",
    "achieved": "achieve",
    "published": "publish",
    "inspired": "inspire",
    "designed": "design",
    "devised": "devise",
    "chose": "choose",
    "authored": "author",
    "issued": "issue",
    "produced": "produce",
    "emerged": "emerge",
    "shared": "share",
    "settled": "settle",
    "ruled": "rule",
    "educated": "educate",
    "introduced": "introduce",
    "lies": "lie",
    "dies": "die",
    "ties": "tie",
    "washes": "wash",
    "touches": "touch",
    "reaches": "reach",
    "teaches": "teach",
    "stretches": "stretch",
    "passes": "pass",
    "possesses": "possess",
}
_PARTICIPLES = ("been", "worked", "joined", "given", "collaborated", "shared", "employed", "admitted")


def negated(phrase: str) -> str:
    """ "borders {}" as "does not border {}", "was born in {}" as "was not born in {}"."""
    verb, _, rest = phrase.partition(" ")
    if verb in ("is", "was", "can", "may", "are", "were"):
        return f"{'cannot' if verb == 'can' else f'{verb} not'} {rest}"
    following = rest.partition(" ")[0]
    if verb == "has" and (following in _PARTICIPLES or (following in ("had", "held") and rest != following)):
        return f"has not {rest}"
    if verb in ("once", "formerly"):
        return f"did not {verb} {negated(rest).removeprefix('did not ').removeprefix('does not ')}"
    past = verb.endswith("ed") or (verb in _BASES and not verb.endswith("s"))
    return f"{'did' if past else 'does'} not {base(verb)} {rest}".rstrip()


def base(verb: str) -> str:
    """The infinitive of a verb in the third person or the past."""
    if verb in _BASES:
        return _BASES[verb]
    if verb.endswith(("ied", "ies")):
        return f"{verb[:-3]}y"
    if verb.endswith("ed"):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") else verb
