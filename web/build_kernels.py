"""Compile the kernels to WebAssembly: the sources of src/elman/kernels/native and of web/kernels.

    python web/build_kernels.py [FOLDER]

FOLDER is src/elman/web if it is not given; the modules there are committed. The compiler is clang in the form of the
package ziglang, whose version constraints.txt has, so that the same sources give the same bytes everywhere.

    kernels-float32.wasm            128-bit vectors: the bits of the instruction set `plain`
    kernels-float64.wasm            the same in double precision, for finite differences
    kernels-float32-relaxed.wasm    multiplications and additions may be fused ("relaxed SIMD"): other bits
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

WEB = Path(__file__).parent
NATIVE = WEB.parent / "src/elman/kernels/native"
BUILT = WEB.parent / "src/elman/web"
SHARED = ["stack_forward.cpp", "stack_backward.cpp", "stack_weights.cpp", "cross_entropy.cpp", "batch.cpp"]
FAST_INTERFACE = ["training_interface.cpp", "attention_interface.cpp"]
SMALL_INTERFACE = ["stack_interface.cpp", "one_thread.cpp"]
FLAGS = [
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-msimd128"),  # a reactor has no main function
    *("-std=c++17", "-DNDEBUG", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror"),
    *("-ffp-contract=off", "-fno-math-errno"),  # as CMakeLists.txt
    *("-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"),  # what is not used is left out
]
LINKER_FLAGS = ["-Wl,--gc-sections", "-Wl,--export-dynamic", "-Wl,--strip-all"]


@dataclass(frozen=True)
class Module:
    """One file that is built."""

    name: str
    number: str  # the C++ type
    isa: str = "plain"
    flags: tuple[str, ...] = ()


MODULES = [
    Module("kernels-float32.wasm", "float"),
    Module("kernels-float64.wasm", "double"),
    Module("kernels-float32-relaxed.wasm", "float", "relaxed", ("-mrelaxed-simd",)),
]


def build(module: Module, folder: Path) -> None:
    """Compile one module into the folder."""
    sys.stderr.write(f"compiling {module.name}\n")
    with tempfile.TemporaryDirectory() as temporary:
        definitions = [f"-DELMAN_ISA={module.isa}", f"-DELMAN_NUMBER={module.number}", f"-I{NATIVE}", *module.flags]
        objects = []
        for source in (NATIVE / "kernels.cpp", *(WEB / "kernels" / name for name in FAST_INTERFACE)):
            objects.append(str(Path(temporary, source.stem).with_suffix(".o")))
            _compile(["-O3", *definitions, "-c", str(source), "-o", objects[-1]])
        # The rest takes no time, so it is compiled for size.
        sources = [str(NATIVE / name) for name in SHARED] + [str(WEB / "kernels" / name) for name in SMALL_INTERFACE]
        _compile(["-Os", *definitions, *sources, *objects, "-o", str(folder / module.name), *LINKER_FLAGS])
    (folder / module.name).chmod(0o644)


def _compile(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "ziglang", "c++", *FLAGS, *arguments], check=True)


def main() -> None:
    """Build all modules."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else BUILT
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda module: build(module, folder), MODULES))


if __name__ == "__main__":
    main()
