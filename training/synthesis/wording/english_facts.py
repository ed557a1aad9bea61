"""English for what the Factbook, the museum's records and the encyclopedia of computing say.

A line is "relation | ways to say it", each a verb phrase in the third person with {} where its object stands;
    (a|b) is
a choice, and a line that begins with blanks goes on with the one before. A key "name/label" is for a relation whose
name another source uses for something else. Numbers are "relation | noun | more/less | unit | other ways", with {}
where the amount stands.
"""

from __future__ import annotations

_FIVE = "(five main|five biggest|five largest|top five|five leading|five chief|five foremost)"
JOINED = """
borders | borders {}; (shares|has) a (land border|common border|land frontier) with {};
    is (a|one) neighbour of {} by land; has {} (for a neighbour|as a land neighbour|on its borders);
    (touches|adjoins|abuts) {} on land; (touches|adjoins) by land {}; meets {} at a land (border|frontier);
    lies next to {} by land; neighbours by land on {}; has a border with {} on land
exports_to |
    (counts|lists|names|has|reckons) {} among its <five> (export partners|export markets|markets abroad|buyers abroad);
    (counts|lists|has) among its <five> (export partners|export markets|buyers) {};
    has {} as a top-five (export market|export partner|buyer|destination of exports);
    has {} as one of its <five> (export markets|export partners|customers abroad|buyers);
    finds one of its <five> (export markets|buyers|customers) in {};
    finds a top-five (market|buyer|customer) abroad in {};
    exports (chiefly|mainly|above all) to five (countries|places) including {};
    has a top-five (customer|buyer|export market) in {};
    (sells|ships) to {} as (a top-five market|a main market among five)
export_partner_of |
    is one of the <five> (export partners|export markets|export destinations|buyers from abroad) of {};
    is a top-five (export market|export partner|destination of exports|buyer of exports) (for|of) {};
    (ranks|stands|appears|figures|is) among the <five> (export partners|export markets|foreign buyers) of {};
    buys, as a top-five (market|customer|export partner), from {};
    serves {} as (a top-five|a leading, top-five) (export market|customer|buyer);
    (counts|serves|ranks) as a top-five (market|customer|destination) for exports of {}
imports_from |
    (counts|lists|names|has|reckons) {} among its <five> (import partners|suppliers|suppliers abroad);
    (counts|lists|has) among its <five> (import partners|suppliers|sellers from abroad) {};
    has {} as a top-five (supplier|import partner|source of imports);
    has {} as one of its <five> (suppliers|import partners|sources of imports);
    finds one of its <five> (suppliers|sources of imports) in {}; finds a top-five (supplier|seller) abroad in {};
    imports (chiefly|mainly|above all) from five (countries|places) including {};
    has a top-five (supplier|import partner) in {};
    (buys|orders) from {} as (a top-five supplier|a main supplier among five)
import_partner_of | is one of the <five> (import partners|suppliers|sources of imports|sellers from abroad) of {};
    is a top-five (supplier|import partner|source of imports) (for|of) {};
    (ranks|stands|appears|figures|is) among the <five> (import partners|suppliers|foreign suppliers) of {};
    sells, as a top-five (supplier|import partner), to {};
    serves {} as (a top-five|a leading, top-five) (supplier|import partner);
    delivers to {} as one of the <five> suppliers there;
    (counts|serves|ranks) as a top-five (supplier|source) for imports of {}
independent_from | (gained|won|got|achieved) (independence|its independence) from {};
    became independent (from|of) {};
    (was once|used to be|was formerly) ruled (by|from) {} before it became independent;
    (owes|traces) its independence to a break with {}
former_ruler_of | (once ruled|formerly ruled|used to rule) over {} until that became independent;
    is (the power|the ruler|the country) that independence was (gained|won) from by {};
    let go, as its former ruler, of {}; was the (ruler|ruling power) before independence of {}
dependency_of | is a (dependency|dependent territory) of {}; (belongs|is tied), as a dependency, to {};
    is (governed|administered) as a dependency (of|by) {}; depends, for its sovereignty, on {}
has_dependency | has {} (as a dependency|for a dependency|among its dependencies);
    (rules|governs|administers) as a dependency {}; is the (sovereign|sovereign state) of {};
    holds sovereignty over {}
shares_river_with | shares a (major|large|main) river with {}; has a (major|large|main) river in common with {};
    is crossed by a (major|large) river (that is shared with|it shares with) {};
    lies on one (major|large) river together with {}
shares_lake_with | shares a (major|large|main) lake with {}; has a (major|large|main) lake in common with {};
    lies on one (major|large) lake together with {}
created_by/is a work by | is (a work|a piece|the work) (by|of) {}; was (made|created) by {};
    (comes|is) from the hand of {}; has {} as its (maker|artist)
created/is the artist of | (made|created) {}; is the (artist|maker) (of|behind) {};
    is (credited|recorded) as the artist of {}
depicts/depicts | depicts {}; is tagged, by subject, with {}; is (catalogued|indexed) by subject under {};
    (shows|has) {} among its subjects; has as one of its subjects {}
depicted_in/is depicted in | is depicted in {}; is (a subject|one of the subjects) of {};
    (turns up|appears) as a subject in {}
movement | is (counted|reckoned|placed) by the museum as part of {}; is (classed|filed) by movement under {};
    has {} as its movement
movement_of | is the movement (of|behind) {}; (includes|takes in|counts), as a movement, {}
born_in | was born in {}; came into the world in {}; has {} as a birthplace; is a native of {}
birthplace_of | is the birthplace of {}; saw the birth of {}; can claim the birth of {}; is the native place of {}
died_in | died in {}; (ended life|passed away) in {}; has {} as a place of death
deathplace_of | is the place of death of {}; saw the death of {}
active_in | was active in {}; worked in {}; spent working years in {}
workplace_of | was a place of work of {}; saw {} at work; was where {} worked
under_subject | is a narrower subject than {}; is a (narrower subject|sub-subject) (under|of) {};
    is filed as a subject (under|below) {}; has as its wider subject {}
over_subject | is a wider subject (than|that takes in) {}; has as a narrower subject {}; takes in, as a subject, {}
see_also | (refers|points|sends) (the reader|its readers|readers) (on|also) to {}; has a "see also" (for|to) {};
    names under "see also" {}; (suggests|recommends) as further reading {}
seen_from | is (suggested|given|named) as further reading (by|in|under) {};
    is what readers are (sent|pointed) to by {}; stands under "see also" in the entry for {};
    is (referred|pointed) to for more in the entry for {}
compare | (asks|invites|tells) (the reader|readers) to compare it with {}; (is|has) to be compared with {};
    (suggests|calls for) a comparison with {}; names for comparison {}
compared_from | is (named|given|offered) for comparison (by|in|under) {};
    is what readers are (asked|told|invited) to compare with {}; stands as the thing to compare in the entry for {}
mentions | (mentions|refers to|speaks of) {}; has a (link|pointer) to {}; (links|points) to {};
    has in its text a link to {}
mentioned_by | is (mentioned|linked|referred to) (by|in|on) the page about {};
    is linked from the page (about|on) {};
    has a link leading to it from the page of {}
""".replace("<five>", _FIVE)

WORDS = """
language | has speakers of {}; is home to speakers of {}; (lists|has) {} among its languages;
    (counts|includes) among its languages {}; is a place where people speak {}
official_language | has {} (as|for) an official language; (recognises|uses|treats) as an official language {};
    conducts its official business in {}; (gives|grants) official status to {};
    lists among its official languages {}
religion | has {} among its (religions|faiths|religious groups);
    (counts|lists|includes) among its (religions|religious groups) {};
    has a religious group (called|listed as|recorded as) {}; is in part, by religion, {}
ethnic_group | has {} among its ethnic groups; (counts|lists|includes) among its ethnic groups {};
    is home to an ethnic group (called|known as|listed as) {}; has an ethnic group (called|known as|recorded as) {}
farm_product | (grows or raises|produces on its farms) {};
    has {} among its (main farm products|chief farm products|leading agricultural products);
    (counts|lists|has) among its (main farm products|leading agricultural products) {};
    is a (producer|notable producer) of {}, by its list of farm products; has farms that yield {}
natural_resource | has {} among its (natural resources|natural riches);
    (counts|lists|includes) among its natural resources {}; (has|holds|owns) natural resources that include {};
    is endowed by nature with {}
export_good | (sells|ships) abroad, as a (top-five|main) export, {};
    has {} among its (five main|top five|five biggest) (export goods|exports|export commodities);
    (counts|lists|has) among its (five main|top five) export (goods|commodities) {};
    earns money abroad, by its list of main exports, with {}; is a country whose top five exports include {}
import_good | (brings in|buys in), as one of its five main imports, {};
    has {} among its (five main|top five|five biggest) (import goods|imports|import commodities);
    (counts|lists|has) among its (five main|top five) import (goods|commodities) {};
    buys from abroad, as a main import, {}
industry/has among its industries | has {} among its (industries|listed industries|branches of industry);
    (counts|lists|includes) among its industries {}; has an industry of {}; (runs|has) industries that include {}
national_symbol | has the {} (as|for) a national symbol; uses as a national symbol the {};
    (took|chose) as a symbol of the nation the {}; counts among its national symbols the {}
national_color | has {} (as a national colour|among its national colours);
    (counts|lists) among its national colours {}; has national colours that include {}
hazard | (suffers|may suffer) from {}; has {} among its natural hazards;
    (counts|lists) among its natural hazards {};
    is exposed to {}; is (threatened|endangered|visited) by {}
climate | has a climate (described|characterised) as {}; (has|enjoys|knows) a climate that is, at least in part, {};
    has a climate for which the word is {}; is, in climate, at least partly {}
terrain | has a terrain (described|characterised) with the word {};
    has land whose description (mentions|includes) the word {}; has a terrain (for which|of which) one word is {}
located_in | (lies|is situated|is found) in the region (called|known as|described as) {};
    belongs to the region of {}; is placed by geographers in {}; (lies|sits) in {}
lies_on | (lies|sits|is situated) on the coast of the {}; borders the {} with its coast;
    (has|keeps) a coast on the {}; is washed by the {}; faces the {}
river | has the {} among its (major|main|great) rivers; (counts|lists) among its (major|main) rivers the {};
    is crossed or bounded by a major river, the {}; has a major river (called|named) the {}
lake | has {} among its (major|main) lakes; (counts|lists) among its (major|main) lakes {};
    has a major lake (called|named) {}
capital | has the capital {}; is (governed|ruled) from {}; has its (capital|seat of government) in {}
government | has the government type {}; is (governed|ruled|run) as a {};
    has a government (described|classed) as {};
    (calls|describes) its government a {}; is, by its form of government, a {}
in_organisation | is a member of (the group|the organisation|the body) {};
    belongs to {}, an international (organisation|body); sits in (the organisation|the body) {};
    (has joined|takes part in) {}
highest_point | (rises|climbs) to its highest point at {}; has {} as its highest (point|place)
lowest_point | has {} as its lowest (point|place); (sinks|falls) to its lowest point at {};
    has its lowest (spot|place|point) at {}; is lowest at {}
internet_domain | has the internet country code {}; uses the internet domain {}
legislature_structure | has a {} legislature; has a legislature that is {}; makes its laws in a {} legislature;
    has a law-making body that is {}
former_state | became independent from a state that is no more, {};
    was once part of {}, a state that no longer exists; broke away from the former state of {};
    emerged from {}, now gone from the map
medium | has the medium {}; is (recorded|catalogued) as {}; has (for its medium|as its medium) {};
    is described, by its medium, as {}
series | is part of the series {}; belongs to a (series|group) called {}; (comes|is) from the series {}
accession_number | has the accession number {}; is (kept|filed) under the number {}
era | is of the {}; belongs to the {}; dates from the {}
category | is (filed|entered|listed|classed) under the category {}; belongs to the category {}; has the category {};
    is (an entry|a term) in the category {}; carries the subject label {}
"""

DATES = """
independence | became independent {}; (gained|won|achieved) (independence|its independence) {};
    (dates|counts) its independence {}; has been independent since a date {}
made_in | was (made|created) {}; (dates from|is dated to) some time {}; was finished by its maker {}
acquired_in | was acquired (by the museum|for the collection) {}; (came into|entered) the collection {};
    joined the museum's holdings {}
born_on | was born {}; came into the world {}; has a birth date that falls {}
died_on | died {}; (passed away|ended life) {}; has a date of death that falls {}
"""

NUMBERS = """
area | an area | larger/smaller | km2 | covers {}; (extends|spreads) over {}; takes up {}
land_area | a land area | larger/smaller | km2 | has {} of dry land
water_area | an area of inland water | larger/smaller | km2 | has {} of inland water; has {} under water
coastline | a coastline | longer/shorter | km | has {} of coast; meets the sea along {} of coast
border_length | a total land border | longer/shorter | km | has {} of land border in all;
    has land borders adding up to {}; has {} of border with its neighbours together;
    shares {} of land border with its neighbours
mean_elevation | a mean elevation | higher/lower | m | lies on average {} above the sea
forest_share | a forest cover | higher/lower | percent | is {} forest; has {} of its (land|surface) under forest;
    has forest on {} of its (land|surface); is covered with trees to the extent of {}
farmland_share | a share of farmland | higher/lower | percent | is {} farmland; farms {} of its land;
    uses {} of its land for farming; has {} of its land in agricultural use
arable_share | a share of arable land | higher/lower | percent | has {} of its land under the plough;
    is {} arable land; has land that is {} arable
irrigated_land | an irrigated area | larger/smaller | km2 | irrigates {} of its land;
    waters {} of land by irrigation; has {} of irrigated land
population | a population | larger/smaller | | has {} inhabitants; is home to {} people; is inhabited by {} people;
    counts {} inhabitants; has {} people living in it
population_growth | a population growth rate | higher/lower | percent | sees its population change by {} a year;
    has a population that grows by {} a year
birth_rate | a birth rate | higher/lower | births |
    has {} (for every|per) (1,000|thousand) (people|inhabitants) in a year;
    records {} a year per (1,000|thousand) (people|inhabitants);
    (counts|sees) {} per year for each thousand of its people; has {} a year for every (1,000|thousand) people
death_rate | a death rate | higher/lower | deaths |
    has {} (for every|per) (1,000|thousand) (people|inhabitants) in a year;
    records {} a year per (1,000|thousand) (people|inhabitants);
    (counts|sees) {} per year for each thousand of its people; has {} a year for every (1,000|thousand) people
net_migration | a net migration rate | higher/lower | migrants |
    has, net, {} (for every|per) (1,000|thousand) (people|inhabitants) in a year;
    records net migration of {} a year per (1,000|thousand) (people|inhabitants)
fertility | a fertility rate | higher/lower | children | has {} born per woman; has women who bear {} on average
median_age | a median age | higher/lower | years | has people whose median age is {};
    has a population half of which is younger than an age of {}
life_expectancy | a life expectancy at birth | higher/lower | years | can expect its newborns to live {};
    has newborns who can expect {} of life; has people who live {} on average
infant_mortality | an infant mortality | higher/lower | deaths | loses infants at a rate of {} per 1,000 live births;
    has {} of infants per 1,000 live births
urban_share | a share of town dwellers | higher/lower | percent | has {} of its people living in towns; is {} urban;
    has towns where {} of its people live
literacy | a literacy rate | higher/lower | percent | has {} of its adults able to read and write; is {} literate
obesity | a rate of adult obesity | higher/lower | percent | has {} of its adults recorded as obese;
    counts {} of its adults as obese
gdp_ppp | a GDP at purchasing power parity | larger/smaller | usd | has an economy worth {} at purchasing power parity;
    produces, at purchasing power parity, {} a year
gdp_growth | a rate of GDP growth | higher/lower | percent | sees its GDP change by {} in a year;
    has an economy that grew by {} in its latest year
gdp_per_capita | a GDP per head | higher/lower | usd | produces {} per head and year;
    has {} of GDP for each inhabitant
gdp | a GDP at official exchange rates | larger/smaller | usd | has an economy worth {} at official exchange rates;
    produces, at official exchange rates, {} a year
inflation | an inflation rate | higher/lower | percent | sees consumer prices rise by {} a year;
    has consumer prices that changed by {} in a year
unemployment | an unemployment rate | higher/lower | percent | has {} of its workforce out of work;
    counts {} of its workers as unemployed
exports | exports | larger/smaller | usd | exports goods and services worth {}; earns {} from exports;
    sells {} worth of goods and services abroad
imports | imports | larger/smaller | usd | imports goods and services worth {}; spends {} on imports;
    buys {} worth of goods and services abroad
public_debt | a public debt as a share of GDP | higher/lower | percent | owes, as public debt, {} of its GDP;
    has public debts equal to {} of its GDP
military_spending | a military budget as a share of GDP | higher/lower | percent | spends {} of its GDP on its military;
    gives {} of its GDP to the armed forces; puts {} of its GDP into defence
gini | a Gini index | higher/lower | | has incomes spread with a Gini index of {}
internet_users | a share of internet users | higher/lower | percent | has {} of its people online;
    has {} of its people using the internet
airports | airports | more/fewer | | has {} airports; counts {} airports; is served by {} airports
heliports | heliports | more/fewer | | has {} heliports; counts {} heliports
railways | a railway network | longer/shorter | km | has {} of railway; has railways {} long in all
merchant_ships | merchant ships | more/fewer | | has {} merchant ships; has {} ships in its merchant fleet;
    runs a merchant fleet of {} ships
ports | ports | more/fewer | | has {} ports; counts {} ports
physicians | a density of physicians | higher/lower | physicians | has {} per 1,000 people;
    has a health service with {} per 1,000 people
heritage_sites | World Heritage Sites | more/fewer | | has {} World Heritage Sites;
    counts {} sites on the World Heritage List
mobile_subscriptions | mobile telephone subscriptions | more/fewer | | has {} mobile telephone subscriptions;
    counts {} mobile telephone subscriptions
highest_elevation | a highest point | higher/lower | m | rises to {} at its highest point; has a summit at {};
    reaches {} at its highest
lowest_elevation | a lowest point | higher/lower | m | has its lowest point at {}; lies at {} at its lowest;
    falls to {} at its lowest point
latitude | a latitude | higher/lower | degrees | (lies|is centred|is situated) at a latitude of {};
    is to be found at a latitude of {}
longitude | a longitude | higher/lower | degrees | (lies|is centred|is situated) at a longitude of {};
    is to be found at a longitude of {}
capital_latitude | a capital latitude | higher/lower | degrees | has its capital at a latitude of {};
    is governed from a latitude of {}
capital_longitude | a capital longitude | higher/lower | degrees | has its capital at a longitude of {};
    is governed from a longitude of {}
works_held | works in the collection | more/fewer | | has {} works in the collection;
    is represented by {} works in the collection
works_depicting | works that depict it | more/fewer | | is depicted in {} works; is the subject of {} works;
    turns up in {} works
"""
