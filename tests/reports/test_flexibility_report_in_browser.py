"""A report of flexibility opens in a browser without errors, and its sliders work."""

import json
import re
import struct
from pathlib import Path

import pytest

from cosim.reports.flexibility_report import flexibility_report_files, render_flexibility_report
from cosim.reports.png_files import write_png_files
from tests.reports.page import lay_out, read_page
from tests.reports.sample_flexibility import sample_flexibility
from tests.reports.sample_flexibility_world import Kind
from tests.reports.test_hosting_report_in_browser import OFFLINE, console_of
from tests.reports.test_report_in_browser import BROWSER

SMALL = Kind(requests=7, cases=(("water_value", "optimal"), ("learned", "optimal")))
PULL = """
<script>
(function () {
  function pull(element) {
    const rail = element.querySelector(".slider-rail-touch-rect").getBoundingClientRect();
    const end = { clientX: rail.right - 1, clientY: rail.top + 2, bubbles: true, view: window };
    const touch = element.querySelector(".slider-rail-touch-rect");
    touch.dispatchEvent(new MouseEvent("mousedown", end));
    window.dispatchEvent(new MouseEvent("mouseup", end));
    document.dispatchEvent(new MouseEvent("mouseup", end));
  }
  function wait() {
    if (!("figuresDrawn" in document.documentElement.dataset)) { setTimeout(wait, 50); return; }
    const sliding = Array.from(document.querySelectorAll(".chart"))
      .filter((each) => each.layout.sliders);
    sliding.forEach(pull);
    setTimeout(() => {
      const found = {};
      sliding.forEach((each) => {
        found[each.id.replace("figure-", "")] = {
          active: each.layout.sliders[0].active, x: each.data.map((trace) => Array.from(trace.x)),
        };
      });
      const text = document.createElement("pre");
      text.textContent = "PULLED" + JSON.stringify(found) + "PULLED";
      document.body.append(text);
    }, 1000);
  }
  wait();
})();
</script>
"""
"""Moves every slider of the page to its end and tells what the figures then show."""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_figures_are_drawn_without_errors_or_requests_and_sliders_work(tmp_path: Path) -> None:
    html = render_flexibility_report(sample_flexibility(SMALL))
    file = tmp_path / "report.html"
    before, closing, after = html.replace("<head>", f"<head>{OFFLINE}", 1).rpartition("</body>")
    file.write_text(f"{before}{PULL}{closing}{after}", encoding="utf-8")
    shown, console = console_of(file, tmp_path / "profile")
    assert console == []
    page = read_page(html)
    assert f'data-figures-drawn="{len(page.figures)}"' in shown
    charts = shown.split('class="chart')[1:]
    assert len(charts) == len(page.figures)
    assert all("main-svg" in chart for chart in charts)
    told = re.search(r"PULLED(\{.*\})PULLED", shown)
    assert told is not None
    pulled = json.loads(told.group(1))
    assert set(pulled) == {"regions", "supply", "activations"}
    for name, found in pulled.items():
        (slider,) = page.figures[name]["layout"]["sliders"]
        assert found["active"] == len(slider["steps"]) - 1 != 0
        assert found["x"] == slider["steps"][-1]["args"][0]["x"]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_every_figure_and_table_becomes_a_picture(tmp_path: Path) -> None:
    lay_out(flexibility_report_files(sample_flexibility()), tmp_path)
    page = read_page((tmp_path / "report.html").read_text(encoding="utf-8"))
    written = {path.relative_to(tmp_path).as_posix() for path in write_png_files(tmp_path)}
    assert written == {
        *(f"figures/{name}.png" for name in page.figures),
        *(f"tables/{name}.png" for name in page.tables),
    }
    for name in written:
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", content[16:24])
        assert width >= 400, name
        assert height >= 100, name
