"""How relations of places, organisations, works, papers and products read, from either side. See phrases_people."""

THINGS: dict[str, tuple[str, ...]] = {
    "part_of": (
        "{S} is [part|a region] of {o}.",
        "{S} belongs to {o}.",
        "{S} is one of the regions of {o}.",
        "Politically {S} is part of {o}.",
    ),
    "has_region": (
        "{S} [includes|counts among its regions] {o}.",
        "+ {S} is made up of the regions {o}.",
        "[Its regions|The regions of {N}] include {o}.",
    ),
    "capital_of": (
        "{S} is the capital of {o}.",
        "{S} is the seat of government of {o}, and its capital.",
        "The parliament of {o} sits in {N}, its capital.",
    ),
    "has_capital": (
        "Its capital is {o}.",
        "The capital [city |]of {N} is {o}.",
        "{S} is governed from {o}, its capital.",
    ),
    "in_region": (
        "{S} [lies|is|is situated] in {o}.",
        "{S} is a town in {o}.",
        "{S} belongs to the region of {o}.",
        "{S} [is one of the towns|counts among the towns] of {o}.",
    ),
    "has_town": (
        "[Its towns|The towns of {N}|Towns in {N}] include {o}.",
        "1 {o} is one of its towns.",
        "+ {o} are among its towns.",
        "In {N} one finds {o}.",
    ),
    "on_river": (
        "{S} [lies|stands] on {o}.",
        "{S} grew up [along|on the banks of] {o}.",
        "1 [Below|Under] the old bridge of {N} flows {o}.",
        "1 {o} [flows|runs] through {N}.",
    ),
    "flows_through": (
        "{S} [flows|runs] [through|past] {o}.",
        "1 On its banks [stands|lies] {o}.",
        "[Towns on {N} include|On its way it passes] {o}.",
    ),
    "rises_in": ("{S} rises in {o}.", "{P} [springs|sources] lie in {o}.", "{S} has its source in {o}."),
    "source_of": (
        "1 {o} rises in {N}.",
        "+ {o} rise in {N}.",
        "{S} is where {o} rises.",
        "{S} has the springs of {o}.",
    ),
    "based_in": (
        "{S} is [based|at home|located] in {o}.",
        "{S} has its seat in {o}.",
        "{P} [seat|headquarters|main house] [is|stands] in {o}.",
        "From {o}, where it is based, {S} [reaches|serves] the whole region.",
    ),
    "seat_of": (
        "{S} is the seat of {o}.",
        "1 {o} [is based|has its seat] in {N}.",
        "+ {o} [are based|have their seats] in {N}.",
        "[Organisations|Institutions] based in {N} include {o}.",
    ),
    "owned_by": (
        "{S} [is owned by|belongs to] {o}.",
        "1 {o} [bought|acquired|took over] {N} in {y}.",
        "1 Since {y} {S} has been owned by {o}.",
        "{P} owner is {o}.",
    ),
    "owns": (
        "{S} owns {o}.",
        "1 In {y} {S} [acquired|bought|took over] {o}.",
        "{P} subsidiaries include {o}.",
        "1 {o} belongs to {N}.",
    ),
    "sponsors": (
        "{S} [sponsors|supports] {o}.",
        "1 Since {y} {S} has sponsored {o}.",
        "{S} is a sponsor of {o}.",
        "Part of {P} money goes to {o}, which it sponsors.",
    ),
    "sponsored_by": (
        "{S} is sponsored by {o}.",
        "Its sponsors include {o}.",
        "1 Since {y} {o} has been a sponsor.",
        "1 Money comes from {o}, sponsor of {N}.",
    ),
    "held_in": (
        "{S} [is held|takes place] in {o}.",
        "{P} venue is [the town of |]{o}.",
        "Every year {S} fills the streets of {o}.",
        "{o} [hosts {N}|is the host of {N}].",
    ),
    "hosts": (
        "{S} hosts {o}.",
        "1 {o} [takes place|is held] in {N}.",
        "Once a year {S} is taken over by {o}.",
        "{S} is the home of {o}.",
    ),
    "presented_at": (
        "{S} is [presented|handed over] at {o}.",
        "The [ceremony|award ceremony] is part of {o}.",
        "{S} is given out during {o}.",
    ),
    "presents": (
        "1 {o} is [presented|handed over] [there|during {N}].",
        "1 {S} is the occasion on which {o} is [presented|handed over].",
        "Part of the programme is the award of {o}.",
    ),
    "given_by": (
        "{S} is given by {o}.",
        "{o} [gives|awards|endows] it.",
        "The jury is appointed by {o}, which gives {N}.",
    ),
    "gives": (
        "{S} [gives|awards] {o}.",
        "{S} is the body that gives {o}.",
        "1 The best known of {P} activities is {o}, which it awards.",
    ),
    "depicts": (
        "{S} [shows|depicts|portrays] {o}.",
        "1 {o} is [its setting|its subject|what it shows].",
        "{S} [takes us to|is a portrait of] {o}.",
    ),
    "depicted_in": (
        "{S} [is shown|appears|is portrayed] in {o}.",
        "{S} is the [subject|setting] of {o}.",
        "[Artists have taken to|In art it lives on:] {N} is depicted in {o}.",
    ),
    "held_by": (
        "{S} [hangs in|belongs to|is kept by] {o}.",
        "{S} is part of the collection of {o}.",
        "Visitors find it at {o}, to which it belongs.",
    ),
    "holds": (
        "{P} collection includes {o}.",
        "{S} [keeps|owns|shows] {o}.",
        "[On its walls|In its rooms] one sees {o}.",
    ),
    "published_by": ("{S} was published by {o}.", "{o} [published|brought out] {N}.", "{P} publisher is {o}."),
    "publishes": (
        "{P} list includes {o}.",
        "{S} [published|brought out] {o}.",
        "Novels published by {N} include {o}.",
    ),
    "premiered_at": (
        "{S} [was first shown|had its premiere|premiered] at {o}.",
        "{P} first audience saw it at {o}.",
        "It was at {o} that {S} was first seen.",
    ),
    "saw_premiere_of": (
        "[Premieres at {N} include|{S} saw the premiere of|First shown there: ] {o}.",
        "{S} was where {o} was first shown.",
    ),
    "inspired_by": (
        "{S} [was inspired by|takes up motifs of|goes back to] {o}.",
        "[Without {o} there would be no {N}|{S} would not exist without {o}].",
        "The idea came from {o}, which inspired {N}.",
    ),
    "inspired": (
        "{S} [inspired|was the model for|led to] {o}.",
        "An echo of {N} can be [heard|found] in {o}, which it inspired.",
        "1 {o} was inspired by {N}.",
    ),
    "launched_at": (
        "{S} was [launched|presented to the public|first shown] at {o}.",
        "{P} launch took place at {o}.",
        "Visitors of {o} were the first to see {N}.",
    ),
    "saw_launch_of": (
        "{S} [saw the launch of|was chosen for the launch of] {o}.",
        "[New products|Novelties] launched at {N} include {o}.",
        "1 {o} was launched at {N}.",
    ),
    "cites": (
        "{S} [cites|builds on|refers to] {o}.",
        "[Earlier work it cites includes|Its references include] {o}.",
        "The authors take up the results of {o}.",
    ),
    "cited_by": (
        "{S} [is cited by|has been taken up by] {o}.",
        "[Later work that cites {N} includes|It is cited in] {o}.",
        "1 {o} refers to it.",
    ),
    "studies": (
        "{S} [is about|studies|looks at] {o}.",
        "The [observations|data] come from {o}.",
        "1 {o} is the [study area|case studied].",
    ),
    "studied_in": (
        "{S} has been studied in {o}.",
        "[Researchers|Scholars] have written on {N} in {o}.",
        "For more on {N} see {o}.",
    ),
    "made_by": (
        "{S} is [made|built|manufactured] by {o}.",
        "{P} [maker|manufacturer] is {o}.",
        "{o} makes it.",
        "{S} comes from the works of {o}.",
    ),
    "makes": (
        "{S} [makes|builds|manufactures] {o}.",
        "[Its products|Products of {N}] include {o}.",
        "The catalogue of {N} lists {o}.",
    ),
    "replaces": (
        "{S} [replaces|is the successor of|took the place of] {o}.",
        "It came out as the successor of {o}.",
    ),
    "replaced_by": (
        "{S} was [replaced|succeeded] by {o}.",
        "1 Its successor is {o}.",
    ),
    "borders": (
        "{S} [borders|shares a border with|adjoins] {o}.",
        "+ {P} neighbours are {o}.",
        "+ {P} borders are with {o}.",
    ),
    "near": (
        "{S} is close to {o}.",
        "1 [A short ride away lies|The nearest place is|Next to it lies] {o}.",
        "{N} and {o} are neighbours.",
        "1 From {N} a footpath leads to its neighbour {o}.",
    ),
    "twinned_with": (
        "{S} is twinned with {o}.",
        "1 {P} twin town is {o}.",
        "1 In {y} {S} signed a partnership with {o}, its twin town.",
        "1 {N} and {o} have been twin towns since {y}.",
    ),
    "partner_of": (
        "{S} [is a partner of|works in partnership with] {o}.",
        "{P} partners include {o}.",
        "1 In {y} {S} entered a partnership with {o}.",
        "{N} and {o} are partners[| in purchasing| in research].",
    ),
}
