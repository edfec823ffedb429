"""Hidden folders of writers that were killed."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cosim.run_folder import LEFTOVER_AGE_S, WRITER, new_folder


def test_a_killed_writer_leaves_nothing_for_long(tmp_path: Path) -> None:
    code = (
        "import os, pathlib\nfrom cosim.run_folder import new_folder\n"
        f"with new_folder(pathlib.Path({str(tmp_path / 'a')!r})) as hidden:\n"
        "    (hidden / 'half').touch()\n    os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False
    )
    assert killed.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.unfinished-")
    with new_folder(tmp_path / "b"):
        assert left.exists()  # that of another name is none of its business
    with new_folder(tmp_path / "a") as hidden:
        assert sorted(tmp_path.iterdir()) == sorted([hidden, tmp_path / "b"])
    assert list((tmp_path / "a").iterdir()) == []


def begin_and_fail(folder: Path) -> None:
    """Begin to write `folder` and give up."""
    with contextlib.suppress(ZeroDivisionError), new_folder(folder):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "writer",
    [f"{socket.gethostname()} {os.getpid()}", "another-machine 1", "garbage", None],
    ids=["this process", "another machine", "garbage", "nothing"],
)
def test_what_may_still_be_written_is_left_alone_for_an_hour(
    writer: str | None, tmp_path: Path
) -> None:
    hidden = tmp_path / ".a.unfinished-12345678"
    hidden.mkdir()
    if writer is not None:
        (hidden / WRITER).write_text(f"{writer}\n", encoding="utf-8")
    begin_and_fail(tmp_path / "a")
    assert hidden.exists()
    long_ago = hidden.stat().st_mtime - LEFTOVER_AGE_S - 1.0
    os.utime(hidden, (long_ago, long_ago))
    begin_and_fail(tmp_path / "b")
    assert hidden.exists()
    begin_and_fail(tmp_path / "a")
    assert not hidden.exists()
