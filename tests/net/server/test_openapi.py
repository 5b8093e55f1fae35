"""The document: valid, complete, and what the server holds itself to."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from daemon.net.api import core, keys, workflow_test
from daemon.net.server.app import in_order
from daemon.net.server.openapi import document
from daemon.net.server.schema import Schemas
from tests.net.server import zoo
from tests.net.server.served import serving_routes

TABLES = (core.routes, keys.routes, zoo.routes)


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return document(in_order(TABLES), version="1.2.3")


def operations(api: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in api["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_document_is_valid(api: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []


def test_every_route_is_in_it_once_under_a_name_of_its_own(api: dict[str, Any]) -> None:
    found = list(operations(api))
    assert len(found) == len(in_order(TABLES))
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)


def test_every_operation_says_who_may_call_it(api: dict[str, Any]) -> None:
    for path, method, operation in operations(api):
        guarded = operation["security"] == [{"key": []}]
        assert ("Role: " in operation["description"]) == guarded, (method, path)
        assert ("401" in operation["responses"]) == guarded


def test_a_status_of_a_seed_is_told_in_place_of_the_usual() -> None:
    seeds = document(in_order((workflow_test.routes,)), version="1.2.3")
    found = [operation for path, _, operation in operations(seeds) if path.startswith(workflow_test.ONE)]
    assert len(found) == 5
    assert all("400" in operation["responses"] and "404" not in operation["responses"] for operation in found)


def test_constraints_unions_defaults_and_words_are_in_the_schemas(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]
    animal = schemas["NewAnimal"]
    assert animal["required"] == ["name", "is_a"]
    assert animal["additionalProperties"] is False
    assert animal["properties"]["name"] == {
        "type": "string", "minLength": 1, "maxLength": 20, "description": "What it is called.", "examples": ["Jonah"]
    }  # fmt: skip
    assert animal["properties"]["is_a"]["discriminator"] == {
        "propertyName": "kind",
        "mapping": {"fish": "#/components/schemas/Fish", "bird": "#/components/schemas/Bird"},
    }
    assert schemas["Fish"]["required"] == ["fins", "kind"]
    assert animal["properties"]["code"]["anyOf"] == [{"type": "string", "pattern": "^(?:[A-Z]{3})$"}, {"type": "null"}]
    assert animal["properties"]["size"] == {"$ref": "#/components/schemas/Size", "default": "small"}
    assert animal["properties"]["food"]["maxItems"] == 3
    assert animal["properties"]["young"]["items"] == {"$ref": "#/components/schemas/NewAnimal"}
    assert schemas["Size"]["enum"] == ["small", "large"]


def test_two_types_of_one_name_are_refused() -> None:
    schemas = Schemas()
    schemas.of(zoo.Size)
    with pytest.raises(TypeError, match="two types"):
        schemas.of(StrEnum("Size", ["A"]))


async def test_the_document_is_served_to_anybody_and_so_is_a_page_that_needs_no_internet(tmp_path: Path) -> None:
    async with serving_routes(tmp_path) as served:
        told = await served.get("/openapi.json", role=None)
        assert told.json["openapi"] == "3.1.0"
        for path in ("/docs", "/docs/page.js", "/docs/page.css", "/"):
            asset = await served.get(path, role=None)
            assert asset.status == 200
            assert "default-src 'none'" in asset.headers["Content-Security-Policy"]
            assert b"http://" not in asset.body
            assert b"https://" not in asset.body
            assert b"<script>" not in asset.body


def test_the_page_makes_no_markup_from_text() -> None:
    script = Path("daemon/net/server/docs_page/page.js").read_text("utf-8")
    assert "innerHTML" not in script
    assert "eval(" not in script
