"""From settings to the finished folder of a hosting-capacity study, its report included."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosim.errors import CosimError, HostingError
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_from_study import report_data
from cosim.reports.hosting_report import REPORT, hosting_report_files
from cosim.run_folder import folder_problems
from cosim.studies.hosting.folder import HostingContent, host
from cosim.studies.hosting.levers import LeverKind
from cosim.studies.hosting.settings import HostingSettings, hosting_settings
from cosim.studies.hosting.study import Kinds, compared_levers, lever_problems
from cosim.studies.sweep import Progress
from cosim.studies.sweep_runners import Runner
from cosim.studies.sweep_store import STUDY, read_study
from networks.catalog import load_feeder
from networks.errors import NetworkError
from networks.file_kinds import has_ending

ALL = "all"
THE_REST = "tables, checks, report"
"""What is done once all scenarios are."""


def checked_settings(
    path: Path | None, options: Mapping[str, Any], kinds: Kinds, folder: Path | None
) -> HostingSettings:
    """Return the settings of a TOML file with options on top.

    Args:
        path: the file; None: defaults. A feeder's relative path begins at its folder.
        options: dotted name, e.g. "criteria.preset", to value; levers may be ["all"].
        kinds: gives the levers there are.
        folder: where the study will be left, None for a fresh one.

    Raises:
        HostingError: everything that is wrong with settings, feeder, levers and folder, at once.
    """
    content = _with_options({} if path is None else _content(path), options)
    if content.get("levers") == [ALL]:
        content["levers"] = list(kinds())
    problems: list[str] = []
    settings = HostingSettings()
    try:
        settings = hosting_settings(content)
        problems += lever_problems(settings, kinds())
    except HostingError as error:
        problems += error.problems
        problems += _unknown_levers(content.get("levers"), kinds())
    feeder = content.get("feeder", settings.feeder)
    if isinstance(feeder, str):
        problems += _feeder_problems(feeder)
    if folder is not None and not (folder / STUDY).exists():
        problems += folder_problems(folder)
    if problems:
        raise HostingError(problems)
    return settings


def _with_options(content: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        section, _, key = name.rpartition(".")
        place = content.setdefault(section, {}) if section else content
        if isinstance(place, dict):  # what is no section is left for validation to complain about
            place[key] = value
    return content


def _unknown_levers(given: object, known: Mapping[str, LeverKind]) -> list[str]:
    """Return what `lever_problems` would say of levers in settings that are wrong elsewhere."""
    if not isinstance(given, list) or not given or len(set(map(str, given))) < len(given):
        return []  # told with the settings
    levers = tuple(each for each in given if isinstance(each, str))
    return lever_problems(HostingSettings(levers=levers), known) if levers else []


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
    name = content.get("feeder")
    if isinstance(name, str) and has_ending(name):
        content["feeder"] = str(path.resolve().parent / name)
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
    told = {name: kinds()[name].told for name in compared_levers(settings)}

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
