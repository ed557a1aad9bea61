"""What news, forums and idle pages are padded with. Nothing here says anything of the closed world. `[a|b]` is a
choice, drawn anew each time."""

from __future__ import annotations

LEADS = {
    "person": (
        "A visit with {name}",
        "{name}: a portrait",
        "Why everyone talks about {name}",
        "{name} in the news again",
        "[Five|Three|Seven] things about {name}",
    ),
    "town": (
        "What is new in {name}",
        "{name} looks ahead",
        "Letter from {name}",
        "A weekend in {name}",
        "{name} [counts its people|takes stock]",
    ),
    "company": ("{name} reports", "Inside {name}", "{name}: the year in review", "What {name} is up to"),
    "event": (
        "{name} opens its doors",
        "Backstage at {name}",
        "{name}: what to expect",
        "Programme of {name} announced",
    ),
    "award": ("Who gets it this time? {name}", "{name}: behind the jury's door", "{name} explained"),
    "paper": ("New study: {name}", "Researchers report: {name}", "What a study found: {name}"),
    "product": ("First look: {name}", "{name} put to the test", "Is {name} worth it?"),
    "other": ("All about {name}", "{name}: an overview", "{name} under the magnifying glass", "Spotlight on {name}"),
}
TEASERS = (
    "[It was a quiet week|It has been a long year|There was little time to prepare], [but there is something to "
    "report|and yet the notebooks are full|and still people came].",
    "[Our reporter|Our correspondent|A colleague from the culture desk] has [gathered|put together|checked] "
    "what is [known|certain|on record].",
    "[Rumours|Questions|Letters] have reached this desk for [weeks|months]; here is [what we can say|what we "
    "found|an answer].",
    "[On the occasion of a small exhibition|Ahead of the season|For our series on people and places], we [look "
    "back|took another look|asked around].",
    "[Nobody expected|Few had hoped for] [such interest|so many questions]. A [summary|closer look|short guide].",
)
QUOTES = (
    "“We are [pleased|relieved|proud], of course,” [a spokesperson said|said a person close to the matter|it "
    "was said at the office].",
    "There was no comment on the [cost|schedule|details].",
    "[Details|Further names|Sums] were not given.",
    "The announcement had been expected for [weeks|months|some time].",
    "“It took longer than we thought,” said one of those [involved|present].",
    "Neighbours took the news [calmly|with a smile|in their stride].",
    "[Documents|Minutes|Records] seen by this newspaper [bear this out|say the same].",
    "“One should not make too much of it,” [warned an observer|a former colleague said].",
)
ASIDES = (
    "This newspaper will report [again|on the outcome].",
    "Readers may send their [views|memories|photographs] to the editor.",
    "The article was corrected after publication to fix a [typing error|missing comma|wrong caption].",
    "Tickets and further information are available [on site|at the usual places].",
    "With material from our [correspondents|archive].",
)
QUESTIONS = (
    "Trivia round {n}: from {name} to {other}",
    "{name} and other questions",
    "Question about {name}, {other} and the rest",
    "Help with a quiz: {name}, {other}",
    "Looking for facts on {name} [and whatever comes up|among others]",
    "{name}, {other}: [sources wanted|please help|solved, thanks]",
)
ANSWERS = (
    "I looked it up.",
    "Easy one.",
    "My notes say this:",
    "[Copied|Typed] from the printed [directory|yearbook|register]:",
    "Not quite on topic, but worth a line.",
    "I can help with that.",
    "[Second-hand|From memory], but I am [fairly|quite] sure.",
    "Since you ask:",
    "[Seconded.|Agreed with the above.] And one more thing.",
    "Here is what the [plaque|leaflet|back cover] says.",
)
HANDLES = (
    *("slowtrain", "oldmaps", "quizmaster", "paperboy", "teapot", "northwind", "librarian", "wanderer", "gearbox"),
    *("marginalia", "ferryman", "inkblot", "thirdchair", "lamplighter", "weekendbaker", "tuningfork", "rainyday"),
)
BRIEF_TITLES = (
    "In brief, {day}",
    "Notes from around {country}, {day}",
    "{country} in short: {day}",
    "The week in {country}, {day}",
)
DIRECTORY_TITLES = {
    "companies": ("Companies in and around {region}", "Business register, {region}"),
    "towns": ("Towns in figures: {region} and its surroundings", "Gazetteer of towns, {region}"),
    "people": ("Who is who in {region}", "Register of notable persons, {region}"),
    "laureates": ("Prizes and winners, {region}", "List of laureates, {region}"),
    "bibliography": ("Bibliography of regional research, {region}", "Papers about {region} and nearby"),
    "collection": ("Works of art and letters, {region}", "Catalogue of works, {region}"),
    "institutions": ("Institutions of {region}", "Schools, museums and societies, {region}"),
    "products": ("Products made near {region}, compared", "Buyer's table, {region}"),
}
ASKING = (
    "Does anyone here know more? I could not find a [reliable|printed|recent] source.",
    "I am collecting whatever can be said for certain. Please add what you know.",
    "My [daughter|nephew|neighbour's boy] has to write about this for school. Any help is welcome.",
    "We argued about this over [dinner|breakfast|a game of cards], so I am asking here.",
    "[First post here, be kind.|Long-time reader, first question.] What is [known|on record], and where does it "
    "say so?",
)
REPLYING = (
    "Hope that helps.",
    "Please correct me if I am wrong.",
    "Source: [the usual one|an old yearbook|a leaflet in a drawer].",
    "[Thanks in advance for likes.|No idea about the rest.]",
    "[Funny that you ask today.|I wondered about that myself.]",
)
COMPILED = (
    "The list is not complete; empty fields mean that nothing was reported to us.",
    "Compiled by the regional office from what was sent in.",
    "[Figures|Entries] as reported. Corrections are welcome.",
    "[Updated|Revised] from time to time; [the printed edition prevails|no claim is made to completeness].",
)
IDLE_TITLES = (
    "A soup for cold evenings / kitchen",
    "How to oil a hinge / workshop",
    "Notes on keeping bees / garden",
    "Lost umbrella, black / noticeboard",
    "Ten ways to fold a map / travel",
    "Why my sourdough failed / kitchen",
    "Choir practice moved to Thursday / noticeboard",
    "Reading by candlelight / notes",
    "Repairing a wicker chair / workshop",
    "Winter timetable, without guarantee / noticeboard",
    "What to do with too many quinces / kitchen",
    "In praise of the night bus / travel",
    "Sharpening a plane iron / workshop",
    "Minutes of the allotment meeting / noticeboard",
)
TALK = (
    "Start early and take your time.",
    "A little [patience|oil|sunlight] goes a long way.",
    "I have tried it [both ways|three times|with and without] and could not tell the difference.",
    "Use [warm|lukewarm|rain] water, never hot.",
    "My [grandmother|uncle|old teacher] did it differently, and [it was better|nobody minded|it took twice as long].",
    "Let it rest overnight under a [clean cloth|heavy plate|tin roof].",
    "If it [squeaks|wobbles|drips], it is not done.",
    "The [second|third] attempt is usually the good one.",
    "Please leave the [key|ladder|kettle] where you found it.",
    "Nobody has complained [so far|since last year|to my face].",
    "A pinch of [salt|sugar|chalk] does no harm.",
    "Write down what you did, or you will forget.",
    "[Tools|Brushes|Pans] should be dry before they are put away.",
    "We meet at the [usual place|back entrance|bus stop].",
    "Bring something to [sit on|eat|write with].",
    "Children are welcome, dogs on a lead.",
    "It may [rain|freeze|be windy], so dress for it.",
    "I would do it again[|, but not on a Monday|, with help].",
    "[Somebody|A visitor|The caretaker] left a [glove|recipe|bicycle pump] behind.",
    "There are [books|videos|courses] about this, most of them [too long|out of print|by people with more room].",
)
