"""JSON Pointer → line and column, looked up only when there is a fault to show."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from contract.document import is_yaml
from contract.fault import Fault
from contract.structure import escape
from contract.yaml_text import check_bounds

Position = tuple[int, int]
"""Line and column, both from 1."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def with_positions(faults: Iterable[Fault]) -> list[Fault]:
    """The faults with line and column of their places; of the nearest place above where the place is not there."""
    known: dict[Path, dict[str, Position]] = {}
    located = []
    for fault in faults:
        if fault.line is not None:
            located.append(fault)
            continue
        if fault.path not in known:
            known[fault.path] = positions_in(fault.path)
        # What a file is as a whole, one that is not there among it, stands at its beginning.
        line, column = _nearest(known[fault.path], fault.pointer) or (1, 1)
        located.append(replace(fault, line=line, column=column))
    return located


def positions_in(path: Path) -> dict[str, Position]:
    """Where each value of a file begins (a member: its name), by JSON Pointer; empty if the file cannot be read."""
    return dict(_positions(path))


def repeated_members(path: Path) -> list[tuple[str, Position]]:
    """The members whose name their object has already, each by its JSON Pointer; in the file's order."""
    repeated = []
    seen: set[str] = set()
    passed = ""
    for pointer, position in _positions(path):
        # What stands below a repeated member is repeated by that alone.
        if pointer in seen and not (passed and pointer.startswith(f"{passed}/")):
            repeated.append((pointer, position))
            passed = pointer
        seen.add(pointer)
    return repeated


def _positions(path: Path) -> list[tuple[str, Position]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return list(_of_yaml(text) if is_yaml(path) else _of_json(text))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return []


def _nearest(positions: dict[str, Position], pointer: str) -> Position | None:
    while pointer and pointer not in positions:
        pointer = pointer.rpartition("/")[0]
    return positions.get(pointer)


def _of_json(text: str) -> Iterator[tuple[str, Position]]:
    """Walk the tokens with a stack of open objects and arrays."""
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    line = 0
    stack: list[list[Any]] = []
    pointer, expects_name = "", False
    for match in _TOKEN.finditer(text):
        while line + 1 < len(line_starts) and line_starts[line + 1] <= match.start():
            line += 1
        position = (line + 1, match.start() - line_starts[line] + 1)
        mark = match[0]
        if mark in "}]":
            pointer = stack.pop()[0]
            expects_name = False
        elif mark == ",":
            holder, index = stack[-1]
            expects_name = index is None
            if index is not None:
                stack[-1][1] = index + 1
                pointer = f"{holder}/{index + 1}"
        elif mark == ":":
            expects_name = False
        elif expects_name:
            pointer = f"{stack[-1][0]}/{escape(json.loads(mark))}"
            yield pointer, position
        else:
            if not stack or stack[-1][1] is not None:
                yield pointer, position
            if mark in "{[":
                stack.append([pointer, 0 if mark == "[" else None])
                expects_name = mark == "{"
                pointer = f"{pointer}/0" if mark == "[" else pointer
        if mark in "}]" and stack and stack[-1][1] is None:
            pointer = stack[-1][0]


def _of_yaml(text: str) -> Iterator[tuple[str, Position]]:
    # Aliases are followed each time: what is refused for them has no positions either.
    check_bounds(text.encode())
    pending: list[tuple[str, Any, frozenset[int]]] = [("", yaml.compose(text, Loader=yaml.SafeLoader), frozenset())]
    if pending[0][1] is not None:
        yield "", (1, 1)
    while pending:
        pointer, node, above = pending.pop()
        if id(node) in above:
            # An alias below its own anchor: there is no end to it.
            continue
        above |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = f"{pointer}/{escape(str(key.value))}"
                yield below, (key.start_mark.line + 1, key.start_mark.column + 1)
                pending.append((below, value, above))
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                below = f"{pointer}/{index}"
                yield below, (item.start_mark.line + 1, item.start_mark.column + 1)
                pending.append((below, item, above))
