"""Reads an OpenAPI document as it is: JSON or YAML, one file or several joined by `$ref`s; never from the network."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from contract import json_text, yaml_text
from contract.fault import DocumentError, Fault
from contract.structure import Kind, Place, escape, unescape, walk

_URI_KEYWORDS: Final = frozenset({"$ref", "$dynamicRef", "$id"})
_URI_CHARACTERS: Final = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})*")
"""RFC 3986 §2."""
_ENCODE: Final = "percent-encode what may not stand in a URI: %20 for a space"
MAX_SIZE: Final = 64 << 20
"""Bytes of a file: the largest documents that are published have half as many."""
_YAML_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Located:
    """What a reference points to, and where that stands."""

    uri: str
    pointer: str
    value: Any


class PointerToNowhere(LookupError):
    """A reference points to a place that its resource does not have, or to a resource that was not read."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference

    def __str__(self) -> str:
        return f"{self.reference!r} points to nowhere"


@dataclass(frozen=True, eq=False)
class Document:
    """An OpenAPI document as it was read, with every file it refers to. Nothing in it is ever changed."""

    path: Path
    source: bytes = field(repr=False)
    """The bytes of the root file."""
    root: Mapping[str, Any] = field(repr=False)
    resources: Mapping[str, Any] = field(repr=False)
    """Every file read, by its `file:` URI, the root's included."""

    @cached_property
    def uri(self) -> str:
        """The `file:` URI of the root."""
        return self.path.as_uri()

    @cached_property
    def version(self) -> tuple[int, int]:
        """Major and minor version of OpenAPI."""
        major, minor, *_ = str(self.root["openapi"]).split(".")
        return int(major), int(minor)

    @cached_property
    def published(self) -> bytes:
        """The document as JSON: the file's own bytes where they are JSON."""
        return json_text.dumps(self.root) if is_yaml(self.path) else self.source

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of what is published, and of every other file that it refers to (FIPS 180-4)."""
        total = sha256(self.published)
        if len(self.resources) == 1:
            return total.digest()
        for uri in sorted(self.resources):
            total.update(json_text.dumps([uri.rsplit("/", 1)[-1], self.resources[uri]]))
        return total.digest()

    @property
    def files(self) -> list[Path]:
        """Every file that was read."""
        return [path_of(uri) for uri in self.resources]

    def resolve(self, reference: str, base_uri: str) -> Located:
        """What `reference`, standing in the resource `base_uri`, points to.

        Raises:
            PointerToNowhere: no such resource or place; anchors count only in schemas, and are not looked up here.
        """
        uri, fragment = urldefrag(urljoin(base_uri, reference))
        if uri not in self.resources or (fragment and not fragment.startswith("/")):
            raise PointerToNowhere(reference)
        pointer = unquote(fragment)
        return Located(uri, pointer, _at(self.resources[uri], pointer, reference))

    def dereference(self, place: Place) -> Place:
        """Follow Reference Objects (OpenAPI 3.1 §4.8.23) until something else stands there; schemas stay as they are.

        Raises:
            PointerToNowhere: a reference dangles, or references go round in a circle.
        """
        seen: set[str] = set()
        while (
            place.kind is not Kind.SCHEMA
            and isinstance(place.value, Mapping)
            and isinstance(place.value.get("$ref"), str)
        ):
            reference = place.value["$ref"]
            found = self.resolve(reference, place.uri)
            if (address := address_of(found.uri, found.pointer)) in seen:
                raise PointerToNowhere(reference)
            seen.add(address)
            place = Place(found.uri, found.pointer, place.kind, found.value)
        return place

    @cached_property
    def places(self) -> Sequence[Place]:
        """Every object of the document, those of other files as far as they are referred to."""
        return tuple(self._places())

    def _places(self) -> Iterator[Place]:
        pending = [Place(self.uri, "", Kind.DOCUMENT, self.root)]
        seen: set[tuple[str, str]] = set()
        while pending:
            for place in walk(pending.pop()):
                if (key := (place.uri, place.pointer)) in seen:
                    continue
                seen.add(key)
                yield place
                pending += [target for target in self._targets(place) if (target.uri, target.pointer) not in seen]

    def _targets(self, place: Place) -> Iterator[Place]:
        reference = place.value.get("$ref") if isinstance(place.value, Mapping) else None
        if isinstance(reference, str):
            try:
                found = self.resolve(reference, place.uri)
            except PointerToNowhere:
                return
            # A place that the walk over the root reaches anyway needs no second start.
            if found.uri != self.uri or not found.pointer.startswith(("/components/", "/paths/")):
                yield Place(found.uri, found.pointer, place.kind, found.value)


def load(path: Path) -> Document:
    """Read the document at `path` and every file that it refers to.

    Raises:
        DocumentError: a file cannot be read or parsed, or is no OpenAPI 3 document; each fault names its place.
    """
    document, faults = read(path)
    if faults:
        raise DocumentError(faults)
    return document


def read(path: Path) -> tuple[Document, list[Fault]]:
    """As `load`; of the files that the document refers to, those that could not be read are left out, and told.

    Raises:
        DocumentError: the document itself cannot be read or parsed, or is no OpenAPI 3 document.
    """
    path = path.absolute()
    if ".." in path.parts:
        # A reference is resolved without them (RFC 3986 §5.2.4), and where a folder is a link they lead elsewhere.
        path = path.parent.resolve() / path.name
    source = _read(path)
    root = parse(path, source)
    if not isinstance(root, dict):
        raise DocumentError([Fault(path, "", "the document is not an object", 'begin it with {"openapi": "3.1.0", …}')])
    version = root.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0.", "3.1.", "3.2.")):
        message = f"openapi is {version!r}" if "openapi" in root else "the member openapi is missing"
        raise DocumentError([Fault(path, "/openapi", message, "only OpenAPI 3.0, 3.1 and 3.2 are served")])
    resources = {path.as_uri(): root}
    faults: list[Fault] = []
    _read_references(path.as_uri(), root, resources, faults)
    return Document(path, source, root, resources), faults


def parse(path: Path, source: bytes) -> Any:
    """The value in a JSON or YAML file; YAML with the types of JSON only (no dates, no templating).

    Raises:
        DocumentError: it is neither.
    """
    if is_yaml(path):
        try:
            return yaml_text.loads(source)
        except yaml_text.InvalidYAML as error:
            fault = Fault(path, "", error.reason, error.mend, error.line, error.column)
            raise DocumentError([fault]) from None
    try:
        return json_text.loads(source)
    except json_text.InvalidJSON as error:
        before = source.decode(errors="replace")[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        raise DocumentError([Fault(path, "", f"not JSON: {error.reason}", "mend the syntax", line, column)]) from None


def is_yaml(path: Path) -> bool:
    """Whether a file's name says that it is YAML."""
    return path.suffix.lower() in _YAML_SUFFIXES


def address_of(uri: str, pointer: str) -> str:
    """The URI of a place: the pointer as a fragment (RFC 6901 §6)."""
    return f"{uri}#{quote(pointer, safe='/~!$&()*+,;=:@')}"


def path_of(uri: str) -> Path:
    """The path of a `file:` URI."""
    return Path(unquote(urlsplit(uri).path))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            source = file.read(MAX_SIZE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DocumentError([Fault(path, "", f"cannot be read: {reason}", "name a readable file")]) from None
    if len(source) > MAX_SIZE:
        raise DocumentError([Fault(path, "", f"over {MAX_SIZE >> 20} MiB", "divide it into files, by $ref", 1, 1)])
    return source


def _read_references(uri: str, value: Any, resources: dict[str, Any], faults: list[Fault]) -> None:
    """Read every file that `value`, standing in `uri`, refers to, and those that these refer to."""
    _refuse_what_is_no_uri(uri, value)
    references, embedded = _references(uri, value)
    for pointer, reference, base_uri in references:
        target = urldefrag(urljoin(base_uri, reference)).url
        if target in resources or target in embedded or not target.startswith("file:") or not urlsplit(target).path:
            continue
        path = path_of(target)
        try:
            resources[target] = parse(path, _read(path))
        except DocumentError as error:
            here = Fault(path_of(uri), pointer, f"$ref to {reference!r}", "mend the reference or the file")
            faults += [here, *error.faults]
            # Read once, reported once.
            resources[target] = {}
            continue
        _read_references(target, resources[target], resources, faults)


def _refuse_what_is_no_uri(uri: str, value: Any) -> None:
    """See that references and ids can be read at all, which everything behind relies on.

    Raises:
        DocumentError: some are no URI references (RFC 3986 §4.1).
    """
    faults: list[Fault] = []
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        pointer, current = pending.pop()
        if isinstance(current, dict):
            for keyword in _URI_KEYWORDS & current.keys():
                if isinstance(current[keyword], str) and not _is_uri_reference(current[keyword]):
                    message = f"{current[keyword]!r} is no URI reference"
                    faults.append(Fault(path_of(uri), f"{pointer}/{keyword}", message, _ENCODE))
            pending.extend((f"{pointer}/{escape(key)}", item) for key, item in current.items())
        elif isinstance(current, list):
            pending.extend((f"{pointer}/{index}", item) for index, item in enumerate(current))
    if faults:
        raise DocumentError(faults)


def _is_uri_reference(text: str) -> bool:
    """Whether a text can be resolved; fragments are looked up as they are, and may lead nowhere."""
    resource = text.partition("#")[0]
    try:
        split = urlsplit(resource)
    except ValueError:
        return False
    # Brackets stand around an IPv6 address only (§3.2.2); no path of a file holds NUL.
    is_plain = _URI_CHARACTERS.fullmatch(resource) is not None and "%00" not in resource
    return is_plain and not set("[]") & {*split.path, *split.query}


def _references(uri: str, value: Any) -> tuple[list[tuple[str, str, str]], set[str]]:
    """Every `$ref` out of its resource, with its JSON Pointer and its base URI, and the URIs of resources embedded."""
    found: list[tuple[str, str, str]] = []
    embedded: set[str] = set()
    pending: list[tuple[str, Any, str]] = [("", value, uri)]
    while pending:
        pointer, current, base_uri = pending.pop()
        if isinstance(current, dict):
            if isinstance(current.get("$id"), str):
                # JSON Schema 2020-12 §8.2.1: references below are relative to it.
                base_uri = urljoin(base_uri, current["$id"])
                embedded.add(urldefrag(base_uri).url)
            reference = current.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                found.append((f"{pointer}/$ref", reference, base_uri))
            pending.extend((f"{pointer}/{escape(key)}", item, base_uri) for key, item in current.items())
        elif isinstance(current, list):
            pending.extend((f"{pointer}/{index}", item, base_uri) for index, item in enumerate(current))
    return found, embedded


def _at(value: Any, pointer: str, reference: str) -> Any:
    """The value at a JSON Pointer (RFC 6901 §4)."""
    for step in pointer.split("/")[1:]:
        name = unescape(step)
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise PointerToNowhere(reference) from None
    return value
