"""What a reader must know before believing a number."""

from collections.abc import Iterator
from html import escape

from cosim.reports.arm import LOADING_TOLERANCE_PERCENT, VOLTAGE_TOLERANCE_PU, Arm
from cosim.reports.homes import homes_of
from cosim.reports.ratings import kinds_assumed
from cosim.reports.report_data import ReportData
from cosim.reports.summary_sentences import check_sentence
from cosim.reports.wording import MISSING, counted, number, sentence_case

NOT_ASSESSED = (
    "Not assessed: unbalance between phases, fault currents, protection, islanding, harmonics, "
    "flicker, and limits of the grid above the feeder."
)
INPUTS = (
    "Shapes of load, solar power and heat demand are SimBench's profiles of 2016; prosumers with "
    "the same profile use copies of it that are shifted in time. The solar clock of the profiles "
    "runs about an hour early: the centre of a day's energy lies near 12:15 local summer time. "
    "Heat demand is smoothed.",
    "Stays of vehicles (arrival, departure, energy) are drawn.",
    "Owners announce the stays of their vehicles and their heat demand, so the day-ahead forecast "
    "knows these exactly; load, solar power and prices carry the stated errors. Orders use the "
    "load and solar power that the interval really has.",
)
CONDUCT = (
    "Devices run at unity power factor.",
    "The day-ahead bid is made at midnight from the state of that moment; there is no separate "
    "gate closure. Each interval's up and down offers are what devices could do in that interval "
    "if those before it went as scheduled; none is activated.",
    "The reference with the retailer only is played without grid limits.",
    "What stores hold and owe at the end is valued at the feed-in price and the retail price.",
)
JOINT = (
    "A prosumer that stands for several homes acts as one: the sum of their devices, and one joint "
    "stay of their vehicles."
)


def assumptions(data: ReportData, judged: Arm, free: Arm | None) -> Iterator[str]:
    """Yield what a reader must know before believing a number, as HTML."""
    yield from _ratings(data)
    yield from (f"Of the net: {escape(note)}." for note in data.feeder.notes)
    yield from _existing_generation(data)
    minutes = data.interval_h * 60
    yield (
        "The power flow is balanced (positive sequence), with constant power at every bus; "
        f"{minutes:g}-minute means stand for what happens within an interval."
    )
    yield from check_sentence(data) or ("No state was compared with pandapower.",)
    yield (
        f"A limit counts as broken beyond {VOLTAGE_TOLERANCE_PU:g} p.u. or "
        f"{LOADING_TOLERANCE_PERCENT:g} percentage points of loading, the accuracy of the power "
        f"flow.{_own_count(judged)}"
    )
    yield from INPUTS
    yield from _forecasts(data)
    seed = data.manifest.get("seed", data.setting("run", "seed"))
    yield (
        f"Everything random is a single draw (seed {seed if seed != '' else MISSING}): profiles, "
        "devices, prices and forecast errors. Numbers come without confidence intervals."
    )
    yield from _prices(data)
    yield from CONDUCT
    if homes_of(data) is not None:
        yield JOINT
    if free is not None:
        yield (
            "Both arms play the same days with the same draws. After a first refusal their "
            "batteries, vehicles and buildings may be in different states, so differences add up "
            "over the run."
        )
    yield NOT_ASSESSED


def _ratings(data: ReportData) -> Iterator[str]:
    feeder = data.feeder
    kinds = kinds_assumed(feeder)
    if kinds:
        source = sentence_case(feeder.ratings_source.removeprefix("Assumed: "))
        yield (
            f"<b>Thermal ratings of {' and '.join(kinds)} are assumed.</b> {escape(source)} Their "
            "loadings in this report rest on them."
        )
    elif feeder.ratings_source:
        yield f"Thermal ratings: {escape(feeder.ratings_source)}"


def _existing_generation(data: ReportData) -> Iterator[str]:
    """Yield what becomes of generators that the feeder already has."""
    total_kw = float(data.feeder.nominal_generation_kw.sum())
    if not total_kw:
        return
    became = {
        "solar": "follow the mean of the solar profiles, whatever drives them",
        "nominal": "feed in their published power all the time",
        "none": "are left out",
    }
    words = became.get(str(data.setting("feeder", "existing_generation")), MISSING)
    yield f"Generators of the feeder itself ({number(total_kw)} kW) {words}; nobody owns them here."


def _own_count(judged: Arm) -> str:
    """Compare the count of broken intervals with the validation's own."""
    flagged = int((judged.of_intervals("secure") == 0).sum())
    counted_here = int(judged.any_broken.sum())
    if flagged == counted_here:
        return ""
    return (
        f" Counted so {counted(counted_here, 'interval')} {judged.label} break a limit; the "
        f"validation itself, with its own tolerance, flags {number(flagged)}."
    )


def _prices(data: ReportData) -> Iterator[str]:
    labels = {
        "Day-ahead prices": data.manifest.get("day_ahead_label", ""),
        "imbalance prices": data.manifest.get("imbalance_label", ""),
    }
    known = [f"{name}: {label}" for name, label in labels.items() if label]
    if known:
        yield escape(f"{'; '.join(known)}.")
    if any("synthetic" in str(label).lower() for label in labels.values()):
        yield "Synthetic prices come from a seeded generator and are no market's."
    if "spread" in str(data.manifest.get("imbalance_label", "")).lower():
        yield "The imbalance price is the day-ahead price plus a synthetic spread."


def _forecasts(data: ReportData) -> Iterator[str]:
    names = (
        ("load_error", "load of a home", ""),
        ("pv_error", "solar power", ""),
        ("price_error_eur_per_kwh", "day-ahead price", " EUR/kWh"),
    )
    parts = []
    for key, words, unit in names:
        value = data.setting("forecasts", key)
        if value:
            shown = f"{value}{unit}" if unit else f"{100 * float(value):g} %"
            parts.append(f"{words} {shown}")
    if parts:
        memory = data.setting("forecasts", "hours_of_memory")
        tail = f"; errors fade over {memory} h" if memory else ""
        yield f"Forecast errors (standard deviation): {', '.join(parts)}{tail}."
