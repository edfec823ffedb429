"""The report of a finished flexibility study, from what the study hands over."""

import platform
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cosim.reports.flexibility_data import FlexibilityFacts, FlexibilityReportData
from cosim.reports.flexibility_report import flexibility_report_files
from cosim.reports.wording import listed
from cosim.run_facts import SIMBENCH_NOTICE, git_revision, package_versions
from cosim.studies.flexibility.records import FlexibilityContent
from cosim.studies.flexibility.summary import ALL_METRICS
from networks.catalog import load_feeder

WAYS = {
    "bids": "bids: the aggregator takes steps of the prosumers' own orders after the auction, "
    "cheapest first",
    "prices": "prices: the aggregator quotes the rest of the day anew, with an adder on the window",
}
KEPT = ("gate_closure_h", "region_every_h", "least_power_factor", "policies", "rules", "ways")
"""Facts of the study that stand beside the settings of its scenario."""


def report_files(content: FlexibilityContent) -> dict[str, str]:
    """Return report.html and the CSV of its figures and tables, text by relative path."""
    return flexibility_report_files(report_data(content))


def report_data(content: FlexibilityContent) -> FlexibilityReportData:
    """Return a finished study as its report reads it."""
    scenario = content.scenario
    feeder = load_feeder(
        scenario.feeder.name, **scenario.feeder.of_feeder(owned_devices=scenario.takes_devices)
    )
    tables = {name: pd.DataFrame(dict(columns)) for name, columns in content.tables.items()}
    return FlexibilityReportData(feeder, tables, facts_of(content, feeder.net_sha256))


def facts_of(content: FlexibilityContent, net_sha256: str) -> FlexibilityFacts:
    """Return what the report says beside the tables."""
    facts = content.facts
    study = {name: facts[name] for name in KEPT if name in facts}
    return FlexibilityFacts(
        start_utc=np.array([_moment(each) for each in facts["start_utc"]], "datetime64[m]"),
        interval_h=float(facts["interval_h"]),
        time_zone=str(facts["time_zone"]),
        baseline=str(facts["baseline"]),
        prosumers=int(facts["prosumers"]),
        seed=int(facts["seed"]),
        prices=str(facts["prices"]),
        settings={"study": study, **content.scenario.model_dump(mode="json")},
        manifest={
            "net_sha256": net_sha256,
            "versions": {"python": platform.python_version(), **package_versions()},
            "git_revision": git_revision(),
        },
        meanings=ALL_METRICS,
        method=tuple(_method(facts)),
        assumptions=tuple(str(each) for each in facts["assumptions"]),
        notices=(f"Load, solar and heat-pump profiles: {SIMBENCH_NOTICE}",),
    )


def _moment(text: object) -> np.datetime64:
    """Return a moment of UTC; a zone that is written out is left away."""
    return np.datetime64(str(text).removesuffix("Z").removesuffix("+00:00"), "m")


def _method(facts: Mapping[str, Any]) -> Iterator[str]:
    ways = [WAYS.get(str(each), str(each)) for each in facts.get("ways", ())]
    if ways:
        yield f"Accepted requests go on to prosumers through {listed(ways)}."
    if "gate_closure_h" in facts:
        yield (
            f"A request has to be called {float(facts['gate_closure_h']):g} h before it starts, "
            "or earlier."
        )
    if "region_every_h" in facts:
        yield (
            f"Regions and supply curves are found every {float(facts['region_every_h']):g} h, "
            "flexibility and margins for every interval."
        )
