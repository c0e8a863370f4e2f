"""The teacher's key of the exercises on recurrent layers, from the source of elman.cells.

A cell is written once, in cells/, for any layer; here its source is rewritten for the signatures of the exercises.
"""

from __future__ import annotations

import ast
import inspect
import textwrap

from elman.cells import GRU, LSTM, Elman, activations, gradcheck, readout, unroll

from .specialization import source_of, specialized, statements


def step() -> str:
    """Return the statements of one step."""
    a = statements(unroll._forward_layer, "a", {"p.W": "W", "p.b_ih": "b", "p.b_ih is None": "False"})
    u = statements(unroll._forward_layer, "u", {"state[0]": "h_prev", "U_T": "U.T", "p.b_hh is None": "True"})
    h = specialized(Elman.forward, {"self._f": "np.tanh", "return (h_next,), (h_next,)": "return h_next"})
    return "\n".join([a, u, h])


def unroll_steps() -> str:
    """Return the statements of a loop over all steps that calls `step`."""
    removed = [
        "_expect('arrays of the state', len(state), len(cell.states))",
        "for s in state: _expect('shape of the state', s.shape, (B, H))",
        '_expect("cell\'s own parameters", sorted(p.cell_parameters), sorted(initial_parameters(cell, H)))',
        "step: Callable[..., tuple[State, tuple[Array, ...]]] = cell.forward",
        "own = (p.cell_parameters,) if p.cell_parameters else ()",
        "a = x @ p.W.T if p.b_ih is None else x @ p.W.T + p.b_ih",
        "steps: list[StepTape] = []",
        "U_T = p.U.T",
        "u = state[0] @ U_T if p.b_hh is None else state[0] @ U_T + p.b_hh",
        "tape.steps.extend(reversed(steps) if tape.reverse else steps)",
    ]
    changed = {
        "p, x = tape.parameters, tape.x": "h = h_0",
        "p.hidden_size": "len(U)",
        "a.dtype": "x.dtype",
        "state_next, cell_tape = step(a[:, t], u, state, *own)": "h = step(W, U, b, x[:, t], h)",
        "state_next[0]": "h",
        "state = state_next": "",
        "return outputs, state": "return outputs",
    }
    facts = {
        "tape.reverse": "False",
        "reset is not None": "False",
        "active is None": "True",
        "keep_tape": "False",
    }
    return specialized(unroll._forward_layer, {**dict.fromkeys(removed, ""), **changed, **facts})


def cross_entropy() -> str:
    """Return the statements of the loss."""
    changed = {
        "entries = np.arange(targets.size), targets.reshape(-1)": "",
        "mask is not None": "False",
        "mask is None": "True",
        "targets.size and (not (targets.min() >= 0 and targets.max() < logits.shape[-1]))": "False",
        # The same without indices that elman reuses: one position at a time in the last axis.
        "np.exp(log_p, order='C')": "np.exp(log_p)",
        "log_p.reshape(-1, log_p.shape[-1])[entries]": "np.take_along_axis(log_p, targets[..., None], axis=-1)",
        "d_logits.reshape(-1, log_p.shape[-1])[entries] -= 1.0": (
            "np.put_along_axis(d_logits, targets[..., None], np.exp(picked) - 1.0, axis=-1)"
        ),
        "return -float(picked.sum(dtype=np.float64)), targets.size, d_logits": (
            "return -float(picked.sum()) / targets.size, d_logits / targets.size"
        ),
    }
    return specialized(readout.softmax_cross_entropy, changed)


def readout_forward() -> str:
    """Return the statements of the output layer."""
    return specialized(readout.forward, {"np.asarray(h @ V.T if b is None else h @ V.T + b)": "h @ V.T + c"})


def log_softmax() -> str:
    """Return the source of log_softmax."""
    return source_of(readout.log_softmax)


def linear_backward() -> str:
    """Return the source of a function with the derivatives of a linear layer."""
    return source_of(readout.backward, "linear_backward")


def srn_functions() -> str:
    """Return the functions that the solution of srn calls."""
    return f"{log_softmax()}\n\n\n{linear_backward()}"


def derivative(activation: str, output: str) -> str:
    """Return the derivative of an activation function as an expression of its output."""
    for node in ast.walk(ast.parse(inspect.getsource(activations))):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and ast.unparse(key) == repr(activation) and isinstance(value, ast.Call):
                    function = value.args[1]
                    assert isinstance(function, ast.Lambda)
                    (argument,) = function.args.args
                    return ast.unparse(function.body).replace(argument.arg, output)
    raise ValueError(f"activations has no {activation!r}")


def pre_activation_gradient(d_h: str, h: str) -> str:
    """Return the expression for the derivative with respect to the sum before tanh."""
    line = statements(
        Elman.backward, "d_a", {"d_h_next": d_h, "self._derivative(h_next)": f"({derivative('tanh', h)})"}
    )
    return line.removeprefix("d_a = ")


def step_backward() -> str:
    """Return the statements of the derivatives of one step."""
    return (
        f"d_a = {pre_activation_gradient('d_h', 'h')}\n"
        "d_x, d_W, d_b = linear_backward(d_a, x, W)\nd_h_prev, d_U, _ = linear_backward(d_a, h_prev, U)\nreturn d_W, "
        "d_U, d_b, d_x, d_h_prev"
    )


def sigmoid() -> str:
    """Return the source of the sigmoid."""
    return source_of(activations.sigmoid)


def output_backward() -> str:
    """Return the statements of the derivatives of the output layer."""
    return specialized(readout.backward)


def bptt_functions() -> str:
    """Return what the exercise bptt gives: the forward computation, and finite differences."""
    step_lines, unroll_lines = (textwrap.indent(lines, "    ") for lines in (step(), unroll_steps()))
    differences = source_of(gradcheck.numerical_gradient)
    return (
        f"def step(W, U, b, x, h_prev):\n{step_lines}\n\n\n"
        f"def unroll(W, U, b, x, h_0):\n{unroll_lines}\n\n\n"
        f"{differences}"
    )


def backward_through_time() -> str:
    """Return the statements of backpropagation through all steps."""
    removed = [
        "p, x, cell = layer.parameters, layer.x, tape.cell",
        "step_backward: Callable[..., tuple[Any, ...]] = cell.backward",
        "d_own = {name: np.zeros_like(value) for name, value in p.cell_parameters.items()}",
        "d_u = np.zeros((B, T, len(p.U)), d_outputs.dtype)",
        "d_past = None",
        "d_states = tuple(np.zeros((B, T, H), d_outputs.dtype) for _ in cell.states)",
        "d_s = (d_s[0] + d_outputs[:, t], *d_s[1:])",
        "for d_after, derivative in zip(d_states, d_s, strict=True): d_after[:, t] = derivative",
        "step = layer.steps[t]",
        "for name, total in d_own.items(): total += d_parameters[0][name]",
    ]
    gradient = pre_activation_gradient("(d_h + d_outputs[:, t])", "h[:, t]")
    changed = {
        "p.hidden_size": "len(U)",
        "p.W": "W",
        "d_s = tuple(np.zeros((B, H), d_outputs.dtype) for _ in cell.states) if d_state is None else d_state": (
            "d_h = np.zeros((B, H), d_outputs.dtype)"
        ),
        "d_a[:, t], d_u[:, t], d_s, *d_parameters = step_backward(d_s, step.cell)": f"d_a[:, t] = {gradient}",
        "step.state_prev[0]": "h[:, t - 1] if t > 0 else h_0",
        "d_s = (d_s[0] + d_u[:, t] @ p.U, *d_s[1:])": "d_h = d_a[:, t] @ U",
        "gradients = LayerParameters(W=_sum_of_products(d_a, x), U=_sum_of_products(d_u, h_prev), b_ih=None if "
        "p.b_ih is None else d_a.sum(axis=(0, 1)),"
        " b_hh=None if p.b_hh is None else d_u.sum(axis=(0, 1)), cell_parameters=d_own)": (
            "d_W, d_U, d_b = sum_of_products(d_a, x), sum_of_products(d_a, h_prev), d_a.sum(axis=(0, 1))"
        ),
        "return np.asarray(d_a @ p.W), gradients, d_s, StepGradients(d_states, d_a, d_u)": (
            "return d_a, d_W, d_U, d_b, d_a @ W, d_h"
        ),
    }
    facts = ["layer.reverse", "tape.reset is not None", "tape.active is not None", "d_past is not None"]
    return specialized(
        unroll._backward_layer, {**dict.fromkeys(removed, ""), **changed, **dict.fromkeys(facts, "False")}
    )


def sum_of_products() -> str:
    """Return the source of the sum of outer products over batch and time."""
    return source_of(unroll._sum_of_products, "sum_of_products")


def lstm_forward() -> str:
    """Return the statements of one step of the LSTM."""
    returned = "return (h_next, c_next), (i, f, g, o, c, tanh_c)"
    return specialized(LSTM.forward, {"h, c = state": "", "h.shape": "c.shape", returned: "return h_next, c_next"})


def lstm_backward() -> str:
    """Return the statements of the derivatives of one step of the LSTM."""
    arguments = "(d_h_next, d_c_next), (i, f, g, o, c, tanh_c) = d_state_next, tape"
    returned = "return d_a, d_a, (np.zeros_like(d_h_next), d_c)"
    return specialized(LSTM.backward, {arguments: "tanh_c = np.tanh(c_next)", returned: "return d_a, d_c"})


def gru_forward() -> str:
    """Return the statements of one step of the GRU."""
    return specialized(
        GRU.forward, {"(h,) = state": "", "return (h_next,), (r, z, n, u_n, h)": "return r, z, n, h_next"}
    )


def gru_backward() -> str:
    """Return the statements of the derivatives of one step of the GRU."""
    arguments = "(d_h_next,), (r, z, n, u_n, h) = d_state_next, tape"
    return specialized(GRU.backward, {arguments: "", "return d_a, d_u, (d_h,)": "return d_a, d_u, d_h"})
