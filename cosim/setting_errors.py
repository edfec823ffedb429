"""Pydantic's validation errors as sentences: where, what was found, what is allowed."""

import datetime
import difflib
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def error_sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each error that validating `model` found."""
    return [_sentence(item, model) for item in error.errors()]


def _sentence(item: ErrorDetails, model: type[BaseModel]) -> str:
    """Return one of pydantic's errors in words."""
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{place}: {_unknown_key(item['loc'], model)}"
    if item["type"] in ("model_type", "tuple_type"):
        message = "must be a table" if item["type"] == "model_type" else "must be a list"
    else:
        message = item["msg"].removeprefix("Value error, ")
    found = item["input"]
    shown = "" if isinstance(found, (dict, BaseModel)) else f" (found {_as_typed(found)})"
    return f"{place}: {message}{shown}"


def _as_typed(found: object) -> str:
    """Return a value roughly as it stands in a TOML file."""
    if isinstance(found, (datetime.date, Path)):
        return str(found)
    return str(found).lower() if isinstance(found, bool) else repr(found)


def _unknown_key(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Say that the last part of `place` in `model` is unknown, and what is allowed there."""
    for part in place[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = next(
                inner
                for inner in (annotation, *get_args(annotation))
                if isinstance(inner, type) and issubclass(inner, BaseModel)
            )
    allowed = list(model.model_fields)
    close = difflib.get_close_matches(str(place[-1]), allowed, n=1)
    hint = f", did you mean {close[0]!r}?" if close else "."
    return f"unknown setting{hint} Allowed here: {', '.join(allowed)}"
