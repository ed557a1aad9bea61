"""Google's `tbs`, which several vendors took over: how old a page may be, or between which days it lies."""

from __future__ import annotations

import datetime
import re

from env_server.dialects.dates import since
from env_server.dialects.dialect import Asked

_DAY = re.compile(r"cd_(min|max):(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)


def bounds(asked: Asked, tbs: str) -> dict[str, str]:
    """`after` and `before` of a native search for `qdr:w2` or `cdr:1,cd_min:3/1/2024,cd_max:3/31/2024`.

    `cd_max` is the last day that counts. Whatever is no date and no period is left out, as Google does.
    """
    if not tbs:
        return {}
    period = tbs.partition("qdr:")[2].partition(",")[0]
    start = since(asked, period) if period else None
    found = {} if start is None else {"after": start}
    if "cdr:1" not in tbs:
        return found
    for name, month, day, year in _DAY.findall(tbs):
        try:
            date = datetime.date(int(year), int(month), int(day))
            if name == "min":
                found["after"] = date.isoformat()
            else:
                found["before"] = (date + datetime.timedelta(days=1)).isoformat()
        except (ValueError, OverflowError):
            continue
    return found
