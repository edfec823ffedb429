"""Files of tensors: whole or refused, and nothing in them is ever run."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cosim.errors import PolicyError
from policies.checkpoints import LAYOUTS, layout_problems, read, write

CONTENT: dict[str, Any] = {
    "weights": {"a": torch.arange(1000.0), "b": torch.ones(3, dtype=torch.float64)},
    "numbers": [1, 2.5, None, "text", True],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "policies.pt", "policies", CONTENT)
    return tmp_path / "policies.pt"


def is_content(found: dict[str, Any]) -> bool:
    return found["numbers"] == CONTENT["numbers"] and all(
        torch.equal(found["weights"][name], values) for name, values in CONTENT["weights"].items()
    )


def stored(file: Path, **changed: Any) -> Path:
    """Write `file` as `write` does, with parts of its frame changed or, where None, left out."""
    whole = {"format": 1, "kind": "policies", "layouts": LAYOUTS, "content": CONTENT} | changed
    torch.save({name: value for name, value in whole.items() if value is not None}, file)
    return file


def test_what_was_written_is_read_and_nothing_else_is_left(file: Path) -> None:
    assert is_content(read(file, "policies"))
    assert list(file.parent.iterdir()) == [file]


def test_the_same_content_gives_the_same_bytes(file: Path) -> None:
    write(file.with_name("again.pt"), "policies", CONTENT)
    assert file.read_bytes() == file.with_name("again.pt").read_bytes()


def test_a_truncated_file_is_refused_wherever_it_ends(file: Path) -> None:
    whole = file.read_bytes()
    for share in (0.0, 0.01, 0.3, 0.6, 0.9, 0.99, 1.0 - 1.0 / len(whole)):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(PolicyError, match="corrupt, truncated or not a file"):
            read(file, "policies")


def test_a_changed_byte_never_changes_what_is_read(file: Path) -> None:
    """Most changes are refused; those that do not matter leave the content as it was."""
    whole = file.read_bytes()
    refused = 0
    for position in range(0, len(whole), 61):
        spoilt = bytearray(whole)
        spoilt[position] ^= 0x41
        file.write_bytes(bytes(spoilt))
        try:
            found = read(file, "policies")
        except PolicyError:
            refused += 1
        else:
            assert is_content(found), position
    assert refused > 0.7 * len(range(0, len(whole), 61))


@pytest.mark.parametrize("content", [b"", b"garbage" * 50, b"\x80\x04.", b"PK\x03\x04"])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.pt"
    file.write_bytes(content)
    with pytest.raises(PolicyError, match=r"x\.pt: corrupt, truncated or not a file"):
        read(file, "policies")


def test_no_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="there is no such file"):
        read(tmp_path / "none.pt", "policies")
    with pytest.raises(PolicyError, match=str(tmp_path)):
        read(tmp_path, "policies")


class Writes:
    """Would leave a file behind where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("plain", [False, True])
def test_code_in_a_file_is_refused_and_not_run(plain: bool, tmp_path: Path) -> None:
    trap, file = tmp_path / "run", tmp_path / "x.pt"
    if plain:
        file.write_bytes(pickle.dumps(Writes(trap)))
    else:
        stored(file, content={"weights": Writes(trap)})
    with pytest.raises(PolicyError):
        read(file, "policies")
    assert not trap.exists()
    with file.open("rb") as stream:  # it does run where files are trusted
        torch.load(file, weights_only=False) if not plain else pickle.load(stream)
    assert trap.exists()


def test_another_kind_is_refused_naming_both(file: Path) -> None:
    with pytest.raises(PolicyError, match=r"holds policies; checkpoint is needed"):
        read(file, "checkpoint")


@pytest.mark.parametrize("found", [2, "1", None])
def test_another_format_is_refused_naming_both(found: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=f"format {found} found; this version reads format 1"):
        read(stored(tmp_path / "x.pt", format=found), "policies")


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.pt"
    for whole in (torch.ones(3), [1, 2], {"weights": torch.ones(3)}):
        torch.save(whole, file)
        with pytest.raises(PolicyError, match=r"this version reads format 1"):
            read(file, "policies")
    for frame in ({"kind": None}, {"layouts": None}, {"layouts": 3}, {"layouts": {"leader": 3}}):
        with pytest.raises(PolicyError, match=str(file)):
            read(stored(file, **frame), "policies")


def test_another_layout_is_refused_naming_both_sides(tmp_path: Path) -> None:
    ours = LAYOUTS["followers"]
    theirs = {**ours, "observations": [*ours["observations"][1:], "cloud_cover"]}
    file = stored(tmp_path / "x.pt", layouts={**LAYOUTS, "followers": theirs})
    with pytest.raises(PolicyError) as caught:
        read(file, "policies")
    (problem,) = caught.value.problems
    assert f"{file}: followers of another layout" in problem
    assert "only in the file: cloud_cover" in problem
    assert f"only here: {ours['observations'][0]}" in problem


def test_both_sides_of_another_layout_are_told_at_once(tmp_path: Path) -> None:
    layouts = {
        side: {**layout, "actions": layout["actions"][:-1]} for side, layout in LAYOUTS.items()
    }
    with pytest.raises(PolicyError) as caught:
        read(stored(tmp_path / "x.pt", layouts=layouts), "policies")
    assert len(caught.value.problems) == 2


def test_order_and_meaning_count_too() -> None:
    ours = LAYOUTS["leader"]
    turned = {**ours, "actions": ours["actions"][::-1]}
    assert "in another order" in layout_problems("leader", turned, ours)[0]
    (problem,) = layout_problems("leader", {**ours, "layout": 99}, ours)
    assert "number 99 in the file" in problem
    assert layout_problems("leader", ours, ours) == []


def test_a_file_stays_as_it_was_where_writing_fails(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("policies.checkpoints.os.fsync", full)
    with pytest.raises(PolicyError, match="cannot be written: No space left"):
        write(file, "policies", {"weights": torch.zeros(3)})
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_what_cannot_be_stored_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        write(file, "policies", {"weights": lambda: None})
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x.pt"
    file.with_name(".x.pt.part").symlink_to("/dev/full")
    with pytest.raises(PolicyError, match="cannot be written: No space left"):
        write(file, "policies", CONTENT)
    assert not file.exists()


def test_files_are_plain_archives(file: Path) -> None:
    assert zipfile.ZipFile(file).testzip() is None
