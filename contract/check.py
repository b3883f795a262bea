"""Everything that is wrong with a document, at once: each fault by its place, with the mend."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from contract import json_text, rules
from contract.dialect import Direction
from contract.document import Document, PointerToNowhere, path_of
from contract.fault import Fault
from contract.operation import operation_id_of
from contract.schema import InvalidSchema, schemas_for
from contract.structure import METHODS, Kind, Place, escape

_NAME_IN_TEMPLATE: Final = re.compile(r"\{([^{}]+)\}")
_DIALECTS: Final = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://spec.openapis.org/oas/3.1/dialect/base",
)


def check(document: Document) -> list[Fault]:
    """Every fault of a document, as far as it can be seen without its handlers; in the document's order by kind."""
    structure = list(_structure(document))
    checks = _Checks(document)
    rounds: list[Callable[[], Iterator[Fault]]] = [
        checks.references,
        partial(rules.members_given_twice, document),
        partial(rules.references, document),
        partial(rules.templates, document),
        checks.operations,
        partial(rules.parameters_given_twice, document),
        partial(rules.servers, document),
        partial(rules.dialect, document, _DIALECTS),
        partial(rules.names_of_schemas, document),
        checks.schemas,
        checks.examples,
        partial(rules.media_types, document),
        partial(rules.mappings, document),
        partial(rules.links, document),
        partial(rules.not_supported, document),
    ]
    faults = list(structure)
    for look in rounds:
        faults += _as_far_as_it_goes(look, broken=bool(structure))
    return list(dict.fromkeys(faults))


def _as_far_as_it_goes(look: Callable[[], Iterator[Fault]], *, broken: bool) -> Iterator[Fault]:
    """What one check finds; in a document of the wrong structure, up to where that stands in its way."""
    try:
        yield from look()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        if not broken:
            raise


@cache
def _structure_of(version: tuple[int, int]) -> Any:
    schema = json_text.loads(_schema_file(version).read_bytes())
    if version == (3, 0):
        return jsonschema_rs.Draft4Validator(schema, offline=True)
    return jsonschema_rs.Draft202012Validator(schema, offline=True)


def _schema_file(version: tuple[int, int]) -> Path:
    """The schema of OpenAPI itself, as openapi-spec-validator ships it.

    Its validator is not imported: that takes 0.2 s and 10 MB, and jsonschema-rs judges by the same schema.
    """
    package = find_spec("openapi_spec_validator")
    assert package is not None  # it is required
    (folder,) = package.submodule_search_locations or [""]
    return Path(folder) / "resources" / "schemas" / f"v{version[0]}.{version[1]}" / "schema.json"


def _structure(document: Document) -> Iterator[Fault]:
    for error in _structure_of(document.version).iter_errors(document.root):
        pointer = "".join(f"/{escape(str(step))}" for step in error.instance_path)
        yield Fault(document.path, pointer, _shortened(error.message), f"see OpenAPI {document.root['openapi']}")


def _shortened(message: str) -> str:
    first = message.splitlines()[0]
    return first if len(first) <= _LONGEST_MESSAGE else f"{first[:_LONGEST_MESSAGE]}…"


_LONGEST_MESSAGE: Final = 200
"""Characters of a message; it may quote half a document."""


class _Checks:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._places = document.places
        self._requests = schemas_for(document, Direction.REQUEST)
        self._answers = schemas_for(document, Direction.ANSWER)

    def references(self) -> Iterator[Fault]:
        """References that lead nowhere."""
        for place in self._places:
            if not isinstance(place.value, Mapping):
                continue
            for keyword in ("$ref", "$dynamicRef"):
                reference = place.value.get(keyword)
                if isinstance(reference, str) and not self._leads_somewhere(place, keyword, reference):
                    remote = reference.startswith(("http:", "https:"))
                    mend = "copy it next to the document: the network is not asked" if remote else "mend the reference"
                    yield _fault(place, f"{reference!r} points to nowhere", mend, keyword)

    def _leads_somewhere(self, place: Place, keyword: str, reference: str) -> bool:
        if place.kind is Kind.SCHEMA:
            # A member that travels one way only is, the other way, a schema without the reference.
            for schemas in (self._requests, self._answers):
                with suppress(InvalidSchema):
                    if schemas.node_at(place).reference(keyword) is not None:
                        return True
            return False
        try:
            self._document.dereference(place)
        except PointerToNowhere:
            return False
        return bool(reference)

    def operations(self) -> Iterator[Fault]:
        """Paths that cannot be told apart, operationIds used twice, path parameters and templates at odds."""
        templates: dict[str, str] = {}
        ids: dict[str, str] = {}
        root = Place(self._document.uri, "", Kind.DOCUMENT, self._document.root)
        paths = self._document.root.get("paths")
        for path, item in paths.items() if isinstance(paths, Mapping) else ():
            if not path.startswith("/"):
                continue
            place = Place(root.uri, root.child("paths", path), Kind.PATH_ITEM, item)
            same = templates.setdefault(_NAME_IN_TEMPLATE.sub("{}", path), path)
            if same != path:
                yield _fault(place, f"the path matches whatever {same} matches", "take one of them out")
            try:
                holder = self._document.dereference(place)
            except PointerToNowhere:
                continue
            for method in METHODS:
                if isinstance(holder.value, Mapping) and isinstance(holder.value.get(method), Mapping):
                    operation = Place(holder.uri, holder.child(method), Kind.OPERATION, holder.value[method])
                    operation_id = operation_id_of(method, path, operation.value)
                    first = ids.setdefault(operation_id, f"{method.upper()} {path}")
                    if first != f"{method.upper()} {path}":
                        message = f"operationId {operation_id!r} is that of {first} too"
                        yield _fault(operation, message, "operationIds are unique", "operationId")
                    yield from self._path_parameters(path, holder, operation)

    def _path_parameters(self, path: str, holder: Place, operation: Place) -> Iterator[Fault]:
        declared = set()
        for owner in (holder, operation):
            listed = owner.value.get("parameters")
            for index, item in enumerate(listed if isinstance(listed, list) else ()):
                try:
                    found = self._document.dereference(
                        Place(owner.uri, owner.child("parameters", index), Kind.PARAMETER, item)
                    )
                except PointerToNowhere:
                    continue
                if isinstance(found.value, Mapping) and found.value.get("in") == "path":
                    declared.add(found.value.get("name"))
        names = _NAME_IN_TEMPLATE.findall(path)
        for name in names:
            if name not in declared:
                yield _fault(operation, f"the path parameter {name!r} is not declared", 'declare it with "in": "path"')
            if names.count(name) > 1:
                yield _fault(operation, f"{name!r} stands twice in the path", "name each parameter differently")
        for name in sorted(declared - set(names), key=str):
            yield _fault(operation, f"the path has no {{{name}}}", "put it into the path, or take the parameter out")

    def schemas(self) -> Iterator[Fault]:
        """Schemas that are none, patterns that do not compile, defaults and examples that their schema refuses."""
        for place in self._places:
            if place.kind is not Kind.SCHEMA:
                continue
            found = list(self._meta(place))
            yield from found
            if not found and isinstance(place.value, Mapping):
                yield from self._dialect(place)
                yield from self._values(place)

    def _meta(self, place: Place) -> Iterator[Fault]:
        value = place.value
        if not isinstance(value, Mapping | bool):
            yield _fault(place, "a schema is an object, true or false", "mend the schema")
            return
        if isinstance(value, bool):
            return
        own = {key: item for key, item in value.items() if key not in _SUBSCHEMAS and key != "$ref"}
        if self._document.version != (3, 0):
            for error in _METASCHEMA.iter_errors(own):
                steps = [str(step) for step in error.instance_path]
                yield _fault(place, _shortened(error.message), "see JSON Schema 2020-12", *steps)
        patterns = [("pattern", value.get("pattern"))]
        patterns += [("patternProperties", name) for name in value.get("patternProperties") or ()]
        for keyword, pattern in patterns:
            if isinstance(pattern, str) and not _compiles(pattern):
                steps = [keyword] if keyword == "pattern" else [keyword, pattern]
                yield _fault(place, f"the pattern {pattern!r} does not compile", "see ECMA-262, patterns", *steps)

    def _dialect(self, place: Place) -> Iterator[Fault]:
        dialect = place.value.get("$schema")
        if isinstance(dialect, str) and dialect.rstrip("#") not in _DIALECTS:
            yield _fault(place, f"the dialect {dialect!r} is not followed", f"use {_DIALECTS[0]}", "$schema")

    def _values(self, place: Place) -> Iterator[Fault]:
        candidates: list[tuple[tuple[str, ...], Any]] = [
            ((keyword,), place.value[keyword]) for keyword in ("default", "example") if keyword in place.value
        ]
        examples = place.value.get("examples")
        if isinstance(examples, list):
            candidates += [(("examples", str(index)), value) for index, value in enumerate(examples)]
        yield from self._refused(place, place, candidates)

    def examples(self) -> Iterator[Fault]:
        """Examples of parameters, headers and bodies that their schema refuses."""
        for place in self._places:
            if place.kind not in (Kind.PARAMETER, Kind.HEADER, Kind.MEDIA_TYPE) or not isinstance(place.value, Mapping):
                continue
            if "schema" not in place.value:
                continue
            if place.kind is Kind.MEDIA_TYPE and not place.pointer.endswith("json"):
                continue
            candidates: list[tuple[tuple[str, ...], Any]] = []
            if "example" in place.value:
                candidates.append((("example",), place.value["example"]))
            for name, item in (place.value.get("examples") or {}).items():
                try:
                    found = self._document.dereference(Place(place.uri, "", Kind.EXAMPLE, item))
                except PointerToNowhere:
                    continue
                if isinstance(found.value, Mapping) and "value" in found.value:
                    candidates.append((("examples", name, "value"), found.value["value"]))
            schema = Place(place.uri, place.child("schema"), Kind.SCHEMA, place.value["schema"])
            yield from self._refused(place, schema, candidates)

    def _refused(self, holder: Place, schema: Place, candidates: list[tuple[tuple[str, ...], Any]]) -> Iterator[Fault]:
        if not candidates:
            return
        try:
            judge = self._requests.compile_at(schema)
        except InvalidSchema:
            # Why is said at the place itself; what cannot be judged is not judged.
            return
        for steps, value in candidates:
            # Members that travel one way only make a value good for that way alone.
            if not judge.is_valid(value) and not self._answers.compile_at(schema).is_valid(value):
                errors = judge.errors(value, ())
                where = "".join(f"/{step}" for step in errors[0].loc) if errors else ""
                why = f": {where + ' ' if where else ''}{errors[0].msg}" if errors else ""
                kind = "default" if steps == ("default",) else "example"
                fault = _fault(holder, f"the schema refuses its {kind}{why}", f"mend the {kind} or the schema", *steps)
                yield replace(fault, stops=kind == "default")


_SUBSCHEMAS: Final = frozenset(
    {
        "properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "items",
        "prefixItems", "unevaluatedItems", "contains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
        "dependentSchemas", "$defs", "definitions", "contentSchema", "default", "example", "examples", "const", "enum",
    }
)  # fmt: skip
"""Keywords whose values are looked at as places of their own, or are any value at all."""

_METASCHEMA: Final = jsonschema_rs.Draft202012Validator(
    {"$ref": "https://json-schema.org/draft/2020-12/schema"}, offline=True
)


def _compiles(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def _fault(place: Place, message: str, mend: str, *steps: str) -> Fault:
    return Fault(path_of(place.uri), place.child(*steps), message, mend)
