"""A file that is no text is refused by what it is, and a text that begins like one is read."""

from __future__ import annotations

import bz2
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from elman.data.readers.text import TextSource
from elman.errors import DataError


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "text")
    return content.getvalue()


def tarred() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return content.getvalue()


def numpy_array() -> bytes:
    content = io.BytesIO()
    np.save(content, np.arange(9))
    return content.getvalue()


FILES = {
    "zip": (zipped(), "a ZIP archive, as .xlsx, .docx and .npz files are"),
    "tar": (tarred(), "a tar archive"),
    "bzip2": (bz2.compress(b"text"), "a bzip2 archive"),
    "xz": (lzma.compress(b"text"), "an xz archive"),
    "numpy": (numpy_array(), "a NumPy array"),
    "pickle": (pickle.dumps(["text"] * 9), "a pickle of Python"),
    "pdf": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "a PDF document"),
    "pdf of ASCII": (b"%PDF-1.4\n1 0 obj\n", "a PDF document"),
    "rtf": (b"{\\rtf1\\ansi text}", "an RTF document"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
    "parquet": (b"PAR1\x15\0\x15", "a Parquet table"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_text_is_named(name: str, tmp_path: Path) -> None:
    content, kind = FILES[name]
    path = tmp_path / "data"
    path.write_bytes(content)
    for encoding in (None, "latin-1"):
        for read in (TextSource.blocks, TextSource.lines):
            with pytest.raises(DataError) as raised:
                list(read(TextSource(path, encoding=encoding)))
            assert raised.value.message.startswith(f"the file is {kind}")
            assert raised.value.where == str(path)
            assert ("pull" in raised.value.hint) == (name == "lfs")  # type: ignore[operator]


def test_a_database_is_named(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "data")
    connection.execute("create table texts (text)")
    connection.close()
    with pytest.raises(DataError, match="the file is an SQLite database; expected text"):
        TextSource(tmp_path / "data").check()


@pytest.mark.parametrize("text", ["PAR1 is a marker.\n", "GIF8 bit\n", "BZh\n", "PK\n", "version 1\n"])
def test_a_text_that_begins_like_another_file_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_text(text)
    assert list(TextSource(tmp_path / "data").blocks()) == [text]
