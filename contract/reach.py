"""What of a document is in effect, and to what end: every object, by what uses it along the references."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from contract.document import Document, PointerToNowhere, address_of
from contract.objects import BELOW, PATTERNED, SCHEMA, Key, Thing
from contract.structure import Holds, escape
from contract.uses import Use, use_below

_NOT_BY_REFERENCE: Final = frozenset({SCHEMA, "Path Item Object", "Reference Object", *PATTERNED} - {"Callback Object"})
"""Objects in whose place no Reference Object stands, or which have a `$ref` of their own."""


class Reach:
    """Every object of a document, in its order, and what each is used for."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.things: dict[Key, Thing] = {}
        self.uses: dict[Key, Use] = {}
        self._embedded: dict[str, Thing] = {}
        self._anchors: dict[tuple[str, str], Thing] = {}
        self._dynamic: dict[str, list[Thing]] = {}
        root = Thing(document.uri, "", "OpenAPI Object", document.root, document.uri, "OpenAPI Object")
        self._enlist(root)
        self._follow(root, Use.SERVED)

    def _enlist(self, thing: Thing) -> None:
        """Note an object and all below it, so that they come in the document's order."""
        pending = [thing]
        while pending:
            current = pending.pop()
            if current.key in self.things:
                continue
            self.things[current.key] = current
            self.uses[current.key] = Use.NONE
            if current.kind == SCHEMA and isinstance(current.value, Mapping):
                self._note_names(current)
            pending += reversed([below for below, _, _ in self.below(current)])

    def _note_names(self, thing: Thing) -> None:
        if isinstance(thing.value.get("$id"), str):
            self._embedded[urldefrag(thing.base_uri).url] = thing
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(name := thing.value.get(keyword), str):
                self._anchors[urldefrag(thing.base_uri).url, name] = thing
        if isinstance(name := thing.value.get("$dynamicAnchor"), str):
            self._dynamic.setdefault(name, []).append(thing)

    def _follow(self, root: Thing, use: Use) -> None:
        pending = [(root, use)]
        seen: set[tuple[Key, Use]] = set()
        while pending:
            thing, use = pending.pop()
            if (thing.key, use) in seen:
                continue
            seen.add((thing.key, use))
            self._enlist(thing)
            self.uses[thing.key] |= use
            pending += [(below, use_below(thing, field, name, use)) for below, field, name in self.below(thing)]
            pending += [(target, use) for target in self.targets(thing)]
            if thing.kind == "Operation Object" and Use.SERVED in use:
                pending += [(scheme, Use.SERVED) for scheme in self._demanded(thing)]

    def below(self, thing: Thing) -> Iterator[tuple[Thing, str, str]]:
        """The objects directly below, each with its field and its name there."""
        value = thing.value
        if not isinstance(value, Mapping) or thing.kind == "Reference Object":
            return
        if thing.kind in PATTERNED:
            kind = PATTERNED[thing.kind][1]
            for name, item in value.items():
                if kind is not None and not name.startswith("x-"):
                    yield self._made(thing, (name,), kind, item), name, name
            return
        for field, held in value.items():
            if (found := BELOW.get(thing.kind, {}).get(field)) is None:
                continue
            holds, kind = found
            if holds is Holds.ONE:
                yield self._made(thing, (field,), kind, held), field, ""
            elif holds is Holds.LIST and isinstance(held, list):
                for index, item in enumerate(held):
                    yield self._made(thing, (field, index), kind, item), field, str(index)
            elif holds is Holds.MAP and isinstance(held, Mapping):
                for name, item in held.items():
                    if not (field == "dependencies" and isinstance(item, list)):
                        yield self._made(thing, (field, name), kind, item), field, name

    def _made(self, holder: Thing, steps: tuple[str | int, ...], kind: str, value: Any) -> Thing:
        return self._thing(holder.uri, holder.child(*steps), kind, value, holder.base_uri)

    def _thing(self, uri: str, pointer: str, kind: str, value: Any, base_uri: str) -> Thing:
        meant = kind
        if isinstance(value, Mapping):
            if kind == SCHEMA and isinstance(value.get("$id"), str):
                base_uri = urljoin(base_uri, value["$id"])
            if kind not in _NOT_BY_REFERENCE and "$ref" in value:
                kind = "Reference Object"
        return Thing(uri, pointer, kind, value, base_uri, meant)

    def targets(self, thing: Thing) -> Iterator[Thing]:
        """What the references of an object lead to, so far as it was read."""
        if not isinstance(thing.value, Mapping):
            return
        for keyword in ("$ref", "$dynamicRef") if thing.kind == SCHEMA else ("$ref",):
            if isinstance(reference := thing.value.get(keyword), str):
                if (target := self._target(thing, reference)) is not None:
                    yield target
                if keyword == "$dynamicRef":
                    yield from self._dynamic.get(urldefrag(reference).fragment, ())

    def _target(self, thing: Thing, reference: str) -> Thing | None:
        address, fragment = urldefrag(urljoin(thing.base_uri, reference))
        pointer = unquote(fragment)
        if fragment and not pointer.startswith("/"):
            return self._anchors.get((address, pointer))
        uri, base_uri = address, address
        if (embedded := self._embedded.get(address)) is not None:
            uri, pointer, base_uri = embedded.uri, embedded.pointer + pointer, embedded.base_uri
        if (known := self.things.get((uri, pointer))) is not None:
            return known
        try:
            found = self._document.resolve(address_of(uri, pointer), uri)
        except PointerToNowhere:
            return None
        return self._thing(found.uri, found.pointer, thing.meant, found.value, base_uri)

    def _demanded(self, thing: Thing) -> Iterator[Thing]:
        """The security schemes that an operation demands."""
        demanded = thing.value.get("security", self._document.root.get("security")) or []
        for alternative in demanded:
            for name in alternative if isinstance(alternative, Mapping) else ():
                pointer = f"/components/securitySchemes/{escape(name)}"
                if (scheme := self.things.get((self._document.uri, pointer))) is not None:
                    yield scheme
