"""Probabilities on real messages that the model has not seen: they are as high as its labels are often correct."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import run_command

SMS = Path(os.environ.get("ELMAN_DATA", "/nowhere")) / "sms-spam" / "SMSSpamCollection"


@pytest.mark.slow
@pytest.mark.skipif(not SMS.is_file(), reason="ELMAN_DATA names no folder with sms-spam/SMSSpamCollection")
def test_probabilities_of_messages_are_calibrated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pairs = {tuple(line.split("\t", 1)[::-1]): None for line in SMS.read_text("utf-8").splitlines() if '"' not in line}
    rows = [f"{text}\t{label}\n" for text, label in pairs]
    order = np.random.default_rng(0).permutation(len(rows))
    for name, numbers in (("test", order[:1000]), ("train", order[1000:])):
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + "".join(rows[i] for i in numbers), "utf-8")
    options = ["--steps", "600", "--hidden", "32", "--threads", "1"]
    done = run_command(
        monkeypatch, capsys, "train", "classify", tmp_path / "train.tsv", "-o", tmp_path / "run", *options
    )
    assert done.code == 0, done.err
    metrics = run_command(
        monkeypatch, capsys, "evaluate", tmp_path / "run", tmp_path / "test.tsv", "--threshold", "0.95", "--json"
    ).json
    assert metrics["accuracy"] > 0.98
    assert metrics["ece"] < 0.02
    assert abs(metrics["mean_confidence"] - metrics["accuracy"]) < 0.02  # 0.14 before calibration
    assert metrics["coverage"] > 0.9
    assert metrics["answered_accuracy"] > metrics["accuracy"]
