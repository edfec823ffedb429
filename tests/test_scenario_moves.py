"""A scenario on other days plays the prices of other days."""

import datetime
import json
from pathlib import Path

from cosim.envs.worlds import ScenarioWorlds
from cosim.scenario import Prices, ProsumerSettings, Run, Scenario, Wholesale


def test_worlds_of_other_days_have_the_prices_of_other_days(tmp_path: Path) -> None:
    """The file's price is the day of its year, in EUR/MWh; its first day moves along."""
    begin = datetime.datetime(2018, 12, 31, 23, tzinfo=datetime.UTC)
    hours = [begin + datetime.timedelta(hours=hour) for hour in range(366 * 24)]
    local_day = [(hour + datetime.timedelta(hours=1)).timetuple().tm_yday for hour in hours]
    file = tmp_path / "prices.json"
    series = [
        [int(hour.timestamp() * 1000), 20.0 + day]
        for hour, day in zip(hours, local_day, strict=True)
    ]
    file.write_text(json.dumps({"series": series}), encoding="utf-8")
    prices = Prices(source="file", file=file, first_day=datetime.date(2019, 6, 10))
    scenario = Scenario(
        run=Run(start=datetime.date(2016, 6, 13), days=1),
        prosumers=(ProsumerSettings(bus=11, pv_kwp=5.0),),
        wholesale=Wholesale(day_ahead=prices, imbalance=prices),
    )
    means = {}
    for day in (datetime.date(2016, 1, 11), datetime.date(2016, 9, 5)):
        _, world = ScenarioWorlds(scenario, first_days=[day])(5)
        means[day] = float(world.actual.day_ahead_eur_per_kwh[:96].mean())
    first, second = means.values()
    away = (datetime.date(2016, 9, 5) - datetime.date(2016, 1, 11)).days
    assert abs((second - first) * 1000.0 - away) < 1.0
