"""Adds imports to a module's text, where isort wants them, and leaves the rest of it as it is."""

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from contract.declarations import LINE

_FUTURE, _STDLIB, _THIRD_PARTY, _FIRST_PARTY, _LOCAL = range(5)

_OURS: Final = frozenset({"contract", "db", "handlers", "imtegrate"})

Import = ast.Import | ast.ImportFrom


def bindings_of(tree: ast.Module) -> dict[str, ast.AST]:
    """What each name of a module's top level stands for: the last statement that binds it."""
    found: dict[str, ast.AST] = {}
    pending: list[ast.stmt] = list(tree.body)
    for statement in pending:
        for name in _bound_by(statement):
            found[name] = statement
        for below in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                pending.extend(getattr(statement, below, ()))
        for handler in getattr(statement, "handlers", ()):
            pending.extend(handler.body)
    return found


def import_lines(wanted: Mapping[str, Collection[str]], ours: Collection[str]) -> list[str]:
    """The imports of a new module: names by module; a module without names is imported itself."""
    keyed = sorted((_key(module, is_from=bool(names), ours=ours), module) for module, names in wanted.items())
    lines: list[str] = []
    for number, (key, module) in enumerate(keyed):
        if number and keyed[number - 1][0][0] != key[0]:
            lines.append("")
        lines += _statement(module, wanted[module])
    return lines


def with_imports(text: str, wanted: Mapping[str, Collection[str]], ours: Collection[str]) -> str | None:
    """A module's text with imports added; None where that would disturb what stands there."""
    for module, names in wanted.items():
        added = _with_import(text, module, names, ours)
        if added is None:
            return None
        text = added
    return text


def _with_import(text: str, module: str, names: Collection[str], ours: Collection[str]) -> str | None:
    tree = ast.parse(text)
    bound = bindings_of(tree)
    top = [statement for statement in tree.body if isinstance(statement, Import)]
    mine = [s for s in top if isinstance(s, ast.ImportFrom) and s.module == module and not s.level]
    missing = set()
    for name in names or [module]:
        if (holder := bound.get(name)) is None:
            missing.add(name)
        elif not _imports(holder, module, name, is_from=bool(names)):
            return None
    if not missing:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    made = _into(mine[0], lines, missing) if mine and names else _beside(tree, top, lines, module, missing, names, ours)
    return None if made is None else newline.join(made)


def _into(statement: ast.ImportFrom, lines: list[str], missing: Collection[str]) -> list[str] | None:
    """Put names into the import that is there."""
    assert statement.end_lineno is not None  # it was parsed
    assert statement.module is not None  # it is one of a module by name
    source = lines[statement.lineno - 1 : statement.end_lineno]
    last = source[-1]
    is_alone = statement.col_offset == 0 and statement.end_col_offset == len(last.encode())
    if any("#" in line for line in source) or any(alias.asname for alias in statement.names) or not is_alone:
        return None
    names = {alias.name for alias in statement.names} | set(missing)
    if "*" in names:
        return None
    explode = re.search(r",\s*\)\s*$", "".join(source)) is not None
    made = _statement(statement.module, names, explode=explode)
    return [*lines[: statement.lineno - 1], *made, *lines[statement.end_lineno :]]


def _beside(
    tree: ast.Module,
    top: list[Import],
    lines: list[str],
    module: str,
    missing: Collection[str],
    names: Collection[str],
    ours: Collection[str],
) -> list[str] | None:
    """Put an import among those that are there."""
    made = _statement(module, missing if names else ())
    key = _key(module, is_from=bool(names), ours=ours)
    keys = [_key_of(statement, ours) for statement in top]
    number = next((i for i, other in enumerate(keys) if other > key), len(top))
    if number:
        before = top[number - 1]
        assert before.end_lineno is not None  # it was parsed
        gap = [] if keys[number - 1][0] == key[0] else [""]
        return [*lines[: before.end_lineno], *gap, *made, *lines[before.end_lineno :]]
    if top:
        at = top[0].lineno - 1
        if at and lines[at - 1].lstrip().startswith("#"):
            # A comment belongs to the import below it.
            return None
        return [*lines[:at], *made, *([] if keys[0][0] == key[0] else [""]), *lines[at:]]
    first = tree.body[0] if tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        assert first.end_lineno is not None  # it was parsed
        after = tree.body[1] if len(tree.body) > 1 else None
        gap = [""] if after is not None and _starts_block(after) and lines[first.end_lineno + 1 :][:1] != [""] else []
        return [*lines[: first.end_lineno], "", *made, *gap, *lines[first.end_lineno :]]
    if first is not None and first.lineno > 1:
        return None
    return [*made, "", *([""] if first is not None and _starts_block(first) else []), *lines]


def _starts_block(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def _statement(module: str, names: Collection[str], *, explode: bool = False) -> list[str]:
    if not names:
        return [f"import {module}"]
    ordered = sorted(names, key=_name_key)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= LINE and not explode:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in ordered), ")"]


def _name_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest (isort's `order-by-type`)."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name.lower()


def _key(module: str, *, is_from: bool, ours: Collection[str]) -> tuple[int, bool, str]:
    root = module.partition(".")[0]
    if root == "__future__":
        section = _FUTURE
    elif root in sys.stdlib_module_names:
        section = _STDLIB
    else:
        section = _FIRST_PARTY if root in _OURS or root in ours else _THIRD_PARTY
    return section, is_from, module.lower()


def _key_of(statement: Import, ours: Collection[str]) -> tuple[int, bool, str]:
    if isinstance(statement, ast.Import):
        return _key(statement.names[0].name, is_from=False, ours=ours)
    if statement.level:
        return _LOCAL, True, statement.module or ""
    return _key(statement.module or "", is_from=True, ours=ours)


def _imports(statement: ast.AST, module: str, name: str, *, is_from: bool) -> bool:
    if is_from:
        return (
            isinstance(statement, ast.ImportFrom)
            and statement.module == module
            and statement.col_offset == 0
            and any(alias.name == name and alias.asname in (None, name) for alias in statement.names)
        )
    return isinstance(statement, ast.Import) and any(alias.name == name for alias in statement.names)


def _bound_by(statement: ast.AST) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With):
        yield from (node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _is_stored(node))


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
