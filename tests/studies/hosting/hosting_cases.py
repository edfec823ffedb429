"""Small studies that tests look at, made once."""

import functools
import json
from typing import Any

import numpy as np

from cosim.records import Floats, Integers
from cosim.studies.hosting.bisection import Search
from cosim.studies.hosting.records import Extremes, Judged, Limiting
from cosim.studies.hosting.settings import HostingSettings, hosting_settings
from cosim.studies.hosting.study_parts import Prepared, prepare


@functools.cache
def _prepared(text: str) -> Prepared:
    return prepare(hosting_settings(json.loads(text)))


def prepared_for(**content: Any) -> Prepared:
    """Return a study made ready, on the feeder of three buses unless told otherwise."""
    return _prepared(json.dumps({"feeder": "three_bus"} | content))


def settings_for(**content: Any) -> HostingSettings:
    return hosting_settings({"feeder": "three_bus"} | content)


def verdicts(passes: Any, kind: Limiting = Limiting.OVERVOLTAGE) -> Judged:
    """Return verdicts of a made-up judge."""
    ok = np.asarray(passes, np.bool_)
    zero = np.zeros(len(ok))
    return Judged(
        passes=ok,
        limiting=np.where(ok, int(Limiting.NONE), int(kind)),
        element=np.where(ok, -1, 7),
        value=np.where(ok, np.nan, 1.2),
        limit=np.where(ok, np.nan, 1.1),
        extremes=Extremes(*[zero] * len(Extremes.__slots__)),
    )


class Below:
    """Judges that a deployment passes below its own limit, and counts what it is asked."""

    def __init__(self, limit_kw: Floats) -> None:
        self.limit_kw = limit_kw
        self.seen: dict[int, list[float]] = {number: [] for number in range(len(limit_kw))}

    def __call__(self, level_kw: Floats, which: Integers) -> Judged:
        for level, number in zip(level_kw, which, strict=True):
            self.seen[int(number)].append(float(level))
        return verdicts(level_kw <= self.limit_kw[which])


SEARCH = Search(start_kw=4.0, highest_kw=1000.0, resolution_kw=0.1, resolution_share=0.0)
