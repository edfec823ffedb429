"""Checks of a scenario against the world: feeder, profiles, price files, the folder to write.

What a single value may be stands in `cosim.scenario`; here is what a value, a feeder and a file
must agree on. All problems are told at once, those of good settings also when others are bad.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from cosim.errors import ScenarioError
from cosim.inputs.prices import check_prices
from cosim.inputs.profiles import LOOKAHEAD, date_problems, local_midnight
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
from networks.catalog import is_feeder, load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.placement import listing
from networks.simbench_profiles import INTERVAL_H, TIME_ZONE

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
        *([] if sound.run is None else date_problems(sound.run)),
        *_feeder_problems(sound),
        *_price_problems(sound),
        *_out_problems(out),
    ]


def _feeder_problems(sound: Sound) -> Iterator[str]:
    """Yield problems of the feeder, of its limits, and of prosumers at unknown buses."""
    if sound.feeder is None:
        return
    name = sound.feeder.name
    try:
        feeder = load_feeder(name, **sound.feeder.model_dump(exclude={"name"}))
    except NetworkError as error:
        yield from (f"feeder: {problem}" for problem in error.problems)
        if not is_feeder(name):
            return
        feeder = load_feeder(name)  # buses can be checked even if the limits are crossed
    yield from _bus_problems(sound, feeder)


def _bus_problems(sound: Sound, feeder: Feeder) -> Iterator[str]:
    """Yield a problem for every prosumer at a bus that the feeder lacks or does not supply."""
    known = {int(number) for number in feeder.bus_index}
    supplied = feeder.bus_index[feeder.node_of_bus >= 0]
    for position, prosumer in sound.prosumers:
        if prosumer.bus not in supplied:
            found = "has no supply" if prosumer.bus in known else "does not exist"
            yield (
                f"prosumers.{position}.bus: bus {prosumer.bus} of {feeder.name} {found}; "
                f"allowed are {listing(supplied)}"
            )


def _price_problems(sound: Sound) -> list[str]:
    """Return problems of price files for the days of the run, if there are such days."""
    run, wholesale = sound.run, sound.wholesale
    if run is None or wholesale is None or date_problems(run):
        return []
    quarter_hour = np.timedelta64(round(INTERVAL_H * 60), "m")
    end = local_midnight(run.start, run.days) + LOOKAHEAD * quarter_hour
    starts = np.arange(local_midnight(run.start, 0), end, quarter_hour)
    return check_prices(wholesale, starts, TIME_ZONE, run.start)


def _out_problems(out: Path | None) -> list[str]:
    """Return why the run cannot be written."""
    return [] if out is None else [f"--out {problem}" for problem in folder_problems(out)]


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
