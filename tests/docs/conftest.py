"""The modules of the documentation site, which are not part of the package."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
if not (DOCS / "website").is_dir():
    collect_ignore_glob = ["test_*.py"]  # an installation without the sources has no docs
elif str(DOCS) not in sys.path:
    sys.path.append(str(DOCS))
