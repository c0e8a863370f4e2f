"""Files that are no text, known by their first bytes: archives, pictures, documents, arrays, databases."""

from __future__ import annotations

import codecs

from elman.errors import DataError

_POINTER = "a pointer of Git LFS, which stands for a file that is elsewhere"
_OF_TEXT = {  # these begin with readable characters, and may have no others
    b"%PDF-": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"version https://git-lfs.github.com/spec/": _POINTER,
}
_OF_BYTES = {  # these have bytes that are not UTF-8, or zero bytes
    b"PK\x03\x04": "a ZIP archive, as .xlsx, .docx and .npz files are",
    b"PK\x05\x06": "a ZIP archive, as .xlsx, .docx and .npz files are",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Microsoft Office document",
    b"\x89PNG\r\n\x1a\n": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"PAR1": "a Parquet table",
    b"ARROW1": "an Arrow table",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x80\x02": "a pickle of Python",
    b"\x80\x03": "a pickle of Python",
    b"\x80\x04\x95": "a pickle of Python",
    b"\x80\x05\x95": "a pickle of Python",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x7fELF": "a program",
}
_TAR_MARK, _TAR_POSITION = b"ustar", 257


def require_no_signature(sample: bytes, name: str) -> None:
    """Raise a DataError that says what a file is, if it begins like a file that is no text."""
    kind = _kind(sample)
    if kind is None:
        return
    hint = "Save its content as text: a table as CSV, a document as UTF-8"
    if "archive" in kind:
        hint = "Unpack it, and name a file of text; only .gz files are read as they are"
    elif kind == _POINTER:
        hint = "Fetch the file with `git lfs pull`"
    raise DataError(f"the file is {kind}; expected text", hint=hint, where=name)


def _kind(sample: bytes) -> str | None:
    signatures = _OF_TEXT if _is_utf8(sample) else _OF_TEXT | _OF_BYTES
    if sample[_TAR_POSITION:].startswith(_TAR_MARK):
        return "a tar archive"
    return next((kind for signature, kind in signatures.items() if sample.startswith(signature)), None)


def _is_utf8(sample: bytes) -> bool:
    """Return whether bytes are UTF-8 without zero bytes; the last character may be incomplete."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return b"\0" not in sample
