"""Scenario files, read with the options of the command line on top."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cosim.errors import ScenarioError
from cosim.scenario import Scenario
from cosim.setting_errors import error_sentences
from networks.file_kinds import has_ending


def read_scenario(path: Path | None, overrides: dict[str, dict[str, Any]]) -> Scenario:
    """Return the scenario of a TOML file with `overrides` of the command line on top.

    `overrides` maps section to key to value. Raises ScenarioError with every problem at once.
    """
    try:
        return Scenario.model_validate(read_content(path, overrides))
    except ValidationError as error:
        problems = error_sentences(error, Scenario)
        raise ScenarioError(name_source(problems, path, overrides)) from error


def name_source(
    problems: Iterable[str], path: Path | None, overrides: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return `problems` of settings, those of the scenario file with its path in front."""
    if path is None:
        return list(problems)
    return [
        problem if _is_overridden(problem, overrides) else f"{path}: {problem}"
        for problem in problems
    ]


def _is_overridden(problem: str, overrides: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a problem, "section.key: ..." or "section: ...", is of the command line."""
    section, _, key = problem.split(":")[0].partition(".")
    given = overrides.get(section, {})
    return key in given if key else bool(given)


def read_content(path: Path | None, overrides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the settings in a TOML file, not yet validated, with `overrides` on top.

    Relative paths of price files, trainings and a feeder are taken from the folder of the TOML
    file.
    Raises ScenarioError if the file cannot be read.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ScenarioError(f"{path}: cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{path}: is not valid TOML ({error})") from error
        _anchor_files(content, path.resolve().parent)
    for section, values in overrides.items():
        base = content.get(section, {})
        if isinstance(base, dict):  # what is no section is left for validation to complain about
            content[section] = {**base, **values}
    return content


def _anchor_files(content: dict[str, Any], folder: Path) -> None:
    """Let relative paths of price files, trainings and a feeder in `content` begin at `folder`."""
    feeder = content.get("feeder")
    if isinstance(feeder, dict) and isinstance(name := feeder.get("name"), str):
        feeder["name"] = str(folder / name) if has_ending(name) else name
    for side in ("leader", "followers"):
        given = content.get(side)
        if isinstance(given, dict) and isinstance(given.get("trained"), str):
            given["trained"] = str(folder / given["trained"])
    wholesale = content.get("wholesale")
    for prices in wholesale.values() if isinstance(wholesale, dict) else ():
        if isinstance(prices, dict) and isinstance(prices.get("file"), str):
            prices["file"] = str(folder / prices["file"])
