"""Let OpenDSS run a circuit without leaving traces: working directory, output, result files."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def directory_kept() -> Iterator[None]:
    """Return to the working directory; OpenDSS moves to that of the circuit."""
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep converter and OpenDSS from printing; what is to be told stands in the notes."""
    logger = logging.getLogger("pandapower.converter.opendss")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with _messages_dropped():
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def _messages_dropped() -> Iterator[None]:
    """Drop what OpenDSS would print, such as its help; it writes past Python's own streams."""
    try:
        from dss_python_backend import ffi, lib

        drop = ffi.callback("int32_t(void *, char *, int32_t, int64_t, int32_t)", lambda *_told: 0)
    except (ImportError, AttributeError):  # another release: it prints
        yield
        return
    lib.DSS_RegisterMessageCallback(drop)
    try:
        yield
    finally:
        lib.DSS_RegisterMessageCallback(ffi.NULL)


@contextmanager
def results_removed(folder: Path, dss: Any) -> Iterator[None]:
    """Remove result files that `Show` and `Export` leave in `folder`, named after the circuit.

    Files that were there before stay.
    """
    before = set(folder.iterdir()) if folder.is_dir() else set()
    try:
        yield
    finally:
        circuits = [str(name).lower() for name in _circuits(dss)]
        for file in set(folder.iterdir()) - before if circuits else ():
            if any(file.name.lower().startswith(f"{name}_") for name in circuits):
                with suppress(OSError):
                    file.unlink()


def _circuits(dss: Any) -> list[str]:
    with suppress(dss.DSSException):
        return [dss.Circuit.Name()]
    return []
