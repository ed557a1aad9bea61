"""Common words that names and descriptions of coined things are made of."""

from __future__ import annotations

OCCUPATIONS = {
    "arts": ("novelist", "painter", "composer", "film director", "playwright", "librettist", "illustrator", "poet"),
    "science": (
        "hydrologist",
        "botanist",
        "economist",
        "historian",
        "chemist",
        "geologist",
        "linguist",
        "statistician",
    ),
    "trade": ("engineer", "industrial designer", "entrepreneur", "architect", "instrument maker", "optician"),
}
CREATORS = {
    "novel": ("novelist", "playwright", "poet"),
    "painting": ("painter", "illustrator"),
    "film": ("film director",),
    "opera": ("composer", "librettist"),
}
TRADES = (
    *("blown glass", "sea salt", "linen weaving", "bell founding", "smoked trout", "cider", "paper making", "slate"),
    *("clock making", "pottery", "honey", "walnut oil", "basket weaving", "rope making", "cheese", "saffron"),
    *("violin making", "tin mining", "plum brandy", "wool dyeing", "river pearls", "lace", "barrel making", "peat"),
)
INDUSTRIES = (
    ("optical instruments", "Optics", ("telescope", "microscope", "camera lens")),
    ("household appliances", "Appliances", ("kettle", "coffee grinder", "toaster")),
    ("bicycles", "Cycles", ("touring bicycle", "folding bicycle", "cargo bicycle")),
    ("measuring devices", "Instruments", ("depth gauge", "spectrometer", "altimeter")),
    ("musical instruments", "Sound", ("accordion", "stage piano", "cello")),
    ("printing and publishing", "Press", ("desk atlas", "pocket reader", "notebook")),
    ("lamps and lighting", "Lighting", ("desk lamp", "bicycle lamp", "storm lantern")),
    ("radio equipment", "Radio", ("shortwave receiver", "field radio", "tuner")),
    ("garden tools", "Tools", ("hedge trimmer", "hand plough", "pruning saw")),
)
PUBLISHING = 5
"""Which of the industries publishes novels."""
FIELDS = (
    *("hydrology", "sedimentology", "plant ecology", "urban history", "regional economics", "dialectology"),
    *("water chemistry", "fish biology", "folklore studies", "soil science", "demography", "acoustics"),
)
PAPER_TOPICS = {
    "town": (
        *("Rents and household size", "Street names and memory", "Night noise", "School attendance", "Vowel shifts"),
        *(
            "Market prices",
            "Commuting on foot",
            "Bell ringing and civic time",
            "Heat islands",
            "Brick and stone facades",
        ),
    ),
    "river": (
        *("Sediment transport", "Trout migration", "Nitrate load", "Spring floods", "Willow regrowth", "Ice cover"),
        *("Gravel bars", "Ferry crossings", "Dissolved oxygen", "Bank erosion"),
    ),
}
PAPER_METHODS = (
    *("a fifteen-year record", "evidence from parish registers", "a field survey", "a Bayesian reassessment"),
    *("results from low-cost sensors", "a comparative study", "what old maps tell", "a replication"),
    *("three seasons of measurements", "an agent-based model", "an open data set", "lessons from interviews"),
)
ADJECTIVES = (
    *("Salt", "Quiet", "Glass", "Last", "Second", "Winter", "Copper", "Drowned", "Borrowed", "Northern", "Paper"),
    *("Unlit", "Seventh", "Patient", "Hollow", "Red", "Crooked", "Distant", "Unwritten", "Silver"),
)
NOUNS = (
    *("Orchard", "Ferry", "Garden", "Lantern", "Harvest", "Clockmaker", "Bridge", "Letter", "Lighthouse", "Weaver"),
    *("Crossing", "Quarry", "Swimmer", "Cartographer", "Daughter", "Mill", "Staircase", "Tide", "Chapel", "Archive"),
)
TITLES = (
    *("The {a} {n} of {c}", "{c} and the {a} {n}", "The {n} for {c}", "{c}", "Letters to {c}", "The {ns} of {c}"),
    *("{c}, or the {a} {n}", "Return to {c}", "The {n} at {c}", "{a} {n}: A Story of {c}"),
)
GENRES = {
    "novel": ("historical novel", "crime novel", "family saga", "coming-of-age novel", "satirical novel"),
    "painting": ("landscape in oils", "watercolour", "group portrait", "still life", "altarpiece"),
    "film": ("documentary", "comedy", "road movie", "period drama"),
    "opera": ("chamber opera", "comic opera", "tragic opera", "children's opera"),
}
FESTIVALS = (
    *("Festival of Early Music", "Film Week", "Book Fair", "Lantern Festival", "Science Days", "Theatre Summer"),
    *("Harvest Fair", "Design Biennale", "Accordion Meeting", "Poetry Night"),
)
LEARNED = (
    *("Society of Letters", "Geographical Society", "Philharmonic Union", "Society of Naturalists", "Guild of Makers"),
    *("Academy of Fine Arts", "Historical Association", "Statistical Circle"),
)
PRIZES = (
    *("Prize for Fiction", "Medal for Engineering", "Prize for the Visual Arts", "Award for Stage Music"),
    *("Prize for Field Research", "Medal of Merit", "Prize for Young Makers", "Award for Documentary Work"),
)
PRIZE_FIELDS = (
    "fiction",
    "engineering",
    "visual arts",
    "stage music",
    "field research",
    "public life",
    "crafts",
    "film",
)
MUSEUMS = ("Museum of Art", "Gallery", "Museum of Craft", "Picture House", "Collection")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
CURRENCIES = ("crown", "mark", "shilling", "ducat", "florin", "thaler")
