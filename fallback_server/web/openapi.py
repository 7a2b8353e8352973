"""The OpenAPI document, made from the same routes that are enforced."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from fallback_server.domain.errors import CATALOG
from fallback_server.web.routes import Api, Route

_SCHEMA = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "hint"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "A sentence for staff in the caller's language"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(CATALOG)},
        "detail": {"type": "string"},
        "hint": {"type": "string", "description": "For IT"},
        "params": {"type": "object", "additionalProperties": {"type": "string"}},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def document(apis: list[Api], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of all routes of all windows."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for api in apis:
        for route in api.routes:
            paths.setdefault("/api/v1" + route.path, {})[route.method.lower()] = _operation(api.window, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "HIS-YJ", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(window: str, route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    if route.query is not None:
        shape = _shape(route.query, schemas)
        required = set(shape.get("required", ()))
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in shape.get("properties", {}).items()
        ]
    if route.method == "POST" and route.keyed and route.free is None:
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": True,
                           "schema": {"type": "string", "minLength": 8, "maxLength": 80}})  # fmt: skip
        parameters.append({"name": "YJ-Epoch", "in": "header", "required": False, "schema": {"type": "string"}})
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method} {route.path}").strip("_").lower(),
        "summary": route.summary,
        "tags": [window],
        "parameters": parameters,
        "responses": {
            str(route.status): {"description": "Done", "content": {route.produces: {"schema": {}}}},
            "default": {"description": "Refused or failed", "content": problem},
        },
    }
    if route.roles:
        operation["security"] = [{"session": []}]
        operation["x-roles"] = sorted(route.roles)
    if route.body is not None:
        _shape(route.body, schemas)
        reference = {"$ref": _SCHEMA.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation


def _shape(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    shape = model.model_json_schema(ref_template=_SCHEMA)
    schemas.update(shape.pop("$defs", {}))
    schemas[model.__name__] = shape
    return shape
