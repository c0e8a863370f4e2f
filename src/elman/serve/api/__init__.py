"""elman serve: models over HTTP, for other programs.

    app.py          the addresses
    gate.py         what every request must have, and how many are answered at a time
    connections.py  connections that are silent or slow are closed, and refusals are quick
    limits.py       every limit, with its default
    bodies.py       bodies of requests, and their schemas
    served_models.py the models by name, and new versions of them
    batches.py      requests that arrive together are computed together
    predictions.py  /predict          generation.py   /generate          streams.py   /streams
    stream_store.py the states of streams, which all workers share
    telemetry.py    metrics and the log
    workers.py      one process or several, their start and their end

What is computed is what `elman predict` and `elman generate` compute, by the same functions.
"""
