"""Bodies of requests: from JSON to a checked value in one step, and their schemas for OpenAPI.

pydantic reads the bytes itself. FastAPI would make Python objects of all of them first, and keep those of a wrong body
until the garbage collector comes, ten times as large as the body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.json_schema import models_json_schema

from elman.errors import ElmanError

MAX_FIELDS = 100  # of a body
MAX_MESSAGE, MAX_WHERE = 300, 100  # characters
SCHEMAS = "#/components/schemas/{model}"
T = TypeVar("T")


class MalformedBodyError(ElmanError):
    """The body is not JSON."""

    code = "request"


class WrongBodyError(ElmanError):
    """The body is not as expected."""

    code = "request"


class Body(BaseModel):
    """What all bodies of requests have in common: nothing but the fields that are declared.

    Validation stops at the first error of a list, and at too many fields: a body of a megabyte may have as many errors
    as it has bytes, and each takes more memory than its byte.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, values: Any) -> Any:
        return with_few_keys(values, MAX_FIELDS)


def with_few_keys(values: Any, most: int) -> Any:
    """Return what came in a body, before it is validated; a dict of too many keys is a ValueError."""
    if isinstance(values, dict) and len(values) > most:
        raise ValueError(f"given {len(values):,} keys; expected {most:,} at most")
    return values


def with_body(
    kind: type[Body], answer: Callable[[Request, Any], Awaitable[T]]
) -> tuple[Callable[[Request], Awaitable[T]], dict[str, Any]]:
    """Return a handler that calls `answer` with the request and its body, and what OpenAPI says of the body."""

    async def handle(request: Request) -> T:
        return await answer(request, parsed(kind, await request.body()))

    schema = {"$ref": SCHEMAS.format(model=kind.__name__)}
    return handle, {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def parsed(kind: type[Body], content: bytes) -> Any:
    """Return the body of a request; a MalformedBodyError or a WrongBodyError says what is wrong with it."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    message, where = str(first["msg"])[:MAX_MESSAGE], ".".join(map(str, first["loc"]))[:MAX_WHERE]
    if first["type"] == "json_invalid":
        raise MalformedBodyError(message)
    raise WrongBodyError(message, where=where or None)


def schema_with(app: Any, kinds: Iterable[type[Body]]) -> dict[str, Any]:
    """Return the OpenAPI document of an app with the schemas of bodies."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, definitions = models_json_schema([(kind, "validation") for kind in kinds], ref_template=SCHEMAS)
    document["components"]["schemas"].update(definitions["$defs"])
    return document
