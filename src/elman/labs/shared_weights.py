"""The weights of a recurrent network are the same at every step: this saves parameters, not operations.

    h_t = tanh(W x_t + U h_(t-1) + b + c)        the same W, U, b and c at every t

Every step multiplies by all weights, whether they are those of the step before or not.
"""

from __future__ import annotations

from .lab import Lab, Report, Text

HIDDEN, STEPS = 32, 10


def count_operations(*, shared: bool) -> tuple[int, int]:
    """Return the parameters and the operations of ten steps of a cell, by one set of weights or by ten."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    cells = [torch.nn.RNNCell(HIDDEN, HIDDEN) for _ in range(1 if shared else STEPS)]
    with FlopCounterMode(display=False) as counter:
        h = torch.zeros(1, HIDDEN)
        for t in range(STEPS):
            h = cells[0 if shared else t](torch.ones(1, HIDDEN), h)
    parameters = sum(parameter.numel() for cell in cells for parameter in cell.parameters())
    return parameters, counter.get_total_flops()


def run(report: Report) -> None:
    """Count the parameters and operations of ten steps."""
    (one_set, operations), (ten_sets, same_operations) = (count_operations(shared=shared) for shared in (True, False))
    report.say(
        en=f"{STEPS} steps by one set of weights: {one_set:,} parameters and {operations:,} operations. By ten "
        f"sets: {ten_sets:,} parameters and {same_operations:,} operations. Sharing saves parameters, not operations.",
        zh=f"{STEPS} 步共用一组权重：{one_set:,} 个参数，{operations:,} 次运算；每步各用一组：{ten_sets:,} 个参数，"
        f"{same_operations:,} 次运算。参数共享减少的是参数，不是运算量。",
    )
    report.equal(Text("parameters, ten sets / one", "参数个数之比，十组比一组"), ten_sets / one_set, float(STEPS))
    report.equal(Text("operations, ten sets / one", "运算次数之比，十组比一组"), same_operations / operations, 1.0)


LAB = Lab(
    name="shared-weights",
    chapter="srn",
    title=Text("Sharing weights saves parameters, not operations", "参数共享减少的是参数，不是运算量"),
    claim=Text(
        "Ten steps by one set of weights have a tenth of the parameters of ten sets, and as many operations.",
        "十步共用一组权重，参数是十组的十分之一，运算量相同。",
    ),
    source=Text("Elman (1990); Goodfellow et al. (2016), section 10.1", "Elman（1990）；Goodfellow 等（2016）10.1 节"),
    seconds=1.0,
    run=run,
)
