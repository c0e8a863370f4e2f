"""elman doctor: versions and kernels of the installation."""

from __future__ import annotations

import pytest

from .conftest import Command, only_json


def test_doctor_prints_versions_and_json(command: Command) -> None:
    result = only_json(command("doctor", "--json").out)
    assert set(result) == {"versions", "kernels", "threads", "missing"}
    expected = [] if result["kernels"]["compiled"] else ["elman.kernels"]
    assert [item["package"] for item in result["missing"]] == expected
    done = command("doctor")
    assert done.code == 0
    assert f"torch         {result['versions']['torch']}\n" in done.out
    assert ("Nothing is missing." in done.out) is result["kernels"]["compiled"]


def test_doctor_prints_the_instruction_set_in_use_and_the_others(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman import kernels

    monkeypatch.setattr(kernels, "instruction_set", lambda: "avx2")
    monkeypatch.setattr(kernels, "instruction_sets", lambda: ["avx512", "avx2", "plain"])
    assert "kernels       avx2 (also available: avx512, plain)\n" in command("doctor").out


def test_doctor_explains_why_there_are_no_kernels_and_how_to_install_them(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman import kernels

    monkeypatch.setattr(kernels, "instruction_set", lambda: None)
    monkeypatch.setattr(kernels, "instruction_sets", list)
    monkeypatch.setattr(kernels, "unavailable_reason", lambda: "not compiled in this installation")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = only_json(command("doctor", "--json").out)
    reason = "not compiled in this installation"
    assert result["kernels"] == {"compiled": False, "instruction_set": None, "instruction_sets": [], "reason": reason}
    out = command("doctor").out
    assert f"kernels       none ({reason}); NumPy predicts and torch trains, which is slower\n" in out
    assert "missing: elman.kernels (needed for speed). Install it: pip install --force-reinstall --no-deps elman" in out
