"""Serve: elman over HTTP. The only part that imports FastAPI (extra `serve`).

    api/           `elman serve`: models for other programs
    studio.py      the addresses of `elman studio`: lists, traces, trainings, events
    guard.py       what every request must have: the token, this host, this origin, a body that is not too large
    folders.py     the runs, models and data files in the folders named at the start; nothing else is ever opened
    run_status.py  what a run does now; model_status.py: the task of a model folder
    record_file.py metrics.jsonl, followed while a training writes it
    events.py      the same as server-sent events
    trainings.py   trainings in processes of their own
    input_traces.py traces of an input by a model
    server.py      the socket, and the start and the end of the process

The page is web/studio.html, built from web/pages/studio. Nothing here trains or predicts: trainings are `elman train`
and `elman resume`, and traces are those of the predictors.
"""
