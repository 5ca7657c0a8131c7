"""The pieces that a description is made of: references, media types, headers, parameters, answers, operations.

Thin makers of openapi-pydantic's models, because those with fields named `in`, `schema` and `$ref` can only be made
from their aliases. What is described is said by the modules of the routes.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from openapi_pydantic import Example, Header, MediaType, Operation, Parameter, Reference, Response, Schema

JsonSchema: TypeAlias = Mapping[str, object]
Security: TypeAlias = list[dict[str, list[str]]]

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

PUBLIC: Security = []


def schema_ref(name: str) -> dict[str, object]:
    """A reference to a schema of the components, for use within a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer_ref(name: str) -> Reference:
    """A reference to a response of the components."""
    return Reference.model_validate({"$ref": f"#/components/responses/{name}"})


def header_ref(name: str) -> Reference:
    """A reference to a header of the components."""
    return Reference.model_validate({"$ref": f"#/components/headers/{name}"})


def nullable(schema: JsonSchema) -> dict[str, object]:
    """The schema, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def exact_object(properties: Mapping[str, JsonSchema], description: str, **more: object) -> dict[str, object]:
    """An object that always has all of these members."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": dict(properties),
        **more,
    }


def content(media_type: str, schema: JsonSchema, **examples: object) -> dict[str, MediaType]:
    """Content of one media type, with named examples."""
    return {media_type: media(schema, **examples)}


def media(schema: JsonSchema, **examples: object) -> MediaType:
    """What one media type holds, with named examples."""
    described: dict[str, object] = {"schema": Schema.model_validate(schema) if "$ref" not in schema else schema}
    if examples:
        described["examples"] = {name: Example(value=value) for name, value in examples.items()}
    return MediaType.model_validate(described)


def header(description: str, schema: JsonSchema, *, required: bool = True) -> Header:
    """A response header."""
    return Header.model_validate({"description": description, "required": required, "schema": schema})


def parameter(
    place: str,
    name: str,
    description: str,
    schema: JsonSchema,
    *,
    example: object = None,
    required: bool = False,
    **more: object,
) -> Parameter:
    """A parameter in `query`, `path` or `header`."""
    described: dict[str, object] = {"in": place, "name": name, "description": description, "schema": schema, **more}
    if required or place == "path":
        described["required"] = True
    if example is not None:
        described["example"] = example
    return Parameter.model_validate(described)


def answer(
    description: str,
    body: Mapping[str, MediaType] | None = None,
    headers: Mapping[str, Header | Reference] | None = None,
) -> Response:
    """An answer. Every one carries `x-request-id`."""
    described: dict[str, Header | Reference] = {"x-request-id": header_ref("x-request-id"), **(headers or {})}
    if body is None:
        return Response(description=description, headers=described)
    return Response(description=description, headers=described, content=dict(body))


def operation(
    operation_id: str,
    tag: str,
    summary: str,
    description: str,
    responses: Mapping[str, Response | Reference],
    security: Security,
    parameters: Sequence[Parameter] = (),
) -> Operation:
    """One method of one path, with the answers that every request may get."""
    everywhere = {
        "408": answer_ref("RequestTimeout"),
        "431": answer_ref("HeadersTooLarge"),
        "503": answer_ref("Unavailable"),
    }
    described = Operation(
        operationId=operation_id,
        tags=[tag],
        summary=summary,
        description=description,
        responses=dict(sorted({"400": answer_ref("BadRequest"), **everywhere, **responses}.items())),
        security=security,
    )
    if parameters:
        described.parameters = list(parameters)
    return described
