"""The Python types of a document's schemas, for code that people go on with: TypedDicts, Literals and unions.

Here they are only made out; `contract.declarations` writes them.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urljoin

from contract.coercion import type_of
from contract.dialect import Direction, is_directed
from contract.document import Document, PointerToNowhere
from contract.python_types import (
    ANY,
    BYTES,
    NEVER,
    NONE,
    STR,
    Choice,
    Declaration,
    Either,
    Named,
    Of,
    Plain,
    Type,
    class_name,
    either,
)
from contract.schema import Node
from contract.structure import unescape

_LONGEST_LITERAL: Final = 60
"""Characters of a text that a Literal may list; a longer one does not fit a line, and is any text."""

_MOST_ALTERNATIVES: Final = 16
"""Forms that unions within unions may multiply to before they are passed over."""

_NAMING: Final = ("schemas", "$defs", "definitions")
"""Fields whose schemas have names."""

_OF_OBJECTS: Final = ("properties", "patternProperties", "additionalProperties", "required")
_OF_ARRAYS: Final = ("items", "prefixItems")
_UNIONS: Final = ("anyOf", "oneOf")
_TELLS_TYPE: Final = frozenset(
    {"type", "enum", "const", "allOf", "$ref", "$dynamicRef", *_OF_OBJECTS, *_OF_ARRAYS, *_UNIONS} - {"required"}
)
"""Keywords that say something of a value's Python type."""

_PLAIN: Final[Mapping[str, Type]] = {
    "string": STR,
    "integer": Plain("int"),
    "number": Plain("float"),
    "boolean": Plain("bool"),
    "null": NONE,
    "array": Of("list", ANY),
    "object": Of("dict", ANY),
}
_ORDER: Final = ("object", "array", "string", "integer", "number", "boolean", "null")


class Types:
    """Makes out the types of schemas; those that a reference leads to once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._known: dict[tuple[str, Direction | None, bool], Type] = {}
        self._open: dict[tuple[str, Direction | None, bool], Declaration] = {}
        self._affected: dict[str, bool] = {}

    def of(self, node: Node, direction: Direction, hint: str, *, binary: bool = False) -> Type:
        """The type of a schema's values.

        Args:
            node: the schema.
            direction: who sends the value: the members that do not travel that way are left out.
            hint: what a class without a name in the document is called.
            binary: whether texts may come as bytes, as the parts of a multipart body do.
        """
        return _Maker(self, direction, binary=binary).of(node, hint, frozenset())

    def known(self, maker: "_Maker", target: Node, address: str, hint: str, bare: frozenset[str]) -> Type:
        """The type of what a reference leads to."""
        affected = self.is_affected(address)
        key = (address, maker.direction if affected else None, maker.binary)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            if address in bare:
                # Nothing but itself: it adds nothing to what it is.
                return NEVER
            self._open[key].referred = True
            return Named(self._open[key])
        name = _name_at(address)
        suffix = {Direction.REQUEST: "Input", Direction.ANSWER: "Output"}[maker.direction] if affected else ""
        wanted = class_name(name + suffix + ("Parts" if maker.binary else "")) if name else hint
        declaration = self._open[key] = Declaration(wanted, source=name)
        made = maker.of(target, wanted, bare | {address}, declaration)
        del self._open[key]
        if declaration.members is None and (declaration.referred or (name and isinstance(made, Choice))):
            declaration.alias = ANY if made == NEVER and declaration.referred else made
            made = Named(declaration)
        self._known[key] = made
        return made

    def is_affected(self, address: str) -> bool:
        """Whether a schema, or one that it refers to, has members that travel one way only."""
        if address not in self._affected:
            self._affected[address] = _is_affected(self._document, address)
        return self._affected[address]


class _Maker:
    """Makes out the types of one direction."""

    def __init__(self, types: Types, direction: Direction, *, binary: bool) -> None:
        self._types = types
        self.direction = direction
        self.binary = binary

    def of(self, node: Node, hint: str, bare: frozenset[str], declaration: Declaration | None = None) -> Type:
        """A schema's type; `bare` are the schemas that it stands for with nothing in between."""
        if not isinstance(node.value, Mapping):
            return NEVER if node.value is False else ANY
        telling = node.value.keys() & _TELLS_TYPE
        if telling and telling <= {"$ref", "$dynamicRef"}:
            (keyword_, *more) = sorted(telling, reverse=True)
            target = node.reference(keyword_)
            if target is not None and not more:
                address = urljoin(node.base_uri, node.value[keyword_])
                return self._types.known(self, target, address, hint, bare)
        return self._of_parts(self._parts(node, ()), hint, bare, declaration)

    def _parts(self, node: Node, seen: tuple[int, ...]) -> list[Node]:
        """A schema, and those that its `$ref` and `allOf` ask for besides."""
        if not isinstance(node.value, Mapping) or id(node.value) in seen:
            return []
        seen = (*seen, id(node.value))
        parts = []
        for keyword_ in ("$ref", "$dynamicRef"):
            if (target := node.reference(keyword_)) is not None:
                parts += self._parts(target, seen)
        for index in range(len(node.value.get("allOf") or ())):
            parts += self._parts(node.child("allOf", index), seen)
        return [*parts, _without(node, "allOf", "$ref", "$dynamicRef")]

    def _of_parts(
        self, parts: list[Node], hint: str, bare: frozenset[str], declaration: Declaration | None = None
    ) -> Type:
        for index, part in enumerate(parts):
            for keyword_ in _UNIONS:
                branches = [part.child(keyword_, i) for i in range(len(part.value.get(keyword_) or ()))]
                if any(not isinstance(b.value, Mapping) or b.value.keys() & _TELLS_TYPE for b in branches):
                    others = [*parts[:index], _without(part, keyword_), *parts[index + 1 :]]
                    return self._of_union(others, branches, hint, bare)
        return self._of_one(parts, hint, declaration)

    def _of_union(self, others: list[Node], branches: list[Node], hint: str, bare: frozenset[str]) -> Type:
        says_more = any(other.value.keys() & _TELLS_TYPE for other in others)
        several = sum(_is_object(branch) for branch in branches) > 1 and len(branches) <= _MOST_ALTERNATIVES
        members = []
        for index, branch in enumerate(branches):
            title = branch.value.get("title") if isinstance(branch.value, Mapping) else None
            name = hint + (class_name(title) if isinstance(title, str) else str(index + 1)) if several else hint
            if not says_more:
                members.append(self.of(branch, name, bare))
            elif branch.value is not False:
                members.append(self._of_parts([*others, *self._parts(branch, ())], name, bare))
        return either(members)

    def _of_one(self, parts: list[Node], hint: str, declaration: Declaration | None) -> Type:
        types = _types_of(parts)
        if (values := _values_of(parts)) is not None:
            return either(_type_of_value(value) for value in values if _admits(types, value))
        if types is None:
            if any(part.value.keys() & set(_OF_OBJECTS) for part in parts):
                types = {"object"}
            elif any(part.value.keys() & set(_OF_ARRAYS) for part in parts):
                types = {"array"}
            else:
                return ANY
        own = declaration if types == {"object"} else None
        return either(self._of_type(name, parts, hint, own) for name in _ORDER if name in types)

    def _of_type(self, name: str, parts: list[Node], hint: str, declaration: Declaration | None) -> Type:
        if name == "object":
            return self._object(parts, hint, declaration)
        if name == "array":
            return Of("list", self._items(parts, hint))
        if name == "string" and self.binary:
            return Either((BYTES, STR))
        return _PLAIN[name]

    def _object(self, parts: list[Node], hint: str, declaration: Declaration | None) -> Type:
        members: dict[str, list[Node]] = {}
        for part in parts:
            for name in part.value.get("properties") or ():
                members.setdefault(name, []).append(part.child("properties", name))
        required = {name for part in parts for name in _texts(part.value.get("required"))}
        if not members:
            return Of("dict", self._others(parts, hint))
        made = declaration or Declaration(class_name(hint))
        made.members = {
            name: (self._below(nodes, hint + class_name(name)), name in required)
            for name, nodes in members.items()
            # Such a member may not be there.
            if not any(node.value is False for node in nodes)
        }
        for name in sorted(required - members.keys()):
            made.members[name] = (ANY, True)
        return Named(made)

    def _below(self, nodes: list[Node], hint: str) -> Type:
        """What a member is that several schemas speak of."""
        inner = _Maker(self._types, self.direction, binary=self.binary and all(map(_is_part, nodes)))
        if len(nodes) == 1:
            return inner.of(nodes[0], hint, frozenset())
        parts = [part for node in nodes for part in inner._parts(node, ())]
        return inner._of_parts(parts, hint, frozenset())

    def _items(self, parts: list[Node], hint: str) -> Type:
        found = []
        for part in parts:
            first = [part.child("prefixItems", i) for i in range(len(part.value.get("prefixItems") or ()))]
            rest = [part.child("items")] if "items" in part.value else []
            nodes = [*first, *rest]
            if nodes:
                made = [self._below([node], f"{hint}Item{i or ''}") for i, node in enumerate(nodes)]
                found.append(either(made if rest else [*made, ANY]))
        return next((one for one in found if one != ANY), ANY)

    def _others(self, parts: list[Node], hint: str) -> Type:
        """What the members of an object are that names none."""
        nodes = []
        for part in parts:
            nodes += [part.child("patternProperties", name) for name in part.value.get("patternProperties") or ()]
            if "additionalProperties" in part.value:
                nodes.append(part.child("additionalProperties"))
            elif "patternProperties" in part.value:
                return ANY
        made = either(self._below([node], f"{hint}Value") for node in nodes)
        return ANY if made == NEVER else made


def _name_at(address: str) -> str:
    """What the document calls a schema; empty for one that merely stands in its place."""
    base, _, pointer = address.partition("#")
    *_, holder, name = ("", "", *unquote(pointer).split("/"))
    if pointer.startswith("/"):
        return unescape(name) if holder in _NAMING else ""
    return pointer or base.rpartition("/")[2].partition(".")[0]


def _without(node: Node, *keywords: str) -> Node:
    return Node({key: value for key, value in node.value.items() if key not in keywords}, node.resolver)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _is_object(node: Node) -> bool:
    return isinstance(node.value, Mapping) and "properties" in node.value


def _is_part(node: Node) -> bool:
    """Whether a member may be a part of its own in a multipart body: objects are JSON, in which there are no bytes."""
    target = node.target().value
    if not isinstance(target, Mapping) or target.get("type") != "array":
        return not _is_object(node.target())
    return "items" not in target or _is_part(node.target().child("items"))


def _types_of(parts: list[Node]) -> set[str] | None:
    """The JSON types that every part admits; None where no part says any."""
    types: set[str] | None = None
    for part in parts:
        declared = part.value.get("type")
        own = {declared} if isinstance(declared, str) else set(_texts(declared))
        if own:
            types = own if types is None else _in_both(types, own)
    return types


def _in_both(one: set[str], other: set[str]) -> set[str]:
    both = one & other
    return both | ({"integer"} if "integer" in one | other and "number" in one ^ other else set())


def _values_of(parts: list[Node]) -> list[Any] | None:
    """The values that `enum` and `const` leave; None where they say nothing."""
    values: list[Any] | None = None
    for part in parts:
        for own in ([part.value["const"]] if "const" in part.value else None, part.value.get("enum")):
            if isinstance(own, list):
                values = own if values is None else [value for value in values if value in own]
    return values


def _admits(types: set[str] | None, value: Any) -> bool:
    name = type_of(value)
    return types is None or name in types or (name == "integer" and "number" in types)


def _type_of_value(value: Any) -> Type:
    if isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= _LONGEST_LITERAL):
        return Choice(((type(value), value),))
    return _PLAIN[type_of(value)]


def _is_affected(document: Document, address: str) -> bool:
    """Follow everything that a schema refers to, looking for members of one direction."""
    pending: list[tuple[Any, str]] = [({"$ref": address}, document.uri)]
    seen: set[int] = set()
    while pending:
        value, uri = pending.pop()
        if id(value) in seen or not isinstance(value, Mapping | list):
            continue
        seen.add(id(value))
        if isinstance(value, list):
            pending += [(item, uri) for item in value]
            continue
        if any(value.get(direction.foreign) is True for direction in Direction):
            return True
        pending += [(item, uri) for item in value.values()]
        if isinstance(value.get("$ref"), str):
            try:
                found = document.resolve(value["$ref"], uri)
            except PointerToNowhere:
                # An anchor, or a schema by its `$id`: it may.
                return is_directed(document)
            pending.append((found.value, found.uri))
    return False
