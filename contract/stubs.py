"""Writes a function for each operation that has none; what people wrote stays as it is.

A stub has the operation's signature, the types of its bodies beside it, and answers 501 until somebody goes on with it.
"""

import ast
import keyword
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from contract.binding import function_name, functions_of, module_name
from contract.declarations import LINE, Declarations
from contract.document import Document, path_of
from contract.fault import DocumentError, Fault
from contract.imports import bindings_of, import_lines, with_imports
from contract.operation import Contract, Operation
from contract.prose import docstring
from contract.signatures import Stub, function_lines
from contract.typing_of import Types

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
    """The public functions in a folder's modules, unimported: by name, the modules."""
    found: dict[str, set[str]] = {}
    for path in sorted(out.glob("*.py")):
        if path.stem.startswith("_") and path.stem != "__init__":
            continue
        for name, statement in bindings_of(ast.parse(path.read_bytes())).items():
            if isinstance(statement, ast.AsyncFunctionDef | ast.FunctionDef) and not name.startswith("_"):
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
            "\n".join(function_lines(Stub(name, operation, types, declarations)))
            for name, operation in operations.items()
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
