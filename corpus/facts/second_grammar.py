"""What the second reader takes sentences of a generated world to say: a regular grammar over typed names.

A sentence comes in with its names replaced by slots that tell their kinds, and lists of slots. Which relation joins two
slots follows from their kinds and from a word of the sentence (`JOINING`); where kinds leave the direction open, from
a pattern over the slots (`DIRECTED`). Values follow from a pattern around a number or a date (`NUMBERS`, `DATES`), or
from a vocabulary that labelled rows and definitions of the same corpus teach (`TERMS`).

Learned by reading the pages of `world:seed=11,pages=5000`.
"""

from __future__ import annotations

import re

PLACES = ("town", "river")
ORGANISATIONS = ("company", "university", "museum", "society")
WORKS = ("novel", "painting", "film", "opera")
PEOPLED = ("town", "region", "country")

Kinds = tuple[str, ...]

# relation, kinds of its subject, kinds of its object, a word of the sentence that says it
JOINING: tuple[tuple[str, Kinds, Kinds, str], ...] = (
    ("part_of", ("region",), ("country",), r"part of|belongs|regions?|includes?|made up"),
    ("capital_of", ("town",), ("country",), r"capital|seat of government|governed"),
    ("in_region", ("town",), ("region",), r"\b(?:in|of|towns?|region)\b"),
    ("on_river", ("town",), ("river",), r"flows|runs (?:through|past)|lies on|stands on"
     r"|banks|along|bridge|passes|towns on"),
    ("rises_in", ("river",), ("region",), r"rises|springs|source|begins"),
    ("born_in", ("person",), ("town",), r"\b(?:born|native|natives|birthplace|birth|hails|comes from|came into the "
     r"world|light of day|sons and daughters)\b"),
    ("lives_in", ("person",), ("town",), r"\b(?:homes?|settled|moved|lives?|residents?)\b"),
    ("educated_at", ("person",), ("university",), r"studied|student|degree|graduate|alma mater|alumn|educated"),
    ("founded", ("person",), ("company", "society"), r"\b(?:founded|founders?|established|set up|started|existence"
     r"|goes back to)\b"),
    ("works_for", ("person",), ("company", "university", "museum"), r"\b(?:worked|works|payroll|employ(?:ed|ers?|s)"
     r"|joined|service|post|staff|hired|people)\b"),
    ("member_of", ("person",), ("society",), r"member|elected|rolls|belongs?\b"),
    ("received", ("person",), ("award",), r"received|won\b|awarded|given|honours|took home|recognised|laureate|winner"
     r"|went to"),
    ("took_part_in", ("person",), ("event",), r"took part|guest|appeared|programme|audiences|welcomed|stage"),
    ("based_in", ORGANISATIONS, ("town",), r"\b(?:based|seats?|headquarters|at home|located|main house)\b"),
    ("sponsors", ORGANISATIONS, ("event",), r"sponsor|support"),
    ("held_in", ("event",), ("town",), r"held|takes place|venue|hosts?\b|home|streets|taken over"),
    ("presented_at", ("award",), ("event",), r"present|handed over|ceremony|given out|programme|occasion"),
    ("given_by", ("award",), ("society",), r"give|gives|given|awards|endows|appointed"),
    ("created_by", WORKS, ("person",), r"creat|made|work of|works|author|remembered|known for|completed|finished"
     r"|stands|owe|hand comes"),
    ("depicts", WORKS, PLACES, r"depict|shows?\b|shown|portray|portrait|setting|appears|subject|takes us|\bset in"),
    ("held_by", ("painting",), ("museum",), r"hangs|belongs|kept|keeps|collection|owns|shows|one sees|find"),
    ("published_by", ("novel",), ("company",), r"publish|brought out|list includes"),
    ("premiered_at", ("film", "opera"), ("event",), r"premiere|first (?:seen|shown)|first audience"),
    ("launched_at", ("product",), ("event",), r"launch|first shown|first to see|presented to the public"),
    ("written_by", ("paper",), ("person",), r"wrote|written|author|submitted|published|\bprint\b|journals"
     r"|papers|work was|publications|is by|are by"),
    ("studies", ("paper",), PLACES, r"stud|looks at|about|observations|written on|for more on"),
    ("made_by", ("product",), ("company",), r"\b(?:makes?|made|maker|manufactur\w+|built|builds|released|brought out"
     r"|works of|products|catalogue)\b"),
    ("designed_by", ("product",), ("person",), r"design|drew"),
    ("borders", ("region",), ("region",), r"border|adjoin|neighbour"),
    ("borders", ("country",), ("country",), r"border|adjoin|neighbour"),
    ("twinned_with", ("town",), ("town",), r"twin"),
    ("near", ("town",), ("town",), r"neighbour|close to|nearest|next to|short ride"),
    ("married_to", ("person",), ("person",), r"\bmarried|husband|wife|spouse|wedding|marriage"),
    ("collaborated_with", ("person",), ("person",), r"worked (?:together|side)|side by side|collaborat|shared"
     r"|partnership"),
    ("partner_of", ("company",), ("company",), r"partner"),
)  # fmt: skip

# relation, kinds, patterns in which A is the subject and B the object; the first that fits says which is which
DIRECTED: tuple[tuple[str, Kinds, tuple[str, ...]], ...] = (
    ("student_of", ("person",), (
        "A was (?:taught by|trained by|a student of|a pupil of) B", "A learned .*?from B",
        "A's? (?:teachers|mentors) .*?B",
        "It was B who taught A", "B taught A", "As a teacher B formed A", "B's? (?:students|pupils) .*?A",
        "A studied (?:with|under) B",
        "A was among B's", "B was (?:the teacher|a teacher) of A",
    )),
    ("owned_by", ("company",), (
        "A (?:is|has been|was) owned by B", "A belongs to B", "A's? owner is B", "A is a subsidiary of B",
        "B (?:owns|took over|bought|acquired) A", "B's? (?:subsidiaries|subsidiary) .*?A",
    )),
    ("inspired_by", WORKS, (
        "Without B there would be no A", "The idea came from B, which inspired A", "An echo of B .*? in A",
        "A was inspired by B", "A goes back to B", "A takes up motifs of B", "A would not exist without B",
        "B (?:inspired|led to) A", "B was the model for A",
    )),
    ("cites", ("paper",), (
        "A is cited (?:by|in) B#", "A has been taken up by B#", "Later work that cites A includes B#",
        "Earlier work A cites includes B", "The authors .*?take up the results of B",
        "A (?:cites|refers to|builds on) B", "A's? references include B",
    )),
    ("replaces", ("product",), (
        "A was (?:replaced|succeeded) by B#", "A (?:replaces|replaced|took the place of|succeeds|succeeded) B",
        "A came out as the successor of B", "A is the successor of B", "A's? successor is B#",
    )),
)  # fmt: skip
"""A pattern that ends in # is said from the object's side: its A is the object."""

# relation, kinds, pattern around the number {N}, unit
NUMBERS: tuple[tuple[str, Kinds, str, str], ...] = (
    ("population", PEOPLED, r"{N} (?:inhabitants|people)|population of {N}|population is {N}", "persons"),
    ("area", ("region", "country"), r"{N} (?:km²|square kilometres)", "km2"),
    ("elevation", ("town",), r"{N} (?:m|metres) above|elevation is {N}|lies at {N} m", "m"),
    ("latitude", ("town",), r"latitude {N}", "degrees"),
    ("longitude", ("town",), r"longitude {N}", "degrees"),
    ("length", ("river",), r"{N} (?:km|kilometres)\b", "km"),
    ("employees", ("company",), r"{N} (?:people|employees)|workforce numbers {N}", "persons"),
    ("students", ("university",), r"{N} students|enrolment stands at {N}", "persons"),
    ("visitors", ("museum",), r"{N} visitors|{N} people visit", "persons"),
    ("membership", ("society",), r"{N} members|{N} people belong|membership stands at {N}", "persons"),
    ("page_count", ("novel",), r"{N} pages", "pages"),
    ("running_time", ("film", "opera"), r"{N} minutes", "min"),
    ("attendance", ("event",), r"{N} visitors|audience numbers {N}", "persons"),
    ("prize_money", ("award",), r"\${N}|{N} dollars", "usd"),
    ("citation_count", ("paper",), r"cited {N} times|citation count stands at {N}|{N} citations", ""),
    ("price", ("product",), r"\${N}|{N} dollars", "usd"),
    ("weight", ("product",), r"{N} (?:g|grams)\b", "g"),
)  # fmt: skip

# relation, kinds, pattern around the date {D}
DATES: tuple[tuple[str, Kinds, str], ...] = (
    ("born_on", ("person",), r"[Bb]orn .*?{D}|came into the world .*?{D}|birthday is given as {D}|birth is {D}"),
    ("died_on", ("person",), r"\bdied .*?{D}|passed away .*?{D}|death came on {D}"),
    ("founded_on", (*ORGANISATIONS, "town", "award", "country"), r"[Ff]ounded in {D}|established in {D}(?! by)"
     r"|dates from {D}|existed since {D}|back to {D}"),
    ("completed_on", WORKS, r"(?:completed|finished) .*?in {D}|[Ww]ork .*? ended in {D}|dates from {D}"
     r"|completion is {D}|in {D} that .* (?:completed|finished)"),
    ("first_held", ("event",), r"first edition took place in {D}|[Ff]irst held in {D}|held in .*? since {D}"
     r"|began in {D}"),
    ("published_on", ("paper",), r"published .*?in {D}|appeared in {D}|came out in {D}|publication is {D}"),
    ("released_on", ("product",), r"(?:released|brought out) .*?in {D}|release followed in {D}|went on sale in {D}"
     r"|since {D}|came out in {D}"),
)  # fmt: skip

# relation, kinds, pattern in front of the words {W}; the words are of the vocabulary that rows and definitions teach
TERMS: tuple[tuple[str, Kinds, str], ...] = (
    ("occupation", ("person",), r"(?:is|was) an? {W}|, an? {W},|, an? {W}\.|profession is given as {W}"
     r"|(?:living|name) as an? {W}|trained as an? {W}|known as an? {W}|works as an? {W}"),
    ("genre", WORKS, r"(?:is|was) an? {W}|, an? {W},|genre is (?:given as )?{W}|as {W}"),
    ("known_for", ("town",), r"known for {W}|is {W}|lived off {W}|come for {W}|famous for {W}|with {W}|of {W}|in {W}"),
    ("industry", ("company",), r"specialised in {W}|business is {W}|active in {W}|living from {W}"),
    ("field", ("paper", "award"), r"field is {W}|field of {W}|matter of {W}"),
    ("currency", ("country",), r"pays in {W}|tender.*? is the {W}|currency is the {W}"),
)  # fmt: skip

ROWS: dict[str, str] = {
    "founded": "founded_on", "population": "population", "elevation": "elevation", "elevation (m)": "elevation",
    "latitude": "latitude", "longitude": "longitude", "known for": "known_for", "area": "area", "currency": "currency",
    "born": "born_on", "died": "died_on", "length": "length", "students": "students", "visitors": "visitors",
    "membership": "membership", "employees": "employees", "industry": "industry", "attendance": "attendance",
    "first held": "first_held", "month held": "month_held", "prize money": "prize_money", "field": "field",
    "completed": "completed_on", "year": "completed_on", "pages": "page_count", "running time": "running_time",
    "published": "published_on", "published on": "published_on", "citations": "citation_count",
    "released": "released_on", "released on": "released_on", "price": "price", "price (usd)": "price",
    "weight": "weight", "weight (g)": "weight", "occupation": "occupation", "genre": "genre", "born in": "born_in",
    "lives in": "lives_in", "received": "received", "in region": "in_region", "on river": "on_river",
    "created by": "created_by", "held by": "held_by", "written by": "written_by", "studies": "studies",
    "made by": "made_by", "based in": "based_in", "owned by": "owned_by", "premiered at": "premiered_at",
    "length (km)": "length",
}  # fmt: skip
"""Labels of rows and headers of columns, in lower case, and the relation they say."""

ALSO_CALLED = re.compile(
    r"(?:Another name of [^.]*? is|also goes by the name|is also called|is sometimes listed as|appears as)"
    r" (?P<name>(?:[A-Z]\. )*[^.\n]+)(?:\.|$)"
)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTH_HELD = re.compile(rf"(?:Every|month is|takes place in|held in|In|in) ({'|'.join(MONTHS)})\b")

# Words by which a page speaks of what it is about, by kind; those of people and products are learned from definitions.
COMMON_NOUNS: dict[str, Kinds] = {
    "town": ("town",), "region": ("region",), "country": ("country",), "river": ("river",), "company": ("company",),
    "firm": ("company",), "university": ("university",), "museum": ("museum",), "society": ("society",),
    "festival": ("event",), "prize": ("award",), "award": ("award",), "novel": ("novel",), "painting": ("painting",),
    "film": ("film",), "opera": ("opera",), "paper": ("paper",), "college": ("university",),
}  # fmt: skip
