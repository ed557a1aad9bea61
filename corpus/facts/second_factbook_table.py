"""Which labels of a Factbook page say what: the second reader's own table, written from docs/facts.md and the pages."""

from __future__ import annotations

from corpus.facts.records import Relation

LAND = ("country", "territory", "union", "world")

# relation, field, subfield, unit; "YYYY" is the newest of several years
NUMBERS: tuple[tuple[str, str, str, str], ...] = (
    ("area", "Area", "total", "km2"),
    ("land_area", "Area", "land", "km2"),
    ("water_area", "Area", "water", "km2"),
    ("coastline", "Coastline", "", "km"),
    ("border_length", "Land boundaries", "total", "km"),
    ("mean_elevation", "Elevation", "mean elevation", "m"),
    ("forest_share", "Land use", "forest", "percent"),
    ("farmland_share", "Land use", "agricultural land", "percent"),
    ("arable_share", "Land use", "agricultural land: arable land", "percent"),
    ("irrigated_land", "Irrigated land", "", "km2"),
    ("population", "Population", "total", "persons"),
    ("population", "Population", "", "persons"),
    ("population_growth", "Population growth rate", "", "percent"),
    ("birth_rate", "Birth rate", "", "births"),
    ("death_rate", "Death rate", "", "deaths"),
    ("net_migration", "Net migration rate", "", "migrants"),
    ("fertility", "Total fertility rate", "", "children"),
    ("median_age", "Median age", "total", "years"),
    ("life_expectancy", "Life expectancy at birth", "total population", "years"),
    ("infant_mortality", "Infant mortality rate", "total", "deaths"),
    ("urban_share", "Urbanization", "urban population", "percent"),
    ("literacy", "Literacy", "total population", "percent"),
    ("obesity", "Obesity - adult prevalence rate", "", "percent"),
    ("gdp_ppp", "Real GDP (purchasing power parity)", "YYYY", "usd"),
    ("gdp_growth", "Real GDP growth rate", "YYYY", "percent"),
    ("gdp_per_capita", "Real GDP per capita", "YYYY", "usd"),
    ("gdp", "GDP (official exchange rate)", "", "usd"),
    ("inflation", "Inflation rate (consumer prices)", "YYYY", "percent"),
    ("unemployment", "Unemployment rate", "YYYY", "percent"),
    ("exports", "Exports", "YYYY", "usd"),
    ("imports", "Imports", "YYYY", "usd"),
    ("public_debt", "Public debt", "YYYY", "percent"),
    ("military_spending", "Military expenditures", "YYYY", "percent"),
    ("gini", "Gini Index coefficient - distribution of family income", "YYYY", ""),
    ("internet_users", "Internet users", "percent of population", "percent"),
    ("airports", "Airports", "", ""),
    ("heliports", "Heliports", "", ""),
    ("railways", "Railways", "total", "km"),
    ("merchant_ships", "Merchant marine", "total", ""),
    ("ports", "Ports", "total ports", ""),
    ("physicians", "Physician density", "", "physicians"),
    ("heritage_sites", "National heritage", "total World Heritage Sites", ""),
    ("mobile_subscriptions", "Telephones - mobile cellular", "total subscriptions", ""),
)

# relation, field, subfield: items of a list that are names of one to four words with a capital first
PROPER_LISTS: tuple[tuple[str, str, str], ...] = (
    ("language", "Languages", "Languages"),
    ("religion", "Religions", ""),
    ("ethnic_group", "Ethnic groups", ""),
)
# relation, field: items of a list that are common words, one to three
COMMON_LISTS: tuple[tuple[str, str], ...] = (
    ("farm_product", "Agricultural products"),
    ("natural_resource", "Natural resources"),
    ("export_good", "Exports - commodities"),
    ("import_good", "Imports - commodities"),
    ("industry", "Industries"),
    ("national_symbol", "National symbol(s)"),
    ("national_color", "National color(s)"),
)
NO_NAMES = frozenset(
    "other others unspecified negl note mixed none unknown various no unaffiliated agnostic atheist undeclared "
    "multiple people "
    "total less native note predominantly mainly nearly virtually official many includes none/unspecified "
    "more approximately or and only languages".split()
)
QUANTITIES = (
    "some", "large", "limited", "small", "deposits of", "abundant", "significant", "modest", "potential", "possible",
    "substantial", "vast", "minor", "major", "considerable", "small deposits of", "large deposits of", "reserves of",
    "untapped", "extensive", "unexploited", "undeveloped", "sizable", "scattered small deposits of",
    "extensive deposits of", "major deposits of", "large reserves of", "small reserves of", "limited deposits of",
    "minor deposits of", "significant deposits of", "modest deposits of", "possible deposits of", "varied",
    "including",
)  # fmt: skip
SENTENCE_WORDS = frozenset(
    "is are was were with in of or other others the as for from by to on at mainly including especially that which "
    "its their not no none also foster few".split()
)
NO_GOODS = frozenset("negligible diversified many numerous several various".split())
# Words that a clause about climate, terrain and hazards may have -> the form they take.
CLIMATES = {
    word: word
    for word in "tropical subtropical temperate continental maritime marine arid semiarid arctic "
    "subarctic equatorial desert humid polar alpine monsoon".split()
} | {
    "monsoonal": "monsoon", "monsoons": "monsoon", "semi-arid": "semiarid", "mediterranean": "Mediterranean",
    "sub-tropical": "subtropical", "sub-arctic": "subarctic",
}  # fmt: skip
TERRAINS = {
    "mountains": "mountains", "mountain": "mountains", "mountainous": "mountains", "hills": "hills", "hilly": "hills",
    "plains": "plains", "plain": "plains", "plateau": "plateau", "plateaus": "plateau", "desert": "desert",
    "deserts": "desert", "volcanic": "volcanic", "coral": "coral", "atoll": "atolls", "atolls": "atolls",
    "valleys": "valleys", "valley": "valleys", "lowlands": "lowlands", "lowland": "lowlands", "highlands": "highlands",
    "highland": "highlands", "steppe": "steppe", "glaciers": "glaciers", "glacier": "glaciers", "swamps": "swamps",
    "swampy": "swamps", "swamp": "swamps", "marshes": "marshes", "marshy": "marshes", "marsh": "marshes",
    "savanna": "savanna", "savannas": "savanna", "jungle": "jungle", "dunes": "dunes", "dune": "dunes",
    "fjords": "fjords", "fjord": "fjords", "limestone": "limestone", "flat": "flat", "rugged": "rugged",
    "rolling": "rolling", "hill": "hills", "steppes": "steppe",
}  # fmt: skip
HAZARDS = {
    "earthquakes": "earthquakes", "earthquake": "earthquakes", "floods": "floods", "flooding": "floods",
    "flood": "floods", "flooded": "floods", "droughts": "droughts", "drought": "droughts", "hurricanes": "hurricanes",
    "hurricane": "hurricanes", "cyclones": "cyclones", "cyclone": "cyclones", "typhoons": "typhoons",
    "typhoon": "typhoons", "landslides": "landslides", "landslide": "landslides", "volcanism": "volcanoes",
    "volcanic": "volcanoes",
    "volcano": "volcanoes", "volcanoes": "volcanoes",
    "tsunamis": "tsunamis", "tsunami": "tsunamis", "sandstorms": "sandstorms", "sandstorm": "sandstorms",
    "sand storms": "sandstorms", "dust storms": "dust storms", "dust storm": "dust storms", "avalanche": "avalanches",
    "avalanches": "avalanches", "tornadoes": "tornadoes", "tornado": "tornadoes", "tornados": "tornadoes",
    "locust": "locusts", "locusts": "locusts", "forest fires": "forest fires", "forest fire": "forest fires",
    "wildfires": "wildfires", "wildfire": "wildfires", "bushfires": "bush fires", "bush fires": "bush fires",
    "brushfires": "brush fires", "brush fires": "brush fires", "permafrost": "permafrost", "icebergs": "icebergs",
    "iceberg": "icebergs", "mudslides": "mudslides", "mud slides": "mudslides", "blizzards": "blizzards",
    "blizzard": "blizzards",
}  # fmt: skip
LEXICONS = (("climate", "Climate", CLIMATES), ("terrain", "Terrain", TERRAINS), ("hazard", "Natural hazards", HAZARDS))

# name, label, inverse, inverse label
_JOINING = (
    ("borders", "shares a border with", "borders"),
    ("exports_to", "exports to", "export_partner_of"),
    ("imports_from", "imports from", "import_partner_of"),
    ("independent_from", "became independent from", "former_ruler_of"),
    ("dependency_of", "is a dependency of", "has_dependency"),
    ("shares_river_with", "shares a river with", "shares_river_with"),
    ("shares_lake_with", "shares a lake with", "shares_lake_with"),
)
_TEXTS = (
    "former_state", "river", "lake", "language", "religion", "ethnic_group", "official_language", "farm_product",
    "natural_resource", "export_good", "import_good", "industry", "national_symbol", "national_color", "climate",
    "terrain", "hazard", "located_in", "lies_on", "capital", "government", "legislature_structure", "internet_domain",
    "in_organisation", "highest_point", "lowest_point",
)  # fmt: skip
_PLACES = (
    ("highest_elevation", "m"), ("lowest_elevation", "m"), ("latitude", "degrees"), ("longitude", "degrees"),
    ("capital_latitude", "degrees"), ("capital_longitude", "degrees"),
)  # fmt: skip


def _relations() -> dict[str, Relation]:
    found: dict[str, Relation] = {}
    for name, label, inverse in _JOINING:
        found[name] = Relation(name, label, LAND, "entity", LAND, inverse)
        if inverse != name:
            found[inverse] = Relation(inverse, inverse.replace("_", " "), LAND, "entity", LAND, name)
    for name in _TEXTS:
        found[name] = Relation(name, name.replace("_", " "), LAND, "text")
    found["independence"] = Relation("independence", "became independent on", LAND, "date", functional=True)
    for name, unit in (*_PLACES, *((row[0], row[3]) for row in NUMBERS)):
        found[name] = Relation(name, name.replace("_", " "), LAND, "number", functional=True, unit=unit)
    return found


RELATIONS = _relations()
