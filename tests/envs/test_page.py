"""`docs/environments.md` tells what environments use, and its example runs."""

import re
from pathlib import Path

from cosim.envs import follower_encoding, leader_encoding
from cosim.envs.tables import page_tables, with_tables

FILE = Path(__file__).resolve().parents[2] / "docs" / "environments.md"
PAGE = FILE.read_text(encoding="utf-8")


def test_tables_of_the_page_are_those_of_the_fields() -> None:
    assert with_tables(PAGE) == PAGE, "renew them: FILE.write_text(with_tables(PAGE))"
    for name, table in page_tables().items():
        assert table in PAGE, name


def test_every_field_has_a_row() -> None:
    named = set(re.findall(r"^\| \d+ \| `(\w+)` \|", PAGE, re.MULTILINE))
    fields = {*leader_encoding.FIELDS, *follower_encoding.FIELDS}
    assert named == fields | {*leader_encoding.ACTIONS, *follower_encoding.ACTIONS}


def test_a_table_that_has_aged_is_renewed() -> None:
    aged = PAGE.replace("| 0 | `hour_sin` |", "| 0 | `hour` |")
    assert aged != PAGE
    assert with_tables(aged) == PAGE


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    exec(compile(example, str(FILE), "exec"), {})
