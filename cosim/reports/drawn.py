"""Figures of studies with the numbers they show, and where buses stand."""

from typing import NamedTuple

import pandas as pd

from cosim.reports.blocks import Figure
from networks.feeder import Feeder


class Drawn(NamedTuple):
    """A figure and the numbers it shows, for people who want to draw it again."""

    figure: Figure
    numbers: pd.DataFrame


def bus_places(feeder: Feeder) -> dict[int, int]:
    """Return the position of every pandapower bus number."""
    return {int(number): place for place, number in enumerate(feeder.bus_index)}
