"""The text of an operation's function: its signature, typed as the document has it, and nothing done yet."""

import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from contract.binding import arguments_of
from contract.declarations import LINE, Declarations, default_of
from contract.dialect import Direction
from contract.media import MAY_BE_JSON, MediaType, essence
from contract.operation import Operation, Response
from contract.parameters import Parameter
from contract.prose import docstring
from contract.python_types import ANY, BYTES, NONE, STR, Of, Plain, Type, class_name, either
from contract.typing_of import Types

_MOST_ARGUMENTS: Final = 8
"""Arguments of a function from which on ruff, as this project has it, wants a word (PLR0913)."""

_NO_CONTENT: Final = frozenset({204, 205, 304})
"""Statuses whose answers have no content (RFC 9110 §15.3.5, §15.3.6, §15.4.5)."""

_REFUSED: Final = "422"
"""The status that the service itself answers: no handler writes its body."""

_SECRETS: Final = ("pas", "pwd", "token", "secret")
"""Parts of names whose defaults ruff takes for passwords (S107)."""

_BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))

_INDENT: Final = " " * 4


@dataclass(frozen=True, slots=True)
class Stub:
    """A function to be written."""

    name: str
    operation: Operation
    types: Types
    declarations: Declarations

    @property
    def hint(self) -> str:
        """What its types are called that have no name in the document."""
        return class_name(self.name)


def function_lines(stub: Stub) -> Iterator[str]:
    """The lines of a function that answers 501 until somebody goes on with it."""
    arguments = list(_arguments(stub))
    answer = _answer(stub)
    notes = _notes([*_of_name(stub.name), *(["PLR0913"] if len(arguments) > _MOST_ARGUMENTS else [])])
    yield f"async def {stub.name}({notes}"
    yield f"{_INDENT}*,"
    yield from arguments
    yield f") -> {answer}:"
    operation = stub.operation
    value = operation.place.value
    otherwise = f"Answer {operation.method} {operation.path}."
    if not otherwise.isascii() or len(otherwise) > LINE - 20 or "\\" in otherwise or '"' in otherwise:
        otherwise = "Answer the operation."
    summary, description = (str(value.get(field) or "") for field in ("summary", "description"))
    yield _INDENT + docstring(summary, description, otherwise, _INDENT, LINE)
    yield f"{_INDENT}raise NotImplementedError"


def _arguments(stub: Stub) -> Iterator[str]:
    yield f"{_INDENT}request: Request,"
    body = stub.operation.body
    if body is not None:
        type_ = either(_type_of_entry(stub, entry) for entry in body.content.entries)
        type_ = type_ if body.required else either([type_, NONE])
        yield f"{_INDENT}body: {stub.declarations.annotate(type_, f'{stub.hint}Body')},"
    written = {"request", "body"}
    for name, parameter in zip(arguments_of(stub.operation), stub.operation.parameters, strict=True):
        if name not in written:
            written.add(name)
            yield _argument(stub, name, parameter)


def _argument(stub: Stub, name: str, parameter: Parameter) -> str:
    hint = stub.hint + class_name(name)
    type_ = stub.types.of(parameter.schema.node, Direction.REQUEST, hint)
    default = None
    if parameter.default:
        default = default_of(type_, parameter.default[0])
        if isinstance(parameter.default[0], str) and any(part in name for part in _SECRETS):
            default = None
    elif not parameter.required:
        type_, default = either([type_, NONE]), "None"
    codes = ["A002"] if name in _BUILTINS else []
    codes += ["ASYNC109"] if name == "timeout" else []
    codes += ["E741"] if name == "l" else []
    said = f" = {default}" if default is not None else ""
    return f"{_INDENT}{name}: {stub.declarations.annotate(type_, hint)}{said},{_notes(codes)}"


def _notes(codes: Sequence[str]) -> str:
    # RUF100, for rules that are not on where the code is checked: unconfigured ruff wants no word of them.
    return f"  # noqa: {', '.join([*codes, 'RUF100'])} (as the document has it)" if codes else ""


def _of_name(name: str) -> list[str]:
    codes = ["A001"] if name in _BUILTINS else []
    codes += ["E743"] if name == "l" else []
    codes += ["E501"] if len(f"async def {name}(") > LINE else []
    codes += ["N802"] if any(char.isalpha() and not char.islower() for char in name) else []
    return [*codes, *([] if name.isascii() else ["PLC2401"])]


def _type_of_entry(stub: Stub, entry: MediaType) -> Type:
    """What the body of a request is to the handler, by its media type."""
    name = essence(entry.range)
    is_parts = name == "multipart/form-data"
    if entry.is_json or is_parts or name == "application/x-www-form-urlencoded":
        if entry.schema is None:
            return ANY if entry.is_json else Of("dict", ANY)
        return stub.types.of(entry.schema.node, Direction.REQUEST, f"{stub.hint}Body", binary=is_parts)
    if name in MAY_BE_JSON:
        if entry.schema is None:
            return ANY
        return either([BYTES, stub.types.of(entry.schema.node, Direction.REQUEST, f"{stub.hint}Body")])
    if not name.startswith("text/"):
        return BYTES
    if entry.schema is None:
        return STR
    return stub.types.of(entry.schema.node, Direction.REQUEST, f"{stub.hint}Body")


def _answer(stub: Stub) -> str:
    """What the function may return: the body of success, or an `Answer` with any status of the document."""
    status, response = stub.operation.success
    for other, described in stub.operation.responses.items():
        if described is not response and other != _REFUSED:
            stub.declarations.declare(_type_of_answer(stub, described, other))
    type_ = NONE if status in _NO_CONTENT else _type_of_answer(stub, response, "")
    return stub.declarations.annotate(either([type_, Plain("Answer")]), f"{stub.hint}Answer")


def _type_of_answer(stub: Stub, response: Response | None, status: str) -> Type:
    entries = response.content.entries if response is not None else ()
    entry = next((one for one in entries if one.is_json), entries[0] if entries else None)
    if response is None:
        return ANY
    if entry is None:
        return NONE
    if not entry.is_json:
        return STR if essence(entry.range).startswith("text/") else either([BYTES, STR])
    if entry.schema is None:
        return ANY
    return stub.types.of(entry.schema.node, Direction.ANSWER, f"{stub.hint}Answer{status}")
