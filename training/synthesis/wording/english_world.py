"""English for what a generated world says (`corpus.world.schema`), in the form of `english_facts`."""

from __future__ import annotations

JOINED = """
part_of | is part of {}; (belongs to|lies within) {}; is one of the regions of {}; is a (piece|part) of the country {}
has_region | (includes|has) the region {}; (takes in|contains) {} as a region; has as one of its regions {};
    counts among its regions {}
capital_of | is the capital of {}; (serves|acts) as the capital of {}; is where the government sits of {}
has_capital | has its capital in {}; is governed from {}; has as its capital {}
in_region | lies in the region {}; (lies|sits|is found) within {}; (belongs to|is a town of) the region of {};
    is situated in {}
has_town | has the town {}; (contains|includes|takes in) {} (as|for) a town; (counts|has) among its towns {};
    is the region around {}
on_river | (lies|stands|sits) on {}; (lies|stands|was built) on the banks of {}; has {} running through it;
    is a town on {}
flows_through | (flows|runs|passes) through {}; (waters|washes) {}; (passes|touches) on its way {};
    takes its course through {}
rises_in | (rises|begins|has its source|starts its course) in {}; springs from the ground in {};
    comes down from a source in {}
source_of | has the source of {}; (holds|contains|is home to) the source of {}; gives rise to {}
lives_in | made a home in {}; (settled|lives|set up house) in {}; has a home in {}; resides in {}
home_of | is home to {}; is the adopted home of {}; has as a resident {}; counts {} among its residents;
    is where {} lives; is the place of residence of {}; houses as an inhabitant {}
educated_at | studied at {}; (went to|attended|was a student at) {}; was educated at {}; has a degree from {};
    took lessons at {}
alma_mater_of | counts among its graduates {}; (taught|trained|educated) {}; is the alma mater of {};
    had as a student {}
works_for | has worked for {}; was (employed|on the payroll) (by|of|at) {}; (has held|held) a post at {};
    has been in the service of {}
employs | has employed {}; has had on its staff {}; (gave work|has given work|gave a post) to {};
    counts among its staff, past or present, {}
member_of | is a member of {}; belongs to {}; sits among the members of {}; has joined {}
has_member | has as a member {}; counts {} among its members; lists as a member {}; has admitted {}
student_of | was taught by {}; was a pupil of {}; learned from {}; had {} (as|for) a teacher
teacher_of | taught {}; was the teacher of {}; had {} (as|for) a pupil; passed on a craft to {}
founded | founded {}; (established|set up|started) {}; is the founder of {}; was behind the founding of {}
founded_by | was founded by {}; was (set up|established|started) by {}; owes its existence to {}; has as a founder {}
received | received {}; won {}; was (honoured|distinguished) with {}; holds {}; was given {}
received_by | was awarded to {}; was (won|received) by {}; went to {}; has as a laureate {};
    counts among its winners {}
took_part_in | took part in {}; was (a guest|present) at {}; (attended|appeared at) {}; was seen at {}
had_guest | had {} as a guest; (welcomed|hosted|received) {}; counted among its guests {}; was attended by {}
based_in | is based in {}; has its (seat|head office|home) in {}; (operates|works) from {}; is at home in {};
    (resides|is found) in {}
seat_of | is the seat of {}; is home to {}; (houses|hosts|harbours) {}; has within its limits {}
owned_by | is owned by {}; belongs to {}; is a subsidiary of {}; is in the hands of {}
owns | owns {}; is the owner of {}; has {} as a subsidiary; holds the shares of {}
sponsors | sponsors {}; is a sponsor of {}; (gives|provides) money for {}; supports with money {}; backs {}
sponsored_by | is sponsored by {}; has {} as a sponsor; (takes|receives) money from {}; is backed by {}
held_in | is held in {}; takes place in {}; is (staged|put on) in {}; calls its visitors to {}
hosts | hosts {}; is the (venue|scene|setting) of {}; (stages|puts on|welcomes) {}; is where people gather for {}
presented_at | is (presented|handed over|given out) at {}; is (announced|bestowed) at {}; has its ceremony at {}
presents | is the occasion (of|for) {}; has on its programme the handing over of {}; includes the ceremony of {};
    is where winners are handed {}
given_by | is given by {}; is (awarded|bestowed|conferred) by {}; comes from {}; has {} as its donor
gives | gives {}; (awards|bestows|confers) {}; is behind {}; (decides|rules) on who gets {}
created_by | was created by {}; is (a work|a creation|the work) of {}; has {} as its author; is by {}
created | created {}; (made|brought forth) {}; is the creator of {}; is the author of {}; is credited with {}
depicts | is set in or shows {}; takes {} as its setting or subject; (has|finds) its setting or subject in {};
    turns, in scene or subject, to {}
depicted_in | is shown in {}; (appears|features) in {}; is the setting or subject of {}; lent its scenery to {}
held_by | belongs to the collection of {}; (hangs|is kept|is on show) in {}; is (part of|in) the holdings of {};
    is owned by the museum {}
holds | has on show {}; (keeps|owns|holds) {}; (shows|displays) its visitors {}; has in its collection {}
published_by | was published by {}; (came out|appeared) with {}; was brought out by {}; has {} as its publisher
publishes | published {}; (brought out|issued|printed) {}; is the publisher of {}; put on its list {}
premiered_at | was first shown at {}; had its (premiere|first night|first showing) at {};
    was seen for the first time at {}; opened to the public at {}
saw_premiere_of | saw first {}; saw the premiere of {}; (showed|presented) for the first time {};
    gave its first showing to {}
inspired_by | was inspired by {}; (draws|drew) on {}; took its inspiration from {}; owes its idea to {}
inspired | inspired {}; was the inspiration (for|of|behind) {}; gave the idea for {};
    (lies|stands) behind {} as its inspiration
launched_at | was launched at {}; was (unveiled|first presented|introduced) at {}; had its launch at {};
    made its first appearance at {}
saw_launch_of | saw the launch of {}; (unveiled|introduced) to the public {}; was the launching place of {};
    was where the makers launched {}
written_by | was written by {}; has {} as an author; is a paper by {}; comes from the pen of {};
    (lists|names) among its authors {}
wrote | wrote {}; is an author of {}; is among the authors of {}; (published|authored) {}; signed as an author {}
cites | cites {}; (quotes|refers to|draws upon) {}; has {} in its references; (lists|names) among its references {}
cited_by | is cited by {}; is (quoted|referred to) in {}; is in the references of {}; is named as a source by {}
studies | studies {}; (examines|investigates|looks into) {}; is about {}; takes for its object of study {}
studied_in | is studied in {}; is the (subject|object of study) of {}; is (examined|investigated|looked into) in {};
    has had attention from {}
made_by | is made by {}; is a product of {}; (comes from|is turned out by) the company {}; is manufactured by {}
makes | makes {}; (manufactures|produces|turns out|offers) {}; is the maker of {}; has in its range {}
designed_by | was designed by {}; is a design of {}; was (drawn up|devised) by {}; (owes|has) its design to {}
designed | designed {}; is the designer of {}; (drew up|devised) {}; is behind the design of {}
replaces | replaces {}; (took|takes) the place of {}; is the successor (of|to) {}; followed {} in the range
replaced_by | was replaced by {}; gave way to {}; was (followed|succeeded) by {}; made room for {}
near | is a neighbour of {}; (lies|is) (near|close to) {}; is not far from {}; has {} in its neighbourhood;
    has for a neighbour {}
twinned_with | is twinned with {}; has a (twinning|partnership between towns) with {}; is the twin town of {};
    keeps up a twinning with {}; has as a twin town {}
collaborated_with | has worked together with {}; has collaborated with {}; has been a collaborator of {};
    (joined|combined) forces with {}; has shared work with {}
married_to | is married to {}; is the spouse of {}; (shares|shared) a marriage with {}; has for a spouse {}
partner_of | is a partner of {}; has a partnership with {}; (works|cooperates) as a partner with {};
    does business in partnership with {}; has {} (as|for) a business partner
"""

WORDS = """
also_called | is also (called|known as) {}; goes by the name of {} as well
occupation | works as a {}; (earns a living|is known) as a {}; has the occupation of {}; is by profession a {}
known_for | is known for {}; (is famous|has a name|is noted) for {}; owes its (fame|renown) to {}; prides itself on {}
currency | has the currency {}; (pays|uses for money|counts its money) in {}; has {} as its currency
industry | makes its money with {}; is in the business of {}; (works|is active) in the industry of {};
    earns its living with {}
genre | is of the genre {}; belongs to the genre {}; is (classed|described) as a work of the genre {};
    is, by genre, of the kind {}
month_held | takes place in {}; is held (each|every) {}; (opens|falls) in the month of {}; has its dates in {}
field | belongs to the field of {}; is (about|concerned with) {}; has as its field {}; lies in the field of {}
"""

DATES = """
founded_on | was founded {}; was (established|set up) {}; (came into being|dates back to some time) {};
    goes back to a founding {}
completed_on | was completed {}; was (finished|brought to an end) {}; (reached|took) its final form {};
    has a date of completion {}
first_held | was first held {}; (began|started) {}; was held for the first time {}; had its first edition {}
published_on | was published {}; (appeared|came out) {}; (was printed|saw print) {}; has a date of publication {}
released_on | was released {}; (came out|appeared) {}; went on sale {}; reached the shops {}
"""

NUMBERS = """
elevation | an elevation | higher/lower | m | lies {} above the sea; stands at {} above sea level
length | a length | longer/shorter | km | is {} long; runs for {}; flows for {} in all
employees | employees | more/fewer | | has {} employees; employs {} people; gives work to {} people; has a staff of {}
students | students | more/fewer | | has {} students; teaches {} students; counts {} students
visitors | visitors a year | more/fewer | | has {} visitors a year; draws {} visitors a year;
    is visited by {} people a year
membership | members | more/fewer | | has {} members; counts {} members; is made up of {} members
page_count | a number of pages | higher/lower | pages | has {}; runs to {}; fills {}
running_time | a running time | longer/shorter | min | runs for {}; lasts {}; takes {} from beginning to end
attendance | visitors | more/fewer | | draws {} visitors; is attended by {} people; brings together {} people
prize_money | a sum of prize money | larger/smaller | usd | comes with {}; is worth {}; brings its winner {}; pays {}
citation_count | citations | more/fewer | | has been cited {} times; counts {} citations; has gathered {} citations
price | a price | higher/lower | usd | costs {}; sells for {}; is priced at {}
weight | a weight | higher/lower | g | weighs {}; tips the scales at {}
"""
