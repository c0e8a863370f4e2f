"""Errors as answers: JSON with code, message, hint and where in English, and `text` in the language of the page.

What a reader may do wrong on the page, such as an empty input, is an ElmanError. Its answer has the status 200 and the
header X-Elman-Problem: a browser writes every other status to the console of the page, as if the page were wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from elman.errors import ConfigError, ElmanError, ResourceError
from elman.explanation import describe_error
from elman.translations import Language, use_language

PROBLEM_HEADER = "X-Elman-Problem"  # has the code of the error


def answer_errors(app: FastAPI) -> None:
    """Add the answers for the errors of elman, of a body that is not as expected, and of HTTP."""

    @app.exception_handler(ElmanError)
    def failed(request: Request, error: ElmanError) -> Response:
        return _error_answer(request, error, 200)

    @app.exception_handler(OSError)
    def failed_disk(request: Request, error: OSError) -> Response:
        return _error_answer(request, ElmanError(error.strerror or str(error), where=str(error.filename or "")), 200)

    @app.exception_handler(MemoryError)
    def out_of_memory(request: Request, error: MemoryError) -> Response:
        problem = ResourceError("out of memory", hint="Try a smaller model, or a shorter text")
        return _error_answer(request, problem, 200)

    @app.exception_handler(ClientDisconnect)
    def left(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # which nobody receives

    @app.exception_handler(Exception)
    def mistake(request: Request, error: Exception) -> Response:
        return _error_answer(request, ElmanError(f"{type(error).__name__}: {error}"), 500)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][1:]))
        return _error_answer(request, ConfigError(str(first["msg"]), where=where or None), 422)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return _error_answer(request, ElmanError(error.detail), error.status_code)


def _error_answer(request: Request, error: ElmanError, status: int) -> Response:
    with use_language(language_of(request)):
        text = describe_error(error)
    content = {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where, "text": text}
    return json_answer(content, status, {PROBLEM_HEADER: error.code})


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON in ASCII, which has no lone surrogates."""
    return Response(json.dumps(content, allow_nan=False), status, headers, "application/json")


def language_of(request: Request) -> Language:
    """Return the language of the page, which it sends as ?lang=."""
    return "zh" if request.query_params.get("lang") == "zh" else "en"
