"""How many homes the prosumers stand for."""

import numpy as np

from cosim.records import Floats
from cosim.reports.report_data import ReportData
from cosim.reports.wording import counted, number


def homes_of(data: ReportData) -> Floats | None:
    """Return the homes of each prosumer, (N,), None where each is a single one."""
    fleet, count = data.fleet, len(data.with_validation.bills)
    if fleet is None or fleet.homes.shape[1] != count or bool(np.all(fleet.homes[0] == 1.0)):
        return None
    return np.asarray(fleet.homes[0])


def prosumer_words(data: ReportData) -> str:
    """Return the number of prosumers, and of the homes they stand for where these are more."""
    count, homes = len(data.with_validation.bills), homes_of(data)
    if homes is None:
        return number(count)
    total = float(homes.sum())
    decimals = 0 if total == round(total) else 1
    return f"{number(count)}, standing for {number(total, decimals)} homes"


def homes_sentence(data: ReportData) -> tuple[str, ...]:
    """Say that a prosumer may stand for several homes."""
    homes = homes_of(data)
    if homes is None:
        return ()
    total = float(homes.sum())
    return (
        f"The {counted(len(homes), 'prosumer')} stand for "
        f"{number(total, 0 if total == round(total) else 1)} homes.",
    )
