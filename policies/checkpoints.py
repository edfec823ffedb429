"""Trained policies and half-done trainings as files that hold tensors and plain values only.

Files are written beside their place and moved there, so that one is either whole or not there, and
read with torch's `weights_only`: nothing in a file can run code. Each says what kind it is, in
which layout its policy sees and acts, and of which scenario; whoever reads one says what is needed,
and a difference is told by both sides.
"""

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch

from cosim.envs import follower_encoding, leader_encoding
from cosim.errors import PolicyError

FORMAT: Final = 1

LAYOUTS: Final[dict[str, dict[str, Any]]] = {
    "followers": {
        "layout": follower_encoding.LAYOUT,
        "observations": list(follower_encoding.FIELDS),
        "actions": list(follower_encoding.ACTIONS),
    },
    "leader": {
        "layout": leader_encoding.LAYOUT,
        "observations": list(leader_encoding.FIELDS),
        "actions": list(leader_encoding.ACTIONS),
    },
}
"""What a policy of each side sees and does, as this version has it."""


def write(file: Path, kind: str, content: dict[str, Any]) -> None:
    """Write `content` (tensors, numbers, text, lists and dictionaries of them) as one file.

    Raises:
        PolicyError: the file cannot be written.
    """
    whole = {"format": FORMAT, "kind": kind, "layouts": LAYOUTS, "content": content}
    packed = io.BytesIO()  # torch hides why a file could not be written
    torch.save(whole, packed)
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(packed.getbuffer())
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise PolicyError(f"{file}: cannot be written: {error.strerror}") from error


def read(file: Path, kind: str) -> dict[str, Any]:
    """Return the content of a file of `kind`.

    Raises:
        PolicyError: there is none, it is corrupt or truncated, of another kind, or its policies see
            or act in another layout.
    """
    try:
        whole = _unpacked(file.read_bytes())
    except FileNotFoundError as error:
        raise PolicyError(f"{file}: there is no such file; `cosim train` writes it") from error
    except OSError as error:
        raise PolicyError(f"{file}: cannot be read: {error.strerror}") from error
    except Exception as error:
        raise PolicyError(
            f"{file}: corrupt, truncated or not a file that `cosim train` wrote "
            f"({type(error).__name__}); use a copy, or train anew"
        ) from error
    found = whole.get("format") if isinstance(whole, dict) else type(whole).__name__
    if not isinstance(whole, dict) or found != FORMAT:
        raise PolicyError(f"{file}: format {found} found; this version reads format {FORMAT}")
    layouts, content = whole.get("layouts"), whole.get("content")
    if not isinstance(layouts, dict) or not isinstance(content, dict):
        raise PolicyError(f"{file}: holds no layouts or no content; `cosim train` writes both")
    if whole.get("kind") != kind:
        raise PolicyError(f"{file}: holds {whole.get('kind')}; {kind} is needed")
    problems = [
        problem
        for side, needed in LAYOUTS.items()
        for problem in layout_problems(side, layouts.get(side), needed)
    ]
    if problems:
        raise PolicyError([f"{file}: {problem}" for problem in problems])
    return content


def _unpacked(packed: bytes) -> Any:
    """Return what a file holds; checksums are compared here because torch skips that."""
    archive = io.BytesIO(packed)
    broken = zipfile.ZipFile(archive).testzip()
    if broken is not None:
        raise zipfile.BadZipFile(broken)
    archive.seek(0)
    return torch.load(archive, weights_only=True, map_location="cpu")


def layout_problems(side: str, found: Any, needed: dict[str, Any]) -> list[str]:
    """Return how the layout of a policy differs from the one this version plays."""
    if not isinstance(found, dict):
        return [f"{side}: no layout in the file, {len(needed['observations'])} observations here"]
    problems = []
    for what in ("observations", "actions"):
        theirs, ours = found.get(what, []), needed[what]
        if theirs == ours:
            continue
        only_theirs = [name for name in theirs if name not in ours]
        only_ours = [name for name in ours if name not in theirs]
        parts = [f"{len(theirs)} {what} in the file, {len(ours)} here"]
        if only_theirs:
            parts.append(f"only in the file: {', '.join(only_theirs)}")
        if only_ours:
            parts.append(f"only here: {', '.join(only_ours)}")
        if not only_theirs and not only_ours:
            parts.append("in another order")
        problems.append(f"{side} of another layout: {'; '.join(parts)}. Train anew")
    if not problems and found.get("layout") != needed["layout"]:
        problems.append(
            f"{side} of another layout: number {found.get('layout')} in the file, "
            f"{needed['layout']} here, where the same names mean something else. Train anew"
        )
    return problems
