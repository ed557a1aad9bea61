"""What the Factbook says: its relations, and the field each stands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from corpus.facts.records import Relation

LANDS = ("country", "territory", "union")
_ALL = (*LANDS, "world")


def _entity(name: str, label: str, inverse: str) -> Relation:
    return Relation(name, label, LANDS, "entity", LANDS, inverse)


def _words(name: str, label: str, *, functional: bool = False) -> Relation:
    return Relation(name, label, _ALL, "text", functional=functional)


def _number(name: str, label: str, unit: str = "") -> Relation:
    return Relation(name, label, _ALL, "number", functional=True, unit=unit)


@dataclass(frozen=True, slots=True)
class NumberField:
    """Where a number stands: the first line of a subfield begins with it. `newest` says that subfields are years."""

    relation: str
    field: str
    item: str = ""
    newest: bool = False


@dataclass(frozen=True, slots=True)
class ListField:
    """Where a list stands. `names` are items written as names, `words` as plain lower-case words."""

    relation: str
    field: str
    kind: Literal["names", "words"]


# name | label | unit | field | subfield ("YYYY": the newest of several years)
_NUMBERS = """
area|has an area of|km2|Area|total
land_area|has a land area of|km2|Area|land
water_area|has a water area of|km2|Area|water
coastline|has a coastline of|km|Coastline|
border_length|has land borders of altogether|km|Land boundaries|total
mean_elevation|has a mean elevation of|m|Elevation|mean elevation
forest_share|is covered by forest to|percent|Land use|forest
farmland_share|is farmland to|percent|Land use|agricultural land
arable_share|is arable land to|percent|Land use|agricultural land: arable land
irrigated_land|has irrigated land of|km2|Irrigated land|
population|has a population of|persons|Population|total
population_growth|has a population that grows a year by|percent|Population growth rate|
birth_rate|has births a year per 1,000 people of|births|Birth rate|
death_rate|has deaths a year per 1,000 people of|deaths|Death rate|
net_migration|has net migration per 1,000 people of|migrants|Net migration rate|
fertility|has children born per woman of|children|Total fertility rate|
median_age|has a median age of|years|Median age|total
life_expectancy|has a life expectancy at birth of|years|Life expectancy at birth|total population
infant_mortality|has infant deaths per 1,000 live births of|deaths|Infant mortality rate|total
urban_share|has a share of people living in towns of|percent|Urbanization|urban population
literacy|has a literacy of|percent|Literacy|total population
obesity|has a share of obese adults of|percent|Obesity - adult prevalence rate|
gdp_ppp|has a GDP at purchasing power parity of|usd|Real GDP (purchasing power parity)|YYYY
gdp_growth|has a GDP that grows a year by|percent|Real GDP growth rate|YYYY
gdp_per_capita|has a GDP per head of|usd|Real GDP per capita|YYYY
gdp|has a GDP at official exchange rates of|usd|GDP (official exchange rate)|
inflation|has an inflation of|percent|Inflation rate (consumer prices)|YYYY
unemployment|has an unemployment of|percent|Unemployment rate|YYYY
exports|has exports worth|usd|Exports|YYYY
imports|has imports worth|usd|Imports|YYYY
public_debt|has a public debt, as a share of GDP, of|percent|Public debt|YYYY
military_spending|spends on its military, as a share of GDP,|percent|Military expenditures|YYYY
gini|has a Gini index of||Gini Index coefficient - distribution of family income|YYYY
internet_users|has a share of people who use the internet of|percent|Internet users|percent of population
airports|has airports, in number||Airports|
heliports|has heliports, in number||Heliports|
railways|has railways of|km|Railways|total
merchant_ships|has merchant ships, in number||Merchant marine|total
ports|has ports, in number||Ports|total ports
physicians|has physicians per 1,000 people of|physicians|Physician density|
heritage_sites|has World Heritage Sites, in number||National heritage|total World Heritage Sites
mobile_subscriptions|has mobile telephone subscriptions, in number||Telephones - mobile cellular|total subscriptions
"""

_ROWS = [row.split("|") for row in _NUMBERS.strip().splitlines()]
NUMBER_FIELDS: tuple[NumberField, ...] = (
    *(NumberField(name, field, "" if item == "YYYY" else item, item == "YYYY") for name, _, _, field, item in _ROWS),
    NumberField("population", "Population"),
)

LIST_FIELDS: tuple[ListField, ...] = (
    ListField("language", "Languages", "names"),
    ListField("religion", "Religions", "names"),
    ListField("ethnic_group", "Ethnic groups", "names"),
    ListField("farm_product", "Agricultural products", "words"),
    ListField("natural_resource", "Natural resources", "words"),
    ListField("export_good", "Exports - commodities", "words"),
    ListField("import_good", "Imports - commodities", "words"),
    ListField("industry", "Industries", "words"),
    ListField("national_symbol", "National symbol(s)", "words"),
    ListField("national_color", "National color(s)", "words"),
)


def _vocabulary(words: str) -> dict[str, str]:
    """{normal form: pattern of its spellings} from "form=pattern" words; a form without a pattern is its own."""
    return {form: pattern or form for form, _, pattern in (word.partition("=") for word in words.split("; "))}


# Words that a description is read for; nothing else of it is taken.
CLIMATES = _vocabulary(
    "tropical; subtropical=sub-?tropical; temperate; Mediterranean; arid; semiarid=semi-?arid; desert; continental; "
    "maritime; marine; arctic; subarctic=sub-?arctic; polar; alpine; equatorial; humid; monsoon=monsoons?|monsoonal"
)
TERRAINS = _vocabulary(
    "mountains=mountains?|mountainous; plains=plains?; plateau=plateaus?; hills=hills?|hilly; desert=deserts?; "
    "lowlands=lowlands?; highlands=highlands?; coral; volcanic; atolls=atolls?; swamps=swamps?|swampy; "
    "marshes=marsh(?:es|y)?; limestone; savanna=savannas?; dunes=dunes?; jungle; steppe=steppes?; rugged; flat; "
    "rolling; fjords=fjords?; glaciers=glaciers?; valleys=valleys?"
)
HAZARDS = _vocabulary(
    "droughts=droughts?; earthquakes=earthquakes?; floods=floods?|flood(?:ing|ed); landslides=landslides?; "
    "tsunamis=tsunamis?; typhoons=typhoons?; hurricanes=hurricanes?; cyclones=cyclones?; dust storms=dust ?storms?; "
    "tornadoes=tornado(?:e?s)?; "
    "sandstorms=sand ?storms?; avalanches=avalanches?; forest fires=forest fires?; wildfires=wild ?fires?; "
    "bush fires=bush ?fires?; brush fires=brush ?fires?; blizzards=blizzards?; icebergs=icebergs?; permafrost; "
    "volcanoes=volcan(?:o(?:e?s)?|ic|ism); locusts=locusts?; mudslides=mud ?slides?"
)

FACTBOOK_RELATIONS: tuple[Relation, ...] = (
    _entity("borders", "shares a land border with", "borders"),
    _entity("exports_to", "has among its five main export partners", "export_partner_of"),
    _entity("export_partner_of", "is one of the five main export partners of", "exports_to"),
    _entity("imports_from", "has among its five main import partners", "import_partner_of"),
    _entity("import_partner_of", "is one of the five main import partners of", "imports_from"),
    _entity("independent_from", "became independent from", "former_ruler_of"),
    _entity("former_ruler_of", "is the country that gained independence from it", "independent_from"),
    _entity("dependency_of", "is a dependency of", "has_dependency"),
    _entity("has_dependency", "has as a dependency", "dependency_of"),
    _entity("shares_river_with", "shares a major river with", "shares_river_with"),
    _entity("shares_lake_with", "shares a major lake with", "shares_lake_with"),
    _words("language", "has speakers of"),
    _words("official_language", "has as an official language"),
    _words("religion", "has among its religions"),
    _words("ethnic_group", "has among its ethnic groups"),
    _words("farm_product", "has among its main farm products"),
    _words("natural_resource", "has among its natural resources"),
    _words("export_good", "has among its five main export goods"),
    _words("import_good", "has among its five main import goods"),
    _words("industry", "has among its industries"),
    _words("national_symbol", "has as a national symbol"),
    _words("national_color", "has as a national color"),
    _words("hazard", "has among its natural hazards"),
    _words("climate", "has a climate described with the word"),
    _words("terrain", "has a terrain described with the word"),
    _words("located_in", "lies in the region called"),
    _words("lies_on", "lies on the coast of"),
    _words("river", "has among its major rivers"),
    _words("lake", "has among its major lakes"),
    _words("capital", "has the capital"),
    _words("government", "has the government type", functional=True),
    _words("in_organisation", "is a member of"),
    _words("highest_point", "has as its highest point", functional=True),
    _words("lowest_point", "has as its lowest point", functional=True),
    _words("internet_domain", "has the internet country code", functional=True),
    _words("legislature_structure", "has a legislature that is", functional=True),
    _words("former_state", "became independent from a state that is no more, called"),
    Relation("independence", "became independent on", _ALL, "date", functional=True),
    _number("highest_elevation", "has a highest point at", "m"),
    _number("lowest_elevation", "has a lowest point at", "m"),
    _number("latitude", "has its centre at the latitude", "degrees"),
    _number("longitude", "has its centre at the longitude", "degrees"),
    _number("capital_latitude", "has its capital at the latitude", "degrees"),
    _number("capital_longitude", "has its capital at the longitude", "degrees"),
    *(_number(name, label, unit) for name, label, unit, _, _ in _ROWS),
)
