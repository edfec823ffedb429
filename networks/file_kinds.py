"""Which files are feeders; nothing heavy is imported to know it."""

from pathlib import Path

KINDS = {
    ".json": "pandapower JSON",
    ".xlsx": "pandapower Excel",
    ".dss": "OpenDSS",
    ".m": "MATPOWER case",
}
"""Endings of files that are read, and what they are."""

ALLOWED = ", ".join(f"{kind} ({ending})" for ending, kind in KINDS.items())


def has_ending(name: str) -> bool:
    """Tell whether a feeder's name ends like a file that is read."""
    return Path(name).suffix.lower() in KINDS


def is_path(name: str) -> bool:
    """Tell whether a feeder's name is meant as a file: it has the ending of one, or is one."""
    return has_ending(name) or Path(name).is_file()


def is_file_reference(name: str) -> bool:
    """Tell whether a feeder's name is a file of a kind that is read."""
    return has_ending(name) and Path(name).is_file()
