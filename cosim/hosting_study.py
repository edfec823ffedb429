"""From settings to the finished folder of a hosting-capacity study, its report included."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cosim.errors import CosimError, HostingError, PolicyError
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_from_study import report_data
from cosim.reports.hosting_report import hosting_report_files
from cosim.reports.report_files import REPORT
from cosim.run_folder import folder_problems
from cosim.studies.hosting.folder import HostingContent, host
from cosim.studies.hosting.lever_choice import (
    Kinds,
    all_levers,
    compared_levers,
    left_out,
    lever_problems,
    unknown_levers,
)
from cosim.studies.hosting.levers import LeverKind
from cosim.studies.hosting.settings import HostingSettings, hosting_settings
from cosim.studies.sweep import Progress
from cosim.studies.sweep_runners import Runner
from cosim.studies.sweep_store import STUDY, read_study
from networks.catalog import load_feeder
from networks.errors import NetworkError
from networks.file_kinds import has_ending

ALL = "all"
THE_REST = "tables, checks, report"
"""What is done once all scenarios are."""

FOR_LEVERS = ("levers", "technology", "window", "deployment")
"""Settings that say which levers can be compared."""

KindsWith = Callable[[str | None], Kinds]
"""Gives the levers there are, `p2p_learned` played by the policies in a folder.

Raises PolicyError where the folder holds none.
"""


class Checked(NamedTuple):
    """A study that can be done."""

    settings: HostingSettings
    kinds: Kinds
    left_out: tuple[str, ...]  # which levers "all" does not mean here and why, for people


def checked_settings(
    path: Path | None, options: Mapping[str, Any], kinds_with: KindsWith, folder: Path | None
) -> Checked:
    """Return the settings of a TOML file with options on top, and their levers.

    Args:
        path: the file; None: defaults. Relative paths in it begin at its folder.
        options: dotted name, e.g. "criteria.preset", to value; levers may be ["all"].
        kinds_with: gives the levers there are.
        folder: where the study will be left, None for a fresh one.

    Raises:
        HostingError: everything that is wrong with settings, feeder, levers and folder, at once.
    """
    content = _with_options({} if path is None else _content(path), options)
    is_all = content.get("levers") == [ALL]
    if is_all:
        del content["levers"]
    problems: list[str] = []
    kinds = _kinds(content, kinds_with, problems)
    not_there: tuple[str, ...] = ()
    settings = HostingSettings()
    try:
        settings = hosting_settings(content)
        problems += lever_problems(settings, kinds())
    except HostingError as error:
        problems += error.problems
        problems += _lever_problems(content, kinds())
    if is_all:
        settings = settings.model_copy(update={"levers": all_levers(settings, kinds())})
        not_there = left_out(settings, kinds())
    feeder = content.get("feeder", settings.feeder)
    if isinstance(feeder, str):
        problems += _feeder_problems(feeder)
    if folder is not None and not (folder / STUDY).exists():
        problems += folder_problems(folder)
    if problems:
        raise HostingError(problems)
    return Checked(settings, kinds, not_there)


def _kinds(content: Mapping[str, Any], kinds_with: KindsWith, problems: list[str]) -> Kinds:
    """Return the levers there are; add what is wrong with the folder of policies to `problems`."""
    market = content.get("market")
    policies = market.get("policies") if isinstance(market, dict) else None
    if isinstance(policies, str):
        try:
            return kinds_with(policies)
        except PolicyError as error:
            problems += [f"market.policies: {each}" for each in error.problems]
    return kinds_with(None)


def _with_options(content: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        section, _, key = name.rpartition(".")
        place = content.setdefault(section, {}) if section else content
        if isinstance(place, dict):  # what is no section is left for validation to complain about
            place[key] = value
    return content


def _lever_problems(content: Mapping[str, Any], known: Mapping[str, LeverKind]) -> list[str]:
    """Return what is wrong with the levers of settings that are wrong elsewhere."""
    parts = [{name: content[name] for name in FOR_LEVERS if name in content}]
    parts += [{"levers": content["levers"]}] if "levers" in content else []
    for part in parts:
        try:
            settings = hosting_settings(part)
        except HostingError:
            continue  # told with the settings
        if part is parts[0]:
            return lever_problems(settings, known)
        return unknown_levers(settings, known)
    return []


def _feeder_problems(name: str) -> list[str]:
    try:
        load_feeder(name)
    except NetworkError as error:
        return [f"feeder: {each}" for each in error.problems]
    return []


def _content(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise HostingError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: is not valid TOML ({error})"
        raise HostingError(message) from error
    name, market = content.get("feeder"), content.get("market")
    if isinstance(name, str) and has_ending(name):
        content["feeder"] = str(path.resolve().parent / name)
    if isinstance(market, dict) and isinstance(market.get("policies"), str):
        market["policies"] = str(path.resolve().parent / market["policies"])
    return content


def run_study(
    settings: HostingSettings,
    folder: Path,
    *,
    kinds: Kinds,
    runner: Runner | None = None,
    progress: Progress | None = None,
) -> HostingReportData:
    """Do a study, or go on with it, and leave tables and report in `folder`.

    Raises what `cosim.studies.hosting.folder.host` raises.
    """
    told = {name: kinds()[name].told for name in compared_levers(settings, kinds())}

    def write_report(content: HostingContent) -> str:
        files = hosting_report_files(report_data(content, told))
        for name, text in files.items():
            if name != REPORT:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
        return files[REPORT]

    content = host(
        settings,
        folder,
        kinds=kinds,
        runner=runner,
        progress=_with_the_rest(progress),
        write_report=write_report,
    )
    if progress is not None:
        progress(THE_REST, 1, 1)
    return report_data(content, told)


def _with_the_rest(progress: Progress | None) -> Progress | None:
    """Return what also tells that, once all scenarios are done, something is left to do."""
    if progress is None:
        return None

    def told(label: str, done: int, total: int) -> None:
        progress(label, done, total)
        if done >= total:
            progress(THE_REST, 0, 1)

    return told


def is_finished(settings: HostingSettings, folder: Path) -> bool:
    """Tell whether `folder` holds this study, finished."""
    try:
        found = read_study(folder)
    except CosimError:
        return False
    return bool(found.facts.get("settings") == settings.model_dump(mode="json"))
