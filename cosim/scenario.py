"""Scenario: everything that defines a run, read from TOML into frozen, validated settings.

`cosim scenario` prints the default with the docstrings below as comments. Unknown keys are
errors, so a typo is never silently ignored. Money is EUR, energy kWh, power kW.
"""

import datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from cosim.scenario_community import Community as Community
from cosim.scenario_community import ProsumerSettings as ProsumerSettings
from cosim.settings import NotNegative, Positive, Settings, Share
from networks.names import preset_name


class Run(Settings):
    """When is played, and with which random draws."""

    start: datetime.date = datetime.date(2016, 6, 13)
    """First day; profiles cover 2016."""
    days: Annotated[int, Field(ge=1, le=366)] = 7
    """Number of days."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Every random draw follows from it: same seed, same files."""


class FeederSettings(Settings):
    """The feeder and the limits it is judged by."""

    name: str = "cigre_lv"
    """A name that `cosim feeders` lists, `simbench:CODE`, or a file, see docs/own-feeders.md."""
    limits: (
        Literal["en50160", "vde_ar_n_4105", "vde_ar_n_4110", "ansi_a", "ansi_b", "australia"] | None
    ) = Field(None, examples=["en50160"])
    """Preset of the limits below, see docs/limits.md; left out: the feeder's own."""
    voltage_min_pu: Positive | None = Field(None, examples=[0.90])
    """Lowest allowed voltage; left out: that of the preset."""
    voltage_max_pu: Positive | None = Field(None, examples=[1.10])
    """Highest allowed voltage; left out: that of the preset."""
    loading_max_percent: Positive | None = Field(None, examples=[100.0])
    """Highest allowed loading of lines and transformers; left out: that of the preset."""
    existing_generation: Literal["solar", "nominal", "none"] = "solar"
    """Generators that the feeder already has: `solar` lets them follow the solar profiles,
    `nominal` holds them at their published power, `none` leaves them out."""

    def of_feeder(self, *, owned_devices: bool = False) -> dict[str, Any]:
        """Return what `networks.catalog.load_feeder` takes besides the name."""
        given = self.model_dump(exclude={"name", "existing_generation"})
        return {**given, "owned_devices": owned_devices}

    @field_validator("limits", mode="before")
    @classmethod
    def preset_as_people_write_it(cls, limits: Any) -> Any:
        """Take "EN 50160" or "vde-ar-n-4105" for the preset that is meant."""
        return preset_name(limits) if isinstance(limits, str) else limits

    @model_validator(mode="after")
    def limits_in_order(self) -> Self:
        """Reject crossed voltage limits."""
        message = crossed_limits(self.voltage_min_pu, self.voltage_max_pu)
        if message:
            raise ValueError(message)
        return self


def crossed_limits(voltage_min_pu: float | None, voltage_max_pu: float | None) -> str:
    """Return what is wrong with a pair of voltage limits, "" if nothing is."""
    if voltage_min_pu is None or voltage_max_pu is None or voltage_min_pu < voltage_max_pu:
        return ""
    return f"voltage_min_pu = {voltage_min_pu} must be below voltage_max_pu = {voltage_max_pu}"


class Tariff(Settings):
    """What the retailer charges and pays, and what of it is only passed on."""

    energy_eur_per_kwh: NotNegative = 0.12
    """Energy part of the retail price: the only part that is anybody's profit."""
    network_fee_eur_per_kwh: NotNegative = 0.08
    """Network fee of energy from the retailer or the aggregator."""
    levies_eur_per_kwh: NotNegative = 0.10
    """Levies and taxes on energy from the retailer or the aggregator."""
    feed_in_eur_per_kwh: NotNegative = 0.03
    """What the retailer pays for energy fed in."""
    local_network_fee_eur_per_kwh: NotNegative = 0.04
    """Network fee of a local trade."""
    local_levies_eur_per_kwh: NotNegative = 0.05
    """Levies and taxes on a local trade."""

    @model_validator(mode="after")
    def prices_in_order(self) -> Self:
        """Reject a feed-in price above the retail price and local fees above the full ones."""
        if self.feed_in_eur_per_kwh > self.retail_eur_per_kwh:
            message = (
                f"feed_in_eur_per_kwh = {self.feed_in_eur_per_kwh} must not exceed the retail "
                f"price {self.retail_eur_per_kwh:.4f} (energy + network fee + levies)"
            )
            raise ValueError(message)
        return self

    @property
    def retail_eur_per_kwh(self) -> float:
        """All-in retail price."""
        return self.energy_eur_per_kwh + self.passed_on_eur_per_kwh

    @property
    def passed_on_eur_per_kwh(self) -> float:
        """Fees and levies on energy from the retailer or the aggregator."""
        return self.network_fee_eur_per_kwh + self.levies_eur_per_kwh

    @property
    def local_fees_eur_per_kwh(self) -> float:
        """Fees and levies on a local trade."""
        return self.local_network_fee_eur_per_kwh + self.local_levies_eur_per_kwh


class Leader(Settings):
    """How the aggregator sets its prices."""

    policy: Literal["time_of_use", "flat", "learned"] = "time_of_use"
    """`time_of_use`: one price pair per block of hours, from forecast wholesale prices;
    `flat`: one pair for the whole day; `learned`: as a training left it."""
    trained: Path | None = Field(None, examples=["policies/runs/mine"])
    """Folder of `cosim train` for `learned`; left out: the policies that come with the toolkit. A
    relative path starts at the folder of the scenario file."""
    margin_eur_per_kwh: NotNegative = 0.02
    """Kept between the forecast wholesale price and each of the two quotes."""
    block_starts_h: tuple[Annotated[int, Field(ge=0, le=23)], ...] = (0, 6, 10, 16, 21)
    """Hours at which a new block of the time-of-use tariff begins, in ascending order."""

    @field_validator("block_starts_h")
    @classmethod
    def blocks_in_order(cls, hours: tuple[int, ...]) -> tuple[int, ...]:
        """Reject a day without blocks, and blocks that begin twice or before the last one."""
        if not hours or any(late <= early for early, late in pairwise(hours)):
            message = "must be one or more different hours in ascending order, e.g. [0, 6, 16]"
            raise ValueError(message)
        return hours


class Followers(Settings):
    """How prosumers bid."""

    policy: Literal["water_value", "fictitious_play", "learned"] = "water_value"
    """`water_value`: storage bids at the marginal value its own plan gives it under the announced
    prices; `fictitious_play`: the same, expecting the local market too; `learned`: as a training
    left it."""
    trained: Path | None = Field(None, examples=["policies/runs/mine"])
    """Folder of `cosim train` for `learned`; left out: the policies that come with the toolkit. A
    relative path starts at the folder of the scenario file."""
    half_spread_eur_per_kwh: NotNegative = 0.005
    """Least gain for which a battery moves, each way. Set it to `battery_wear_eur_per_kwh`, which
    plans count: bids that ask for more wait for prices that plans do not expect, bids that ask for
    less move for too little."""


class MarketSettings(Settings):
    """The local auction."""

    mechanism: Literal["uniform", "pay_as_bid", "mid_market_rate", "none"] = "uniform"
    """`uniform`: one price where the order curves cross; `pay_as_bid`: each match at the middle
    of its bid and ask; `mid_market_rate`: the middle of the aggregator's quotes;
    `none`: no local trade, everything with the aggregator."""


class Prices(Settings):
    """A price series: synthetic, or from a file."""

    source: Literal["synthetic", "file"] = "synthetic"
    """`synthetic` draws from a seeded generator and is labelled so wherever it is shown."""
    regime: Literal["calm", "volatile"] = "calm"
    """Statistics the generator follows."""
    file: Path | None = Field(None, examples=["prices.csv"])
    """SMARD JSON, Energi Data Service CSV or two-column CSV; a relative path starts at the
    folder of the scenario file."""
    unit: Literal["EUR/MWh", "EUR/kWh"] | None = Field(None, examples=["EUR/MWh"])
    """Unit of a two-column CSV; must be stated there."""
    time_zone: str | None = Field(None, examples=["UTC"])
    """Time zone of the stamps of a two-column CSV, e.g. "UTC"; must be stated there."""
    column: str | None = Field(None, examples=["SpotPriceEUR"])
    """Price column of an Energi Data Service file that has several."""
    price_area: str | None = Field(None, examples=["DK1"])
    """Price area of an Energi Data Service file that has several."""
    first_day: datetime.date | None = Field(None, examples=[datetime.date(2019, 6, 10)])
    """Day of the file to use for the first day of the run; left out: the same date."""

    @model_validator(mode="after")
    def file_where_needed(self) -> Self:
        """Ask for a file where the source is one."""
        if self.source == "file" and self.file is None:
            message = 'source = "file" needs file = "PATH"'
            raise ValueError(message)
        return self


class Wholesale(Settings):
    """Day-ahead market, balancing offers and imbalance settlement."""

    day_ahead: Prices = Prices()
    """Day-ahead prices."""
    imbalance: Prices = Prices()
    """Imbalance prices."""
    imbalance_scheme: Literal["one_price", "two_price"] = "one_price"
    """`one_price`: the same price for both directions; `two_price`: deviations that help the
    system get no more than the day-ahead price."""
    balancing_share: Share = 0.5
    """Share of what the fleet could do beside its day-ahead schedule that is offered as balancing
    capacity, upward (feed in more, draw less) and downward (draw more); 0: no offers."""


class Forecasts(Settings):
    """How far forecasts lie from what happens (standard deviations, autocorrelated errors)."""

    load_error: Share = 0.20
    """Relative error of a home's load, per interval."""
    pv_error: Share = 0.15
    """Relative error of solar power, common to the feeder."""
    price_error_eur_per_kwh: NotNegative = 0.005
    """Error of the day-ahead price forecast."""
    hours_of_memory: Positive = 4.0
    """Time in which a forecast error forgets 63 % of itself."""


class Grid(Settings):
    """How trades and bids are validated."""

    rule: Literal["optimal", "pro_rata", "merit", "lifo", "max_min", "none"] = "optimal"
    """`optimal`: give up the least value; `pro_rata`: cut all trades alike; `merit`: the least
    valuable trades first; `lifo`: the last to come first; `max_min`: keep the smallest accepted
    share as large as can be; `none`: report only."""
    envelopes: Literal["none", "equal", "proportional", "max_sum", "max_min"] = "none"
    """Limits on feeding in and drawing given to each prosumer before it bids: `equal` in kW,
    `proportional` to what it could use, the largest sum, or the largest smallest share."""
    charges: Literal["none", "locational"] = "none"
    """`locational`: trades pay for losses and binding limits by where their ends are, on top of
    the fees, never more than they gain; `none`: the network is paid by fees alone."""
    compare_with_none: bool = True
    """Play the same days a second time without validation, for the report."""


class Scenario(Settings):
    """All settings of a run."""

    run: Run = Run()
    feeder: FeederSettings = FeederSettings()
    community: Community = Community()
    prosumers: tuple[ProsumerSettings, ...] = ()
    """Prosumers given by hand, in place of those drawn from the shares of `community`."""
    tariff: Tariff = Tariff()
    leader: Leader = Leader()
    followers: Followers = Followers()
    market: MarketSettings = MarketSettings()
    wholesale: Wholesale = Wholesale()
    forecasts: Forecasts = Forecasts()
    grid: Grid = Grid()

    @property
    def takes_devices(self) -> bool:
        """Whether prosumers own the devices of the feeder's net."""
        return self.community.source == "feeder"

    @model_validator(mode="after")
    def one_kind_of_prosumers(self) -> Self:
        """Reject prosumers given by hand beside those of the net."""
        if self.takes_devices and self.prosumers:
            message = (
                f'community.source: "feeder" makes prosumers of the devices of the net, and '
                f"{len(self.prosumers)} are given by hand ([[prosumers]], --prosumers); use one "
                "of the two"
            )
            raise ValueError(message)
        return self
