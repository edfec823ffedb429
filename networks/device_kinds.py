"""Which rows of a pandapower net are devices that a prosumer can own.

Nets say it in different words: pandapower's own in the column `type`, SimBench in `profile`,
others in the name alone.
"""

import re

import pandas as pd

from networks.malformed import in_service

SAYS_NOTHING = frozenset({"", "wye", "delta", "nan", "none"})
"""Types of a generator that tell how it is connected, if anything, and not what it is."""

IS_SOLAR = re.compile(r"^pv|solar|photovolt|^lv_res$", re.IGNORECASE)
"""Types of solar plants; `lv_RES` are SimBench's low-voltage grids, all of whose plants are."""

IS_OTHER = re.compile(
    r"wind|wka|wea\b|hydro|water|river|biomass|biogas|chp|bhkw|diesel|fuel|gas\b|coal|oil\b|waste"
    r"|turbine|geotherm|batter|storage|motor|engine",
    re.IGNORECASE,
)
"""What the name of a generator without a type may say that is not the sun."""

VEHICLE_PROFILE, WORK_PROFILE, HEAT_PUMP_PROFILE = "HLS", "APLS", "(?:Soil|Air)_"
"""How SimBench's profiles of vehicles charged at home, at work, and of heat pumps begin."""

VEHICLE_WORDS = re.compile(r"^(?:ev|evse|bev)$|electric.?vehicle|wallbox", re.IGNORECASE)
HEAT_PUMP_WORDS = re.compile(r"^hp$|heat.?pump|w(?:ä|ae)rmepumpe", re.IGNORECASE)
"""Types and names of loads. Two letters must be the whole word."""


def solar_rows(sgen: pd.DataFrame) -> "tuple[pd.Index[int], pd.Index[int]]":
    """Return the solar plants in service, and those of them whose type does not say so.

    A generator with another type, or without one and with a name that tells of another source,
    is none.
    """
    used = sgen.loc[in_service(sgen)]
    kind, name = text(used, "type"), text(used, "name")
    untyped = kind.str.lower().isin(SAYS_NOTHING) & ~name.str.contains(IS_OTHER)
    solar = kind.str.contains(IS_SOLAR)
    return used.index[(solar | untyped).to_numpy(bool)], used.index[untyped.to_numpy(bool)]


def vehicle_rows(load: pd.DataFrame) -> "pd.Index[int]":
    """Return the loads in service that are vehicles charged at home."""
    return _loads(load, VEHICLE_PROFILE, VEHICLE_WORDS)


def work_rows(load: pd.DataFrame) -> "pd.Index[int]":
    """Return the loads in service that are vehicles charged at work."""
    used = load.loc[in_service(load)]
    rows: pd.Index[int] = used.index[text(used, "profile").str.match(WORK_PROFILE).to_numpy(bool)]
    return rows


def heat_pump_rows(load: pd.DataFrame) -> "pd.Index[int]":
    """Return the loads in service that are heat pumps."""
    return _loads(load, HEAT_PUMP_PROFILE, HEAT_PUMP_WORDS)


def _loads(load: pd.DataFrame, profile: str, words: re.Pattern[str]) -> "pd.Index[int]":
    used = load.loc[in_service(load)]
    found = text(used, "profile").str.match(profile)
    for column in ("type", "name"):
        found = found | text(used, column).str.contains(words)
    rows: pd.Index[int] = used.index[found.to_numpy(bool)]
    return rows


def text(table: pd.DataFrame, column: str) -> "pd.Series[str]":
    """Return a column as text, "" where it is missing or holds none."""
    if column not in table:
        return pd.Series("", index=table.index, dtype=object)
    cells = table[column]
    return cells.where(cells.map(lambda cell: isinstance(cell, str)), "").astype(object)
