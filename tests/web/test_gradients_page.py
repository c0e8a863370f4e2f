"""The page "Why gradients vanish": its norms are those of elman.cells, and a step of descent does what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import cells
from elman.cells import unroll
from elman.cells.activations import Array
from elman.cells.cell import LayerParameters

from .charts import assert_line, lines
from .exchange import MODULES, Engine
from .pages import accessibility_problems, site, visit

pytestmark = pytest.mark.web

CELLS = ["tanh", "relu", "sigmoid", "identity", "gru", "lstm"]
NO_VECTORS = "WebAssembly.validate = () => false;"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site() as address:
        yield f"{address}/gradients.html"


@contextmanager
def open_page(browser: Any, address: str, fragment: str = "", **options: Any) -> Iterator[Any]:
    fragment = fragment if "lang=" in fragment else f"lang=en&{fragment}"
    with visit(browser, f"{address}#{fragment}", **options) as page:
        page.wait_for_selector("#norms td")
        yield page


DESCENT: dict[str, Any] = {"rate": 0.1, "maxNorm": 1, "steps": 30}  # of the page


def reference(cell: Any, arrays: Mapping[str, Array], descent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what gradientByLag and descend return, by elman.cells."""
    target = arrays["target"]

    def run(U: Array) -> tuple[float, Array, Any]:
        parameters = [[LayerParameters(arrays["W"], U, arrays["bias"], np.zeros(len(U)))]]
        h, _, tape = unroll.forward(cell, parameters, arrays["x"][None])
        error = h[0, -1] - target
        return 0.5 * float(error @ error), error, tape

    def backward(error: Array, tape: Any) -> Any:
        d_outputs = np.zeros((1, len(arrays["x"]), len(target)))
        d_outputs[0, -1] = error
        return unroll.backward(tape, d_outputs, with_steps=True)

    def losses(max_norm: float) -> list[float]:
        U = arrays["U"].copy()
        loss, error, tape = run(U)
        values = [loss]
        for _ in range(descent["steps"]):
            if np.isfinite(loss):
                d_U = backward(error, tape).params[0][0].U
                U -= descent["rate"] * d_U * min(1.0, max_norm / np.linalg.norm(d_U))
                loss, error, tape = run(U)
            values.append(loss)
        return values

    loss, error, tape = run(arrays["U"])
    gradients = backward(error, tape)
    states = [np.linalg.norm(array[0], axis=1)[::-1] for array in gradients.steps[0][0].states]
    return {
        "loss": loss,
        "h": states[0],
        "c": states[1] if len(states) > 1 else [],
        "gradientNorm": float(np.linalg.norm(gradients.params[0][0].U)),
        "plain": losses(np.inf),
        "clipped": losses(descent["maxNorm"]),
    }


def assert_equal(result: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        numbers, wanted = np.array(result[name], float), np.array(value)
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(np.isfinite(numbers), finite, err_msg=name)  # NaN and infinity are alike
        np.testing.assert_allclose(numbers[finite], wanted[finite], 1e-9, 1e-300, err_msg=name)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_by_lag(engine: Engine, rng: np.random.Generator, name: str) -> None:
    is_simple = name not in ("gru", "lstm")
    cell = cells.Elman(name) if is_simple else cells.create(name)
    steps, inputs, hidden = 12, 3, 5
    rows = cell.gates * hidden
    shapes = {"W": (rows, inputs), "U": (rows, hidden), "bias": (rows,), "x": (steps, inputs), "target": (hidden,)}
    arrays: dict[str, Array] = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    descent = {"rate": 0.01, "maxNorm": 1, "steps": 5}
    network = {"cell": "elman" if is_simple else name, "activation": name if is_simple else "tanh"}
    values = {"network": {**network, "T": steps, "I": inputs, "H": hidden}, "descent": descent}
    request: dict[str, Any] = {
        "kind": "gradientByLag",
        "module": "kernels-float64.wasm",
        "precision": "float64",
        "values": values,
    }
    answers = [engine.answer({**request, "arrays": arrays}) for _ in range(30)]
    with np.errstate(over="ignore", invalid="ignore"):  # descent without clipping may explode
        assert_equal(answers[0], reference(cell, arrays, descent))
    assert answers[-1]["memory"] == answers[5]["memory"], "all memory is given back"


def saved(page: Any) -> list[dict[str, Any]]:
    """Return the networks that the page saves."""
    with page.expect_download() as download:
        page.click("#save")
    content = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert content["descent"] == DESCENT
    networks = content["networks"]
    assert isinstance(networks, list)
    return networks


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_the_numbers_of_the_page_are_those_of_python(browser: Any, address: str, activation: str) -> None:
    with open_page(browser, address, f"activation={activation}&gain=1.3&keep=2&H=12&T=21&seed=3") as page:
        networks = saved(page)
        table = page.evaluate(
            "[...document.querySelectorAll('#norms tr')].map((row) => [...row.children].map((c) => c.textContent))"
        )
    assert [entry["cell"] for entry in networks] == ["elman", "gru", "lstm"]
    norms = []
    for entry in networks:
        network = entry["network"]
        H, rows = network["H"], len(network["bias"])
        shapes = {"W": (rows, -1), "U": (rows, H), "bias": (rows,), "x": (network["T"], -1), "target": (H,)}
        arrays = {key: np.array(network[key]).reshape(shape) for key, shape in shapes.items()}
        cell = cells.Elman(activation) if entry["cell"] == "elman" else cells.create(entry["cell"])
        with np.errstate(over="ignore", invalid="ignore"):  # a step without clipping explodes
            expected = reference(cell, arrays, DESCENT)
        assert_equal({**entry["result"], **entry["descent"]}, expected)
        norms += [expected["h"], *([expected["c"]] if len(expected["c"]) else [])]
        if activation == "identity" and entry["cell"] == "elman":
            error = np.array(entry["result"]["h"][:1])
            powers = [np.linalg.matrix_power(arrays["U"].T, k) for k in range(network["T"])]
            last = np.linalg.norm(powers[-1], 2) * error[0]
            assert entry["result"]["h"][-1] <= last, "the gradient of a linear network goes with the powers of U"
    assert table[0][1:] == [f"k = {lag}" for lag in (0, 4, 8, 12, 16, 20)]
    for row, values in zip(table[1:], norms, strict=True):
        shown = [float(text.replace("−", "-")) for text in row[1:]]
        np.testing.assert_allclose(shown, np.array(values)[[0, 4, 8, 12, 16, 20]], 5e-3)


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_descent_is_drawn(browser: Any, address: str, activation: str) -> None:
    with open_page(browser, address, f"activation={activation}&gain=1.8&H=8&T=20") as page:
        descents = [entry["descent"] for entry in saved(page)]
        losses = [descent[kind] for descent in descents for kind in ("plain", "clipped")]
        shown = [[point for piece in pieces for point in piece] for pieces in lines(page, "#descent")]
        names = page.evaluate("[...document.querySelectorAll('#descent svg text')].map((t) => t.textContent)")
        cells_of = "(row) => [...row.children].map((cell) => cell.textContent)"
        rows = page.evaluate(f"[...document.querySelectorAll('#clipping tr')].slice(1).map({cells_of})")
    assert [len(values) for values in losses] == [31] * 6
    finite = [[(step, loss) for step, loss in enumerate(values) if loss is not None] for values in losses]
    is_thrown_away = len(finite[0]) < 31
    assert is_thrown_away == (activation == "identity"), "only a linear network goes to infinity"
    assert all(len(points) == 31 for points in finite[1:])
    assert [len(points) for points in shown] == [len(points) for points in finite]
    points, numbers = ([point for line in several for point in line] for several in (shown, finite))
    assert_line(points, [step for step, _ in numbers], [np.log(loss) for _, loss in numbers])
    clipped = [f"{name}, clipped" for name in ("simple network", "GRU", "LSTM")]
    assert [name for name in names if "clipped" in name] == clipped
    for row, descent in zip(rows, descents, strict=True):
        table = [row[1], *row[3:]]
        for text, loss in zip(table, (descent["plain"][0], descent["plain"][1], descent["clipped"][1]), strict=True):
            number = float(text.replace("−", "-").replace("∞", "inf"))
            assert number == pytest.approx(loss, rel=5e-3) if loss is not None else not np.isfinite(number)


def test_the_sliders_move_the_curves(browser: Any, address: str) -> None:
    with open_page(browser, address, "activation=identity&gain=0.5") as page:
        simple = saved(page)[0]["result"]["h"]
        assert simple[-1] < 1e-10 * simple[0]
        page.fill("#gain", "1.6")
        assert page.text_content("#gain-label") == "Gain of the recurrent weights U: 1.6"
        simple = saved(page)[0]["result"]["h"]
        assert simple[-1] > 1e5 * simple[0]
        before = saved(page)[2]["result"]["c"]
        page.fill("#keep", "6")
        after = saved(page)[2]["result"]["c"]
        assert after[-1] / after[1] > 10 * before[-1] / before[1], "an open forget gate keeps the gradient"
        address_now = page.url
        page.fill("#gain", "0.2")
        with_open_gates = [entry["result"]["h"] for entry in saved(page)[1:]]
        page.fill("#keep", "-3")
        with_closed_gates = [entry["result"]["h"] for entry in saved(page)[1:]]
        for open_gate, closed_gate in zip(with_open_gates, with_closed_gates, strict=True):
            assert open_gate[-1] > 1e6 * closed_gate[-1], "and so does the update gate of a GRU"
    with visit(browser, address_now) as page:
        assert (page.input_value("#gain"), page.input_value("#keep")) == ("1.6", "6")
        assert page.input_value("#activation") == "identity"


# Moves a slider several times without a pause, and returns the paths of both pictures after each move.
MOVE = """(values) => values.map((value) => {
  const slider = document.querySelector("#gain");
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
  return ["#figure", "#descent"].map((id) => document.querySelector(`${id} svg`).innerHTML);
})"""


def test_descent_waits_until_the_slider_rests(browser: Any, address: str) -> None:
    with open_page(browser, address, "gain=1.2") as page:
        first = page.inner_html("#descent svg")
        states = page.evaluate(MOVE, ["1.3", "1.4", "1.5"])
        assert len({curves for curves, _ in states}) == 3, "the other picture follows at once"
        assert {descent for _, descent in states} == {first}
        page.wait_for_function("(first) => document.querySelector('#descent svg').innerHTML !== first", arg=first)
        descent = page.inner_html("#descent svg")
    with open_page(browser, address, "gain=1.5") as page:
        assert page.inner_html("#descent svg") == descent


@pytest.mark.parametrize(("name", "value"), [("H", "0"), ("H", "65"), ("T", "1.5"), ("T", ""), ("seed", "-1")])
def test_a_wrong_number_is_refused(browser: Any, address: str, name: str, value: str) -> None:
    with open_page(browser, address, "lang=zh") as page:
        page.fill(f"#{name}", value)
        label = page.text_content(f"label[for={name}]")
        assert page.text_content("#problem").startswith(f"{label}：给出的是 {value or '–'}，应为")
        page.fill(f"#{name}", "5")
        assert page.text_content("#problem") == ""


def test_a_wrong_address_gives_the_first_network(browser: Any, address: str) -> None:
    with open_page(browser, address, "activation=none&H=x&gain=nothing") as page:
        assert page.input_value("#H") == "32"
        assert page.input_value("#activation") == "tanh"
        assert len(saved(page)[0]["result"]["h"]) == 50


def test_a_browser_that_cannot_run_the_kernels_is_reported(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en", script=NO_VECTORS) as page:
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("This browser cannot run the kernels")


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", 1200), ("zh", "light", 390)])
def test_everybody_can_read_the_page(browser: Any, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with open_page(browser, (MODULES / "gradients.html").as_uri(), f"lang={language}&gain=1.6", **options) as page:
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
