"""`docs/feeders.md` shows the table that `cosim feeders --markdown` prints."""

import json
import re
from pathlib import Path

import pytest

from cosim import cli
from networks.catalog import feeder_names
from networks.simbench_codes import CODE_COUNT
from tests.feeders import FEW

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "feeders.md").read_text(encoding="utf-8")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main(("feeders", *arguments))
    assert not caught.value.code
    return capsys.readouterr().out


def test_the_page_has_a_row_for_every_feeder_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert tuple(rows) == feeder_names()
    assert f"{CODE_COUNT} grids" in PAGE
    assert "cosim feeders --markdown" in PAGE


def test_rows_of_the_page_are_those_printed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--markdown", *FEW).splitlines()
    assert len(lines) == 2 + len(FEW)
    assert set(lines) <= set(PAGE.splitlines())


@pytest.mark.slow
def test_the_table_of_the_page_is_the_one_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--markdown").strip() in PAGE


def test_json_tells_the_same_and_null_where_there_is_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = json.loads(printed(capsys, "--json", "ieee33", "cigre_lv"))
    assert (first["name"], second["name"]) == ("ieee33", "cigre_lv")
    assert first["worst_transformer_percent"] is None
    assert first["base_case_breaks"] == []
    assert first["limits"] == {
        "voltage_min_pu": 0.9,
        "voltage_max_pu": 1.1,
        "loading_max_percent": 100.0,
    }
    assert second["geodata"] == "given"
    assert second["ratings_assumed"] is True


@pytest.mark.parametrize(
    "arguments",
    [["--json", "--markdown"], ["inspect", "ieee33", "--markdown"], ["nowhere", "--json"]],
)
def test_forms_that_contradict_each_other_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(("feeders", *arguments))
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""
