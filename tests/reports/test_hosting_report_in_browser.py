"""A report of hosting capacity opens in a browser without errors, and its pictures are drawn."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from cosim.errors import PngError
from cosim.reports import png_files
from cosim.reports.hosting_report import hosting_report_files, render_hosting_report
from cosim.reports.png_files import write_png_files
from tests.reports.page import lay_out, read_page
from tests.reports.sample_hosting import Kind, sample_hosting
from tests.reports.test_report_in_browser import BROWSER, FLAGS

SMALL = Kind(series=True, deployments=12)
OFFLINE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src data: blob: '
    "'unsafe-inline' 'unsafe-eval'\">"
)
"""A page that holds this and asks for anything from elsewhere gets an error on its console."""


def console_of(file: Path, profile: Path) -> tuple[str, list[str]]:
    """Return the page as the browser has it in the end, and what its console says."""
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_all_figures_are_drawn_without_errors_or_requests(tmp_path: Path) -> None:
    html = render_hosting_report(sample_hosting(SMALL))
    file = tmp_path / "report.html"
    file.write_text(html.replace("<head>", f"<head>{OFFLINE}", 1), encoding="utf-8")
    shown, console = console_of(file, tmp_path / "profile")
    assert console == []
    count = len(read_page(html).figures)
    assert f'data-figures-drawn="{count}"' in shown
    charts = shown.split('class="chart')[1:]
    assert len(charts) == count
    assert all("main-svg" in chart for chart in charts)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_request_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    image = '<img src="http://192.0.2.1/a.png">'
    file.write_text(f"<head>{OFFLINE}</head><body>{image}</body>", encoding="utf-8")
    _, console = console_of(file, tmp_path / "profile")
    assert any("192.0.2.1" in line for line in console)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_every_figure_and_table_becomes_a_picture(tmp_path: Path) -> None:
    lay_out(hosting_report_files(sample_hosting(SMALL)), tmp_path)
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
        assert len(content) > 4000, name


def test_without_a_browser_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(PngError, match=r"--png: .*apt install chromium.*CSV"):
        write_png_files(tmp_path)


def test_a_browser_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho broken screen >&2\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(png_files, "browser", lambda: str(program))
    (tmp_path / "report.html").write_text("<body></body>", encoding="utf-8")
    with pytest.raises(PngError, match="broken screen"):
        write_png_files(tmp_path)
    assert not (tmp_path / "figures").exists()
