"""Figures: one style for all of elman, and drawings of arrays (extra plot). They know no task and no model.

    style.py          colours, fonts, sizes; writes a drawing as PNG, SVG or PDF
    sequences.py      over the steps of a sequence: states, gates, attention, norms by lag, a beam
    coloured_text.py  tokens of a text, coloured by the values of units or by weights
    unrolled.py       a small network, unrolled over its steps, with the numbers of its units
    training.py       training curves, confusion matrix, reliability
    series.py         a series and its forecast with the prediction interval

A drawing is a function draw(figure, language) that fills a matplotlib Figure, as in the labs.
"""
