"""SimBench's year of load and solar profiles on a regular UTC axis, read once and cached.

The only place that knows where the simbench package keeps its data. Its CSV files are read
directly, because its own loader builds every grid on the way. The year is 2016: 35 136 quarter
hours whose stamps are local time with daylight saving (a gap in March, four duplicates in
October). Data: SimBench, https://simbench.de, ODbL 1.0; nothing of it is part of this package.
"""

import importlib.metadata
import importlib.util
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
from numpy.typing import NDArray

from networks.errors import NetworkError

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

TIME_ZONE = "Europe/Berlin"
YEAR = 2016
QUARTER_HOURS = 35_136
INTERVAL_H = 0.25

HOUSEHOLDS = ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L")
TRADES = ("G0-A", "G1-A", "G1-B", "G1-C", "G2-A", "G3-A", "G4-A", "G4-B", "G5-A", "G6-A", "G0-M")
AREAS = ("lv_rural1", "lv_rural2", "lv_rural3", "lv_semiurb4", "lv_semiurb5", "lv_urban6")
BLOCKS = TRADES + AREAS
HEAT_PUMPS = ("Air_Parallel_1",)
SOLAR = tuple(f"PV{number}" for number in range(1, 9))

DATASET = "1-complete_data-mixed-all-2-sw"
STAMP = "%d.%m.%Y %H:%M"
CACHE_LAYOUT = 1


@dataclass(frozen=True, slots=True, eq=False)
class YearProfiles:
    """One year of profiles; `Y` quarter hours, the first at local midnight of 1 January.

    Wall quarters count the quarter hours that a clock on the wall shows since the year began,
    so a day always has 96 of them.
    """

    start_utc: NDArray[np.datetime64]  # (Y,) minutes, regular
    wall_quarter: Integers  # (Y,) local quarter hour of the year
    row_of_wall: Integers  # (Y,) row that a wall quarter is found in
    household_pu: Singles  # (households, Y) active power per nominal kW, `HOUSEHOLDS`
    household_reactive_pu: Singles  # (households, Y) reactive power per nominal kvar
    nominal_kw: tuple[Floats, ...]  # per household profile: nominal kW of every SimBench load
    nominal_kvar: tuple[Floats, ...]  # the same loads' nominal kvar
    block_pu: Singles  # (blocks, Y) trades and areas, per yearly peak, `BLOCKS`
    heat_pump_pu: Singles  # (heat pumps, Y) per nominal kW, `HEAT_PUMPS`
    solar_pu: Singles  # (solar, Y) per installed kWp as published, `SOLAR`

    @property
    def solar_kwh_per_kwp(self) -> Floats:
        """Yearly yield of each solar profile as published."""
        return np.asarray(self.solar_pu.sum(axis=1, dtype=np.float64) * INTERVAL_H)


def year_profiles() -> YearProfiles:
    """Return the year, from the cache where it is whole, else from the installed package.

    The cache lies in the user's cache folder (environment variable COSIM_CACHE overrides) and
    is keyed by simbench's version. A damaged one is rebuilt; where none can be written, the
    CSV files are read each time (about 1.5 s).

    Raises:
        NetworkError: simbench is not installed, or its files are not what they should be.
    """
    folder = simbench_folder()
    cache = cache_file()
    tables = read_cache(cache)
    if tables is None:
        tables = read_tables(folder)
        write_cache(cache, tables)
    return assemble(tables)


def simbench_folder() -> Path:
    """Return the folder of simbench's complete data set without importing simbench."""
    spec = importlib.util.find_spec("simbench")
    if spec is None or spec.origin is None:
        raise NetworkError(
            "the load and solar profiles come from the package simbench, which is not installed; "
            "`pip install simbench` provides them"
        )
    folder = Path(spec.origin).parent / "networks" / DATASET
    names = ("LoadProfile.csv", "RESProfile.csv", "Load.csv")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise NetworkError([f"{folder / name}: not found in simbench" for name in missing])
    return folder


def cache_file() -> Path:
    """Return where the profiles of the installed simbench version are cached."""
    version = importlib.metadata.version("simbench")
    return cache_folder() / f"simbench-{version}-layout{CACHE_LAYOUT}.npz"


def cache_folder() -> Path:
    """Return the folder of all caches: COSIM_CACHE where it is set, else the user's own."""
    given = os.environ.get("COSIM_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("cosim"))


def read_cache(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """Return the cached tables, or None where there are none or they are damaged."""
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            tables: dict[str, NDArray[np.generic]] = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    return tables if is_whole(tables) else None


def is_whole(tables: dict[str, NDArray[np.generic]]) -> bool:
    """Tell whether cached tables have every part in its right shape."""
    shapes = {
        "start_minutes": (QUARTER_HOURS,),
        "household_pu": (len(HOUSEHOLDS), QUARTER_HOURS),
        "household_reactive_pu": (len(HOUSEHOLDS), QUARTER_HOURS),
        "block_pu": (len(BLOCKS), QUARTER_HOURS),
        "heat_pump_pu": (len(HEAT_PUMPS), QUARTER_HOURS),
        "solar_pu": (len(SOLAR), QUARTER_HOURS),
    }
    nominal = [tables.get(name) for name in ("nominal_profile", "nominal_kw", "nominal_kvar")]
    lengths = {None if part is None else part.shape for part in nominal}
    return (
        all(name in tables and tables[name].shape == shape for name, shape in shapes.items())
        and None not in lengths
        and len(lengths) == 1
    )


def write_cache(path: Path, tables: dict[str, NDArray[np.generic]]) -> None:
    """Write the cache in one move; a folder that cannot be written only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            temporary = Path(part.name)
            try:
                np.savez(part, allow_pickle=False, **tables)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        temporary.replace(path)
    except OSError:
        return


def read_tables(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Read the needed columns of SimBench's CSV files.

    Raises NetworkError where stamps are not a regular axis in local time, or values are missing.
    """
    active = [f"{name}_pload" for name in (*HOUSEHOLDS, *BLOCKS, *HEAT_PUMPS)]
    reactive = [f"{name}_qload" for name in HOUSEHOLDS]
    loads = read_columns(folder / "LoadProfile.csv", ["time", *active, *reactive])
    solar = read_columns(folder / "RESProfile.csv", ["time", *SOLAR])
    if not loads["time"].equals(solar["time"]):
        raise NetworkError(f"{folder}: load and solar profiles have different time stamps")
    blocks = not_negative(loads, [f"{name}_pload" for name in BLOCKS])
    return {
        "start_minutes": regular_axis(loads["time"], folder / "LoadProfile.csv"),
        "household_pu": not_negative(loads, [f"{name}_pload" for name in HOUSEHOLDS]),
        "household_reactive_pu": loads[reactive].to_numpy(np.float32).T.copy(),
        "block_pu": blocks / blocks.max(axis=1, keepdims=True),
        "heat_pump_pu": not_negative(loads, [f"{name}_pload" for name in HEAT_PUMPS]),
        "solar_pu": not_negative(solar, list(SOLAR)),
        **read_nominal(folder / "Load.csv"),
    }


def read_columns(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return `columns` of a SimBench profile file, complete and without gaps."""
    try:
        table = pd.read_csv(path, sep=";", usecols=columns)
    except ValueError as error:
        raise NetworkError(f"{path}: {error}") from error
    gaps = int(table.isna().to_numpy().sum())
    if len(table) != QUARTER_HOURS or gaps:
        raise NetworkError(
            f"{path}: {len(table)} rows with {gaps} missing values; "
            f"{QUARTER_HOURS} complete rows are needed"
        )
    return table


def regular_axis(stamps: "pd.Series[str]", path: Path) -> Integers:
    """Return the year's quarter hours as minutes UTC since 1970, once `stamps` are seen to be it.

    Stamps are local time: the hour before 3:00 is missing in March and comes twice in October.
    """
    regular = pd.date_range(
        pd.Timestamp(year=YEAR, month=1, day=1, tz=TIME_ZONE).tz_convert("UTC"),
        periods=len(stamps),
        freq=pd.Timedelta(hours=INTERVAL_H),
    )
    expected = regular.tz_convert(TIME_ZONE).strftime(STAMP)
    wrong = np.flatnonzero(np.asarray(expected != stamps.to_numpy()))
    if wrong.size:
        first = int(wrong[0])
        raise NetworkError(
            f"{path}: row {first + 1} is stamped {stamps.iloc[first]!r}, expected is "
            f"{expected[first]!r}: quarter hours of {YEAR} in {TIME_ZONE} time"
        )
    utc = regular.tz_localize(None).to_numpy()
    return np.asarray(utc.astype("datetime64[m]").astype(np.int64))


def not_negative(table: pd.DataFrame, columns: list[str]) -> Singles:
    """Return `columns` as rows; values such as -4e-8 are rounding and become zero."""
    return np.ascontiguousarray(np.maximum(table[columns].to_numpy(np.float32), 0.0).T)


def read_nominal(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the nominal power of all SimBench loads that follow a household profile."""
    table = pd.read_csv(path, sep=";", usecols=["profile", "pLoad", "qLoad"])
    table = table[table["profile"].isin(HOUSEHOLDS)]
    return {
        "nominal_profile": table["profile"].map(HOUSEHOLDS.index).to_numpy(np.int64),
        "nominal_kw": table["pLoad"].to_numpy(np.float64) * 1000.0,
        "nominal_kvar": table["qLoad"].to_numpy(np.float64) * 1000.0,
    }


def assemble(tables: dict[str, NDArray[np.generic]]) -> YearProfiles:
    """Return the record made of cached tables."""
    start = tables["start_minutes"].astype("datetime64[m]")
    wall = wall_quarters(start)
    profile = tables["nominal_profile"]
    kinds = range(len(HOUSEHOLDS))
    return YearProfiles(
        start_utc=start,
        wall_quarter=wall,
        row_of_wall=rows_of_wall(wall),
        household_pu=tables["household_pu"].astype(np.float32, copy=False),
        household_reactive_pu=tables["household_reactive_pu"].astype(np.float32, copy=False),
        nominal_kw=tuple(tables["nominal_kw"][profile == k].astype(np.float64) for k in kinds),
        nominal_kvar=tuple(tables["nominal_kvar"][profile == k].astype(np.float64) for k in kinds),
        block_pu=tables["block_pu"].astype(np.float32, copy=False),
        heat_pump_pu=tables["heat_pump_pu"].astype(np.float32, copy=False),
        solar_pu=tables["solar_pu"].astype(np.float32, copy=False),
    )


def wall_quarters(start_utc: NDArray[np.datetime64]) -> Integers:
    """Return the local quarter hour of the year at each stamp, modulo the year's length."""
    local = pd.DatetimeIndex(start_utc).tz_localize("UTC").tz_convert(TIME_ZONE).tz_localize(None)
    quarters = (local.to_numpy().astype("datetime64[m]") - np.datetime64(f"{YEAR}", "m")).astype(
        np.int64
    ) // 15
    return np.asarray(quarters % QUARTER_HOURS)


def rows_of_wall(wall_quarter: Integers) -> Integers:
    """Return the first row of every wall quarter.

    The hour that the clocks skip in March repeats the hour before it.
    """
    rows = np.full(len(wall_quarter), -1)
    found, first = np.unique(wall_quarter, return_index=True)
    rows[found] = first
    skipped = np.flatnonzero(rows < 0)
    rows[skipped] = rows[skipped - 4]
    return rows
