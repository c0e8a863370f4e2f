"""Models of every task, and a service of all of them that tests ask and never change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elman.models.folder import FolderPredictor
from tests.models.streaming_models import tiny_forecaster_of_several_series
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

from .services import RunningService, serving

MODELS: dict[str, Callable[[], FolderPredictor]] = {
    "book": tiny_language_model,
    "heat": tiny_classifier,
    "flow": lambda: tiny_classifier("max_unidirectional"),
    "tags": lambda: tiny_tagger("crf"),
    "live-tags": lambda: tiny_tagger("crf_unidirectional"),
    "turn": tiny_encoder_decoder,
    "sales": tiny_forecaster,
    "shops": tiny_forecaster_of_several_series,
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    for name, model in MODELS.items():
        model().save(root / name)
    return {name: root / name for name in MODELS}


@pytest.fixture(scope="session")
def service(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with serving(tmp_path_factory.mktemp("streams"), list(map(str, folders.values()))) as running:
        yield running
