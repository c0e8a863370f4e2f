"""The classroom pack: the documentation site, all labs as notebooks, and data sets, in one folder.

    DIR/README.txt       what is in the folder, in Chinese and English
    DIR/site/            the documentation site; open index.html
    DIR/notebooks/zh/    all labs as notebooks in Chinese, and in en/ in English
    DIR/data/            data sets as NAME/FILE, which elman finds with ELMAN_DATA=DIR/data, and their licences

Nothing in the folder needs a network. Only data whose licence permits to pass them on are packed, and of the data that
have to be downloaded only those that are on this machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import elman
from elman.data.catalogue import DATA_SETS
from elman.data.datasets import is_available, local_path
from elman.errors import ConfigError

from . import LABS, load_lab
from .lab import Language, Settings
from .notebook import notebook_text

REDISTRIBUTABLE = {"Apache-2.0", "BSD-2-Clause", "MIT", "PSF-2.0", "public domain"}
SITE = Path("docs") / "_build" / "site"  # below the folder of the sources, where `make docs` writes it
README = """elman {version}: 循环神经网络课堂资料包 / classroom pack on recurrent neural networks

site/index.html   网站：公式推导、实验、指南。用浏览器打开，不需要网络。
                  The documentation site. Open it in a browser; no network is needed.
notebooks/        全部实验的笔记本，中文在 zh，英文在 en。运行时需要安装 elman。
                  All labs as notebooks; elman has to be installed to run them.
data/             数据集。设置环境变量 ELMAN_DATA 为这个文件夹，elman 就能找到它们。许可证见 data/LICENCES.txt。
                  Data sets. Set the environment variable ELMAN_DATA to this folder, and elman finds them.
                  data/LICENCES.txt has their licences.
"""


def find_site() -> Path:
    """Return the folder of the built site; without one, a ConfigError says how to build it."""
    site = Path(elman.__file__).parents[2] / SITE
    if not (site / "index.html").is_file():
        hint = "In the folder of elman's sources, run `make docs`"
        raise ConfigError(f"the documentation site is not built; expected {SITE}", hint=hint)
    return site


def write_pack(folder: Path, site: Path, notify: Callable[[str], None]) -> None:
    """Write the pack into a new or empty folder; notify receives a line for each part of it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists; expected a new or empty folder", hint="Choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(site, folder / "site")
    notify(f"{folder / 'site'}")
    for language in get_args(Language):
        _write_notebooks(folder / "notebooks" / language, language)
        notify(f"{folder / 'notebooks' / language}: {len(LABS)} notebooks")
    _write_data(folder / "data", notify)
    (folder / "README.txt").write_text(README.format(version=elman.__version__), encoding="utf-8")


def _write_notebooks(folder: Path, language: Language) -> None:
    folder.mkdir(parents=True)
    for name in LABS:
        text = notebook_text([load_lab(name)], Settings(), language)
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")


def _write_data(folder: Path, notify: Callable[[str], None]) -> None:
    """Copy the data sets that are there, verified, with their licences."""
    licences = []
    for name, data_set in DATA_SETS.items():
        if data_set.licence not in REDISTRIBUTABLE or not is_available(name):
            notify(f"{name}: not packed, because it is not on this machine or must not be passed on")
            continue
        (folder / name).mkdir(parents=True)
        shutil.copyfile(local_path(name), folder / name / data_set.file_name)
        licences.append(f"{name}/{data_set.file_name}: {data_set.licence}\n    {data_set.source}\n")
        notify(f"{folder / name}")
    (folder / "LICENCES.txt").write_text("".join(licences), encoding="utf-8")
