"""From settings to the finished folder of a hosting-capacity study, its report included."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cosim.errors import HostingError
from cosim.studies.hosting.settings import HostingSettings, hosting_settings
from networks.file_kinds import has_ending

Progress = Callable[[str, int, int], None]


def read_settings(path: Path | None, options: Mapping[str, Any]) -> HostingSettings:
    """Return the settings of a TOML file with options on top.

    Args:
        path: the file; None: defaults. A feeder's relative path begins at its folder.
        options: dotted name, e.g. "criteria.preset", to value.

    Raises:
        HostingError: everything that is wrong, at once.
    """
    content = {} if path is None else _content(path)
    for name, value in options.items():
        section, _, key = name.rpartition(".")
        place = content.setdefault(section, {}) if section else content
        if isinstance(place, dict):  # what is no section is left for validation to complain about
            place[key] = value
    return hosting_settings(content)


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
