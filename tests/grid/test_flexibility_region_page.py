"""What docs/flexibility-region.md shows is what comes out."""

import doctest
import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "flexibility-region.md").read_text("utf-8")


def test_the_pages_python_gives_what_it_shows() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(code), {}, "region", None, 0)
    result = doctest.DocTestRunner(verbose=False).run(test)
    assert result.attempted > 0
    assert result.failed == 0
