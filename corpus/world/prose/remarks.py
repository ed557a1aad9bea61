"""What pages of one thing say beside their facts: how they open, their headings, and sentences about nothing that the
closed world knows. `[a|b]` is a choice, drawn anew each time."""

from __future__ import annotations

OPENINGS = {
    "person": (
        "{name} {verb} {what}.",
        "{name}, {what}, is the subject of this entry.",
        "{name} {verb} {what} of [some|no small|more than local] reputation.",
        "[Few people have read everything|Not much is known for certain|A good deal has been written] about "
        "{name}, {what}.",
        "{name} {verb} {what} [whose name comes up often|with many friends|who preferred to work at night].",
    ),
    "work": (
        "{name} is {what}.",
        "{name}, {what}, [has found a faithful audience|was long hard to come by|is often misquoted].",
        "{name} is {what} [of uncommon patience|with a surprising ending|that divides opinion].",
    ),
    "town": (
        "{name} is a town.",
        "{name} is a [small|quiet|busy|market] town with [a long memory|an old core|more bridges than it needs].",
        "{name} is [one of those towns that trains pass by|a town of narrow lanes|a town on the way to "
        "somewhere else].",
    ),
    "river": (
        "{name} is a river.",
        "{name} is [a much loved|an unhurried|a shallow] river.",
    ),
    "region": (
        "{name} is a region.",
        "{name} is a region of [hills and orchards|heath and slow trains|terraces and stone walls].",
    ),
    "country": (
        "{name} is a country.",
        "{name} is a [sovereign country|country of moderate size|country of mild winters].",
    ),
    "university": ("{name} is a place of higher learning.", "{name} teaches and does research.", "Welcome to {name}."),
    "museum": ("{name} is a museum.", "{name} collects, keeps and shows.", "Welcome to {name}."),
    "society": (
        "{name} is a learned society.",
        "{name} is a society for [those who care|people who like minutes and motions].",
    ),
    "company": ("{name} is a company.", "{name} is a firm of some standing.", "About us: {name} in brief."),
    "event": ("{name} is held once a year.", "{name} returns every year.", "Once a year there is {name}."),
    "award": ("{name} is an award.", "{name} is given for work of lasting value."),
    "paper": ("Abstract.", "[Preprint|Article], [open access|peer reviewed]."),
    "product": ("The {name} is {what}.", "Meet the {name}, our {word} for [every day|those who know|long journeys]."),
}
HEADINGS = {
    "person": (
        ("Career", "Working life", "Work"),
        ("Recognition", "In public", "Reception"),
        ("Personal life", "Private life"),
    ),
    "town": (("Geography", "Place and people"), ("Economy and culture", "Life in the town"), ("People", "Residents")),
    "company": (("Business", "What we do", "Operations"), ("People", "History"), ("Ownership and partners", "Network")),
    "product": (("Specifications", "In detail"), ("Background", "Who makes it")),
    "paper": (("Setting", "Methods in brief"), ("Related work", "References and citations")),
    "other": (("Background", "History", "Overview"), ("Connections", "Further facts"), ("See also", "Other matters")),
}
REMARKS = {
    "person": (
        "[Cousins|Lodgers|Old neighbours] remember [a light in the window until late|the sound of a "
        "typewriter|a well-kept garden].",
        "[Praise|Success] came [late|slowly|by post] and was met with [a shrug|a short note|a long walk].",
        "The [handwriting|signature] is [hard to read|easily recognised|much imitated].",
        "[Radio talks|Lectures|Prefaces] from this period [have survived|are being collected|are quoted now and then].",
        "One [story|anecdote], told in several versions, has to do with [a missed train|a borrowed coat|a "
        "broken umbrella].",
        "[Students of the period|Specialists] still argue about [the dating of the letters|a lost "
        "manuscript|the choice of words].",
        "Letters from [these years|that time|the middle years] have [not been published|been lost|come up at auction].",
        "[Friends|Colleagues|Neighbours] speak of [a dry sense of humour|great punctuality|a habit of long "
        "walks|a fondness for puns].",
        "A biography has been [announced more than once|in preparation for years|promised by two publishers].",
        "Of the private papers [little|next to nothing|only a suitcase] has survived.",
        "Interviews were [rare|rare and short|given only in writing].",
        "[Critics|Contemporaries] have called the approach [stubborn|patient|old-fashioned|hard to classify], "
        "[which was meant as praise|not always kindly].",
        "[Asked about the secret of it all|When asked about plans], the answer was [always the same: "
        "work|usually a shrug|a story about the weather].",
        "The first years were [not easy|marked by odd jobs|spent in rented rooms].",
        "A [recorder|bicycle|folding chair|tin of peppermints] was never far away.",
        "[Early notebooks|Sketchbooks|Diaries] show how [slowly|carefully|stubbornly] the ideas took shape.",
    ),
    "town": (
        "The [chestnut|poplar] avenue to the [station|cemetery] was planted by [schoolchildren|volunteers].",
        "There are [two|three|four] [bakeries|inns|churches], which [compete politely|take turns on Sundays].",
        "Older people still call the [upper|lower|new] part of town by [its former name|a nickname].",
        "The [swimming pool|library|cinema] is open [in summer only|three days a week|again].",
        "A [brass band|choir|chess club] practises in the [fire station|old school].",
        "The weekly market is [worth the detour|held whatever the weather|smaller than it used to be].",
        "Most visitors arrive by [the slow train|bicycle|the morning bus].",
        "In autumn [fog|mist|the smell of apples] lies over the roofs until noon.",
        "The old town hall has been restored [twice|with donations|after a fire].",
        "Parking near the centre is [limited|a matter of luck|forbidden on market days].",
        "A [plaque|bench|lime tree] in the [main square|churchyard|station yard] recalls [harder times|the "
        "great flood|a visit nobody remembers].",
        "Its dialect is [said to be|thought] [closer to song than to speech|hard to follow for outsiders].",
        "The [baker|pharmacist|postmistress] keeps the key to the [tower|small museum room|old archive].",
        "Walkers can follow a [signposted path|circular trail] of [two|three|four] hours.",
    ),
    "region": (
        "The roads are [narrow|winding] and the [inns|farm shops] many.",
        "[Storks|Herons|Buzzards] nest here in growing numbers.",
        "A regional railway with [stops on request|wooden benches|one train an hour] joins the larger places.",
        "Its [stone walls|hedgerows|drainage ditches] are older than any map.",
        "The kitchen relies on [root vegetables|river fish|dumplings|buckwheat].",
    ),
    "country": (
        "Summers are [dry|mild|short] and winters [long|wet|bright].",
        "Travellers praise [the railways|the bread|the libraries] and complain about [the opening hours|the "
        "hills|the coffee].",
        "A new map series has been [announced|begun|postponed].",
    ),
    "company": (
        "The [logo|letterhead|company song] has hardly changed.",
        "Deliveries leave by [rail|van|boat] on [Tuesdays|weekdays|the first of the month].",
        "[Suppliers|Dealers] are visited [once a year|without notice|in person].",
        "Annual reports can be had [on request|from the office|in print only].",
        "Visitors to the works should [book ahead|ring at the side door|wear stout shoes].",
        "Press enquiries are answered within [a week|two days|a fortnight].",
        "The [canteen|yard|reception] still shows the [first machine|old sign|founder's clock] behind glass.",
        "Apprentices are taken on [every autumn|in pairs|after a week of trial].",
        "[Quality|Patience|Repair] comes before [speed|price|fashion], as the house rule says.",
        "[Orders|Complaints|Compliments] are handled by [a small team|one desk|the same three people as ever].",
    ),
    "university": (
        "The [reading room|library|botanical garden] is open to the public.",
        "Term begins with [a procession|a concert|long queues].",
        "Applications are due [in spring|before the summer break].",
        "Its [boat club|choir|chess circle] is better known than some of its departments.",
    ),
    "museum": (
        "Admission is free on [the first Sunday of the month|rainy days|weekday mornings].",
        "The [staircase|skylight|cafe] alone would be worth the visit.",
        "Photography is allowed [without flash|in the courtyard|on request].",
        "Guided tours start [on the hour|when ten have gathered|at the cloakroom].",
    ),
    "society": (
        "Meetings are [open to guests|held behind closed doors|followed by soup].",
        "The [minutes|proceedings] fill [a whole wall|forty boxes|a cellar].",
        "New members are proposed by [two|three] old ones.",
        "Its [statutes|rules] have been [changed only once|read by few].",
    ),
    "work": (
        "[Early drafts|Sketches|Working notes] [show|suggest] [another ending|a different order|many second thoughts].",
        "[Collectors|Teachers|Librarians] name it among [their favourites|the most borrowed|the most misunderstood].",
        "Its [opening|middle part|last third] is [often quoted|praised above the rest|said to be the finest].",
        "Critics were [divided|kind|puzzled] at first and [kinder|cooler|more curious] later.",
        "[A restored|A shortened|An annotated] version is [in preparation|hard to find].",
        "[Students|Admirers|Imitators] have taken it apart [line by line|many times|with varying success].",
        "It took [several attempts|three winters|longer than planned].",
        "The title [has never been explained|came last|is a private joke, it is said].",
        "[Schools|Amateur groups|Book clubs] return to it [every few years|with pleasure].",
    ),
    "event": (
        "[Local inns|Families] put up [the guests|the helpers] for free.",
        "The [opening|closing] is always marked by [a brass band|a long speech|fireworks].",
        "Tickets go on sale [in spring|early|at the door].",
        "[Volunteers|Pensioners|Pupils] run the [cloakroom|kitchen|box office].",
        "When it rains, everything moves [indoors|under canvas|into the gymnasium].",
        "The programme is printed on [yellow|grey|recycled] paper.",
        "Hotels are booked out [weeks|months] ahead.",
    ),
    "award": (
        "The jury's [minutes|votes] are kept under lock and key.",
        "The [trophy|certificate|medal itself] is [rather plain|heavier than it looks|made by hand].",
        "Nominations are [public|secret|accepted by post].",
        "In some years [it has not been given|no candidate was found|the vote was close].",
    ),
    "product": (
        "[Repairs|Refunds] are handled by [the dealer|post|the service desk].",
        "In our test it [held up well|ran for a week|survived a fall] and [made little noise|was easy to clean].",
        "Spare parts remain [available|in stock|easy to order].",
        "The colour of the delivered item may differ [slightly|from the picture].",
        "It comes with a printed manual[| in three languages| and a cloth bag].",
        "[Testers|Buyers|Owners] like the [solid build|clear scale|quiet running|long cable] and miss [a better "
        "handle|a lid|brighter colours].",
        "Warranty claims need [the receipt|the serial number].",
        "Delivery takes [three to five days|about a week|two working days].",
    ),
    "paper": (
        "Data and code are available [from the authors|on request|in the supplement].",
        "A correction to the [second figure|third table|appendix] was made in proof.",
        "The limits of the method are discussed [at length|in the last section|candidly].",
        "[Reviewers|Readers] [praised|questioned] the [sampling|statistics|choice of controls].",
        "We find [a weak but consistent effect|no clear trend|large differences between years], [robust "
        "to|sensitive to] the [choice of baseline|season|method].",
        "[Contrary to expectation|In line with earlier work|To our surprise], the [signal|pattern] holds [after "
        "correction|in most subsets].",
    ),
    "river": (
        "[Barges|Rafts|Steamers] used it until [the railway came|the locks fell into disrepair].",
        "[Willows|Alders] line [both banks|the lower course].",
        "Anglers need a [day|season] permit.",
        "In dry summers it can be crossed on foot [in places|at the old ford].",
        "Canoes may be rented [at several places|from the ferryman|on weekends].",
        "[Kingfishers|Otters|Dippers] have returned since the [weirs|tanneries|mills] were given up.",
        "Its [floods|ice floes|low water] used to make the front pages.",
    ),
}
WORK_KINDS = ("novel", "painting", "film", "opera")
COORDINATES = (
    "Coordinates: {shown}.",
    "On the map it is found at {shown} (latitude, longitude).",
    "Its coordinates are {shown}[|, latitude first].",
)
