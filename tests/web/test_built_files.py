"""What src/elman/web ships is what the sources give, and it is small."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from .exchange import MODULES, ROOT

pytestmark = pytest.mark.web

MAX_KERNELS = 80_000  # bytes of a module and its TypeScript, compressed
MAX_PAGE = 500_000  # bytes, not compressed


def test_the_modules_are_what_the_compiler_makes_of_the_sources(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "web/build_kernels.py", tmp_path], check=True, capture_output=True)
    built, shipped = (
        {path.name: path.read_bytes() for path in folder.glob("*.wasm")} for folder in (tmp_path, MODULES)
    )
    assert built.keys() == shipped.keys()
    changed = [name for name in built if built[name] != shipped[name]]
    assert not changed, f"{', '.join(changed)}: the sources have changed; run `make web` and commit src/elman/web"


def test_the_pages_are_what_the_sources_give(tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", tmp_path], cwd=ROOT / "web", check=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in MODULES.iterdir() if path.suffix not in (".wasm", ".py")}
    assert built.keys() == shipped.keys()
    changed = [name for name in built if built[name] != shipped[name]]
    assert not changed, f"{', '.join(changed)}: the sources have changed; run `make web` and commit src/elman/web"


@pytest.mark.parametrize("page", sorted(path.name for path in MODULES.glob("*.html")))
def test_a_page_with_its_kernels_is_small(page: str) -> None:
    assert (MODULES / page).stat().st_size < MAX_PAGE


def test_kernels_and_wrapper_are_small(tmp_path: Path) -> None:
    sources = [f"kernels/{name}.ts" for name in ("attention", "module", "stack", "training")]
    bundle = ["npx", "esbuild", *sources, "--bundle", "--minify", "--format=esm", f"--outdir={tmp_path}"]
    subprocess.run(bundle, cwd=ROOT / "web", check=True, capture_output=True)
    wrapper = sum(len(gzip.compress(path.read_bytes())) for path in tmp_path.glob("*.js"))  # with parts in common
    for path in MODULES.glob("*.wasm"):
        assert len(gzip.compress(path.read_bytes())) + wrapper < MAX_KERNELS, path.name
