"""Pydantic's validation errors as sentences: where, what was found, what is allowed."""

import datetime
import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]

ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    "tenth",
)
SHARE_OF = {
    "pv_kwp": "pv_share",
    "battery_kwh_per_kwp": "battery_share_of_pv",
    "battery_kw_per_kwh": "battery_share_of_pv",
    "vehicle_kw": "vehicle_share",
    "vehicle_kwh_per_day": "vehicle_share",
    "heat_pump_kw": "heat_pump_share",
}
"""Settings of `community` that somebody may set to zero, and what does what was meant."""

PLAIN_WORDS: Mapping[str, str] = {
    "model_type": "must be a table",
    "tuple_type": "must be a list",
    "missing": "is missing",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
}
"""What is allowed, by pydantic's type of error."""

BOUNDS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "greater_than": ("gt", "above {:g}".format),
    "greater_than_equal": ("ge", "at least {:g}".format),
    "less_than": ("lt", "below {:g}".format),
    "less_than_equal": ("le", "at most {:g}".format),
}
"""Pydantic's types of error at a bound: name of the bound, and words for it."""


def error_sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each error that validating `model` found."""
    return [_sentence(item, model) for item in error.errors()]


def place_text(place: Place) -> str:
    """Return where a setting stands; lists count from 1, and prosumers are named by their table."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    text = text.removeprefix(".")
    if len(place) > 1 and place[0] == "prosumers" and isinstance(place[1], int):
        number = place[1]
        ordinal = ORDINALS[number] if number < len(ORDINALS) else f"number {number + 1},"
        text += f" ({ordinal} [[prosumers]] table)"
    return text


def _sentence(item: ErrorDetails, model: type[BaseModel]) -> str:
    """Return one of pydantic's errors in words."""
    place, found = item["loc"], item["input"]
    where = place_text(place)
    if not where:  # of several sections, which the message names
        return _message(item, model)
    if item["type"] == "extra_forbidden":
        return f"{where}: {_unknown_key(place, model)}"
    shown = "" if isinstance(found, dict | BaseModel) else f" (found {_as_typed(found)})"
    return f"{where}: {_message(item, model)}{shown}{_hint(place, found)}"


def _message(item: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what is allowed at the place of an error."""
    kind = item["type"]
    if kind in PLAIN_WORDS:
        return PLAIN_WORDS[kind]
    if kind in BOUNDS:
        return f"must be {_allowed_range(item, model)}"
    if kind.startswith(("date_", "datetime_")):
        return "must be a date of the form YYYY-MM-DD"
    if kind == "literal_error":
        return f"must be {item['ctx']['expected']}"
    return item["msg"].removeprefix("Value error, ")


def _allowed_range(item: ErrorDetails, model: type[BaseModel]) -> str:
    """Return the range of numbers allowed where one of its bounds is broken."""
    bounds = {name: item["ctx"][name] for name, _ in BOUNDS.values() if name in item["ctx"]}
    for entry in getattr(_field(item["loc"], model), "metadata", []):
        bounds |= {
            name: getattr(entry, name) for name, _ in BOUNDS.values() if hasattr(entry, name)
        }
    if set(bounds) == {"ge", "le"}:
        return f"between {bounds['ge']:.7g} and {bounds['le']:.7g}"
    return " and ".join(words(bounds[name]) for name, words in BOUNDS.values() if name in bounds)


def _hint(place: Place, found: object) -> str:
    """Return which share does what a size of zero in `community` was meant to do."""
    name = place[-1] if len(place) == 2 and place[0] == "community" else None
    if name not in SHARE_OF or isinstance(found, bool) or found != 0:
        return ""
    return f"; for none of them set community.{SHARE_OF[str(name)]} = 0"


def _as_typed(found: object) -> str:
    """Return a value roughly as it stands in a TOML file."""
    if isinstance(found, datetime.date | Path):
        return str(found)
    return str(found).lower() if isinstance(found, bool) else repr(found)


def _unknown_key(place: Place, model: type[BaseModel]) -> str:
    """Say that the last part of `place` in `model` is unknown, and what is allowed there."""
    *_, owner = _models(place[:-1], model)
    allowed = list(owner.model_fields)
    close = difflib.get_close_matches(str(place[-1]), allowed, n=1)
    hint = f", did you mean {close[0]!r}?" if close else "."
    return f"unknown setting{hint} Allowed here: {', '.join(allowed)}"


def _field(place: Place, model: type[BaseModel]) -> FieldInfo | None:
    """Return the setting at `place`, None for an entry of a list of numbers."""
    if not isinstance(place[-1], str):
        return None
    *_, owner = _models(place[:-1], model)
    return owner.model_fields.get(place[-1])


def _models(place: Place, model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield `model` and the sections that `place` leads through."""
    yield model
    for part in place:
        if isinstance(part, str):
            annotation: Any = model.model_fields[part].annotation
            model = next(
                inner
                for inner in (annotation, *get_args(annotation))
                if isinstance(inner, type) and issubclass(inner, BaseModel)
            )
            yield model
