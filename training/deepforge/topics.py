"""Step 1 without a model: random nouns, by seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

NOUNS = """
river mountain island harbour valley desert lake coast forest glacier volcano peninsula strait village city province
border capital airport railway bridge canal tunnel lighthouse castle cathedral monastery palace market square garden
museum gallery theatre library archive academy university school laboratory observatory hospital company factory mine
workshop bank newspaper publisher studio foundation society guild club union army navy parliament treaty constitution
election revolution empire kingdom colony province tribe dynasty monarch minister governor general engineer inventor
physician botanist chemist astronomer mathematician geographer historian philosopher poet novelist composer painter
sculptor architect actor director dancer singer photographer explorer merchant farmer teacher judge bishop saint novel
poem opera symphony ballet film painting sculpture photograph map dictionary encyclopedia manuscript letter festival
fair exhibition tournament ceremony prize award medal expedition voyage siege battle flood earthquake famine epidemic
language dialect alphabet proverb legend myth religion temple pilgrimage recipe bread cheese wine beer tea coffee salt
sugar maize wheat rice cotton wool silk leather glass porcelain paper copper iron gold silver coal petroleum timber
clock telescope microscope engine bicycle ship aircraft satellite computer algorithm protocol database compiler
network encryption telephone radio television printing camera piano violin organ drum chess football swimming
climbing horse whale eagle butterfly orchid oak fossil mineral climate storm drought tide comet planet star currency
tax census export tourism fishery harvest irrigation vaccine surgery nutrition psychology statistics geometry
""".split()


def topics(seed: int) -> Iterator[str]:
    """Each noun once, then pairs of nouns without end: where single words have found all they can, pairs find more."""
    rng = np.random.default_rng([seed, 1])
    nouns = sorted(set(NOUNS))
    yield from (nouns[at] for at in rng.permutation(len(nouns)))
    while True:
        one, other = rng.choice(len(nouns), 2, replace=False)
        yield f"{nouns[one]} {nouns[other]}"
