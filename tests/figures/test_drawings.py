"""Drawings: they hold the numbers that they were given, and can be written in both languages without a warning."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from elman.errors import ConfigError, ElmanError
from elman.figures import sequences, style, training
from elman.figures.series import Fan, forecast_fan
from elman.figures.style import Draw
from elman.translations import Language, Text

TOKENS = ["a", " ", "\n", "$x$", "你", "好", "</s>"]
RNG = np.random.default_rng(0)
STATES = RNG.uniform(-1, 1, (len(TOKENS), 5))
TITLE = Text("Title", "标题")
LANGUAGES: list[Language] = ["en", "zh"]
NODES: list[dict[str, Any]] = [
    {"parent": None, "depth": 0, "token": "<s>", "log_probability": 0.0, "best": True},
    {"parent": 0, "depth": 1, "token": "a", "log_probability": -0.5, "best": True},
    {"parent": 0, "depth": 1, "token": "你", "log_probability": -1.5, "best": False},
]
QUANTILES = np.sort(RNG.normal(size=(3, 3)), axis=1)
DRAWINGS: dict[str, Draw] = {
    "states": sequences.state_map(STATES, TOKENS, TITLE),
    "units": sequences.units_on_text(np.tile(STATES, (6, 1)), TOKENS * 6, [0, 3], TITLE),  # two lines
    "gates": sequences.gates_over_time({"i": abs(STATES), "g": STATES}, TOKENS, TITLE),
    "attention": sequences.attention_map(abs(STATES), TOKENS[:5], TOKENS),
    "components": sequences.principal_components(STATES, TOKENS, TITLE),
    "one unit": sequences.principal_components(STATES[:, :1], TOKENS, TITLE),
    "lags": sequences.norms_by_lag({Text("layer", "层"): np.array([1.0, 0.1, 0.0])}),
    "beam": sequences.beam_tree(NODES),
    "curves": training.training_curves([(1, 3.0), (2, 2.0)], [(1, 3.1), (2, 2.5)]),
    "no validation": training.training_curves([(1, 3.0)], []),
    "norms": training.gradient_norms([(1, 0.5), (2, 30.0)], 1.0),
    "confusion": training.confusion_matrix(np.array([[3, 1], [0, 2]]), ["hot", "冷"]),
    "reliability": training.reliability(np.array([0.2, 0.9, 0.95]), np.array([False, True, True])),
    "fan": forecast_fan([Fan("y", np.arange(4.0), QUANTILES, (0.1, 0.5, 0.9), list("abcdefg"), np.ones(3))]),
}


def drawn(draw: Draw, language: Language = "en") -> Any:
    with style.figure_style(language):
        return style.drawn(draw, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_written_in_both_languages(name: str, language: Language, tmp_path: Path) -> None:
    if not style.chinese_fonts():
        pytest.skip("no Chinese font: a missing character is a warning")
    (path,) = style.write_figures(tmp_path, {"figure": DRAWINGS[name]}, language, lambda message: None)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.with_suffix(".svg").read_text("utf-8").startswith("<?xml")


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_labels_are_in_the_language(name: str) -> None:
    from matplotlib.text import Text as Label

    def labels(language: Language) -> set[str]:
        figure = drawn(DRAWINGS[name], language)
        return {label.get_text() for label in figure.findobj(Label) if label.get_text()}

    assert any(character >= "\u4e00" for text in labels("zh") - labels("en") for character in text)


@pytest.mark.parametrize("name", ["states", "units"])
def test_the_layout_is_computed_once_and_is_that_of_matplotlib(name: str) -> None:
    figure, expected = drawn(DRAWINGS[name]), drawn(DRAWINGS[name])
    before = [axes.get_position().bounds for axes in figure.axes]
    expected.set_dpi(style.DOTS_PER_INCH)
    with style.figure_style("en"):
        style.fix_layout(figure)
        for either in (figure, expected):  # the width of a colour bar is known when it is drawn
            either.draw_without_rendering()
    positions = [axes.get_position().bounds for axes in figure.axes]
    assert positions != before
    np.testing.assert_allclose(positions, [axes.get_position().bounds for axes in expected.axes], rtol=1e-12)
    assert figure.get_layout_engine() is None  # nothing is left to compute for savefig


def test_a_state_map_has_a_row_for_each_unit_and_equal_limits() -> None:
    (image,) = drawn(DRAWINGS["states"]).axes[0].images
    np.testing.assert_array_equal(image.get_array(), STATES.T)
    assert image.get_clim() == (-abs(STATES).max(), abs(STATES).max())


def test_tokens_are_visible() -> None:
    labels = [label.get_text() for label in drawn(DRAWINGS["states"]).axes[0].get_xticklabels()]
    assert labels == ["a", "␣", "↵", r"\$x\$", "你", "好", "</s>"]


def test_many_steps_have_fewer_labels() -> None:
    draw = sequences.state_map(np.zeros((500, 2)), ["x"] * 500, TITLE)
    assert 30 <= len(drawn(draw).axes[0].get_xticks()) <= 60


def test_principal_components_are_those_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    pca = decomposition.PCA(2).fit(STATES)
    axes = drawn(DRAWINGS["components"]).axes[0]
    points = np.asarray(axes.collections[0].get_offsets())
    np.testing.assert_allclose(abs(points), abs(pca.transform(STATES)), atol=1e-10)
    assert axes.get_xlabel().endswith(f"({100 * pca.explained_variance_ratio_[0]:.0f} %)")


def test_the_reliability_diagram_is_that_of_scikit_learn() -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    p = RNG.uniform(size=400)
    correct = RNG.uniform(size=400) < p**2
    means, accuracies, counts = training.reliability_bins(p, correct)
    expected_accuracies, expected_means = calibration.calibration_curve(correct, p, n_bins=10)
    np.testing.assert_allclose(means[counts > 0], expected_means)
    np.testing.assert_allclose(accuracies[counts > 0], expected_accuracies)
    assert counts.sum() == 400
    assert training.reliability_bins(np.array([1.0, 0.0]), np.array([True, False]))[2].tolist() == [1, *[0] * 8, 1]


def test_gradient_norms_are_on_a_logarithmic_axis_without_zeros() -> None:
    axes = drawn(DRAWINGS["lags"]).axes[0]
    assert axes.get_yscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1.0, 0.1, np.nan])


def test_without_a_chinese_font_labels_are_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "chinese_fonts", list)
    messages, languages = list[str](), list[Language]()
    style.write_figures(tmp_path, {"figure": lambda _, language: languages.append(language)}, "zh", messages.append)
    assert (messages, languages) == ([style.NO_CHINESE_FONT], ["en"])


def test_a_figure_that_cannot_be_written_is_an_error_in_advance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--plot: given 'a.jpg'; expected a name that ends in \.png, \.svg, \.pdf"):
        style.check_figure_file(tmp_path / "a.jpg", "--plot")
    with pytest.raises(ConfigError, match="is a file; expected a folder"):
        style.check_figure_folder(tmp_path / "file", "--plot")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ElmanError, match="a plot needs matplotlib, which is not installed"):
        style.check_figure_folder(tmp_path, "--plot")
