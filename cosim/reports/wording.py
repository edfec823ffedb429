"""Numbers as text, and small words around them."""

import math
from collections.abc import Sequence

NARROW_SPACE = "\u202f"
UNIT_SPACE = "\u00a0"
MINUS = "\u2212"
MISSING = "\u2013"
CENT = 0.005
SHARE_MINIMUM_EUR = 5.0
SMALL_KWH, LARGE_KWH = 10.0, 1000.0


def number(value: float, decimals: int = 0) -> str:
    """Return `value` with grouped thousands and a true minus sign; a dash if it is not finite."""
    if not math.isfinite(value):
        return MISSING
    text = f"{abs(value):,.{decimals}f}".replace(",", NARROW_SPACE)
    negative = value < 0 and any(digit in "123456789" for digit in text)
    return f"{MINUS}{text}" if negative else text


def signed(value: float, decimals: int = 0) -> str:
    """Return `value` like `number`, with a plus sign where it is above zero."""
    text = number(value, decimals)
    positive = value > 0 and any(digit in "123456789" for digit in text)
    return f"+{text}" if positive else text


def energy(value_kwh: float) -> str:
    """Return an energy with as many decimals as its size deserves, unit included."""
    size = abs(value_kwh)
    decimals = 2 if size < SMALL_KWH else 1 if size < LARGE_KWH else 0
    return f"{number(value_kwh, decimals)}{UNIT_SPACE}kWh"


def money(value_eur: float) -> str:
    """Return an amount of money to the cent, unit included."""
    return f"{number(value_eur, 2)}{UNIT_SPACE}EUR"


def percent(share: float) -> str:
    """Return a share (1.0 = all) in percent; small ones keep two decimals."""
    value = 100.0 * share
    return f"{number(value, 2 if abs(value) < 1.0 else 1)}{UNIT_SPACE}%"


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN where there is no whole."""
    return part / whole if whole else math.nan


def saving_words(saving_eur: float, reference_eur: float) -> str:
    """Return what is saved against a bill, e.g. "12.00 EUR less (30.0 %)".

    The share is left out where the bill is too small for it to mean anything.
    """
    if abs(saving_eur) < CENT:
        return "as much"
    share = saving_share(saving_eur, reference_eur)
    relative = f" ({percent(abs(share))})" if math.isfinite(share) else ""
    return f"{money(abs(saving_eur))} {'less' if saving_eur > 0 else 'more'}{relative}"


def saving_share(saving_eur: float, reference_eur: float) -> float:
    """Return the saved share of a bill (1.0 = all), NaN where the bill is not above 5 EUR."""
    return saving_eur / reference_eur if reference_eur > SHARE_MINIMUM_EUR else math.nan


def scientific(value: float) -> str:
    """Return a very small number, e.g. "2.1e-09"."""
    return f"{value:.1e}" if math.isfinite(value) else MISSING


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, e.g. "1 interval", "no intervals", "12 intervals"."""
    shown = "no" if count == 0 else number(count)
    return f"{shown} {noun}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def sentence_case(text: str) -> str:
    """Return `text` with its first letter large and the rest as it is."""
    return text[:1].upper() + text[1:]
