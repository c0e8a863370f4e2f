"""Side-by-side measurements against peers and against the machine's own limit: elman bench.

    limit.py        what this machine can do: the rate of matrix products, the rate of reading memory
    train.py        forward and backward of one layer                 layers.py     ours and the peers'
    step.py         one step at batch 1                               steppers.py   ours and the peers'
    timing.py       contenders in turn, medians, ratios; a contender that computes something else is refused
    table.py, plot.py, report.py     what was measured, as text, as a picture, as JSON

Peers are imported inside functions, and only those that are asked for. Figures are only comparable within one run.
"""
