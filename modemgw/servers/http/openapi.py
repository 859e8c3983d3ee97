"""/openapi.json, generated from the same operations and models that serve, and /docs, a page that shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from modemgw import __version__
from modemgw.dialects.seam import Dialect
from modemgw.servers.http import models
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.servers.http.problems import CONTENT_TYPE, HTTP_ERRORS, REFUSALS

_REF = "#/components/schemas/{model}"


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    inputs = {op.body for op in operations if op.body is not None}
    outputs = {answer for op in operations for answer in op.answers.values() if not isinstance(answer, str)}
    wanted: list[tuple[type[BaseModel], Any]] = [
        *((model, "validation") for model in sorted(inputs, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(outputs, key=lambda model: model.__name__)),
        (models.Problem, "serialization"),
    ]
    refs, definitions = models_json_schema(wanted, ref_template=_REF)
    paths: dict[str, Any] = {}
    for op in operations:
        paths.setdefault(op.path, {})[op.method.lower()] = _operation(op, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "modemgw",
            "version": __version__,
            "summary": "Send and receive SMS through your own SIM cards.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The account's api_key."},
                "basic": {"type": "http", "scheme": "basic", "description": "The account's login and password."},
            },
        },
    }


def _operation(op: Operation, refs: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": op.summary,
        "operationId": getattr(op.handler, "__name__", op.path),
        "parameters": [*_path_parameters(op.path), *_query_parameters(op.query)],
        "responses": {},
        "security": [{"bearer": []}, {"basic": []}] if op.auth else [],
    }
    if op.body is not None:
        schema = refs[(op.body, "validation")]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    for status, answer in op.answers.items():
        if isinstance(answer, str):
            content: dict[str, Any] = {answer: {"schema": {"type": "string"}}}
            text = "Text."
        else:
            content = {"application/json": {"schema": refs[(answer, "serialization")]}}
            text = (answer.__doc__ or "").strip().partition("\n")[0]
        for also in op.also:
            content[also] = {"schema": {"type": "string"}}
        described["responses"][str(status)] = {"description": text, "content": content}
    problems = {*op.problems, 401} if op.auth else set(op.problems)
    if op.query is not models.NoQuery or op.auth:
        problems.add(400)
    for status in sorted(problems):
        described["responses"][str(status)] = {
            "description": _title(status),
            "content": {CONTENT_TYPE: {"schema": refs[(models.Problem, "serialization")]}},
        }
    return described


def _title(status: int) -> str:
    if status in HTTP_ERRORS:
        return HTTP_ERRORS[status][1]
    titles = [title for code, title in REFUSALS.values() if code == status]
    return " / ".join(titles)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    if "{name}" in path:
        return [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    if "{id}" not in path:
        return []
    schema = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    return [{"name": "id", "in": "path", "required": True, "schema": schema}]


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    required = schema.get("required", [])
    parameters = []
    for name, described in schema.get("properties", {}).items():
        shape = {key: value for key, value in described.items() if key not in {"title", "description"}}
        shape = _inlined(shape, schema.get("$defs", {}))
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": described.get("description", ""),
                "schema": shape,
            }
        )
    return parameters


def _inlined(shape: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """An optional query parameter is left out rather than null, so only its real type is told."""
    for option in shape.get("anyOf", []):
        if "$ref" in option:
            return dict(definitions[option["$ref"].rsplit("/", 1)[1]])
    return shape


class DocsApi:
    """The description as JSON and as a page. Each is made when it is first asked for: it costs 0.05 s."""

    def __init__(self, operations: Sequence[Operation], dialects: Sequence[Dialect]) -> None:
        self._operations = operations
        self._dialects = dialects

    @cached_property
    def _document(self) -> dict[str, Any]:
        return describe([*self._operations, *self.operations()])

    @cached_property
    def _json(self) -> bytes:
        return json.dumps(self._document, ensure_ascii=False).encode()

    @cached_property
    def _page(self) -> bytes:
        # imported here: most gateways are never asked for the page
        from jinja2 import Environment, FileSystemLoader, select_autoescape

        templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        page = templates.get_template("docs.html")
        return page.render(
            api=self._document, dialects=self._dialects, refusals=REFUSALS, http_errors=HTTP_ERRORS
        ).encode()

    def operations(self) -> list[Operation]:
        """The table."""
        return [
            Operation(
                "GET",
                "/openapi.json",
                self.openapi,
                "This description.",
                {200: "application/json"},
                query=models.AnyQuery,
                auth=False,
            ),
            Operation(
                "GET",
                "/docs",
                self.docs,
                "This description as a page.",
                {200: "text/html"},
                query=models.AnyQuery,
                auth=False,
            ),
            Operation(
                "GET",
                "/",
                self.root,
                "Leads a browser to that page.",
                {302: "text/plain"},
                query=models.AnyQuery,
                auth=False,
            ),
        ]

    async def openapi(self, _call: Call[models.AnyQuery, None]) -> Answer:
        """GET /openapi.json."""
        return web.Response(body=self._json, content_type="application/json")

    async def docs(self, _call: Call[models.AnyQuery, None]) -> Answer:
        """GET /docs."""
        return web.Response(
            body=self._page,
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    async def root(self, _call: Call[models.AnyQuery, None]) -> Answer:
        """GET /."""
        return web.Response(status=302, text="See /docs.\n", headers={"Location": "/docs"})
