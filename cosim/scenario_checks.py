"""Checks of a scenario against the world: feeder, profiles, price files, the folder to write.

What a single value may be stands in `cosim.scenario`; here is what a value, a feeder and a file
must agree on. All problems are told at once, those of good settings also when others are bad.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from cosim.errors import PriceError, ScenarioError
from cosim.inputs.prices import Needed, days_without_prices, price_problems
from cosim.inputs.profiles import LOOKAHEAD, date_problems, local_midnight, start_problems
from cosim.prosumer_buses import number_buses
from cosim.prosumer_file import by_row, read_prosumers
from cosim.run_folder import folder_problems
from cosim.scenario import (
    FeederSettings,
    Prices,
    ProsumerSettings,
    Run,
    Scenario,
    crossed_limits,
)
from cosim.scenario_file import name_source, read_content
from cosim.setting_errors import Place, error_sentences, place_text
from networks.catalog import is_feeder, load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.net_devices import require_devices
from networks.placement import listing, places_for_prosumers
from networks.simbench_profiles import INTERVAL_H, TIME_ZONE

Section = TypeVar("Section", bound=BaseModel)
PRICES = ("day_ahead", "imbalance")
RANGES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Sound:
    """The parts of a scenario that are valid by themselves, None or absent where they are not."""

    start: datetime.date | None  # also where the number of days is not valid
    run: Run | None
    feeder: FeederSettings | None
    prosumers: tuple[tuple[int, ProsumerSettings], ...]  # with their position in the file
    prices: tuple[tuple[str, Prices], ...]  # with their name in `wholesale`
    files: tuple[tuple[str, Path], ...] = ()  # of prices whose other settings are not valid
    takes_devices: bool = False  # whether prosumers own the devices of the net
    crossed: str = ""  # what is wrong with voltage limits beside a setting that is not valid

    @classmethod
    def all_of(cls, scenario: Scenario) -> "Sound":
        """Return the parts of a valid scenario."""
        return cls(
            start=scenario.run.start,
            run=scenario.run,
            feeder=scenario.feeder,
            prosumers=tuple(enumerate(scenario.prosumers)),
            prices=tuple((name, getattr(scenario.wholesale, name)) for name in PRICES),
            takes_devices=scenario.takes_devices,
        )


def load_scenario(
    path: Path | None,
    overrides: dict[str, dict[str, Any]],
    out: Path | None,
    *,
    prosumers: Path | None = None,
) -> Scenario:
    """Return the scenario of a TOML file with `overrides` on top, checked against the world.

    `prosumers` is a CSV file that takes the place of the prosumers of the scenario.
    `out` is the folder the run is to be written to, None if nothing is written. Raises
    ScenarioError with all problems at once: those of single settings, then those of the checks.
    """
    try:
        content = read_content(path, overrides)
        given, named = ({} if prosumers is None else read_prosumers(prosumers)), {}
        if prosumers is not None:
            named = number_buses(given, _feeder_in(content))
            content["prosumers"] = list(given.values())
    except ScenarioError as error:
        raise ScenarioError([*error.problems, *_out_problems(out)]) from error
    scenario, problems = None, []
    try:
        scenario = Scenario.model_validate(content)
        sound = Sound.all_of(scenario)
    except ValidationError as error:
        problems = error_sentences(error, Scenario)
        sound = _sound_parts(content, {item["loc"] for item in error.errors()})
    problems += check_scenario(sound, out=None)
    of_file: list[str] = []
    if prosumers is not None:
        of_file, problems = by_row(problems, prosumers, given, named)
    problems = [*name_source(problems, path, overrides), *of_file, *_out_problems(out)]
    if problems or scenario is None:
        raise ScenarioError(problems)
    return scenario


def check_scenario(scenario: Scenario | Sound, *, out: Path | None) -> list[str]:
    """Return all problems that a scenario has with the feeder, the inputs and the folder `out`."""
    sound = Sound.all_of(scenario) if isinstance(scenario, Scenario) else scenario
    return [
        *_date_problems(sound),
        *_feeder_problems(sound),
        *_price_problems(sound),
        *_out_problems(out),
    ]


def uncovered_problems(
    scenario: Scenario, spans: Sequence[tuple[datetime.date, int]], what: str
) -> list[str]:
    """Return which days of many spans, (first day, days) each, price files do not cover.

    The days of the files move along with those that are played, as `scenario_at` moves them; the
    day behind a span, into which plans look, is needed too. `what` says what needs the days.
    """
    if all(getattr(scenario.wholesale, name).source == "synthetic" for name in PRICES):
        return []
    runs = [scenario.run.model_copy(update={"start": start, "days": days}) for start, days in spans]
    needed = [found.start_utc for found in map(_needed, runs) if found is not None]
    if not needed:
        return []
    wanted = Needed(np.unique(np.concatenate(needed)), TIME_ZONE, scenario.run.start)
    problems = []
    for name in PRICES:
        settings: Prices = getattr(scenario.wholesale, name)
        try:
            missing = days_without_prices(settings, wanted)
        except PriceError as error:
            problems += [f"wholesale.{name}: {problem}" for problem in error.problems]
            continue
        if missing:
            moved = "" if settings.first_day is None else _of_file(settings, scenario, missing[0])
            problems.append(
                f"wholesale.{name}: {settings.file}: has no prices, or not all of them, for "
                f"{len(missing)} of the days that {what}: {_day_ranges(missing)}{moved}"
            )
    return problems


def _of_file(settings: Prices, scenario: Scenario, day: datetime.date) -> str:
    """Return which day of the file stands for the first one that is missing."""
    if settings.first_day is None:
        return ""
    of_file = day + (settings.first_day - scenario.run.start)
    return f"; by first_day, {day} takes the prices of {of_file}"


def _day_ranges(days: Sequence[datetime.date]) -> str:
    """Return days in order as ranges, the first few of them."""
    ranges: list[list[datetime.date]] = []
    for day in days:
        if ranges and day - ranges[-1][-1] == datetime.timedelta(days=1):
            ranges[-1].append(day)
        else:
            ranges.append([day])
    words = [str(it[0]) if len(it) == 1 else f"{it[0]} to {it[-1]}" for it in ranges]
    shown = ", ".join(words[:RANGES_SHOWN])
    return shown if len(words) <= RANGES_SHOWN else f"{shown} and {len(words) - RANGES_SHOWN} more"


def _feeder_in(content: dict[str, Any]) -> object:
    """Return the name of the feeder as it is given, if at all."""
    section, usual = content.get("feeder"), FeederSettings().name
    return section.get("name", usual) if isinstance(section, dict) else usual


def _date_problems(sound: Sound) -> list[str]:
    """Return why the profiles do not cover the run, of its first day alone if need be."""
    if sound.run is not None:
        return date_problems(sound.run)
    return [] if sound.start is None else start_problems(sound.start)


def _feeder_problems(sound: Sound) -> Iterator[str]:
    """Yield problems of the feeder, of its limits, and of prosumers at unusable buses."""
    if sound.crossed:
        yield f"feeder: {sound.crossed}"
    if sound.feeder is None:
        return
    name = sound.feeder.name
    try:
        settings = sound.feeder.of_feeder(owned_devices=sound.takes_devices)
        feeder = load_feeder(name, **settings)
        yield from _slack_problems(sound.feeder, feeder)
        if sound.takes_devices:
            yield from _device_problems(feeder)
    except NetworkError as error:
        yield from (f"feeder: {problem}" for problem in error.problems)
        if not is_feeder(name):
            return
        try:
            feeder = load_feeder(name)  # buses can be checked even if the limits are crossed
        except NetworkError:
            return  # told already
    yield from _bus_problems(sound, feeder)


def _device_problems(feeder: Feeder) -> Iterator[str]:
    """Yield that a feeder has no device that a prosumer could own."""
    try:
        require_devices(feeder.devices, feeder.name)
    except NetworkError as error:
        yield from error.problems


def _slack_problems(settings: FeederSettings, feeder: Feeder) -> Iterator[str]:
    """Yield a problem for each given voltage limit on the wrong side of the feeder's supply."""
    slack = abs(feeder.slack_voltage_pu)
    low, high = settings.voltage_min_pu, settings.voltage_max_pu
    why = f"the voltage at which {feeder.name} is supplied; every interval would break it"
    if low is not None and low >= slack:
        yield f"feeder.voltage_min_pu: {low:g} must be below {slack:g} p.u., {why}"
    if high is not None and high <= slack:
        yield f"feeder.voltage_max_pu: {high:g} must be above {slack:g} p.u., {why}"


def _bus_problems(sound: Sound, feeder: Feeder) -> Iterator[str]:
    """Yield a problem for every prosumer at a bus where nobody can live."""
    known = {int(number): place for place, number in enumerate(feeder.bus_index)}
    allowed = feeder.bus_index[places_for_prosumers(feeder)]
    for position, prosumer in sound.prosumers:
        if prosumer.bus in allowed:
            continue
        place = known.get(prosumer.bus)
        if place is None:
            found = "does not exist"
        elif feeder.node_of_bus[place] < 0:
            found = "has no supply"
        else:
            found = "is the supply itself, where a prosumer changes no voltage and no loading"
        yield (
            f"{place_text(('prosumers', position, 'bus'))}: bus {prosumer.bus} of {feeder.name} "
            f"{found}; allowed are {listing(allowed)}"
        )


def _price_problems(sound: Sound) -> Iterator[str]:
    """Yield problems of each price series, for the days of the run if there are such days."""
    needed = _needed(sound.run)
    for name, prices in sound.prices:
        for problem in price_problems(prices, needed):
            yield f"wholesale.{name}: {problem}"
    for name, file in sound.files:
        try:
            file.open("rb").close()
        except OSError as error:
            yield f"wholesale.{name}: {file}: cannot be read ({error.strerror})"


def _needed(run: Run | None) -> Needed | None:
    """Return the quarter hours a run needs prices for, None if its days cannot be played."""
    if run is None or date_problems(run):
        return None
    quarter_hour = np.timedelta64(round(INTERVAL_H * 60), "m")
    end = local_midnight(run.start, run.days) + LOOKAHEAD * quarter_hour
    starts = np.arange(local_midnight(run.start, 0), end, quarter_hour)
    return Needed(starts, TIME_ZONE, run.start)


def _out_problems(out: Path | None) -> list[str]:
    """Return why the run cannot be written."""
    return [] if out is None else [f"--out {problem}" for problem in folder_problems(out)]


def _sound_parts(content: dict[str, Any], bad: set[Place]) -> Sound:
    """Return what of `content` is valid by itself; `bad` are the places of known errors."""
    prosumers, run = content.get("prosumers"), content.get("run", {})
    found = [
        (position, _sound_part(ProsumerSettings, values, bad, ("prosumers", position)))
        for position, values in enumerate(prosumers if isinstance(prosumers, list) else [])
    ]
    prices, files = _sound_prices(content.get("wholesale", {}), bad)
    first_day = {"start": run["start"]} if isinstance(run, dict) and "start" in run else {}
    begin = None if ("run", "start") in bad else _sound_part(Run, first_day, set(), ("run",))
    return Sound(
        start=None if begin is None else begin.start,
        run=_sound_part(Run, run, bad, ("run",)),
        feeder=_sound_part(FeederSettings, content.get("feeder", {}), bad, ("feeder",)),
        prosumers=tuple((position, part) for position, part in found if part is not None),
        prices=prices,
        files=files,
        takes_devices=_takes_devices(content.get("community")),
        crossed=_hidden_crossing(content.get("feeder"), bad),
    )


def _takes_devices(community: Any) -> bool:
    return isinstance(community, dict) and community.get("source") == "feeder"


def _sound_prices(
    values: Any, bad: set[Place]
) -> tuple[tuple[tuple[str, Prices], ...], tuple[tuple[str, Path], ...]]:
    """Return the price series that are valid by themselves, and the files of the others."""
    prices, files = [], []
    for name in PRICES if isinstance(values, dict) else ():
        place, given = ("wholesale", name), values.get(name, {})
        if not any(loc[:2] == place for loc in bad):
            prices.append((name, Prices.model_validate(given)))
        elif isinstance(given, dict) and isinstance(given.get("file"), str):
            files.append((name, Path(given["file"])))
    return tuple(prices), tuple(files)


def _hidden_crossing(values: Any, bad: set[Place]) -> str:
    """Return how voltage limits are crossed where another error kept them from being compared."""
    names = ("voltage_min_pu", "voltage_max_pu")
    below = {loc[1] for loc in bad if loc[:1] == ("feeder",) and len(loc) > 1}
    if not isinstance(values, dict) or not below or below & set(names):
        return ""
    # What is not bad is a number, perhaps in quotes.
    low, high = (None if values.get(name) is None else float(values[name]) for name in names)
    return crossed_limits(low, high)


_NEEDED = {Run: {"start", "days"}, FeederSettings: {"name"}, ProsumerSettings: {"bus"}}
"""Settings without which the rest of a section says nothing."""


def _sound_part(model: type[Section], values: Any, bad: set[Place], place: Place) -> Section | None:
    """Return a section without its bad settings, None if nothing is left to check.

    Where settings contradict each other, only those are kept without which there is no section.
    """
    depth = len(place)
    needed = _NEEDED.get(model, set())
    below = {loc[depth] for loc in bad if loc[:depth] == place and len(loc) > depth}
    if not isinstance(values, dict) or below & needed:
        return None
    kept = {name: value for name, value in values.items() if name not in below}
    for part in (kept, {name: value for name, value in kept.items() if name in needed}):
        try:
            return model.model_validate(part)
        except ValidationError:
            continue  # told already, or of settings that are told already
    return None
