"""Scenario as commented TOML: what `cosim scenario` prints and what a run folder keeps.

Prose is behind ``# ``; a setting that is left out stands behind ``#`` without the blank, with an
example where the model gives one. Uncommenting such a line gives valid TOML.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cosim.scenario import ProsumerSettings, Scenario

WIDTH = 100
HEADER = """\
# Settings of a run. Money is EUR, energy kWh, power kW; power > 0 is drawn from the grid.
# Every line may be left out: what is shown is then used. Lines that begin with "#" and no blank
# behind it are settings that are left out, with an example.
"""


def scenario_toml(scenario: Scenario) -> str:
    """Return `scenario` as commented TOML that reads back to the same settings."""
    lines = [HEADER]
    for name, field in Scenario.model_fields.items():
        value = getattr(scenario, name)
        if name == "prosumers":
            lines.extend(_prosumer_lines(value, field))
        else:
            lines.extend(_table_lines(name, value))
    return "\n".join(lines) + "\n"


def _table_lines(path: str, settings: BaseModel, note: str = "") -> Iterator[str]:
    """Yield the lines of a section, its own settings before its sub-sections."""
    yield from _comment(note or type(settings).__doc__ or "")
    yield f"[{path}]"
    nested = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            nested.append((f"{path}.{name}", value, field.description or ""))
        else:
            yield from _setting_lines(name, value, field)
    yield ""
    for inner_path, inner, inner_note in nested:
        yield from _table_lines(inner_path, inner, inner_note)


def _prosumer_lines(prosumers: tuple[ProsumerSettings, ...], field: FieldInfo) -> Iterator[str]:
    """Yield one table for each prosumer, or an example that is commented out."""
    yield from _comment(field.description or "")
    for prosumer in prosumers:
        yield "[[prosumers]]"
        for name in ProsumerSettings.model_fields:
            yield _assignment(name, getattr(prosumer, name))
        yield ""
    if not prosumers:
        yield "#[[prosumers]]"
        for name, inner in ProsumerSettings.model_fields.items():
            example = inner.examples[0] if inner.examples else inner.default
            yield f"#{_assignment(name, example)}  # {_one_line(inner.description)}"
        yield ""


def _setting_lines(name: str, value: Any, field: FieldInfo) -> Iterator[str]:
    """Yield the comment and the line of one setting."""
    yield from _comment(field.description or "")
    if value is not None:
        yield _assignment(name, value)
    else:
        yield f"#{_assignment(name, (field.examples or [''])[0])}"


def _assignment(name: str, value: Any) -> str:
    """Return ``name = value`` on one line."""
    if isinstance(value, tuple):
        inner = ", ".join(_assignment("x", item).removeprefix("x = ") for item in value)
        return f"{name} = [{inner}]"
    plain = str(value) if isinstance(value, Path) else value
    return tomli_w.dumps({name: plain}).rstrip("\n")


def _comment(text: str) -> Iterator[str]:
    """Yield `text` as comment lines."""
    for line in textwrap.wrap(_one_line(text), WIDTH - 2):
        yield f"# {line}"


def _one_line(text: str | None) -> str:
    """Return `text` without its line breaks."""
    return " ".join((text or "").split())
