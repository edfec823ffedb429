"""Checks of a scenario against the world: feeder, profiles, price files, the folder to write.

What a single value may be stands in `cosim.scenario`; here is what a value, a feeder and a file
must agree on. All problems are told at once, those of good settings also when others are bad.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from cosim.errors import ScenarioError
from cosim.inputs.prices import check_prices
from cosim.run_folder import folder_problems
from cosim.scenario import (
    FeederSettings,
    ProsumerSettings,
    Run,
    Scenario,
    Wholesale,
    read_content,
)
from cosim.setting_errors import error_sentences
from networks.catalog import load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.simbench_profiles import TIME_ZONE, YEAR

FIRST_DAY, LAST_DAY = datetime.date(YEAR, 1, 1), datetime.date(YEAR, 12, 31)
"""Local days that the profiles cover."""
INTERVAL_MINUTES = 15

Section = TypeVar("Section", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Sound:
    """The parts of a scenario that are valid by themselves, None or absent where they are not."""

    run: Run | None
    feeder: FeederSettings | None
    prosumers: tuple[tuple[int, ProsumerSettings], ...]  # with their position in the file
    wholesale: Wholesale | None

    @classmethod
    def all_of(cls, scenario: Scenario) -> "Sound":
        """Return the parts of a valid scenario."""
        numbered = tuple(enumerate(scenario.prosumers))
        return cls(scenario.run, scenario.feeder, numbered, scenario.wholesale)


def load_scenario(
    path: Path | None, overrides: dict[str, dict[str, Any]], out: Path | None
) -> Scenario:
    """Return the scenario of a TOML file with `overrides` on top, checked against the world.

    `out` is the folder the run is to be written to, None if nothing is written. Raises
    ScenarioError with all problems at once: those of single settings, then those of the checks.
    """
    try:
        content = read_content(path, overrides)
    except ScenarioError as error:
        raise ScenarioError([*error.problems, *_out_problems(out)]) from error
    scenario, problems = None, []
    try:
        scenario = Scenario.model_validate(content)
        sound = Sound.all_of(scenario)
    except ValidationError as error:
        problems = error_sentences(error, Scenario)
        sound = _sound_parts(content, {item["loc"] for item in error.errors()})
    problems += check_scenario(sound, out=out)
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


def _date_problems(sound: Sound) -> Iterator[str]:
    """Yield a problem if a day has no profiles."""
    if sound.run is None:
        return
    first, last = sound.run.start, _last_day(sound.run)
    if first < FIRST_DAY or last > LAST_DAY:
        yield (
            f"run: the days {first} to {last} are not all covered by profiles; "
            f"allowed are days from {FIRST_DAY} to {LAST_DAY}"
        )


def _feeder_problems(sound: Sound) -> Iterator[str]:
    """Yield problems of the feeder, of its limits, and of prosumers at unknown buses."""
    if sound.feeder is None:
        return
    name = sound.feeder.name
    limits = sound.feeder.model_dump(exclude={"name"})
    try:
        feeder = load_feeder(name)
    except NetworkError as error:
        yield from (f"feeder.name: {problem}" for problem in error.problems)
        return
    yield from _bus_problems(sound, feeder)
    try:
        load_feeder(name, **limits)
    except NetworkError as error:
        yield from (f"feeder: {problem}" for problem in error.problems)


def _bus_problems(sound: Sound, feeder: Feeder) -> Iterator[str]:
    """Yield a problem for every prosumer at a bus that the feeder lacks."""
    known = {int(number) for number in feeder.bus_index}
    for position, prosumer in sound.prosumers:
        if prosumer.bus not in known:
            yield (
                f"prosumers[{position}].bus: {feeder.name} has no bus {prosumer.bus}; "
                f"allowed are {_ranges(sorted(known))}"
            )


def _price_problems(sound: Sound) -> Iterator[str]:
    """Yield problems of price files for the days of the run."""
    if sound.wholesale is None or sound.run is None:
        return
    if sound.run.start < FIRST_DAY or _last_day(sound.run) > LAST_DAY:
        return  # told already
    starts = _interval_starts(sound.run)
    yield from check_prices(sound.wholesale, starts, TIME_ZONE, sound.run.start)


def _out_problems(out: Path | None) -> list[str]:
    """Return why the run cannot be written."""
    return [] if out is None else [f"--out {problem}" for problem in folder_problems(out)]


def _last_day(run: Run) -> datetime.date:
    """Return the last day of a run, or the last day there is."""
    days_left = (datetime.date.max - run.start).days
    return run.start + datetime.timedelta(days=min(run.days - 1, days_left))


def _interval_starts(run: Run) -> NDArray[np.datetime64]:
    """Return the start of every interval of a run in UTC."""
    first, end = (
        np.datetime64(
            datetime.datetime.combine(day, datetime.time(), ZoneInfo(TIME_ZONE))
            .astimezone(datetime.UTC)
            .replace(tzinfo=None),
            "m",
        )
        for day in (run.start, _last_day(run) + datetime.timedelta(days=1))
    )
    return np.arange(first, end, np.timedelta64(INTERVAL_MINUTES, "m"))


def _ranges(numbers: list[int]) -> str:
    """Return sorted whole numbers in short: "0 to 43", "1 to 18, 20"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs)


def _sound_parts(content: dict[str, Any], bad: set[tuple[int | str, ...]]) -> Sound:
    """Return what of `content` is valid by itself; `bad` are the places of known errors."""
    prosumers = content.get("prosumers")
    found = [
        (position, _sound_part(ProsumerSettings, values, bad, ("prosumers", position)))
        for position, values in enumerate(prosumers if isinstance(prosumers, list) else [])
    ]
    return Sound(
        run=_sound_part(Run, content.get("run", {}), bad, ("run",)),
        feeder=_sound_part(FeederSettings, content.get("feeder", {}), bad, ("feeder",)),
        prosumers=tuple((position, part) for position, part in found if part is not None),
        wholesale=_sound_part(Wholesale, content.get("wholesale", {}), bad, ("wholesale",)),
    )


_NEEDED = {Run: {"start", "days"}, FeederSettings: {"name"}, ProsumerSettings: {"bus"}}
"""Settings without which the rest of a section says nothing."""


def _sound_part(
    model: type[Section],
    values: Any,
    bad: set[tuple[int | str, ...]],
    place: tuple[int | str, ...],
) -> Section | None:
    """Return a section without its bad settings, None if nothing is left to check.

    Where settings contradict each other (an error of the section itself), only its text is kept.
    """
    depth = len(place)
    below = {loc[depth] for loc in bad if loc[:depth] == place and len(loc) > depth}
    if not isinstance(values, dict) or below & _NEEDED.get(model, set()):
        return None
    contradiction = place in bad
    kept = {
        name: value
        for name, value in values.items()
        if name not in below and (isinstance(value, str) or not contradiction)
    }
    try:
        return model.model_validate(kept)
    except ValidationError:
        return None  # told already
