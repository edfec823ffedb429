"""The compiled parts of order curves: what moves are worth, and the curves, home by home."""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"
# numba functions have no types.

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def level_value(table, level, full):
    """Return `table` (G,) at `level` of a store that holds `full`, between its rows in a line."""
    cells = len(table) - 1
    position = level * cells / full if full > 0.0 else 0.0
    if position <= 0.0:
        position = 0.0
    if position >= cells:
        position = float(cells)
    lower = min(int(position), cells - 1)
    share = position - lower
    return table[lower] + share * (table[lower + 1] - table[lower])


@njit(cache=True, error_model="numpy")
def level_values(table, level, full):
    """Return `level_value` of every store, (B, N)."""
    environments, prosumers = level.shape
    out = np.empty((environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            out[b, n] = level_value(table[b, n], level[b, n], full[b, n])
    return out


@njit(cache=True, error_model="numpy")
def battery_worth(table, stored, full, limits, efficiencies):
    """Return what a kWh charged and a kWh discharged are worth, (2, B, N), as `battery_prices`.

    `limits` are the most that can be charged and discharged, `efficiencies` those of both, each a
    pair of (B, N).
    """
    charge_kwh, discharge_kwh = limits
    charge_efficiency, discharge_efficiency = efficiencies
    environments, prosumers = stored.shape
    out = np.zeros((2, environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            up = charge_kwh[b, n] * charge_efficiency[b, n]
            down = discharge_kwh[b, n] / discharge_efficiency[b, n]
            if up <= 1e-9 and down <= 1e-9:
                continue
            here = level_value(table[b, n], stored[b, n], full[b, n])
            if up > 1e-9:
                gained = here - level_value(table[b, n], stored[b, n] + up, full[b, n])
                out[0, b, n] = gained / up * charge_efficiency[b, n]
            if down > 1e-9:
                lost = level_value(table[b, n], stored[b, n] - down, full[b, n]) - here
                out[1, b, n] = lost / down / discharge_efficiency[b, n]
    return out


@njit(cache=True, error_model="numpy")
def heat_worth(table, room, limits, response, interval_h):
    """Return what a kWh of heating above the comfort minimum saves, (B, N), as `heat_price`.

    `room` are indoor, target, lowest and highest temperature and the reference power, `limits`
    what must and may be heated, `response` what `heat_response` returns, each (B, N).
    """
    indoor, target, lowest, highest, reference_kw = room
    must_kwh, may_kwh = limits
    remaining, gain = response
    environments, prosumers = indoor.shape
    out = np.zeros((environments, prosumers))
    for b in range(environments):
        for n in range(prosumers):
            must, may = must_kwh[b, n], may_kwh[b, n]
            energy = may - must
            if energy <= 1e-9:
                continue
            drifted = target[b, n] + remaining[b, n] * (indoor[b, n] - target[b, n])
            reference = reference_kw[b, n] * interval_h
            low = drifted + gain[b, n] * (must - reference) - lowest[b, n]
            high = drifted + gain[b, n] * (may - reference) - lowest[b, n]
            band = highest[b, n] - lowest[b, n]
            saved = level_value(table[b, n], low, band) - level_value(table[b, n], high, band)
            out[b, n] = saved / energy
    return out


@njit(cache=True)
def vehicle_prices(missing_kwh, power_kwh, departure, row, expected, first_interval):
    """Return (price, energy it holds for, price beyond it), each (B, N): what charging now saves.

    Later intervals offer own surplus at the price it would be sold for, and the rest of the
    charging power at the price of buying. A vehicle would take the cheapest of these offers until
    nothing is missing. The first kWh now saves the dearest offer it would take; once enough is
    charged for that one to be left out, a further kWh saves only the next cheaper one. `expected`
    holds surplus (T, B, N), the prices of buying and selling (T, B) of the plan, and what a kWh
    still missing costs where the plan ends before the vehicle leaves; `row` is the interval's.
    """
    surplus_kwh, buy, sell, closing = expected
    environments, prosumers = missing_kwh.shape
    dear = np.zeros((environments, prosumers))
    dear_kwh = np.zeros((environments, prosumers))
    spare = np.zeros((environments, prosumers))
    reach = np.empty(prosumers, np.int64)
    for b in range(environments):
        ahead = _reaches(missing_kwh[b], power_kwh[b], departure[b] - first_interval,
                         (row, surplus_kwh.shape[0], closing), reach)  # fmt: skip
        if ahead < 0:
            continue
        # Prices are everybody's: one order serves all vehicles, each skips what it leaves before.
        offered = np.empty(2 * ahead)
        offered[:ahead] = sell[row + 1 : row + 1 + ahead, b]
        offered[ahead:] = buy[row + 1 : row + 1 + ahead, b]
        order = np.argsort(offered, kind="mergesort")
        for n in range(prosumers):
            if reach[n] < 0:
                continue
            stays = departure[b, n] - first_interval > surplus_kwh.shape[0]
            dear[b, n], dear_kwh[b, n], spare[b, n] = _dearest(
                missing_kwh[b, n], power_kwh[b, n], surplus_kwh[row + 1 :, b, n],
                offered, order, reach[n], closing if stays else 0.0,
            )  # fmt: skip
    return dear, dear_kwh, spare


@njit(cache=True)
def _reaches(missing_kwh, power_kwh, departure, horizon, reach):
    """Fill `reach` (N,) with the later intervals vehicles can charge in; return the most.

    -1 marks those who need not choose. `horizon` is the row of the interval, the rows of the plan
    and what is missing at its end costs.
    """
    row, rows, closing = horizon
    most = -1
    for n in range(len(reach)):
        reach[n] = -1
        if departure[n] < 0 or missing_kwh[n] <= 1e-9 or power_kwh[n] <= 0.0:
            continue
        later = min(departure[n], rows) - row - 1
        if later <= 0 and not (closing > 0.0 and departure[n] > rows):
            continue
        reach[n] = max(later, 0)
        most = max(most, reach[n])
    return most


@njit(cache=True)
def _dearest(missing, power, surplus_kwh, offered, order, reach, closing):  # noqa: PLR0913
    """Return (dearest price taken, energy it holds for, next cheaper price) of one vehicle.

    `surplus_kwh` are those of later intervals; `closing`, above zero where the plan ends first, is
    an offer without bound that comes behind all others of its price.
    """
    dear = 0.0
    spare = 0.0
    gathered = 0.0
    cheaper = 0.0  # energy of the offers below the dearest one taken
    ahead = len(order) // 2
    for place in range(len(order) + 1):
        ends = place == len(order)
        price = closing if ends else offered[order[place]]
        if closing > 0.0 and price > closing:
            ends, price = True, closing
        energy = missing
        if ends and closing <= 0.0:
            break
        if not ends:
            k = order[place] % ahead
            if k >= reach:
                continue
            energy = min(surplus_kwh[k], power)
            if order[place] >= ahead:
                energy = power - energy
        if energy <= 0.0:
            continue
        if price > dear:
            cheaper = gathered
            spare = dear
            dear = price
        gathered += energy
        if ends or gathered >= missing - 1e-9:
            break
    return dear, max(missing - cheaper, 0.0), spare


@njit(cache=True, error_model="numpy")
def curves(worth, action, limits, firm, efficiencies, terms):
    """Return (least (B, N), step prices (B, N, S), step energies (B, N, S)) of order curves.

    Args:
        worth: bid, ask, dear, dear energy, spare and heat price, each (B, N).
        action: value offsets (B, N, 3) and half-spread (B, N).
        limits: those of `Ranges` in order, each (B, N).
        firm: load and available solar power, kW, each (B, N).
        efficiencies: charging and discharging, each (B, N).
        terms: retail price, what lifts a vehicle's lower bid, length of the interval, and the
            positions of the steps in the order of `Step`.
    """
    bid_price, ask_price, dear, dear_kwh, spare_price, heat_price = worth
    offset, half_spread = action
    charge_kwh, discharge_kwh, vehicle_must, vehicle_may, heat_must, heat_may = limits
    load_kw, pv_kw = firm
    charge_efficiency, discharge_efficiency = efficiencies
    retail, prefer_own, interval_h, slots = terms
    hold, charge, vehicle, heat_pump, curtail, spare = slots
    environments, prosumers = load_kw.shape
    least = np.empty((environments, prosumers))
    price = np.empty((environments, prosumers, len(slots)))
    energy = np.empty((environments, prosumers, len(slots)))
    for b in range(environments):
        for n in range(prosumers):
            moved = offset[b, n, 0]
            bid = bid_price[b, n] + charge_efficiency[b, n] * moved - half_spread[b, n]
            ask = ask_price[b, n] + moved / discharge_efficiency[b, n] + half_spread[b, n]
            price[b, n, hold] = min(max(ask, bid), retail)
            price[b, n, charge] = min(bid, retail)
            price[b, n, vehicle] = min(dear[b, n] + offset[b, n, 1], retail)
            price[b, n, spare] = min(spare_price[b, n] + offset[b, n, 1] + prefer_own, retail)
            price[b, n, heat_pump] = min(heat_price[b, n] + offset[b, n, 2], retail)
            price[b, n, curtail] = min(0.0, retail)

            # Dearer than the retailer means: kept for later, and nobody could buy it anyway.
            discharge = discharge_kwh[b, n] if ask <= retail else 0.0
            chargeable = vehicle_may[b, n] - vehicle_must[b, n]
            pv_kwh = pv_kw[b, n] * interval_h
            energy[b, n, hold] = discharge
            energy[b, n, charge] = charge_kwh[b, n]
            energy[b, n, vehicle] = min(dear_kwh[b, n], chargeable)
            energy[b, n, spare] = chargeable - energy[b, n, vehicle]
            energy[b, n, heat_pump] = heat_may[b, n] - heat_must[b, n]
            energy[b, n, curtail] = pv_kwh
            wanted = load_kw[b, n] * interval_h + vehicle_must[b, n] + heat_must[b, n]
            least[b, n] = wanted - pv_kwh - discharge
    return least, price, energy
