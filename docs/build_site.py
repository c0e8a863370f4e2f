"""Build the documentation site in docs/_build/site, in English and Chinese: `make docs`.

    python docs/build_site.py

Run the labs (only those that have changed), write the sources that Sphinx reads, build each language with warnings as
errors, and check the links. ELMAN_DOCS_SCALE=smoke shortens the trainings of the labs, for tests. Open
docs/_build/site/index.html; the site needs no server and no network.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from check_site import problems_of  # noqa: E402
from website.contents import LANGUAGES  # noqa: E402
from website.lab_pages import run_labs  # noqa: E402
from website.sources import write_sources  # noqa: E402

BUILD = DOCS / "_build"
SCALES = ("full", "smoke")
START_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>elman 循环神经网络 · recurrent neural networks</title>
<script>location.replace((navigator.language || "zh").startsWith("zh") ? "zh/index.html" : "en/index.html");</script>
<p><a href="zh/index.html">中文</a> · <a href="en/index.html">English</a></p>
</html>
"""


def build_site(build: Path = BUILD, scale: str = "full") -> Path:
    """Build the site of both languages and return its folder; SystemExit says what is wrong."""
    if scale not in SCALES:
        sys.exit(f"ELMAN_DOCS_SCALE: given {scale!r}; expected one of {', '.join(SCALES)}")
    started = time.monotonic()
    run_labs(build / "labs", scale)
    builds = []
    for language in LANGUAGES:
        write_sources(build / "source" / language, build / "labs", language, scale)
        command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-E", "-a"]
        folders = [build / "source" / language, build / "site" / language]
        options = ["-c", DOCS / "website", "-d", build / "doctrees" / language, *folders]
        environment = {**os.environ, "ELMAN_DOCS_LANGUAGE": language}
        builds.append(subprocess.Popen([*command, *map(str, options)], env=environment))
    exit_codes = [process.wait() for process in builds]
    if any(exit_codes):
        sys.exit("Sphinx has reported warnings or errors; see above")
    site = build / "site"
    (site / "index.html").write_text(START_PAGE, encoding="utf-8")
    if problems := problems_of(site):
        sys.exit("\n".join(problems))
    print(f"{site / 'index.html'}: built in {time.monotonic() - started:.0f} s")
    return site


if __name__ == "__main__":
    build_site(scale=os.environ.get("ELMAN_DOCS_SCALE", "full"))
