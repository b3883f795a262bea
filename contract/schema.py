"""Compiles the JSON Schemas of a document (2020-12), each against one registry of everything that was read.

Verdicts are jsonschema-rs's; Python looks at a schema again only to name a violation, to fill in defaults and to know
what an answer may hold.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from time import monotonic
from typing import Any, Final
from urllib.parse import urldefrag, urljoin

import jsonschema_rs
from jsonschema_specifications import REGISTRY as METASCHEMAS
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from contract import defaults, projection, thinning, violations
from contract.dialect import Direction, is_directed, schemas_of
from contract.document import Document, PointerToNowhere, address_of
from contract.effort import MAX_EFFORT, Effort, Exceeded, breadth_of
from contract.problem import ValidationError
from contract.structure import Kind, Place, unescape
from contract.violations import MAX_FAULTS

BACKTRACK_LIMIT: Final = 100_000
"""Steps a pattern with look-around or back-references may take; all others run in linear time."""

PATTERNS: Final = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT)


def _refuse_to_retrieve(uri: str) -> Any:
    """Everything that may be referred to has been read; the network is never asked."""
    raise LookupError(f"{uri} was not read")


_MORE: Final = f"There are more faults than the {MAX_FAULTS} that are named", "too_many_errors"
_TOO_MANY: Final = "There are more faults than can be named", "too_many_errors"

MAX_EAGER: Final = 0.25
"""Seconds of compiling after which the schemas that are left wait until they are asked."""

_MAX_HOPS: Final = 32
"""References that may lead from one to the next."""


class InvalidSchema(ValueError):
    """A schema does not compile: a dangling `$ref`, a pattern that is none, a keyword of the wrong type."""


class Node:
    """A schema as it stands in a resource: enough to follow its references."""

    __slots__ = ("is_target", "resolver", "value")

    def __init__(self, value: Any, resolver: Any, *, is_target: bool = False) -> None:
        self.value = value
        self.resolver = resolver
        self.is_target = is_target
        """Whether a reference led here."""

    @property
    def base_uri(self) -> str:
        """What its references are relative to."""
        base_uri: str = self.resolver._base_uri  # noqa: SLF001 (has no public name)
        return base_uri

    def child(self, *steps: str | int) -> "Node":
        """A subschema; its `$id`, if it has one, is the base of its references."""
        value, resolver = self.value, self.resolver
        for step in steps:
            value = value[step]
            resolver = _within(value, resolver)
        return Node(value, resolver)

    def anything(self) -> "Node":
        """A schema in its place that admits every value."""
        return Node({}, self.resolver)

    def reference(self, keyword: str = "$ref") -> "Node | None":
        """What `$ref` (or `$dynamicRef`) points to; None where there is none."""
        if not isinstance(self.value, Mapping) or not isinstance(self.value.get(keyword), str):
            return None
        try:
            found = self.resolver.lookup(self.value[keyword])
        except (Unresolvable, TypeError, ValueError):
            # The library raises the latter two where a pointer leads on below a number, a text or null.
            return None
        return Node(found.contents, found.resolver, is_target=True)

    def target(self) -> "Node":
        """The schema behind a chain of references that have no siblings to speak of."""
        node, seen = self, set()
        while (found := node.reference()) is not None and id(found.value) not in seen:
            seen.add(id(found.value))
            node = found
        return node


def _within(value: Any, resolver: Any) -> Any:
    """The resolver below a schema: its `$id`, if it has one, is the base of its references (2020-12 §8.2.1)."""
    if isinstance(value, Mapping) and isinstance(value.get("$id"), str):
        return resolver.in_subresource(DRAFT202012.create_resource(value))
    return resolver


class Schema:
    """One schema, compiled: judges, completes and projects values of it."""

    def __init__(self, node: Node, make: Callable[[Node], Any], compile_node: "Callable[[Node], Schema]") -> None:
        self.node = node
        self._make = make
        self.compile_node = compile_node
        self._parts: dict[tuple[int, str, str], tuple[Node, Schema]] = {}
        """By the identity of what is kept with it."""

    @cached_property
    def is_valid(self) -> Callable[[Any], bool]:
        """Whether a JSON value satisfies the schema."""
        judge: Callable[[Any], bool] = self._validator.is_valid
        return judge

    @cached_property
    def _validator(self) -> Any:
        return self._make(self.node)

    def errors(self, value: Any, loc: tuple[str | int, ...]) -> list[ValidationError]:
        """The faults in the document's order, and where there are more than `MAX_FAULTS` a last one that says so.

        `loc` is where the value stands.
        """
        if thinning.is_small(value) and self.takes_at_most(value, MAX_EFFORT):
            found, cut = self.faults(value, loc), False
        else:
            try:
                less, cut = thinning.thinned(self, value, MAX_FAULTS + 1)
            except thinning.Unbounded:
                return [ValidationError(loc, *_TOO_MANY)]
            found = violations.report(self._iterate(less), value, self.node, loc)
        if cut or len(found) > MAX_FAULTS:
            return [*found[:MAX_FAULTS], ValidationError(loc, *_MORE)]
        return found

    def takes_at_most(self, value: Any, most: int) -> bool:
        """Whether no more than `most` violations have to be named to name the faults of a value."""
        try:
            Effort(self, most).of(self.node, value)
        except (Exceeded, RecursionError):
            return False
        return True

    def part(self, node: Node, instead: Mapping[str, str] | None = None) -> "Schema":
        """A schema that this one leads to, or what is said `instead` of it; compiled once."""
        key = (id(node.value), node.base_uri, str(instead))
        if (found := self._parts.get(key)) is None:
            schema = self.compile_node(node if instead is None else Node(instead, node.resolver))
            found = self._parts[key] = (node, schema)
        return found[1]

    def faults(self, value: Any, loc: tuple[str | int, ...]) -> list[ValidationError]:
        """Every fault of a value that is not large, in the document's order; `loc` is where the value stands."""
        return violations.report(self._iterate(value), value, self.node, loc)

    @cached_property
    def breadth(self) -> int:
        """Members of the widest union that a value of the schema may meet."""
        return breadth_of(self.node)

    @cached_property
    def complete(self) -> Callable[[Any], Any] | None:
        """Fills the defaults into a valid value (which it changes); None where the schema has no defaults."""
        return defaults.compile_defaults(self)

    @cached_property
    def project(self) -> Callable[[Any], Any] | None:
        """Leaves out of a value what the schema does not declare; None where it declares nothing."""
        return projection.compile_projection(self)

    def _iterate(self, value: Any) -> Iterator[Any]:
        try:
            yield from self._validator.iter_errors(value)
        except ValueError:
            # A value too deep to be explained is still judged.
            return


class Schemas:
    """The schemas of a document as requests, or answers, see them."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self.document = document
        self.direction = direction
        self._views = schemas_of(document, direction)
        self._native = jsonschema_rs.Registry(
            list(self._views.items()), draft=jsonschema_rs.Draft202012, retriever=_refuse_to_retrieve
        )
        resources = [(uri, DRAFT202012.create_resource(view)) for uri, view in self._views.items()]
        self._registry: Registry[Any] = METASCHEMAS.with_resources(resources)
        self._has_embedded = len(self._views) > len(document.resources)
        self._compiled: dict[str, Schema] = {}
        self._spent = 0.0
        self._deferred: dict[str, Place] = {}

    def at(self, place: Place) -> Schema:
        """The schema that stands at a place of the document, compiled once.

        Once `MAX_EAGER` is spent that is when it is first asked: to compile a schema is to compile all that it refers
        to, and a thousand schemas of which each leads to all others would take a million steps. What has to wait is
        tried by `invalid`.

        Raises:
            InvalidSchema: it does not compile.
        """
        place = self._meant(place)
        address = address_of(place.uri, place.pointer)
        if (compiled := self._compiled.get(address)) is None:
            if self._spent < MAX_EAGER or self._has_embedded:
                begun = monotonic()
                compiled = self.compile_at(place)
                self._spent += monotonic() - begun
            else:
                compiled = self._later(self._reference_to(place))
                self._deferred[address] = place
            self._compiled[address] = compiled
        return compiled

    def invalid(self) -> list[tuple[Place, InvalidSchema]]:
        """Where schemas stand that have yet to be compiled, and will not."""
        if not self._deferred:
            return []
        together = {"anyOf": [{"$ref": address} for address in self._deferred]}
        try:
            # One compilation goes through what they have in common once.
            self._validator_of(Node(together, self._registry.resolver(self.document.uri)))
        except InvalidSchema:
            found = []
            for place in self._deferred.values():
                try:
                    self.compile_at(place)
                except InvalidSchema as error:
                    found.append((place, error))
            return found
        return []

    def anything(self) -> Schema:
        """The schema of what has none: it admits every value."""
        return self._compile(Node({}, self._registry.resolver(self.document.uri)))

    def _meant(self, place: Place) -> Place:
        """Where a schema stands that is nothing but a reference: a thousand answers may share one."""
        if self._has_embedded:
            return place
        for _ in range(_MAX_HOPS):
            value = place.value
            if not isinstance(value, Mapping) or len(value) != 1 or not isinstance(value.get("$ref"), str):
                break
            try:
                found = self.document.resolve(value["$ref"], place.uri)
            except PointerToNowhere:
                break
            place = Place(found.uri, found.pointer, Kind.SCHEMA, found.value)
        return place

    def compile_at(self, place: Place) -> Schema:
        """As `at`, for a schema that is needed only now.

        Raises:
            InvalidSchema: it does not compile.
        """
        try:
            return self._compile(self._reference_to(place))
        except InvalidSchema:
            # Within a schema that has an `$id` there are no addresses of the file.
            return self._compile(self.node_at(place))

    def _reference_to(self, place: Place) -> Node:
        return Node({"$ref": address_of(place.uri, place.pointer)}, self._registry.resolver(place.uri))

    def node_at(self, place: Place) -> Node:
        """The schema at a place, uncompiled: what its references lead to can be followed from it.

        Raises:
            InvalidSchema: there is no such place.
        """
        root = Node(self._views[place.uri], self._registry.resolver(place.uri))
        node = root
        try:
            for step in place.pointer.split("/")[1:]:
                name = unescape(step)
                if isinstance(node.value, Mapping) and name not in node.value:
                    # A schema with an `$id` stands in its file as a reference to itself.
                    node = node.reference() or node
                node = node.child(int(name) if isinstance(node.value, list) else name)
        except (KeyError, IndexError, TypeError, ValueError):
            raise InvalidSchema(f"{place.pointer} points to nowhere") from None
        return node

    def compile_beside(self, node: Node, value: Any) -> Schema:
        """A schema that does not stand in the document, compiled as if it stood where `node` does.

        Raises:
            InvalidSchema: it does not compile.
        """
        return self._compile(Node(value, node.resolver))

    def _compile(self, node: Node) -> Schema:
        schema = self._later(node)
        _ = schema.is_valid
        return schema

    def _later(self, node: Node) -> Schema:
        return Schema(node, self._validator_of, self._compile)

    def _validator_of(self, node: Node) -> Any:
        try:
            return jsonschema_rs.Draft202012Validator(
                # A schema given a base URI would stand for the whole resource of that URI: its references get the base.
                _with_absolute_references(node.value, node.base_uri),
                registry=self._native,
                validate_formats=True,
                pattern_options=PATTERNS,
                offline=True,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise InvalidSchema(str(error).splitlines()[0]) from None


@lru_cache(maxsize=2)
def schemas_for(document: Document, direction: Direction) -> Schemas:
    """The schemas of a document as `direction` sees them; the same ones for both where none makes a difference."""
    if direction is Direction.ANSWER and not is_directed(document):
        return schemas_for(document, Direction.REQUEST)
    return Schemas(document, direction)


_OF_INSTANCES: Final = frozenset({"const", "enum", "default", "example", "examples"})
"""Keywords that hold values, not schemas: a `$ref` in them is a member like any other."""


def _with_absolute_references(schema: Any, base_uri: str) -> Any:
    """A copy of a schema whose references no longer depend on where it stands; `base_uri` is the schema's own."""
    if isinstance(schema, list):
        return [_below(item, base_uri) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: _joined(base_uri, value)
        if key in ("$ref", "$dynamicRef") and isinstance(value, str)
        else value
        if key in _OF_INSTANCES
        else _below(value, base_uri)
        for key, value in schema.items()
    }


def _below(schema: Any, base_uri: str) -> Any:
    """As `_with_absolute_references`, for what stands in a schema with this base."""
    if isinstance(schema, Mapping) and isinstance(schema.get("$id"), str):
        base_uri = _joined(base_uri, schema["$id"])
    return _with_absolute_references(schema, base_uri)


def _joined(base_uri: str, reference: str) -> str:
    """RFC 3986 §5.2; the standard library does not resolve against a URN."""
    return urldefrag(base_uri).url + reference if reference.startswith("#") else urljoin(base_uri, reference)
