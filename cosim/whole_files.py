"""Files that are either whole or not there, whenever the process or the machine stops."""

import os
from pathlib import Path
from typing import Any


def write_text(file: Path, text: str) -> None:
    """Write a text file that is either whole or not there."""
    part = part_of(file)
    part.write_text(text, encoding="utf-8")
    put_in_place(part, file)


def part_of(file: Path) -> Path:
    """Return the hidden name under which `file` is written before it is whole."""
    return file.with_name(f".{file.name}.part")


def put_in_place(part: Path, file: Path) -> None:
    """Give a written `part` its name, once its content is on the disk."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names of the files in `folder` to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unequal(found: Any, asked: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """Return (setting, found, asked) of all plain values that differ."""
    if isinstance(found, dict) and isinstance(asked, dict):
        return [
            each
            for key in sorted({*found, *asked})
            for each in unequal(
                found.get(key), asked.get(key), f"{name}.{key}" if name else str(key)
            )
        ]
    return [] if found == asked else [(name, found, asked)]
