from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.errors import SubmissionError
from cosim.submissions import sheet
from cosim.validate import validate_bid, validate_trades
from tests.submissions.submitted import worked_base, worked_bid, worked_trades
from tests.three_bus import three_bus_feeder

HEADER = "trade,interval,seller_bus,buyer_bus,power_kw,bid_eur_per_kwh,ask_eur_per_kwh,firm"
BASE = "interval,bus,p_kw,q_kvar\n0,1,12,0\n0,2,4,0\n"
BID = "interval,bus,schedule_kw,up_kw,down_kw,least_kw,most_kw,price_eur_per_kwh"


def told(folder: Path, trades: str, base: str = BASE, rule: str = "optimal") -> list[str]:
    """Return what is told of files with this content."""
    files = {"base.csv": base, "trades.csv": trades}
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    with pytest.raises(SubmissionError) as caught:
        validate_trades(three_bus_feeder(), folder / "base.csv", folder / "trades.csv", rule=rule)
    return list(caught.value.problems)


def told_of_bid(folder: Path, bid: str, base: str = BASE) -> list[str]:
    (folder / "base.csv").write_text(base, encoding="utf-8")
    (folder / "bid.csv").write_text(bid, encoding="utf-8")
    with pytest.raises(SubmissionError) as caught:
        validate_bid(three_bus_feeder(), folder / "base.csv", folder / "bid.csv")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a,0,9,1,5,0.2,0.1,no", "seller_bus is '9', which three_bus does not have"),
        ("a,0,1,x,5,0.2,0.1,no", "buyer_bus is 'x', which three_bus does not have"),
        ("a,0,,1,5,0.2,0.1,no", "seller_bus is ''"),
        ("a,0,2,2,5,0.2,0.1,no", "both ends are bus 2"),
        ("a,0,grid,grid,5,0.2,0.1,no", "both ends are grid"),
        ("a,0,2,1,-5,0.2,0.1,no", "power_kw is -5; allowed is at least 1e-06"),
        ("a,0,2,1,0,0.2,0.1,no", "power_kw is 0; allowed is at least 1e-06"),
        ("a,0,2,1,1e9,0.2,0.1,no", "power_kw is 1e+09; allowed is at most 1e+06"),
        ("a,0,2,1,nan,0.2,0.1,no", "power_kw is 'nan'; allowed is a finite number"),
        ("a,0,2,1,inf,0.2,0.1,no", "power_kw is 'inf'; allowed is a finite number"),
        ("a,0,2,1,,0.2,0.1,no", "power_kw is empty; allowed is a number"),
        ("a,0,2,1,five,0.2,0.1,no", "power_kw is 'five'; allowed is a finite number"),
        ('a,0,2,1,"5,5",0.2,0.1,no', "power_kw is '5,5'; numbers are written with a point"),
        ("a,0,2,1,5,5,0.2,0.1,no", "has 9 values, the header names 8 columns; numbers are written"),
        ("a,0,2,1,5,0.2,0.1", "has 7 values, the header names 8 columns"),
        ("a,0,2,1,5,,0.1,no", "bid_eur_per_kwh is empty"),
        ("a,0,2,1,5,0.2,0.1,perhaps", "firm is 'perhaps'; allowed are yes and no"),
        ("a,0,2,grid,5,0.2,0.1,yes", "firm is yes, but the buyer is 'grid'"),
        ("a,0.5,2,1,5,0.2,0.1,no", "interval is 0.5; allowed is a whole number"),
        ("a,7,2,1,5,0.2,0.1,no", "interval 7 is not in the base case; it has interval 0 alone"),
        (",0,2,1,5,0.2,0.1,no", "trade is empty"),
        ("ok,0,2,1,5,0.2,0.1,no", "trade 'ok' of interval 0 stands in row 2 already"),
    ],
)
def test_a_bad_row_is_told_with_its_number(tmp_path: Path, row: str, sentence: str) -> None:
    """The first row is fine, the second empty: the bad one is row 4 of a spreadsheet."""
    problems = told(tmp_path, f"{HEADER}\nok,0,2,1,5,0.2,0.1,no\n\n{row}\n")
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"trades.csv, row 4: {sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; the first row must name the columns"),
        (HEADER, "has a header but no rows"),
        (f"{HEADER}\n\n,,,,,,,\n", "has a header but no rows"),
        (HEADER.replace(",", ";") + "\na;0;2;1;5;1;1;no\n", "is separated by semicolons"),
        (HEADER.replace(",", "\t") + "\n", "is separated by tabs"),
        ("trade,seller_bus,buyer_bus,power_kw,power_kw\na,2,1,5,5\n", "column 'power_kw' stands"),
        ("trade,seller_bus,buyer_bus,\na,2,1,5\n", "column 4 has no name"),
        ("trade,seller_bus,buyer_bus\na,2,1\n", "column 'power_kw' is missing"),
        (
            "trade,seller_bus,buyer_bus,power_kw,frm\na,2,1,5,no\n",
            "unknown column 'frm' (did you mean 'firm'?)",
        ),
        (
            "trade,seller_bus,buyer_bus,power_kw,bid_eur_per_kwh\na,2,1,5,0.2\n",
            "has bid_eur_per_kwh alone",
        ),
        ("trade,seller_bus,buyer_bus,power_kw,seller\na,2,1,5,A\n", "has column 'seller' alone"),
    ],
)
def test_a_bad_file_is_told_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    problems = told(tmp_path, text)
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"trades.csv: {sentence}")


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    base = "interval,bus,p_kw,q_kvar\n0,1,x,0\n0,77,4,0\n0,2,1,\n0,2,1,0\n"
    rows = "a,0,9,1,5,0.2,0.1,no\nb,0,2,1,-1,0.2,0.1,no\nb,0,2,1,1,0.2,0.1,no\n"
    problems = told(tmp_path, f"{HEADER}\n{rows}", base)
    assert [problem.split(":")[0] for problem in problems] == [
        *("base.csv, row 2", "base.csv, row 3", "base.csv, row 4", "base.csv, row 5"),
        *("trades.csv, row 2", "trades.csv, row 3", "trades.csv, row 4"),
    ]


def test_fifty_problems_are_spelt_out_and_the_rest_counted(tmp_path: Path) -> None:
    rows = "".join(f"t{n},0,2,1,-1,0.2,0.1,no\n" for n in range(80))
    problems = told(tmp_path, f"{HEADER}\n{rows}")
    assert len(problems) == 51
    assert problems[0].startswith("trades.csv, row 2:")
    assert problems[49].startswith("trades.csv, row 51:")
    assert problems[50] == "and 30 more problems"


def test_limits_go_with_a_name_and_not_with_a_feeder() -> None:
    given = (three_bus_feeder(), worked_base(), worked_trades())
    with pytest.raises(SubmissionError, match="limits: go with the name of a feeder"):
        validate_trades(*given, limits="ansi_a")
    with pytest.raises(SubmissionError, match="limits: go with the name of a feeder"):
        validate_bid(three_bus_feeder(), worked_base(), BID, limits="ansi_a")


def test_a_table_beyond_the_limit_of_rows_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "ROWS_MAX", 10)
    rows = "".join(f"t{n},0,2,1,1,0.2,0.1,no\n" for n in range(11))
    assert told(tmp_path, f"{HEADER}\n{rows}") == [
        "trades.csv: has 11 rows; allowed are 10 at the most"
    ]
    with pytest.raises(SubmissionError, match="trades: has 11 rows; allowed are 10"):
        validate_trades(three_bus_feeder(), worked_base(), pd.concat([worked_trades()] * 3)[:11])


def test_a_base_case_without_a_power_flow_is_told_beside_other_problems(tmp_path: Path) -> None:
    base = BASE + "3,2,90000,0\n"
    problems = told(tmp_path, f"{HEADER}\na,0,9,1,5,0.2,0.1,no\n", base)
    assert problems[0].startswith("base.csv: no power flow exists for interval 3")
    assert problems[1].startswith("trades.csv, row 2: seller_bus is '9'")


def test_intervals_must_be_named_where_the_base_case_has_several(tmp_path: Path) -> None:
    text = "trade,seller_bus,buyer_bus,power_kw\na,2,1,5\n"
    problems = told(tmp_path, text, BASE + "1,1,12,0\n")
    assert problems == ["trades.csv: column 'interval' is missing; the base case has 2 intervals"]
    unnumbered = "bus,p_kw,q_kvar\n1,12,0\n"
    problems = told(tmp_path, f"{HEADER}\na,1,2,1,5,0.2,0.1,no\n", unnumbered)
    assert problems[0].endswith("it has no column 'interval', so it holds interval 0 alone")


def test_lifo_needs_times_it_can_read(tmp_path: Path) -> None:
    text = "trade,seller_bus,buyer_bus,power_kw\na,2,1,5\n"
    assert told(tmp_path, text, rule="lifo") == [
        "trades.csv: column 'time' is missing; the rule lifo needs it"
    ]
    header = "trade,seller_bus,buyer_bus,power_kw,time\n"
    problems = told(tmp_path, f"{header}a,2,1,5,2016-06-13T12:00\nb,2,1,5,noon\n")
    assert problems[0].startswith("trades.csv, row 3: time is 'noon'; allowed is a time like")
    problems = told(tmp_path, f"{header}a,2,1,5,3\nb,2,1,5,2016-06-13\n")
    assert problems[0].startswith("trades.csv, row 3: time is '2016-06-13'; allowed is a number")


def test_owners_must_be_two(tmp_path: Path) -> None:
    header = "trade,seller,buyer,seller_bus,buyer_bus,power_kw\n"
    rows = "a,A,A,2,1,5\nb,A,,2,2,5\nc,A,B,2,2,5\nd,A,B,grid,grid,5\n"
    problems = told(tmp_path, header + rows)
    assert [problem.split(": ", 1)[1] for problem in problems] == [
        "seller and buyer are both 'A'",
        "both ends are bus 2, and they are not named",
        "both ends are grid, and they are not named",
    ]


def test_an_unknown_rule_and_a_price_without_prices_are_told() -> None:
    trades = worked_trades().drop(columns=["bid_eur_per_kwh", "ask_eur_per_kwh"])
    with pytest.raises(SubmissionError) as caught:
        validate_trades(
            three_bus_feeder(), worked_base(), trades, rule="best", energy_eur_per_kwh=0.1
        )
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("rule: is 'best'; known are optimal")


def test_files_that_are_no_text_or_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_bytes(f"{HEADER}\nna\xefve,0,2,1,1,1,1,no\n".encode("latin-1"))
    with pytest.raises(SubmissionError) as caught:
        validate_trades(three_bus_feeder(), tmp_path / "none.csv", tmp_path / "trades.csv")
    missing, garbled = caught.value.problems
    assert "none.csv: cannot be read (No such file" in missing
    assert garbled.startswith("trades.csv: cannot be read as CSV in UTF-8")


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    text = "\ufeff" + BASE.replace("\n", "\r\n")
    (tmp_path / "base.csv").write_bytes(text.encode("utf-8"))
    answer = validate_trades(three_bus_feeder(), tmp_path / "base.csv", worked_trades())
    np.testing.assert_allclose(answer.buses.p_base_kw, [0.0, 12.0, 4.0])


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            "0,1,5,1,1,0,9,1\n0,1,5,1,1,0,9,1\n",
            "bid.csv, row 3: bus 1 of interval 0 stands in row 2",
        ),
        ("0,8,5,1,1,0,9,1\n", "bid.csv, row 2: bus is '8', which three_bus does not have"),
        ("0,1,5,-1,1,0,9,1\n", "bid.csv, row 2: up_kw is -1; allowed is at least 0"),
        (
            "0,1,-2e6,1,1,-1e6,9,1\n",
            "bid.csv, row 2: schedule_kw is -2e+06; allowed is at least -1e+06",
        ),
        ("0,1,5,1,1,6,9,1\n", "bid.csv, row 2: least_kw is 6, above the schedule of 5"),
        ("0,1,5,1,1,0,4,1\n", "bid.csv, row 2: most_kw is 4, below the schedule of 5"),
        ("0,1,5,1,1,0,9,1\n0,2,5,1,1,0,9,2\n", "bid.csv, row 3: price_eur_per_kwh is 2, but 1"),
        ("0,1,5,1,1,0,9,1\n3,1,5,1,1,0,9,1\n", "bid.csv: intervals 1 to 2 are missing"),
        (
            "0,1,5,1,1,0,9,1\n0,2,5,1,1,0,9,1\n1,1,5,1,1,0,9,1\n",
            "bid.csv: bus 2 has rows for 1 of 2 intervals, the first missing is 1",
        ),
        ("9,1,5,1,1,0,9,1\n", "bid.csv, row 2: interval 9 is not in the base case"),
        ("0,grid,5,1,1,0,9,1\n", "bid.csv, row 2: bus is 'grid'"),
    ],
)
def test_a_bad_bid_is_told(tmp_path: Path, rows: str, sentence: str) -> None:
    last = max(int(row.split(",")[0]) for row in rows.splitlines())
    base = BASE + "".join(f"{at},1,12,0\n" for at in range(1, last + 1 if last < 9 else 1))
    problems = told_of_bid(tmp_path, f"{BID}\n{rows}", base)
    assert len(problems) == 1, problems
    assert problems[0].startswith(sentence)


def test_a_bid_must_reach_over_the_base_case(tmp_path: Path) -> None:
    base = BASE + "1,1,12,0\n2,1,12,0\n"
    problems = told_of_bid(tmp_path, f"{BID}\n1,1,5,1,1,0,9,1\n", base)
    assert problems == [
        "bid.csv: has no rows for 2 of 3 intervals of the base case (0, 2); write schedule_kw 0 "
        "where nothing is bid, or leave them out of the base case"
    ]


def test_intervals_are_held_against_a_base_case_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    base = BASE + "0,77,1,0\n"
    wrong, lacking = told_of_bid(tmp_path, f"{BID}\n7,1,5,1,1,0,9,1\n", base)
    assert "bus is '77', which three_bus does not have" in wrong
    assert lacking == (
        "bid.csv, row 2: interval 7 is not in the base case; it has interval 0 alone"
    )


def test_lines_that_end_with_carriage_returns_alone_are_told(tmp_path: Path) -> None:
    problems = told_of_bid(tmp_path, f"{BID}\r0,1,5,1,1,0,9,1\r", BASE)
    assert problems == [
        "bid.csv: ends its lines with carriage returns alone; save it with line feeds"
    ]


def test_numbers_in_data_frames_are_checked_as_well() -> None:
    trades = worked_trades()
    trades.loc[1, "power_kw"] = np.nan
    trades.loc[3, "buyer_bus"] = 1.5
    with pytest.raises(SubmissionError) as caught:
        validate_trades(three_bus_feeder(), worked_base(), trades)
    assert [problem.split(";")[0].split(", which")[0] for problem in caught.value.problems] == [
        "trades, row 3: power_kw is 'nan'",
        "trades, row 5: buyer_bus is '1.5'",
    ]


def test_bus_numbers_of_data_frames_may_be_floats() -> None:
    base = worked_base().astype(float)
    bid = worked_bid(10.0).astype(float)
    assert validate_bid(three_bus_feeder(), base, bid).accepted
