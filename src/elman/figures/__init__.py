"""Figures: one style for all of elman, and drawings of arrays (extra plot). They know no task and no model.

    style.py        colours, fonts, sizes; writes a drawing as PNG, SVG or PDF
    sequences.py    over the steps of a sequence: states, units on text, gates, attention, norms by lag, a beam
    training.py     training curves, confusion matrix, reliability
    series.py       a series and its forecast with the prediction interval

A drawing is a function draw(figure, language) that fills a matplotlib Figure, as in the labs.
"""
