"""What callers notice between two documents: requests that fail now, answers that hold what they did not expect.

Both documents are compiled and judge the same values, so that what breaks is shown by a value and not concluded from a
keyword; what is called safe is proven; the rest is `maybe`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from contract import json_text
from contract.bundle import JSON
from contract.differences import Finding, Severity, of_answers
from contract.media import Content, MediaType, essence
from contract.operation import Contract, Operation, Response
from contract.requests_diff import of_body, of_parameters
from contract.security_diff import of_security

_MAX_SHOWN: Final = 40
"""Characters of a text within a witness that stands in a line."""

_MAX_LINE: Final = 160
"""Characters of a witness in a line."""

_TEMPLATE: Final = re.compile(r"\{[^{}]*\}")

Key = tuple[str, str]
"""Method and path, without the names in its template: callers do not see them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that callers notice."""

    pointer: str
    """Where it stands: in the new document, or in the old one if it is gone."""
    severity: Severity
    message: str
    witness: JSON | None
    """What shows it: the body or the value of the parameter or answer; else the request or what there is of it.

    Whatever breaks has one: there, None is the value null. Elsewhere it is that there is none.
    """
    operation: str
    """Method and path; empty for what concerns all."""

    def as_json(self) -> dict[str, JSON]:
        """The change as JSON, with its witness whole."""
        return {
            "severity": self.severity,
            "pointer": self.pointer,
            "operation": self.operation,
            "message": self.message,
            "witness": self.witness,
        }

    def __str__(self) -> str:
        operation = f"{self.operation}: " if self.operation else ""
        shown = self.witness is not None or self.severity == "breaks"
        witness = f" — witness: {_short(self.witness)}" if shown else ""
        return f"{self.severity} {self.pointer or '/'}: {operation}{self.message}{witness}"


def compare(old: Contract, new: Contract) -> list[Change]:
    """Every change between two documents that callers may notice, in the order of the new one."""
    return list(_Comparison(old, new).changes())


class _Comparison:
    def __init__(self, old: Contract, new: Contract) -> None:
        self._old = old
        self._new = new
        before = {_key(operation, old.base_path): operation for operation in old.operations.values()}
        after = {_key(operation, new.base_path): operation for operation in new.operations.values()}
        self._moved = old.base_path != new.base_path and bool(before) and not before.keys() & after.keys()
        if self._moved:
            # All have moved together: they are compared all the same.
            before = {_key(operation): operation for operation in before.values()}
            after = {_key(operation): operation for operation in after.values()}
        self._before, self._after = before, after

    def changes(self) -> Iterator[Change]:
        if self._moved:
            yield self._base_path()
        gone = self._gone_behind()
        yield from map(self._removed, gone.get(None, ()))
        for key, operation in self._after.items():
            yield from self._operation(key, operation)
            yield from map(self._removed, gone.get(key, ()))
        if self._old.document.root.get("webhooks") != self._new.document.root.get("webhooks"):
            yield Change("/webhooks", "maybe", "the webhooks changed; they are not compared", None, "")

    def _gone_behind(self) -> dict[Key | None, list[Key]]:
        """The operations that are gone, by the operation they stood behind, of those that are still there."""
        gone: dict[Key | None, list[Key]] = {}
        last: Key | None = None
        for key in self._before:
            if key in self._after:
                last = key
            else:
                gone.setdefault(last, []).append(key)
        return gone

    def _base_path(self) -> Change:
        first = next(iter(self._old.operations.values()))
        was, is_ = self._old.base_path or "/", self._new.base_path or "/"
        return Change(
            "/servers",
            "breaks",
            f"every path began with {was} and begins with {is_}",
            _request(first, self._old.base_path),
            "",
        )

    def _operation(self, key: Key, new: Operation) -> Iterator[Change]:
        old = self._before.get(key)
        name = _name(new)
        if old is None:
            yield from self._added(key, new)
            return
        if old.operation_id != new.operation_id and "operationId" in {**old.place.value, **new.place.value}:
            message = f"operationId was {old.operation_id} and is {new.operation_id}: generated clients name it anew"
            holder = new if "operationId" in new.place.value else old
            yield Change(f"{holder.pointer}/operationId", "safe", message, None, name)
        for pointer, finding in (
            *of_parameters(self._old, self._new, old, new),
            *of_body(self._old, self._new, old, new),
            *of_security(self._old, self._new, old, new),
            *_of_responses(old, new),
        ):
            yield Change(pointer, finding.severity, finding.message, finding.witness, name)
        if old.place.value.get("callbacks") != new.place.value.get("callbacks"):
            # What the service calls is not compared, but never passed over.
            yield Change(new.pointer, "maybe", "its callbacks changed; they are not compared", None, name)

    def _added(self, key: Key, new: Operation) -> Iterator[Change]:
        method, path = key
        shadowed = next(
            (o for (m, p), o in self._before.items() if m == method and p != path and _falls_under(path, p)), None
        )
        if shadowed is None:
            yield Change(new.pointer, "safe", "is new", None, _name(new))
            return
        message = f"is new and answers what {shadowed.path} answered"
        yield Change(new.pointer, "maybe", message, {"method": method, "path": _filled(path)}, _name(new))

    def _removed(self, key: Key) -> Change:
        old = self._before[key]
        request = _request(old, self._old.base_path)
        same = next((o for o in self._new.operations.values() if o.operation_id == old.operation_id), None)
        other = next((o for (m, p), o in self._after.items() if m == key[0] and _falls_under(key[1], p)), None)
        if other is not None:
            return Change(old.pointer, "maybe", f"is gone; {other.path} answers in its place", request, _name(old))
        if same is not None and _key(same) != _key(old):
            return Change(old.pointer, "breaks", f"is gone: it is {_name(same)} now", request, _name(old))
        return Change(old.pointer, "breaks", "is gone", request, _name(old))


def _of_responses(old: Operation, new: Operation) -> Iterator[tuple[str, Finding]]:
    for status, response in new.responses.items():
        before = _response_of(old, status)
        pointer = response.place.pointer
        if before is None:
            yield pointer, _new_status(status, old)
        else:
            yield from _of_response(status, before, response)
    for status, response in old.responses.items():
        if status in new.responses:
            continue
        if (after := _response_of(new, status)) is not None:
            yield from _of_response(status, response, after)
        elif within := [other for other in new.responses if _is_within(other, status)]:
            # Each of them has been compared with it.
            yield response.place.pointer, Finding("safe", f"answer {status}: is now {' or '.join(within)} only")
        else:
            expected = status.startswith("2")
            message = f"answer {status}: is no longer given"
            witness = {"status": status} if expected else None
            yield response.place.pointer, Finding("breaks" if expected else "safe", message, witness)


def _response_of(operation: Operation, status: str) -> Response | None:
    """What a document has for a status, a range of them or `default`."""
    if status in operation.responses:
        return operation.responses[status]
    if status.isdigit():
        return operation.response_for(int(status))
    return operation.responses.get("default")


def _is_within(status: str, range_: str) -> bool:
    """Whether a status falls under a range of them."""
    return status.isdigit() and range_.upper() == f"{status[0]}XX"


def _new_status(status: str, old: Operation) -> Finding:
    """Callers have to reckon with faults of every kind (RFC 9110 §15); a success that they do not know is news."""
    if status.startswith(("2", "3")) and old.responses:
        return Finding("breaks", f"answer {status}: may now be given", {"status": status})
    return Finding("maybe", f"answer {status}: may now be given")


def _of_response(status: str, old: Response, new: Response) -> Iterator[tuple[str, Finding]]:
    label = f"answer {status}: "
    for entry in new.content.entries:
        counterpart = _entry_for(entry, old.content)
        if counterpart is None or entry.range.lower() != counterpart.range.lower():
            yield entry.pointer, Finding("maybe", f"{label}may now be {entry.range}")
        if counterpart is not None:
            for finding in of_answers(counterpart.schema, entry.schema):
                yield _schema_pointer(entry.pointer, entry.schema), _labelled(label, finding)
    for entry in old.content.entries:
        after = _entry_for(entry, new.content)
        if after is None:
            if not any(_falls(other.range, entry.range) for other in new.content.entries):
                message = f"{label}is no longer {entry.range}"
                yield entry.pointer, Finding("breaks", message, {"Accept": entry.range})
        elif _entry_for(after, old.content) is not entry:
            # What was sent as this is sent as that now.
            for finding in of_answers(entry.schema, after.schema):
                yield _schema_pointer(after.pointer, after.schema), _labelled(label, finding)
    yield from _of_headers(label, old, new)


def _entry_for(entry: MediaType, content: Content) -> MediaType | None:
    """The entry of a response for the media type of another: the same, else without parameters, else a range of it."""
    same = [other for other in content.entries if other.range.lower() == entry.range.lower()]
    around = [other for other in content.entries if _falls(entry.range, other.range)]
    return min(same or around, key=lambda other: other.range.count("*"), default=None)


def _falls(media_type: str, range_: str) -> bool:
    """Whether a media type, its parameters apart, falls under a range (RFC 9110 §12.5.1)."""
    name, around = essence(media_type), essence(range_)
    return around in (name, f"{name.partition('/')[0]}/*", "*/*")


def _of_headers(label: str, old: Response, new: Response) -> Iterator[tuple[str, Finding]]:
    before = {header.name.lower(): header for header in old.headers}
    after = {header.name.lower(): header for header in new.headers}
    for key, header in after.items():
        pointer, name = header.place.pointer, f"{label}header {header.name}"
        if key not in before:
            yield pointer, Finding("safe", f"{name} may be there now")
            continue
        if before[key].required and not header.required:
            yield pointer, Finding("breaks", f"{name} is no longer guaranteed", {"headers": {}})
        if before[key].style != header.style:
            yield pointer, Finding("maybe", f"{name} is written in another style")
        in_text = not (before[key].in_json or header.in_json)
        for finding in of_answers(before[key].schema, header.schema, in_text=in_text):
            yield _schema_pointer(pointer, header.schema), _labelled(f"{name}: ", finding)
    for key, header in before.items():
        if key not in after:
            message = f"{label}header {header.name} is no longer declared"
            if header.required:
                yield header.place.pointer, Finding("breaks", message, {"headers": {}})
            else:
                yield header.place.pointer, Finding("maybe", message)


def _labelled(label: str, finding: Finding) -> Finding:
    return replace(finding, message=label + finding.message)


def _schema_pointer(pointer: str, schema: object) -> str:
    return f"{pointer}/schema" if schema is not None else pointer


# ---- paths -----------------------------------------------------------------------------------------------------------


def _key(operation: Operation, base_path: str = "") -> Key:
    return operation.method, _TEMPLATE.sub("{}", base_path + operation.path)


def _name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _falls_under(path: str, template: str) -> bool:
    """Whether every request to `path` (its names apart) is one to `template` as well."""
    if "{}" not in template:
        return False
    pattern = "[^/]+".join(map(re.escape, template.split("{}")))
    return re.fullmatch(pattern, _filled(path)) is not None


def _filled(path: str) -> str:
    return path.replace("{}", "1")


def _request(operation: Operation, base_path: str) -> dict[str, JSON]:
    return {"method": operation.method, "path": base_path + _TEMPLATE.sub("1", operation.path)}


# ---- lines -----------------------------------------------------------------------------------------------------------


def _short(witness: JSON) -> str:
    text = json_text.dumps(_with_short_texts(witness)).decode()
    return text if len(text) <= _MAX_LINE else f"{text[: _MAX_LINE - 1]}…"


def _with_short_texts(value: JSON) -> JSON:
    if isinstance(value, str):
        return value if len(value) <= _MAX_SHOWN else f"{value[: _MAX_SHOWN - 1]}…"
    if isinstance(value, list):
        return [_with_short_texts(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _with_short_texts(item) for name, item in value.items()}
    return value
