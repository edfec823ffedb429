"""How the result answers to its assumptions: load, criteria, power factor, voltage of the supply.

One setting is changed at a time, fit and forget, on the first deployments of the study. A series
is answered by the snapshot of its technology, since each change is a study of its own.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from cosim.grid.power_flow import PowerFlow
from cosim.studies.hosting.criteria import PRESETS
from cosim.studies.hosting.judge import Grid
from cosim.studies.hosting.levers import LeverKind
from cosim.studies.hosting.operating_points import snapshot
from cosim.studies.hosting.settings import LOAD_SHARE, HostingSettings
from cosim.studies.hosting.study import capacities
from cosim.studies.hosting.study_parts import Prepared, with_slack_voltage
from cosim.studies.hosting.summary import hosting_quantile, limiting_name

SCENARIOS_MOST: Final = 100
LOAD_SHARES: Final = (0.1, 0.2, 0.3, 0.5, 1.0)
POWER_FACTORS: Final = (1.0, 0.98, 0.95, 0.90)
SLACK_STEPS_PU: Final = (-0.03, -0.015, 0.0, 0.015, 0.03)


def sensitivity_rows(prepared: Prepared, reference: LeverKind) -> list[dict[str, Any]]:
    """Return the rows of table `sensitivity`."""
    settings = prepared.settings
    count = min(settings.scenarios, SCENARIOS_MOST)
    if settings.deployment.rule != "random":
        count = 1
    rows = []
    for what, value, is_study, changed in _changes(prepared):
        found = capacities(changed, reference.find, range(count))
        kinds, counts = np.unique(found.limiting, return_counts=True)
        rows.append(
            {
                "what": what,
                "value": value,
                "is_study": is_study,
                "first_kw": float(found.hosting_kw.min()),
                "q05_kw": hosting_quantile(found.hosting_kw, 0.05),
                "median_kw": hosting_quantile(found.hosting_kw, 0.5),
                "all_kw": float(found.hosting_kw.max()),
                "limiting": limiting_name(int(kinds[int(np.argmax(counts))])),
            }
        )
    return rows


def _changes(prepared: Prepared) -> Iterator[tuple[str, str, bool, Prepared]]:
    """Yield what is changed to which value, whether that is the study's own, and the study."""
    settings = prepared.settings
    own = settings.window.load_share
    share = LOAD_SHARE[settings.technology] if own is None else own
    for value in sorted({*LOAD_SHARES, share}):
        yield (
            "load_share",
            f"{value:g}",
            value == share,
            _again(prepared, "window", load_share=value),
        )
    base = _again(prepared, "window")
    for name, criteria in PRESETS.items():
        is_own = name == settings.criteria.preset and prepared.criteria == criteria
        yield "criteria", name, is_own, replace(base, criteria=criteria)
    if prepared.criteria not in PRESETS.values():
        yield "criteria", "as set", True, base
    factor = settings.deployment.power_factor
    for value in sorted({*POWER_FACTORS, factor}, reverse=True):
        changed = _again(prepared, "deployment", power_factor=value)
        yield "power_factor", f"{value:g}", value == factor, changed
    held = abs(prepared.feeder.slack_voltage_pu)
    for step in SLACK_STEPS_PU:
        feeder = with_slack_voltage(prepared.feeder, held + step)
        grid = Grid(PowerFlow(feeder), base.grid.points)
        yield "slack_voltage_pu", f"{held + step:.4g}", step == 0.0, replace(base, grid=grid)


def _again(prepared: Prepared, section: str, **values: Any) -> Prepared:
    """Return the study as a snapshot, with other values in a section of its settings."""
    settings: HostingSettings = prepared.settings
    changed = settings.model_copy(
        update={section: getattr(settings, section).model_copy(update=values)}
    )
    grid = Grid(prepared.grid.power_flow, snapshot(changed, prepared.feeder))
    return replace(prepared, settings=changed, grid=grid)
