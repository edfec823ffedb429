"""What the people of a scenario own: from settings to homes, and from homes to the fleet."""

import numpy as np

from cosim.records import Fleet, Floats, Integers
from cosim.scenario import Community, Scenario
from networks.homes import DeviceMix
from networks.placement import PASSIVE, Placement, Site

HEAT_PUMP_RESERVE = 1.05
"""A heat pump can do this much more than hold its target, so that comfort is in reach."""


def device_mix(community: Community) -> DeviceMix:
    """Return a community's shares and sizes as the feeder package takes them."""
    return DeviceMix(
        pv_share=community.pv_share,
        pv_kwp=community.pv_kwp,
        battery_share_of_pv=community.battery_share_of_pv,
        battery_kwh_per_kwp=community.battery_kwh_per_kwp,
        battery_kw_per_kwh=community.battery_kw_per_kwh,
        vehicle_share=community.vehicle_share,
        vehicle_kw=community.vehicle_kw,
        heat_pump_share=community.heat_pump_share,
        heat_pump_kw=community.heat_pump_kw,
        building_kwh_per_kelvin=community.building_kwh_per_kelvin,
        prosumers_max=community.prosumers_max,
    )


def sites_of(scenario: Scenario) -> list[Site]:
    """Return the prosumers given by hand; a larger heat pump heats a larger building."""
    mean = scenario.community
    return [
        Site(
            bus=given.bus,
            homes=given.homes,
            pv_kwp=given.pv_kwp,
            battery_kwh=given.battery_kwh,
            battery_kw=given.battery_kw,
            vehicle_kw=given.vehicle_kw,
            heat_pump_kw=given.heat_pump_kw,
            building_kwh_per_kelvin=mean.building_kwh_per_kelvin
            * given.heat_pump_kw
            / mean.heat_pump_kw,
        )
        for given in scenario.prosumers
    ]


def fleet_of(scenario: Scenario, placed: Placement, heat_pump_most_kw: Floats) -> Fleet:
    """Return what every prosumer owns: the sum over its homes, the same in all environments.

    Batteries begin half full. Only the largest heat-pump power differs between environments:
    it covers the largest reference power of the run, `heat_pump_most_kw` (B, N).
    """
    community, given = scenario.community, scenario.prosumers
    homes, shape = placed.homes, heat_pump_most_kw.shape
    takes_part = placed.prosumer != PASSIVE
    who = placed.prosumer[takes_part]

    def everywhere(values: Floats | Integers | float) -> Floats:
        return np.broadcast_to(np.asarray(values, np.float64), shape).copy()

    def owned(values: Floats) -> Floats:
        return everywhere(np.bincount(who, weights=values[takes_part], minlength=shape[1]))

    def efficiency(of_all: float, of_each: list[float]) -> Floats:
        return everywhere(np.array(of_each) if given else of_all)

    mass = owned(homes.building_kwh_per_kelvin)
    battery_kwh = owned(homes.battery_kwh)
    target, band = community.comfort_target_celsius, community.comfort_band_kelvin
    return Fleet(
        bus=np.broadcast_to(placed.prosumer_bus, shape).copy(),
        homes=everywhere(placed.prosumer_homes),
        pv_kwp=owned(homes.pv_kwp),
        battery_kwh=battery_kwh,
        battery_kw=owned(homes.battery_kw),
        battery_charge_efficiency=efficiency(
            community.battery_charge_efficiency, [it.battery_charge_efficiency for it in given]
        ),
        battery_discharge_efficiency=efficiency(
            community.battery_discharge_efficiency,
            [it.battery_discharge_efficiency for it in given],
        ),
        battery_start_kwh=0.5 * battery_kwh,
        vehicle_kw=owned(homes.vehicle_kw),
        vehicle_efficiency=everywhere(community.vehicle_efficiency),
        heat_pump_kw=np.maximum(owned(homes.heat_pump_kw), HEAT_PUMP_RESERVE * heat_pump_most_kw),
        heat_pump_cop=everywhere(community.heat_pump_cop),
        # Without a heat pump the mass means nothing, but is divided by.
        building_kwh_per_kelvin=np.where(mass > 0.0, mass, community.building_kwh_per_kelvin),
        building_time_constant_h=everywhere(community.building_time_constant_h),
        comfort_min_celsius=everywhere(target - band),
        comfort_max_celsius=everywhere(target + band),
        comfort_target_celsius=everywhere(target),
    )
