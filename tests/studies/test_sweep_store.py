"""What a study keeps on disk: columns, journal and folder."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cosim.errors import RunFolderError
from cosim.studies.sweep_columns import checked_columns, from_bytes, to_bytes
from cosim.studies.sweep_journal import Journal
from cosim.studies.sweep_store import JOURNAL, LOCK, STUDY, Study, open_store, plain, read_study
from cosim.studies.sweep_tasks import Task
from tests.studies import sweep_work
from tests.studies.sweep_work import finished_toy, fresh_folder, run_toy


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _handle: None)
        yield


# Columns


@given(
    st.lists(
        st.tuples(
            st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=5)
        ),
        max_size=6,
    )
)
def test_columns_come_back_bit_for_bit(rows: list[tuple[float, int, bool, str]]) -> None:
    given_columns = {
        "x": np.array([row[0] for row in rows], dtype=np.float64),
        "n": np.array([row[1] for row in rows], dtype=np.int64),
        "is": np.array([row[2] for row in rows], dtype=np.bool_),
        "s": np.array([row[3] for row in rows], dtype=object),
    }
    columns = checked_columns(given_columns)
    back = from_bytes([to_bytes(columns), to_bytes(columns)])
    assert back["x"].tobytes() == 2 * columns["x"].tobytes()
    for name in ("n", "is", "s"):
        assert back[name].dtype == columns[name].dtype
        assert back[name].tolist() == 2 * columns[name].tolist()


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "gave NoneType"),
        ({}, "a mapping of names"),
        ({"x": 3.0}, "column 'x' is a float"),
        ({"x": []}, "column 'x' is an empty list"),
        ({"x": ["a", 1]}, "column 'x' mixes int, str"),
        ({"x": [True, 1]}, "column 'x' mixes bool with numbers"),
        ({"x": [None]}, "column 'x' holds object"),
        ({"x": np.zeros((2, 2))}, "column 'x' has 2 dimensions"),
        ({"x": np.zeros(2, dtype=np.float32)}, "column 'x' holds float32, allowed are"),
        ({"x": [1], "y": [1, 2]}, "columns have unequal lengths: {'x': 1, 'y': 2}"),
        ({3: [1]}, "a column is named 3"),
    ],
)
def test_a_result_that_is_no_table_is_told(result: Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        checked_columns(result)
    assert words in str(caught.value)


# The journal


@settings(max_examples=40)
@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=5),
    st.data(),
)
def test_a_write_cut_short_anywhere_costs_no_finished_task(
    contents: list[bytes], data: st.DataObject
) -> None:
    with fresh_folder() as folder:
        folder.mkdir()
        file = folder / "tasks.journal"
        ends = []
        with Journal(file) as journal:
            for number, content in enumerate(contents):
                journal.append(f"task {number}", content)
                ends.append(file.stat().st_size)
        whole = file.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        zeros = data.draw(st.integers(0, 50))  # room that a file system gave but never filled
        file.write_bytes(whole[:cut] + bytes(zeros))
        with Journal(file) as journal:
            kept = sum(end <= cut for end in ends)
            assert len(journal.keys) >= kept  # zeros may happen to be what was cut off
            for number in range(len(journal.keys)):
                assert journal.read(f"task {number}") == contents[number]
            for number in range(len(journal.keys), len(contents)):
                journal.append(f"task {number}", contents[number])
        assert file.read_bytes() == whole


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_never_taken_for_a_result(place: int, change: int) -> None:
    contents, ends = [b"first", b"second, longer", b"third"], []
    with fresh_folder() as folder:
        folder.mkdir()
        file = folder / "tasks.journal"
        with Journal(file) as journal:
            for number, content in enumerate(contents):
                journal.append(f"task {number}", content)
                ends.append(file.stat().st_size)
        damaged = bytearray(file.read_bytes())
        damaged[place % len(damaged)] ^= change
        file.write_bytes(damaged)
        last = place % len(damaged) >= ends[1]
        with nullcontext() if last else pytest.raises(RunFolderError, match="damaged"):
            with Journal(file) as journal:  # the last record may be one that was cut short
                found = {key: journal.read(key) for key in journal.keys}
            assert found == {"task 0": b"first", "task 1": b"second, longer"}


def test_a_record_is_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tasks.journal"
    synced: list[int] = []
    with Journal(file) as journal:
        monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
        journal.append("a", b"content")
    assert synced == [file.stat().st_size]


def test_a_full_disk_is_told_and_leaves_whole_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(tmp_path / "tasks.journal") as journal:
        journal.append("a", b"content")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(RunFolderError, match=r"cannot be written \(No space left"):
            journal.append("b", b"content")
        monkeypatch.undo()
    with Journal(tmp_path / "tasks.journal") as journal:
        assert journal.keys == ("a",)


# Folders


def test_the_folder_of_another_study_names_what_differs(tmp_path: Path) -> None:
    run_toy(tmp_path / "x")
    other = Study("toy", {"scenarios": 12, "limits": {"vm_max_pu": 1.05}}, 8, "abd")
    with (
        pytest.raises(RunFolderError) as caught,
        open_store(tmp_path / "x", other),
    ):
        pass
    told = str(caught.value)
    assert "net_sha256 = 'abc', 'abd' is asked for" in told
    assert "seed = 7, 8 is asked for" in told
    assert "settings.limits.vm_max_pu = 1.1, 1.05 is asked for" in told
    assert "choose another folder" in told
    assert len(caught.value.problems) == 4
    assert "net_sha256" in caught.value.problems[2]  # what people set comes first


def test_a_finished_study_is_not_overwritten(tmp_path: Path) -> None:
    finished_toy(tmp_path / "x")
    with pytest.raises(RunFolderError, match="never overwritten"):
        run_toy(tmp_path / "x")


def test_an_unfinished_study_is_not_read(tmp_path: Path) -> None:
    run_toy(tmp_path / "x")
    with pytest.raises(RunFolderError, match="is not finished"):
        read_study(tmp_path / "x")
    with pytest.raises(RunFolderError, match="holds no study"):
        read_study(tmp_path)


def changed_study(folder: Path, **facts: Any) -> None:
    content = json.loads((folder / STUDY).read_text(encoding="utf-8"))
    (folder / STUDY).write_text(json.dumps({**content, **facts}), encoding="utf-8")


def test_damaged_and_newer_folders_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    run_toy(folder)
    whole = (folder / STUDY).read_bytes(), (folder / JOURNAL).read_bytes()
    changed_study(folder, format=2)
    with pytest.raises(RunFolderError, match="format 2, written by a newer cosim"):
        run_toy(folder)
    (folder / STUDY).write_bytes(whole[0])
    changed_study(folder, seed=8)
    with pytest.raises(RunFolderError, match="is not as `cosim` wrote it"):
        run_toy(folder)
    (folder / STUDY).write_text("{", encoding="utf-8")
    with pytest.raises(RunFolderError, match="is not valid JSON"):
        run_toy(folder)
    (folder / STUDY).write_bytes(whole[0])
    damaged = bytearray(whole[1])
    damaged[len(damaged) // 2] ^= 1
    (folder / JOURNAL).write_bytes(damaged)
    with pytest.raises(RunFolderError, match=r"is damaged at byte \d+, after \d whole tasks"):
        run_toy(folder)
    (folder / JOURNAL).write_text("something else", encoding="utf-8")
    with pytest.raises(RunFolderError, match="is no journal of a study"):
        run_toy(folder)


def test_folders_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match="exists and is not empty; allowed is a new or empty"):
        run_toy(tmp_path)
    with pytest.raises(RunFolderError, match="is a file"):
        run_toy(tmp_path / "note.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]


def test_what_a_kill_at_the_beginning_leaves_does_not_block(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("process 1 on elsewhere\n", encoding="utf-8")
    (tmp_path / f".{STUDY}.part").write_text("{", encoding="utf-8")
    assert len(run_toy(tmp_path)["scenario"]) == 18


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "x", sweep_work.STUDY),
        pytest.raises(RunFolderError, match=r"is being written by process \d+ on"),
    ):
        run_toy(tmp_path / "x")
    run_toy(tmp_path / "x")


def test_a_task_is_stored_once(tmp_path: Path) -> None:
    with open_store(tmp_path / "x", sweep_work.STUDY) as store:
        store.append("a", {"x": np.array([1.0])})
        with pytest.raises(RunFolderError, match="holds task 'a' already"):
            store.append("a", {"x": np.array([2.0])})
        with pytest.raises(RunFolderError, match="holds no task b"):
            store.gather(["a", "b"])
        assert store.gather(["a"])["x"].tolist() == [1.0]


@given(arrays.arrays(np.float64, st.integers(0, 4), elements=st.floats()))
def test_settings_of_any_kind_become_plain(values: Any) -> None:
    record = {"task": Task("a", values), "path": Path("x"), 3: {"t": (1, np.int64(2), True, None)}}
    told = plain(record)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["3"] == {"t": [1, 2, True, None]}
    assert told["path"] == "x"
