"""Every figure and table of a report as PNG, drawn by a Chromium that is on this machine.

Chromium draws the page that people look at, so that a PNG shows the same; nothing is fetched from
a network, and no other package is needed.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from cosim.errors import PngError
from cosim.reports.pages import TEMPLATES
from cosim.reports.report_files import REPORT

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--window-size=1400,1000", "--virtual-time-budget=120000", "--dump-dom"),
)
PATIENCE_S = 300.0
DATA = "data:image/png;base64,"


def browser() -> str:
    """Return the Chromium of this machine; raise PngError where there is none."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    message = (
        f"--png: PNG files are drawn by Chromium, and none of {', '.join(BROWSERS)} is on this "
        "machine's PATH; install one (Debian: apt install chromium), or leave --png out: the "
        "numbers of every figure are CSV files beside the report"
    )
    raise PngError(message)


def write_png_files(folder: Path) -> list[Path]:
    """Write figures/NAME.png and tables/NAME.png of the report in `folder`; return their paths.

    Raises PngError where there is no Chromium, or it cannot draw the report.
    """
    program = browser()
    page = (folder / REPORT).read_text(encoding="utf-8")
    script = (TEMPLATES / "png.js").read_text(encoding="utf-8")
    before, closing, after = page.rpartition("</body>")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / REPORT
        copy.write_text(f"{before}<script>{script}</script>{closing}{after}", encoding="utf-8")
        images = _images(program, copy, Path(scratch) / "profile")
    return [_written(folder / f"{name}.png", image) for name, image in images.items()]


def _images(program: str, page: Path, profile: Path) -> dict[str, str]:
    """Return the picture of every figure and table by name, as text."""
    command = [program, *FLAGS, f"--user-data-dir={profile}", page.as_uri()]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired as error:
        message = f"PNG files: {program} did not finish within {PATIENCE_S:.0f} s"
        raise PngError(message) from error
    found = re.search(r"PNG(\{.*\})PNG", done.stdout, re.DOTALL)
    if found is None:
        failed = re.search(r"FAILED(.*)FAILED", done.stdout, re.DOTALL)
        why = failed.group(1) if failed else done.stderr.strip()[-400:] or "it gave no reason"
        message = f"PNG files: {program} could not draw the report: {why}"
        raise PngError(message)
    return dict(json.loads(found.group(1)))


def _written(path: Path, image: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(base64.b64decode(image.removeprefix(DATA)))
    return path
