"""Feeders that are files: what is read, repaired, refused, and that nothing of a file is run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pandas as pd
import pytest
from pandapower.io_utils import to_dict_of_dfs
from scipy import sparse

from networks.catalog import build_net, is_feeder, load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.importers import read_net
from networks.limits import PRESETS, preset
from networks.names import PRESET_NAMES
from networks.references import net_text
from networks.repairs import merge_regulators, raise_impedances

TOLD = ("name", "title", "source", "ratings_assumed", "ratings_source", "notes", "net_sha256")
"""Fields that differ between a feeder of the catalogue and the same net in a file."""

CASE = """function mpc = small
%% a case of three buses, in ohm and kW
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
  1 3 0 0 0 0 1 1 0 12.66 1 1.0 1.0;
  5 1 100 60 0 0 1 1 0 12.66 1 1.1 0.9;
  9 2 90 40 0 0 1 1 0 12.66 1 1.1 0.9;
];
mpc.gen = [
  1 0 0 10 -10 1 100 1 10 0;
  9 0.05 0.01 10 -10 1 100 1 10 0;
];
mpc.branch = [
  1 5 0.0922 0.0470 0 0 0 0 0 0 1 -360 360;
  5 9 0.4930 0.2511 0 0 0 0 0 0 1 -360 360;
];
%% conversions
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD] = idx_bus;
Vbase = mpc.bus(1, BASE_KV) * 1e3;
Sbase = mpc.baseMVA * 1e6;
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""


def assert_same(first: Feeder, second: Feeder, but: tuple[str, ...] = TOLD) -> None:
    for field in dataclasses.fields(Feeder):
        if field.name in but:
            continue
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, sparse.csc_matrix | sparse.csr_matrix):
            np.testing.assert_allclose(one.toarray(), other.toarray(), rtol=1e-9, atol=1e-9)
        elif isinstance(one, np.ndarray):
            np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=field.name)
        else:
            assert one == other, field.name


def problems_of(path: Path) -> str:
    with pytest.raises(NetworkError) as caught:
        load_feeder(str(path))
    return "\n".join(caught.value.problems)


def write_excel(net: pp.pandapowerNet, path: Path) -> None:
    sheets = to_dict_of_dfs(net)
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for name, table in sheets.items():
            table.to_excel(writer, sheet_name=name)


@pytest.mark.parametrize(
    ("name", "ending"), [("ieee33", "json"), ("kerber_dorfnetz", "json"), ("cigre_mv", "xlsx")]
)
def test_a_net_of_the_catalogue_comes_back_from_a_file(
    name: str, ending: str, tmp_path: Path
) -> None:
    file = tmp_path / f"net.{ending}"
    net = build_net(name)
    if ending == "json":
        pp.to_json(net, str(file))
    else:
        write_excel(net, file)
    limits: dict[str, Any] = {
        "voltage_min_pu": 0.9,
        "voltage_max_pu": 1.1,
        "loading_max_percent": 100.0,
    }
    feeder = load_feeder(str(file), **limits)
    assert_same(feeder, load_feeder(name, **limits), (*TOLD, "bus_zone"))
    assert feeder.name == file.name
    saved = tmp_path / "feeder.json"
    saved.write_text(net_text(str(file)))
    assert_same(load_feeder(str(saved), **limits), feeder, ())
    assert is_feeder(str(file))


def test_what_a_run_saves_is_the_same_feeder(tmp_path: Path) -> None:
    file = tmp_path / "small.m"
    file.write_text(CASE)
    feeder = load_feeder(str(file))
    saved = tmp_path / "feeder.json"
    saved.write_text(net_text(str(file)))
    file.unlink()
    again = load_feeder(str(saved))
    assert_same(again, feeder, ())
    assert again.name == "small.m"
    assert again.ratings_assumed


def test_a_matpower_case_in_ohm_and_kw_is_converted(tmp_path: Path) -> None:
    file = tmp_path / "small.m"
    file.write_text(CASE)
    found = read_net(file)
    net = found.net
    assert list(net.bus.index) == [1, 5, 9]
    np.testing.assert_allclose(net.line.r_ohm_per_km, [0.0922, 0.4930])
    np.testing.assert_allclose(net.load.p_mw, [0.1, 0.09])
    assert net.gen.empty
    np.testing.assert_allclose(net.sgen.p_mw, [0.05])
    told = "\n".join(found.notes)
    assert "given in ohm" in told
    assert "generators at bus 9: static generators" in told
    assert found.lines_assumed
    assert "not rated" in told
    feeder = load_feeder(str(file))
    assert feeder.ratings_assumed
    assert set(found.notes) <= set(feeder.notes)
    assert feeder.voltage_max_pu[0] == 1.1


def test_all_problems_of_a_broken_case_are_told(tmp_path: Path) -> None:
    file = tmp_path / "broken.m"
    file.write_text(
        CASE.replace("mpc.baseMVA = 10;", "")
        .replace("0.0922", "abc")
        .replace("[PQ, PV", "mpc.bus(:, 3) = sin(mpc.bus(:, 3));\n[PQ, PV")
    )
    told = problems_of(file)
    assert "baseMVA is missing" in told
    assert "mpc.branch holds what is no number" in told
    assert "sin(mpc.bus(:, 3))` would change the case" in told
    file.write_text(CASE.replace("  5 9 0.4930", "  5 7 0.4930"))
    assert "mpc.branch names bus 7" in problems_of(file)
    file.write_text(CASE.replace("mpc.version = '2'", "mpc.version = '1'"))
    assert "mpc.version is 1" in problems_of(file)
    file.write_text(CASE[: CASE.index("5 9 0.4930")])
    assert "mpc.branch is not closed" in problems_of(file)


def test_transformers_of_a_case_keep_their_impedance_when_rated(tmp_path: Path) -> None:
    file = tmp_path / "levels.m"
    rows = CASE[: CASE.index("%% conversions")].replace("5 1 100 60", "5 1 0.1 0.06")
    rows = rows.replace("9 2 90 40 0 0 1 1 0 12.66", "9 1 0.09 0.04 0 0 1 1 0 0.4")
    file.write_text(rows)
    found = read_net(file)
    trafo = found.net.trafo.iloc[0]
    impedance = trafo.vk_percent / 100.0 / trafo.sn_mva  # p.u. on 1 MVA
    assert impedance == pytest.approx(np.hypot(0.4930, 0.2511) / 10.0)
    assert found.transformers_assumed
    assert load_feeder(str(file)).transformer_ratings_assumed


def json_of(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    net = build_net("three_bus")
    return tmp_path / "net.json", json.loads(pp.to_json(net))


@pytest.mark.parametrize(
    ("named", "answer"),
    [
        ({"_module": "os", "_class": "system", "_object": "touch {ran}"}, "os.system"),
        ({"_module": "builtins", "_class": "eval", "_object": "1"}, "builtins.eval"),
        ({"_module": "evil_module", "_class": "function", "_object": "x"}, "evil_module.function"),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_nothing_that_a_file_names_is_run(
    named: dict[str, str], answer: str, deep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "evil_module.py").write_text(f"open({str(ran)!r}, 'w')\nx = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    named = {key: value.replace("{ran}", str(ran)) for key, value in named.items()}
    file, content = json_of(tmp_path)
    body = content["_object"]
    assert isinstance(body, dict)
    if deep:
        table = json.loads(body["load"]["_object"])
        table["data"][0][0] = named
        body["load"]["_object"] = json.dumps(table)
    else:
        body["extra"] = named
    file.write_text(json.dumps(content))
    assert answer in problems_of(file)
    assert not ran.exists()


def test_objects_of_pandapower_are_left_out_and_told(tmp_path: Path) -> None:
    net = build_net("three_bus")
    pp.control.ConstControl(net, "load", "p_mw", [0], in_service=False)
    file = tmp_path / "net.json"
    pp.to_json(net, str(file))
    feeder = load_feeder(str(file))
    assert any("ConstControl: left out" in note for note in feeder.notes)
    net.controller.in_service = True
    pp.to_json(net, str(file))
    assert "controllers" in problems_of(file)


def test_bad_files_are_told_with_what_to_do(tmp_path: Path) -> None:
    file, content = json_of(tmp_path)
    whole = json.dumps(content)
    file.write_text(whole[: len(whole) // 2])
    assert "may be cut short" in problems_of(file)
    file.write_text('{"a": 1}')
    assert "no net of pandapower" in problems_of(file)
    file.write_bytes(b"\xff\xfe\x00")
    assert "no text in UTF-8" in problems_of(file)
    body = content["_object"]
    assert isinstance(body, dict)
    body["format_version"] = "99.0.0"
    file.write_text(json.dumps(content))
    assert "update pandapower" in problems_of(file)
    assert "cannot be read (No such file" in problems_of(tmp_path / "none.json")
    other = tmp_path / "net.p"
    other.write_bytes(b"x")
    assert "files of this kind are not read" in problems_of(other)
    workbook = tmp_path / "net.xlsx"
    workbook.write_bytes(b"no workbook")
    assert "no Excel workbook" in problems_of(workbook)
    pd.DataFrame({"a": [1]}).to_excel(workbook, sheet_name="load")
    told = problems_of(workbook)
    assert "sheet bus is missing" in told
    assert "sheet ext_grid is missing" in told
    assert "line and trafo are both missing" in told


def test_all_problems_of_elements_are_told_at_once(tmp_path: Path) -> None:
    net = build_net("three_bus")
    net.line.loc[0, "max_i_ka"] = 0.0
    net.load.loc[0, "bus"] = 77
    file = tmp_path / "net.json"
    pp.to_json(net, str(file))
    told = problems_of(file)
    assert "max_i_ka is 0" in told
    assert "bus 77 does not exist" in told


def test_one_rating_for_unlike_conductors_is_doubted(tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    pp.to_json(pandapower.networks.create_cigre_network_lv(), str(file))
    assert any("share one rating of 1000 A" in note for note in load_feeder(str(file)).notes)
    pp.to_json(build_net("cigre_lv"), str(file))
    assert not any("share one rating" in note for note in load_feeder(str(file)).notes)


@pytest.mark.parametrize("name", ["IEEE13", "ieee-13", "IEEE_13"])
def test_names_are_taken_as_people_write_them(name: str) -> None:
    assert is_feeder(name)
    assert build_net(name).bus.name.equals(build_net("ieee13").bus.name)


def test_presets_are_taken_as_people_write_them() -> None:
    assert tuple(PRESETS) == PRESET_NAMES
    assert preset("EN 50160") == PRESETS["en50160"]
    assert preset("vde-ar-n-4105") == PRESETS["vde_ar_n_4105"]


def test_folders_and_far_names_are_told_as_what_they_are(tmp_path: Path) -> None:
    assert "is a folder" in problems_of(tmp_path)
    assert "did you mean 'cigre_lv'" in problems_of(Path("cigre_l"))
    assert "did you mean" not in problems_of(Path("ieee8500"))


def test_regulators_of_single_phases_become_one() -> None:
    net = pp.create_empty_network()
    for _ in range(2):
        pp.create_bus(net, vn_kv=4.16)
    for ratio in (1.05, 1.03, 1.07):
        pp.create_transformer_from_parameters(
            net, 0, 1, sn_mva=2.0, vn_hv_kv=4.16, vn_lv_kv=4.16 * ratio, vk_percent=0.01,
            vkr_percent=0.001, pfe_kw=0.0, i0_percent=0.0, name=f"r{ratio}",
        )  # fmt: skip
    notes = [*merge_regulators(net), *raise_impedances(net)]
    assert len(net.trafo) == 1
    assert net.trafo.vn_lv_kv[0] == pytest.approx(4.16 * 1.05)
    assert net.trafo.sn_mva[0] == 6.0
    assert net.trafo.vk_percent[0] == 0.5
    assert len(notes) == 2
