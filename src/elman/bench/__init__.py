"""Speed measurements: elman compared with its peers and with the limit of the machine (`elman bench`).

    limit.py        what this machine can do: the rate of matrix products and the rate of reading memory
    train.py        forward and backward pass of one layer            layers.py     elman's layer and those of the peers
    step.py         one step with batch size 1                        steppers.py   elman's step and those of the peers
    timing.py       alternating rounds, medians, ratios, and the check that all implementations compute the same
    table.py, plot.py, report.py     the measurements as text, as a figure and as JSON

Peers are imported inside functions, and only if they are requested. Compare only figures of the same run.
"""
