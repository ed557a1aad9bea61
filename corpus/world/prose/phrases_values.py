"""How numbers, dates and plain words about a thing read. `{v}` is the value. See phrases_people for the rest."""

VALUES: dict[str, tuple[str, ...]] = {
    "also_called": (
        "{S} is also called {v}.",
        "{S} [also goes by the name|is sometimes listed as] {v}.",
        "Another name of {N} is {v}.",
        "In older papers {S} appears as {v}.",
    ),
    "born_on": (
        "{S} was born on {v}.",
        "{P} date of birth is {v}.",
        "{S} came into the world on {v}.",
        "{P} birthday is given as {v}.",
    ),
    "died_on": ("{S} died on {v}.", "{P} death came on {v}[|, after a short illness].", "{S} passed away on {v}."),
    "occupation": (
        "{S} [is known|made a name|trained] as {w}.",
        "[In the register|On the door plate] {P} profession is given as {v}.",
        "{S} [earned a living|has made a living] as {w}.",
    ),
    "population": (
        "{S} has [a population of {v}|{v} inhabitants].",
        "{S} is home to {v} people.",
        "At the last count {S} had {v} inhabitants.",
        "The census gives {N} {v} inhabitants.",
        "Some {v} people live in {N}.",
    ),
    "area": (
        "{S} covers {v} [square kilometres|km²].",
        "{P} area is {v} [square kilometres|km²].",
        "{S} extends over {v} square kilometres.",
    ),
    "elevation": (
        "{S} lies {v} [m|metres] above sea level.",
        "{P} elevation is {v} [m|metres].",
        "The market square of {N} lies at {v} metres.",
    ),
    "latitude": ("{P} latitude is {v}.", "{S} lies at the latitude {v}.", "Maps put {N} at a latitude of {v}."),
    "longitude": ("{P} longitude is {v}.", "{S} lies at the longitude {v}.", "Maps put {N} at a longitude of {v}."),
    "known_for": (
        "{S} is known for {v}.",
        "[Visitors come for|What people bring home from {N} is|The local pride is] {v}.",
        "{S} made its name with {v}.",
        "For generations {S} has lived off {v}.",
    ),
    "currency": ("Its currency is the {v}.", "{S} pays in {v}.", "The legal tender of {N} is the {v}."),
    "founded_on": (
        "{S} [was founded in|dates from|was established in] {v}.",
        "{P} history goes back to {v}, the year of its foundation.",
        "{S} has existed since {v}.",
    ),
    "length": (
        "{S} is {v} [km|kilometres] long.",
        "{P} length is {v} [km|kilometres].",
        "From source to mouth {S} measures {v} kilometres.",
    ),
    "industry": (
        "{S} makes its living from {v}.",
        "{P} business is {v}.",
        "{S} is active in {v}.",
        "{S} has specialised in {v}.",
    ),
    "employees": (
        "{S} has {v} employees.",
        "{S} employs {v} people.",
        "{P} workforce numbers {v}.",
        "Some {v} people work there.",
    ),
    "students": ("{S} has {v} students.", "{v} students are enrolled at {N}.", "{P} enrolment stands at {v} students."),
    "visitors": (
        "{S} receives {v} visitors a year.",
        "{v} people visit {N} every year.",
        "In a normal year {S} counts {v} visitors.",
    ),
    "membership": ("{S} has {v} members.", "{P} membership stands at {v}.", "{v} people belong to {N}."),
    "genre": ("{S} is {w}.", "Critics class {N} as {v}.", "{P} genre is given as {v}.", "It is best described as {w}."),
    "completed_on": (
        "{S} [was completed in|was finished in|dates from] {v}.",
        "{P} year of completion is {v}.",
        "Work on {N} ended in {v}.",
    ),
    "page_count": (
        "{S} has {v} pages.",
        "The first edition of {N} runs to {v} pages.",
        "On {v} pages a whole world is told.",
    ),
    "running_time": (
        "{S} runs for {v} minutes.",
        "{P} running time is {v} minutes.",
        "It takes {v} minutes from the first scene to the last.",
    ),
    "first_held": (
        "{S} was first held in {v}.",
        "{P} first edition took place in {v}.",
        "It all began in {v}, with the first edition of {N}.",
    ),
    "attendance": (
        "{S} draws {v} visitors.",
        "{P} audience numbers {v}.",
        "The organisers of {N} count {v} visitors.",
    ),
    "month_held": ("{S} takes place in {v}.", "{P} month is {v}.", "Every {v} the programme of {N} begins."),
    "prize_money": (
        "{S} comes with {v} dollars.",
        "The prize money of {N} is ${v}.",
        "Winners of {N} receive ${v}.",
        "{S} is endowed with {v} dollars.",
    ),
    "published_on": ("{S} [was published|appeared|came out] in {v}.", "{P} year of publication is {v}."),
    "citation_count": (
        "{S} has been cited {v} times.",
        "{P} citation count stands at {v}.",
        "The index counts {v} citations of {N}.",
    ),
    "field": ("{S} belongs to the field of {v}.", "{P} field is {v}.", "{S} is a matter of {v}."),
    "released_on": (
        "{S} came out in {v}.",
        "{S} was released in {v}.",
        "{P} release followed in {v}.",
        "Shops have had {N} since {v}.",
    ),
    "price": (
        "{S} costs {v} dollars.",
        "{P} price is ${v}.",
        "The list price of {N} is ${v}.",
        "Buyers pay ${v} for {N}.",
    ),
    "weight": ("{S} weighs {v} [g|grams].", "{P} weight is {v} g.", "On the scales {S} shows {v} grams."),
}

PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    ("born_in", "born_on"): (
        "{S} was born in {o} on {v}.",
        "{S} was born on {v} in {o}[|, where the family kept a shop|, the second of three children].",
        "Born in {o} on {v}, {S} [grew up among books|was a quiet child|learned to read early].",
    ),
    ("based_in", "founded_on"): (
        "Founded in {v}, {S} is [based|at home] in {o}.",
        "{S} was founded in {v} and has its seat in {o}.",
        "{S} has its seat in {o} and goes back to {v}.",
    ),
    ("created_by", "completed_on"): (
        "{S} was [made|created] by {o} and [completed|finished] in {v}.",
        "{o} completed {N} in {v}.",
        "It was in {v} that {o} [finished|completed] {N}.",
    ),
    ("held_in", "first_held"): (
        "{S} has been held in {o} since {v}.",
        "First held in {v}, {S} [takes place|is at home] in {o}.",
    ),
    ("made_by", "released_on"): (
        "{o} [brought out|released] {N} in {v}.",
        "Made by {o}, {S} [came out|went on sale] in {v}.",
    ),
    ("written_by", "published_on"): (
        "{o} published {N} in {v}.",
        "{S} is by {o} and appeared in {v}.",
    ),
    ("in_region", "population"): (
        "{S} is a town of {v} inhabitants in {o}.",
        "With {v} inhabitants {S} is one of the towns of {o}.",
        "{S} lies in {o} and has {v} inhabitants.",
    ),
    ("in_region", "elevation"): (
        "{S} lies in {o}, {v} metres above sea level.",
        "At {v} metres above the sea, {S} is one of the towns of {o}.",
    ),
    ("on_river", "known_for"): (
        "{S} stands on {o} and is known for {v}.",
        "On the banks of {o}, {S} has [lived off|made its name with] {v}.",
    ),
    ("given_by", "prize_money"): (
        "{S} is given by {o} and is worth {v} dollars.",
        "{o} gives {N}, which comes with ${v}.",
    ),
}
"""By the relation that joins and the one that has a value, what says both at once."""
