"""Drawings: they hold the numbers that they were given, and can be written in both languages without a warning."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from elman.errors import ConfigError, ElmanError
from elman.figures import coloured_text, sequences, style, training
from elman.figures.series import Fan, forecast_fan
from elman.figures.style import Draw
from elman.figures.unrolled import unrolled_network
from elman.metrics import ReliabilityBins
from elman.translations import Language, Text

pytestmark = pytest.mark.integration

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
    "units": coloured_text.units_on_text(np.tile(STATES, (6, 1)), TOKENS * 6, [0, 3], TITLE),  # two lines
    "weights": coloured_text.weights_on_text(
        [(TITLE, TOKENS, abs(STATES[:, 0])), (TITLE, TOKENS * 12, np.full(84, 0.1))], TITLE
    ),
    "gates": sequences.gates_over_time({"i": abs(STATES), "g": STATES}, TOKENS, TITLE),
    "attention": sequences.attention_map(abs(STATES), TOKENS[:5], TOKENS),
    "two attentions": sequences.attention_maps(
        [
            sequences.Attention(TITLE, abs(STATES), TOKENS[:5], TOKENS),
            sequences.Attention(TITLE, abs(STATES.T), TOKENS, "abcde"),
        ]
    ),
    "components": sequences.principal_components(STATES, TOKENS, TITLE),
    "one unit": sequences.principal_components(STATES[:, :1], TOKENS, TITLE),
    "lags": sequences.norms_by_lag({Text("layer", "层"): np.array([1.0, 0.1, 0.0])}),
    "many lags": sequences.norms_by_lag({Text(f"layer {k}", f"层 {k}"): np.full(40, 0.1**k) for k in range(5)}),
    "beam": sequences.beam_tree(NODES),
    "probabilities": sequences.beam_tree(NODES, TITLE, lambda log_p: f"{np.exp(log_p):.2f}"),
    "unrolled": unrolled_network([[1.0], [2.0]], [[0.5, -0.5], [0.1, 0.2]], [[3.0], [4.0]]),
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


def test_weights_of_several_texts_have_one_scale() -> None:
    from matplotlib import colormaps

    figure = drawn(
        coloured_text.weights_on_text(
            [(TITLE, ["a", "b"], np.array([0.2, 0.8])), (TITLE, ["c"], np.array([0.4]))], TITLE
        )
    )
    first, second, bar = figure.axes
    colours = [patch.get_facecolor() for axes in (first, second) for patch in axes.patches]
    assert colours == [colormaps[style.SHARE_MAP](share) for share in (0.25, 1.0, 0.5)]
    assert bar.get_ylim() == (0.0, 0.8)


def test_attention_maps_have_one_colour_bar_and_their_own_labels() -> None:
    first, second, _ = drawn(DRAWINGS["two attentions"]).axes
    np.testing.assert_array_equal(first.images[0].get_array(), abs(STATES))
    np.testing.assert_array_equal(second.images[0].get_array(), abs(STATES.T))
    assert [label.get_text() for label in second.get_yticklabels()] == list("abcde")


def test_a_beam_tree_shows_the_number_of_each_prefix() -> None:
    labels = [label.get_text() for label in drawn(DRAWINGS["probabilities"]).axes[0].texts]
    assert labels == ["<s>\n1.00", "a\n0.61", "你\n0.22"]


def test_no_lines_of_a_beam_tree_cross() -> None:
    parents_and_p = [(None, 1.0), (0, 0.5), (0, 0.3), (2, 0.25), (1, 0.2), (4, 0.19), (3, 0.1), (4, 0.01)]
    nodes: list[dict[str, Any]] = []
    for number, (parent, p) in enumerate(parents_and_p):
        depth = 0 if parent is None else nodes[parent]["depth"] + 1
        nodes.append({"parent": parent, "depth": depth, "token": str(number), "log_probability": p, "best": False})
    rows = {label.get_text()[0]: label.get_position()[1] for label in drawn(sequences.beam_tree(nodes)).axes[0].texts}
    assert [rows[name] for name in "01245736"] == [0, 0, -1, 0, 0, -1, -1, -2]


def test_labels_of_steps_are_turned_where_there_is_no_room() -> None:
    def rotation(steps: int) -> float:
        figure = drawn(sequences.attention_map(np.ones((2, steps)), ["network"] * steps, "ab"))
        return float(figure.axes[0].get_xticklabels()[0].get_rotation())

    assert (rotation(2), rotation(19)) == (0.0, 90.0)


def test_an_unrolled_network_shows_the_numbers_of_its_units() -> None:
    numbers = {label.get_text() for label in drawn(DRAWINGS["unrolled"]).axes[0].texts}
    assert {"1", "2", "0.5", "-0.5", "0.1", "0.2", "3", "4", "t = 1", "t = 2"} <= numbers


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
    bins = ReliabilityBins.of(p, correct)
    expected_accuracies, expected_means = calibration.calibration_curve(correct, p, n_bins=15)
    np.testing.assert_allclose(bins.probabilities[bins.counts > 0], expected_means)
    np.testing.assert_allclose(bins.accuracies[bins.counts > 0], expected_accuracies)
    assert bins.counts.sum() == 400
    top, _ = drawn(training.reliability(p, correct)).axes
    assert f"(expected calibration error {bins.expected_calibration_error:.3f})" in top.lines[1].get_label()
    np.testing.assert_array_equal(top.lines[1].get_ydata(), bins.accuracies[bins.counts > 0])


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
