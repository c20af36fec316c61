"""What the server does, as an OpenAPI document, from the table of endpoints: for tools that make or test clients."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from replica.server.endpoint import Endpoint
from replica.server.gate.credentials import COOKIE
from replica.server.gate.rights import Need

_PART = re.compile(r"{(\w+)(?::(\w+))?}")
_WITH_BODY = ("POST", "PUT")
_PROBLEM = {
    "type": "object",
    "required": ["error", "reason"],
    "properties": {name: {"type": "string"} for name in ("error", "reason", "code", "hint")},
}
_SCHEMES = {
    "password": {"type": "http", "scheme": "basic", "description": "Name and password of a user."},
    "token": {"type": "http", "scheme": "bearer", "description": "A token made by `replicate token create`."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Given by `POST /_session`, as by CouchDB.",
    },
    "certificate": {"type": "mutualTLS", "description": "A client's certificate, whose common name is that of a user."},
}


def openapi(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """An OpenAPI 3.1 document. Of two endpoints with one path and method the first counts, as when a request is routed."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(_PART.sub(r"{\1}", endpoint.path), {})
        for method in endpoint.methods:
            operations.setdefault(method.lower(), _operation(method, endpoint))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "notes-replica",
            "version": version("notes-replica"),
            "description": "CouchDB's API for documents and replication.",
        },
        "paths": paths,
        "security": [{scheme: []} for scheme in _SCHEMES],
        "components": {"schemas": {"Problem": _PROBLEM}, "securitySchemes": _SCHEMES},
    }


def _operation(method: str, endpoint: Endpoint) -> dict[str, Any]:
    parts = [name for name, _ in _PART.findall(endpoint.path)]
    operation: dict[str, Any] = {
        "summary": (endpoint.handler.__doc__ or "").partition("\n")[0],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parts),
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in endpoint.parameters),
        ],
        "responses": {
            "2XX": {"description": "Done."},
            "4XX": _complaint("The request cannot be served."),
            "5XX": _complaint("Not offered, or something is wrong with the server or its files."),
        },
    }
    if endpoint.needs is Need.NOTHING:
        operation["security"] = [{}]
    if method in _WITH_BODY:
        operation["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    return operation


def _complaint(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
