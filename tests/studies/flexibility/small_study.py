"""A study small enough for tests: two homes on the three-bus feeder."""

from typing import Any

from cosim.scenario import Scenario
from cosim.studies.flexibility.day import BuildStage
from cosim.studies.flexibility.records import Choice, Request, StudySettings
from cosim.studies.flexibility.requests import parse_request
from policies.registry import policies_of

HOMES = (
    {"bus": 1, "pv_kwp": 6.0, "battery_kwh": 8.0, "battery_kw": 4.0},
    {"bus": 2, "pv_kwp": 4.0, "vehicle_kw": 11.0, "heat_pump_kw": 3.0},
)


def small_scenario(days: int = 2, **feeder: Any) -> Scenario:
    """Return two homes with all kinds of devices."""
    return Scenario.model_validate(
        {
            "run": {"days": days},
            "feeder": {"name": "three_bus", **feeder},
            "prosumers": HOMES,
        }
    )


def small_study(
    *texts: str, days: int = 2, settings: StudySettings | None = None, **feeder: Any
) -> BuildStage:
    """Return a study of two homes, with requests as they are written."""
    requests: tuple[Request, ...] = tuple(parse_request(text) for text in texts)
    return BuildStage(
        small_scenario(days, **feeder),
        (Choice("water_value", policies_of),),
        requests,
        settings or StudySettings(region_every_h=6.0, rebound_h=6.0),
    )
