"""Writes a function for each operation that has none; what people wrote stays as it is.

A stub has the operation's signature, the types of its bodies beside it, and answers 501 until somebody goes on with it.
"""

import ast
import builtins
import keyword
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from contract.binding import arguments_of, function_name, functions_of, module_name
from contract.declarations import LINE, Declarations, default_of
from contract.dialect import Direction
from contract.document import Document, path_of
from contract.fault import DocumentError, Fault
from contract.imports import bindings_of, import_lines, with_imports
from contract.media import MAY_BE_JSON, MediaType, essence
from contract.operation import Contract, Operation, Response
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

_PACKAGE: Final = '''"""The functions that answer the operations of the document; an installed package may have more."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
'''
"""An `__init__.py` that hides nothing of an installed package of the same name."""


def write_stubs(contract: Contract, package: ModuleType | None, out: Path) -> list[Path]:
    """Write what is missing of a handlers package into the folder `out`; the files that were written.

    Args:
        contract: the compiled document.
        package: the handlers as they are imported; None where there are none. What stands in `out` counts anyway.
        out: the package's folder; made if it is not there.

    Raises:
        DocumentError: an operation's function can have no name of its own; nothing is written then.
        SyntaxError: a module in `out` is no Python.
    """
    texts: dict[Path, str] = {}
    names = _function_names(contract)
    tied = {name for name, by_module in names.values() if by_module}
    for module, operations in _missing(contract, names, package, out).items():
        _add(contract.document, texts, out, module, operations, tied)
    if texts and not (out / "__init__.py").exists():
        texts = {out / "__init__.py": _PACKAGE, **texts}
    if texts:
        out.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="")
    return list(texts)


# ---- which are missing -----------------------------------------------------------------------------------------------


def _missing(
    contract: Contract, names: Mapping[str, tuple[str, bool]], package: ModuleType | None, out: Path
) -> dict[str, dict[str, Operation]]:
    """By module, and by the function's name, the operations that have no function."""
    known = _functions_in(out)
    for name, modules in (functions_of(package) if package is not None else {}).items():
        known.setdefault(name, set()).update(modules)
    missing: dict[str, dict[str, Operation]] = {}
    for operation in contract.operations.values():
        name, by_module = names[operation.operation_id]
        candidates = known.get(operation.operation_id) or known.get(name) or set()
        if not (_module_of(operation) in candidates if by_module else candidates):
            missing.setdefault(_module_of(operation), {})[name] = operation
    return missing


def _functions_in(out: Path) -> dict[str, set[str]]:
    """The public async functions in a folder's modules, unimported: by name, the modules."""
    found: dict[str, set[str]] = {}
    for path in sorted(out.glob("*.py")):
        if path.stem.startswith("_") and path.stem != "__init__":
            continue
        for name, statement in bindings_of(ast.parse(path.read_bytes())).items():
            if isinstance(statement, ast.AsyncFunctionDef) and not name.startswith("_"):
                found.setdefault(name, set()).add(path.stem)
    return found


def _function_names(contract: Contract) -> dict[str, tuple[str, bool]]:
    """By operationId, the name of the function, and whether only its module tells it from another.

    Raises:
        DocumentError: some have no name that binding could find them by.
    """
    groups: dict[str, list[Operation]] = {}
    for operation in contract.operations.values():
        groups.setdefault(function_name(operation), []).append(operation)
    names: dict[str, tuple[str, bool]] = {}
    faults: list[Fault] = []
    for name, group in groups.items():
        if len(group) == 1 and not name.startswith("_"):
            names[group[0].operation_id] = (name, False)
        elif all(_is_a_name(operation.operation_id) for operation in group):
            # Binding looks for the operationId itself before it looks for the name made of it.
            names.update({operation.operation_id: (operation.operation_id, False) for operation in group})
        elif not name.startswith("_") and len({_tag_of(operation) for operation in group} - {None}) == len(group):
            names.update({operation.operation_id: (name, True) for operation in group})
        else:
            faults += [_nameless(operation, name) for operation in group]
    if faults:
        raise DocumentError(faults)
    return names


def _is_a_name(name: str) -> bool:
    """Whether a public function can be called so: Python normalizes names (PEP 3131), and has its keywords."""
    is_normal = unicodedata.normalize("NFKC", name) == name
    return name.isidentifier() and is_normal and not name.startswith("_") and not keyword.iskeyword(name)


def _tag_of(operation: Operation) -> str | None:
    """The module by which binding tells an operation's function from others of the name."""
    name = module_name(operation)
    return name if operation.tags and _module_of(operation) == name else None


def _nameless(operation: Operation, name: str) -> Fault:
    message = f"the function of {operation.operation_id!r} would be called {name!r}, by which it cannot be found"
    mend = "give it an operationId that is a name in Python and like no other"
    return Fault(path_of(operation.place.uri), operation.pointer, message, mend)


def _module_of(operation: Operation) -> str:
    """The module to write; one whose name began with `_` would not be looked at."""
    name = module_name(operation)
    return f"tag{name}" if name.startswith("_") else name


# ---- modules ---------------------------------------------------------------------------------------------------------


def _add(
    document: Document,
    texts: dict[Path, str],
    out: Path,
    module: str,
    operations: Mapping[str, Operation],
    tied: Collection[str],
) -> None:
    """Put functions into a module; `tied` are the names that only a module tells from others."""
    path = out / f"{module}.py"
    if not path.exists() and path not in texts:
        texts[path] = _new_module(document, operations, out.name)
        return
    text = texts.get(path) or path.read_bytes().decode()
    added = _appended(document, text, operations, out.name)
    if added is not None:
        texts[path] = added
        return
    # It cannot be added there without touching what people wrote: the stubs stand beside it.
    if lost := operations.keys() & set(tied):
        raise DocumentError([_nameless(operations[name], name) for name in sorted(lost)])
    _add(document, texts, out, f"{module}_stubs", operations, tied)


def _new_module(document: Document, operations: Mapping[str, Operation], package: str) -> str:
    written = _Written(document, operations, taken=set())
    tags = next(iter(operations.values())).tags
    summary = f"The operations of the tag {tags[0]}" if tags else "The operations without a tag"
    head = docstring(summary, "", "The operations of one tag.", "", LINE)
    imports = "\n".join(import_lines(written.imports, {package}))
    gap = "\n\n" if written.blocks[0].startswith(("class ", "async ")) else "\n"
    body = "\n\n\n".join(written.blocks)
    return f"{head}\n\n{imports}\n{gap}{body}\n"


def _appended(document: Document, text: str, operations: Mapping[str, Operation], package: str) -> str | None:
    """A module's text with what is missing at its end; None if it has no place for it."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    bound = bindings_of(tree)
    if bound.keys() & operations.keys():
        return None
    types = {
        name: _shape(node)
        for name, node in bound.items()
        if isinstance(node, ast.ClassDef | ast.Assign | ast.AnnAssign)
    }
    different: set[str] = set()
    while True:
        written = _Written(document, operations, taken={*(bound.keys() - types.keys()), *different}, bound=set(bound))
        clashes = {name for name, made in written.shapes.items() if name in types and types[name] != made}
        if not clashes:
            break
        different |= clashes
    text_with_imports = with_imports(text, written.imports, {package})
    if text_with_imports is None:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    blocks = written.blocks_without(types.keys())
    is_after_imports = bool(tree.body) and isinstance(tree.body[-1], ast.Import | ast.ImportFrom)
    blank = 1 if is_after_imports and not blocks[0].startswith(("class ", "async ")) else 2
    ending = len(text_with_imports) - len(text_with_imports.rstrip("\r\n"))
    gap = newline * max(0, blank + 1 - ending // len(newline))
    return text_with_imports + gap + (newline * 3).join(blocks).replace("\n", newline).replace("\r\r", "\r") + newline


def _shape(node: ast.AST) -> str:
    """What a declaration says, without its docstring."""
    if isinstance(node, ast.ClassDef):
        body = [statement for statement in node.body if not isinstance(statement, ast.Expr)]
        return ast.dump(ast.ClassDef(node.name, node.bases, node.keywords, body, node.decorator_list))
    return ast.dump(node)


class _Written:
    """The functions of some operations, and what they need."""

    def __init__(
        self,
        document: Document,
        operations: Mapping[str, Operation],
        taken: set[str],
        bound: set[str] | None = None,
    ) -> None:
        declarations = Declarations({*taken, *operations}, {*(bound or ()), *operations})
        types = Types(document)
        functions = [
            "\n".join(_function(_Stub(name, operation, types, declarations))) for name, operation in operations.items()
        ]
        self._texts = declarations.texts
        self.blocks = [*self._texts.values(), *functions]
        self._functions = functions
        self.imports: dict[str, set[str]] = {"contract": {"Request"}}
        if any(_mentions_answer(function) for function in functions) or any(
            _mentions_answer(text) for text in self._texts.values()
        ):
            self.imports["contract"].add("Answer")
        if declarations.from_typing:
            self.imports["typing"] = declarations.from_typing
        if declarations.uses_builtins:
            self.imports["builtins"] = set()

    @property
    def shapes(self) -> dict[str, str]:
        """What each declaration says."""
        return {name: _shape(ast.parse(text).body[0]) for name, text in self._texts.items()}

    def blocks_without(self, there: Any) -> list[str]:
        """What is to be written where some declarations stand already."""
        return [*(text for name, text in self._texts.items() if name not in there), *self._functions]


def _mentions_answer(text: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "Answer" for node in ast.walk(ast.parse(text)))


# ---- functions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stub:
    """A function to be written."""

    name: str
    operation: Operation
    types: Types
    declarations: Declarations

    @property
    def hint(self) -> str:
        """What its types are called that have no name in the document."""
        return class_name(self.name)


def _function(stub: _Stub) -> Iterator[str]:
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


def _arguments(stub: _Stub) -> Iterator[str]:
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


def _argument(stub: _Stub, name: str, parameter: Parameter) -> str:
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
    return f"  # noqa: {', '.join(codes)} (as the document has it)" if codes else ""


def _of_name(name: str) -> list[str]:
    codes = ["A001"] if name in _BUILTINS else []
    codes += ["E743"] if name == "l" else []
    codes += ["E501"] if len(f"async def {name}(") > LINE else []
    codes += ["N802"] if any(char.isalpha() and not char.islower() for char in name) else []
    return [*codes, *([] if name.isascii() else ["PLC2401"])]


def _type_of_entry(stub: _Stub, entry: MediaType) -> Type:
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


def _answer(stub: _Stub) -> str:
    """What the function may return: the body of success, or an `Answer` with any status of the document."""
    status, response = stub.operation.success
    for other, described in stub.operation.responses.items():
        if described is not response and other != _REFUSED:
            stub.declarations.declare(_type_of_answer(stub, described, other))
    type_ = NONE if status in _NO_CONTENT else _type_of_answer(stub, response, "")
    return stub.declarations.annotate(either([type_, Plain("Answer")]), f"{stub.hint}Answer")


def _type_of_answer(stub: _Stub, response: Response | None, status: str) -> Type:
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
