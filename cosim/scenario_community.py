"""Settings of who lives on the feeder: drawn from shares, taken from the net or given by hand."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cosim.settings import Efficiency, NotNegative, Positive, Settings, Share, Size

VEHICLE_KWH_PER_DAY = 8.0
NIGHT_H = 8.0
"""Hours that a vehicle can count on to stand at home."""


class Community(Settings):
    """Who lives on the feeder. Homes without any device are passive load."""

    source: Literal["shares", "feeder"] = "shares"
    """Where devices come from: `shares` draws them by the shares and sizes below; `feeder` takes
    the solar plants, storages, vehicles and heat pumps of the net, see docs/placement.md."""
    pv_share: Share = 0.40
    """Share of homes with solar panels."""
    pv_kwp: Positive = 7.0
    """Mean installed solar power of such a home; single ones lie within 60 % and 140 % of it."""
    pv_kwh_per_kwp: Positive = 950.0
    """Yearly yield the solar profiles are scaled to."""
    battery_share_of_pv: Share = 0.50
    """Share of solar homes that also have a battery."""
    battery_kwh_per_kwp: Positive = 1.0
    """Usable battery capacity per installed solar power."""
    battery_kw_per_kwh: Positive = 0.5
    """Battery power per capacity."""
    battery_charge_efficiency: Efficiency = 0.95
    """Stored per drawn energy."""
    battery_discharge_efficiency: Efficiency = 0.95
    """Delivered per taken energy."""
    battery_wear_eur_per_kwh: NotNegative = 0.005
    """Wear of a battery per kWh through its meter: on no bill, but counted wherever ways to act
    are learned or compared."""
    vehicle_share: Share = 0.20
    """Share of homes with an electric vehicle charged at home."""
    vehicle_kw: Positive = 11.0
    """Charging power."""
    vehicle_kwh_per_day: Positive = 8.0
    """Mean energy asked for at the meter of a vehicle that comes home."""
    vehicle_efficiency: Efficiency = 0.90
    """Energy in the vehicle per drawn energy."""
    heat_pump_share: Share = 0.15
    """Share of homes with a heat pump."""
    heat_pump_kw: Positive = 4.0
    """Nominal electric power that the heat-pump profile is scaled with."""
    heat_pump_cop: Positive = 3.0
    """Heat per electric energy."""
    building_kwh_per_kelvin: Positive = 5.0
    """Mean thermal mass of a building with a heat pump."""
    building_time_constant_h: Positive = 40.0
    """Hours in which a building loses 63 % of a temperature difference."""
    comfort_target_celsius: float = 21.0
    """Temperature that homes hold without a market."""
    comfort_band_kelvin: Positive = 1.0
    """Allowed distance from the target, up and down."""
    prosumers_max: Annotated[int, Field(ge=1)] | None = Field(None, examples=[500])
    """Above this number, several like homes at a bus act as one prosumer of their joint size; left
    out: 300, or one for every bus where homes own devices if those are more."""

    @model_validator(mode="after")
    def vehicles_can_charge(self) -> Self:
        """Reject vehicles that ask for more than they can charge at home."""
        message = _too_slow(self.vehicle_kw, self.vehicle_kwh_per_day)
        if message and self.vehicle_share > 0.0:
            raise ValueError(message)
        return self


class ProsumerSettings(Settings):
    """One prosumer given by hand instead of drawn from shares."""

    bus: int = Field(examples=[11])
    """pandapower number of the bus."""
    homes: Size = 1.0
    """Number of like homes whose load it brings, on top of the feeder's; 0: devices alone."""
    pv_kwp: Size = 0.0
    """Installed solar power."""
    battery_kwh: Size = 0.0
    """Usable battery capacity."""
    battery_kw: Size = 0.0
    """Battery power."""
    battery_charge_efficiency: Efficiency = 0.95
    """Stored per drawn energy."""
    battery_discharge_efficiency: Efficiency = 0.95
    """Delivered per taken energy."""
    vehicle_kw: Size = 0.0
    """Charging power."""
    vehicle_kwh_per_day: Size = VEHICLE_KWH_PER_DAY
    """Mean energy asked for at the meter of a vehicle that comes home."""
    heat_pump_kw: Size = 0.0
    """Nominal electric heat-pump power."""

    @model_validator(mode="after")
    def devices_can_work(self) -> Self:
        """Reject half a battery and a vehicle that asks for more than it can charge at home."""
        problems = []
        if (self.battery_kwh > 0.0) != (self.battery_kw > 0.0):
            problems.append(
                f"battery_kwh = {self.battery_kwh:g} with battery_kw = {self.battery_kw:g} is no "
                "battery: set both above 0, or leave both out"
            )
        if self.vehicle_kw > 0.0 and (slow := _too_slow(self.vehicle_kw, self.vehicle_kwh_per_day)):
            problems.append(slow)
        asked = self.vehicle_kwh_per_day
        if self.vehicle_kw == 0.0 and asked not in (0.0, VEHICLE_KWH_PER_DAY):
            problems.append(
                f"vehicle_kwh_per_day = {asked:g} without vehicle_kw: set it above 0, or leave "
                "both out where there is no vehicle"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _too_slow(vehicle_kw: float, vehicle_kwh_per_day: float) -> str:
    """Return that a vehicle cannot charge what it asks for, "" if it can."""
    if vehicle_kwh_per_day <= vehicle_kw * NIGHT_H:
        return ""
    return (
        f"vehicle_kwh_per_day = {vehicle_kwh_per_day:g} is more than vehicle_kw = {vehicle_kw:g} "
        f"charges in {NIGHT_H:g} h at home; allowed is {vehicle_kw * NIGHT_H:g} kWh or less, or a "
        "higher power"
    )
