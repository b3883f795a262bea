"""The document compiled: everything a request needs is made here once, and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from contract.dialect import Direction
from contract.document import Document, PointerToNowhere
from contract.fault import DocumentError, Fault
from contract.media import Content, MediaType, decoder, is_json
from contract.parameters import Parameter
from contract.schema import InvalidSchema, Schema, Schemas, schemas_for
from contract.structure import METHODS, Kind, Place
from contract.styles import STYLES_OF, compile_content, compile_read, style_of

SUCCESS: Final = "2"


@dataclass(frozen=True, slots=True)
class Body:
    """A Request Body Object, compiled (OpenAPI 3.1 §4.8.13)."""

    required: bool
    content: Content


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """A header of an answer, compiled (OpenAPI 3.1 §4.8.21)."""

    name: str
    required: bool
    schema: Schema | None
    style: tuple[str, bool]
    place: Place
    in_json: bool = False
    """Whether its value is written as JSON, by `content`."""


@dataclass(frozen=True, slots=True)
class Response:
    """A Response Object, compiled (OpenAPI 3.1 §4.8.17)."""

    status: str
    """As the document has it: `201`, `4XX`, `default`."""
    place: Place
    content: Content
    headers: tuple[ResponseHeader, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document, compiled (OpenAPI 3.1 §4.8.10)."""

    operation_id: str
    method: str
    """In upper case."""
    path: str
    """The path's template, without the base path."""
    place: Place = field(repr=False)
    tags: tuple[str, ...]
    parameters: tuple[Parameter, ...] = field(repr=False)
    body: Body | None = field(repr=False)
    responses: Mapping[str, Response] = field(repr=False)
    security: tuple[Mapping[str, tuple[str, ...]], ...]
    """Alternatives, each a set of schemes with their scopes; empty where nothing is demanded (§4.8.30)."""

    @property
    def pointer(self) -> str:
        """Where the operation stands."""
        return self.place.pointer

    def response_for(self, status: int) -> Response | None:
        """The response that the document has for a status: the status itself, its range, else `default`."""
        return (
            self.responses.get(str(status)) or self.responses.get(f"{status // 100}XX") or self.responses.get("default")
        )

    @property
    def success(self) -> tuple[int, Response | None]:
        """The status and response of success: the first `2…` that the document has."""
        for status, response in self.responses.items():
            if status.startswith(SUCCESS):
                return (200 if status.upper() == "2XX" else int(status)), response
        return 200, self.responses.get("default")


@dataclass(frozen=True, slots=True)
class Contract:
    """A document, compiled."""

    document: Document
    base_path: str
    operations: Mapping[str, Operation]
    security_schemes: Mapping[str, Mapping[str, Any]]


def compile_contract(document: Document, *, lenient: bool = False) -> Contract:
    """Compile every operation of a document; `lenient`: a parameter without a schema may be anything.

    Raises:
        DocumentError: something in it cannot be compiled; all such places at once.
    """
    contract, faults = compile_and_tell(document, lenient=lenient)
    if faults:
        raise DocumentError(faults)
    return contract


def compile_and_tell(document: Document, *, lenient: bool = False) -> tuple[Contract, list[Fault]]:
    """As `compile_contract`, with what cannot be compiled left out of the contract, and told."""
    compiler = _Compiler(document, lenient=lenient)
    operations = compiler.operations()
    compiler.try_deferred()
    return Contract(document, base_path_of(document), operations, compiler.security_schemes), compiler.faults


def operation_id_of(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """The operationId, or `GET /path` for an operation that has none: neither can be taken for the other."""
    return str(operation.get("operationId") or f"{method.upper()} {path}")


def base_path_of(document: Document) -> str:
    """The path of the first server, its variables at their defaults (OpenAPI 3.1 §4.8.5, §4.8.6)."""
    servers = document.root.get("servers") or [{"url": "/"}]
    url = str(servers[0].get("url", "/"))
    for name, variable in (servers[0].get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    return urlsplit(url).path.rstrip("/")


class _Compiler:
    def __init__(self, document: Document, *, lenient: bool) -> None:
        self.document = document
        self.lenient = lenient
        self.requests = schemas_for(document, Direction.REQUEST)
        self.answers = schemas_for(document, Direction.ANSWER)
        self.faults: list[Fault] = []
        self._distinct = any(
            place.kind is Kind.SCHEMA and isinstance(place.value, Mapping) and place.value.get("uniqueItems") is True
            for place in document.places
        )
        components = document.root.get("components", {})
        self.security_schemes: Mapping[str, Mapping[str, Any]] = {
            name: self._resolved(
                Place(document.uri, f"/components/securitySchemes/{name}", Kind.SECURITY_SCHEME, scheme)
            ).value
            for name, scheme in components.get("securitySchemes", {}).items()
        }

    def operations(self) -> dict[str, Operation]:
        found: dict[str, Operation] = {}
        root = Place(self.document.uri, "", Kind.DOCUMENT, self.document.root)
        for path, item in (self.document.root.get("paths") or {}).items():
            if not path.startswith("/"):
                continue
            holder = self._path_item(Place(root.uri, root.child("paths", path), Kind.PATH_ITEM, item))
            for method in METHODS:
                # What is no object is named with the other faults of the document's structure.
                if isinstance(holder.value, Mapping) and isinstance(holder.value.get(method), Mapping):
                    place = Place(holder.uri, holder.child(method), Kind.OPERATION, holder.value[method])
                    operation = self._operation(method, path, holder, place)
                    found.setdefault(operation.operation_id, operation)
        return found

    def _operation(self, method: str, path: str, holder: Place, place: Place) -> Operation:
        value = place.value
        responses = {
            str(status): self._response(
                str(status), Place(place.uri, place.child("responses", status), Kind.RESPONSE, item)
            )
            for status, item in (value.get("responses") or {}).items()
            if not str(status).startswith("x-")
        }
        security = value.get("security", self.document.root.get("security")) or []
        parameters = self._parameters(holder, place)
        return Operation(
            operation_id=operation_id_of(method, path, value),
            method=method.upper(),
            path=path,
            place=place,
            tags=tuple(value.get("tags", ())),
            parameters=parameters,
            body=self._body(place),
            responses=responses,
            security=tuple({name: tuple(scopes) for name, scopes in one.items()} for one in security),
        )

    def _path_item(self, place: Place) -> Place:
        """A path item, with what its `$ref` brings (§4.8.9: siblings stand beside it; the item's own count first)."""
        if not isinstance(place.value, Mapping) or "$ref" not in place.value:
            return place
        target = self._resolved(place)
        siblings = {name: value for name, value in place.value.items() if name != "$ref"}
        if not siblings or not isinstance(target.value, Mapping):
            return target
        self._fault(place, "a path item has both $ref and fields of its own", "move the fields to the target")
        return target

    def _parameters(self, holder: Place, place: Place) -> tuple[Parameter, ...]:
        """Those of the operation and of its path item; the operation's win (§4.8.9, `parameters`)."""
        places: dict[tuple[str, str], Place] = {}
        for owner in (holder, place):
            for index, item in enumerate(owner.value.get("parameters") or ()):
                found = self._resolved(Place(owner.uri, owner.child("parameters", index), Kind.PARAMETER, item))
                if isinstance(found.value, Mapping) and "name" in found.value and "in" in found.value:
                    places[found.value["in"], found.value["name"]] = found
        queries = [name for location, name in places if location == "query"]
        return tuple(
            parameter
            for (location, name), found in places.items()
            if (parameter := self._parameter(found, location, name, queries)) is not None
        )

    def _parameter(self, place: Place, location: str, name: str, queries: list[str]) -> Parameter | None:
        value = place.value
        if location not in STYLES_OF:
            self._fault(place, f"in is {location!r}", f"one of {', '.join(sorted(STYLES_OF))}")
            return None
        style, explode = style_of(value, location)
        if style not in STYLES_OF[location]:
            self._fault(
                place, f"style {style!r} is not one for {location}", f"one of {', '.join(sorted(STYLES_OF[location]))}"
            )
            return None
        content = value.get("content")
        if content:
            media_type = next(iter(content))
            schema_place = Place(
                place.uri, place.child("content", media_type, "schema"), Kind.SCHEMA, content[media_type].get("schema")
            )
            said = "schema" in content[media_type]
            schema = self._schema(self.requests, schema_place) if said else self.requests.anything()
        else:
            schema_place = Place(place.uri, place.child("schema"), Kind.SCHEMA, value.get("schema"))
            schema = self._schema(self.requests, schema_place) if "schema" in value else None
            if "schema" not in value and self.lenient:
                schema = self.requests.anything()
        if schema is None:
            if not content and "schema" not in value:
                self._fault(place, "a parameter has neither schema nor content", "give it a schema")
            return None
        if content and is_json(next(iter(content))):
            read = compile_content(name, location)
        else:
            others = [query for query in queries if query != name]
            read = compile_read(name, location, style, explode, schema, others)
        return Parameter(
            name=name,
            location=location,
            required=bool(value.get("required", location == "path")),
            schema=schema,
            read=read,
            default=_default(schema),
        )

    def _body(self, place: Place) -> Body | None:
        if "requestBody" not in place.value:
            return None
        found = self._resolved(
            Place(place.uri, place.child("requestBody"), Kind.REQUEST_BODY, place.value["requestBody"])
        )
        if not isinstance(found.value, Mapping):
            return None
        return Body(bool(found.value.get("required", False)), self._content(self.requests, found))

    def _response(self, status: str, place: Place) -> Response:
        found = self._resolved(place)
        value = found.value if isinstance(found.value, Mapping) else {}
        headers = tuple(
            self._header(name, self._resolved(Place(found.uri, found.child("headers", name), Kind.HEADER, item)))
            for name, item in (value.get("headers") or {}).items()
            # §4.8.17.1: a response header of this name is ignored.
            if name.lower() != "content-type"
        )
        return Response(status, found, self._content(self.answers, found), headers)

    def _header(self, name: str, place: Place) -> ResponseHeader:
        value = place.value if isinstance(place.value, Mapping) else {}
        schema = None
        if "schema" in value:
            schema = self._schema(self.answers, Place(place.uri, place.child("schema"), Kind.SCHEMA, value["schema"]))
        entry = next(iter(self._content(self.answers, place).entries), None)
        schema = schema if entry is None else entry.schema
        in_json = entry is not None and entry.is_json
        required = bool(value.get("required", False))
        return ResponseHeader(name, required, schema, style_of(value, "header"), place, in_json)

    def _content(self, schemas: Schemas, place: Place) -> Content:
        entries = []
        content = place.value.get("content") if isinstance(place.value, Mapping) else None
        for media_type, item in (content or {}).items():
            if "/" not in media_type:
                # Such a name is no media type (RFC 9110 §8.3.1): nothing falls under it.
                continue
            value = item if isinstance(item, Mapping) else {}
            schema = None
            if "schema" in value:
                at = Place(place.uri, place.child("content", media_type, "schema"), Kind.SCHEMA, value["schema"])
                schema = self._schema(schemas, at)
            decode = decoder(media_type, schema, value.get("encoding") or {}, distinct=self._distinct)
            pointer = place.child("content", media_type)
            entries.append(MediaType(media_type, pointer, schema, decode, is_json(media_type), value))
        return Content(entries, distinct=self._distinct)

    def _schema(self, schemas: Schemas, place: Place) -> Schema | None:
        try:
            return schemas.at(place)
        except InvalidSchema as error:
            self._invalid(place, error)
            return None

    def try_deferred(self) -> None:
        """Find the faults of the schemas that are compiled only when they are asked."""
        for schemas in {id(each): each for each in (self.requests, self.answers)}.values():
            for place, error in schemas.invalid():
                self._invalid(place, error)

    def _invalid(self, place: Place, error: InvalidSchema) -> None:
        self._fault(place, f"the schema does not compile: {error}", "mend the schema", follows=True)

    def _resolved(self, place: Place) -> Place:
        try:
            return self.document.dereference(place)
        except PointerToNowhere as error:
            self._fault(place, str(error), "mend the reference")
            return Place(place.uri, place.pointer, place.kind, {})

    def _fault(self, place: Place, message: str, mend: str, *, follows: bool = False) -> None:
        from contract.document import path_of  # noqa: PLC0415

        self.faults.append(Fault(path_of(place.uri), place.pointer, message, mend, follows=follows))


def _default(schema: Schema) -> tuple[Any, ...]:
    from contract.defaults import default_of  # noqa: PLC0415

    found, value = default_of(schema.node)
    return (value,) if found else ()
