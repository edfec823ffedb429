"""Requests of an operator: read, and refused with the nearest that can be."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import ScenarioError
from cosim.records import Calendar
from cosim.studies.flexibility.records import Planned, Request
from cosim.studies.flexibility.requests import (
    parse_request,
    plan_requests,
    read_requests,
    request_text,
    usual_requests,
)
from tests.worlds import small_world

WORLD, _ = small_world()


def calendar() -> Calendar:
    """Return two days of 96 intervals from 2016-06-13, local time being UTC."""
    known = WORLD.calendar
    return replace(known, day_start=np.array([0, 96, 192]))


def planned(*texts: str) -> list[Planned]:
    requests = [parse_request(text) for text in texts]
    return plan_requests(requests, calendar(), WORLD.fleet, gate_closure_h=0.5)


def problems(*texts: str) -> list[str]:
    with pytest.raises(ScenarioError) as found:
        planned(*texts)
    return list(found.value.problems)


def nearest(problem: str) -> str:
    """Return the request that a problem offers instead."""
    return problem.rsplit('nearest feasible: "', 1)[1].rstrip('"')


def test_a_request_reads_as_it_is_written() -> None:
    text = "2016-06-13T18:00 up 50kW 1h lead 2h"
    request = parse_request(text)
    assert request == Request(datetime(2016, 6, 13, 18), "up", 50.0, 1.0, 2.0)
    assert request_text(request) == text
    assert parse_request("2016-06-13T18:00 DOWN 7.5 kW 0.25 h").lead_h == 2.0


def test_a_request_finds_its_place() -> None:
    (found,) = planned("2016-06-14T18:00 up 50kW 1h lead 2h")
    assert (found.day, found.call, found.start, found.width) == (1, 96 + 64, 96 + 72, 4)
    # Nothing can be called before its day is announced.
    (early,) = planned("2016-06-14T01:00 up 50kW 1h lead 6h")
    assert (early.call, early.start) == (96, 100)


@pytest.mark.parametrize(
    ("text", "told", "instead"),
    [
        (
            "2016-06-13T18:00 up 50kW 1h lead 0.25h",
            "below the gate closure",
            "2016-06-13T18:00 up 50kW 1h lead 0.5h",
        ),
        (
            "2016-06-13T18:00 up 50kW 0.3h lead 1h",
            "no whole number of intervals",
            "2016-06-13T18:00 up 50kW 0.25h lead 1h",
        ),
        (
            "2016-07-01T18:00 up 50kW 1h lead 1h",
            "outside of the days",
            "2016-06-14T18:00 up 50kW 1h lead 1h",
        ),
        (
            "2016-06-13T18:05 up 50kW 1h lead 1h",
            "within an interval",
            "2016-06-13T18:00 up 50kW 1h lead 1h",
        ),
        (
            "2016-06-13T23:30 up 50kW 1h lead 1h",
            "over midnight",
            "2016-06-13T23:00 up 50kW 1h lead 1h",
        ),
        (
            "2016-06-14T00:15 up 50kW 1h lead 1h",
            "when the day's prices are announced",
            "2016-06-14T00:30 up 50kW 1h lead 1h",
        ),
        (
            "2016-06-13T18:00 up 50kW 30h lead 1h",
            "longer than a day",
            "2016-06-13T18:00 up 50kW 23.5h lead 1h",
        ),
    ],
)
def test_what_cannot_be_is_told_with_what_can(text: str, told: str, instead: str) -> None:
    (problem,) = problems(text)
    assert told in problem
    assert nearest(problem) == instead


def test_requests_may_not_overlap() -> None:
    texts = "2016-06-13T12:00 down 5kW 2h lead 1h", "2016-06-13T13:00 up 5kW 1h lead 1h"
    (problem,) = problems(*texts)
    assert "request 2" in problem
    assert "overlaps with request 1" in problem
    assert nearest(problem) == "2016-06-13T14:00 up 5kW 1h lead 1h"
    assert len(planned(texts[0], nearest(problem))) == 2


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        "2016-06-13T18:00 up 50kW 1h lead 0h",
        "2016-06-20T18:00 up 50kW 1h lead 2h",
        "2016-06-13T12:00 down 5kW 2h lead 1h",
        "2016-06-13T13:00 up 5kW 1h lead 1h",
    )
    assert len(found) == 3
    with pytest.raises(ScenarioError) as bad:
        parse_request("13.6.2016 sideways 0kW 0h lead 2h")
    assert len(bad.value.problems) == 4
    with pytest.raises(ScenarioError, match="is no request; one reads"):
        parse_request("50 kW please")


def test_a_feeder_without_devices_has_nothing_to_offer() -> None:
    nothing = np.zeros_like(WORLD.fleet.battery_kw)
    bare = replace(
        WORLD.fleet,
        battery_kw=nothing,
        battery_kwh=nothing,
        vehicle_kw=nothing,
        heat_pump_kw=nothing,
        pv_kwp=nothing,
    )
    with pytest.raises(ScenarioError, match="nearest feasible request is 0 kW"):
        plan_requests([], calendar(), bare, gate_closure_h=0.5)
    sunny = replace(bare, pv_kwp=nothing + 5.0)
    request = parse_request("2016-06-13T12:00 up 5kW 1h lead 1h")
    with pytest.raises(ScenarioError, match="no device on the feeder can move up") as found:
        plan_requests([request], calendar(), sunny, gate_closure_h=0.5)
    instead = found.value.problems[0].rsplit('e.g. "', 1)[1].rstrip('"')
    assert instead == "2016-06-13T12:00 down 5kW 1h lead 1h"
    assert plan_requests([parse_request(instead)], calendar(), sunny, gate_closure_h=0.5)
    # What nobody asked for in kW is tested and found to be nothing.
    usual = usual_requests(datetime(2016, 6, 13).date(), 2, 0.5)
    assert len(plan_requests(usual, calendar(), sunny, gate_closure_h=0.5)) == 4


def test_a_file_of_requests(tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    file.write_text(
        "start,direction,power_kw,duration_h,lead_h\n2016-06-13T18:00,up,50,1,2\n", "utf-8"
    )
    assert read_requests(file) == [parse_request("2016-06-13T18:00 up 50kW 1h lead 2h")]
    file.write_text("start,direction,power\n2016-06-13T18:00,up,50\n", "utf-8")
    with pytest.raises(ScenarioError, match="are missing or unknown"):
        read_requests(file)
    file.write_text(
        "start,direction,power_kw,duration_h,lead_h\nnow,up,x,1,2\n2016-06-13T18:00,left,5,1,2\n",
        "utf-8",
    )
    with pytest.raises(ScenarioError) as found:
        read_requests(file)
    assert [problem.split(":")[0] for problem in found.value.problems] == [
        f"{file}, line 2",
        f"{file}, line 2",
        f"{file}, line 3",
    ]
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_requests(tmp_path / "none.csv")


def test_usual_requests_are_for_noon_and_evening() -> None:
    found = usual_requests(datetime(2016, 6, 13).date(), 2, 0.5)
    assert [request_text(each) for each in found] == [
        "2016-06-13T12:00 down 50% 1h lead 2h",
        "2016-06-13T18:00 up 50% 1h lead 2h",
        "2016-06-14T12:00 down 50% 1h lead 2h",
        "2016-06-14T18:00 up 50% 1h lead 2h",
    ]
