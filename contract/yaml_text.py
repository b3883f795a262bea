"""Reads YAML with the types of JSON only, within bounds: an alias is short, and may stand for anything."""

import re
from typing import Any, Final

import yaml

from contract.json_text import MAX_DEPTH

MAX_NODES: Final = 1_000_000
"""Values and keys of a file, what its aliases stand for counted each time: 600 bytes each while it is read."""


_TOO_DEEP: Final = f"nested too deep: over {MAX_DEPTH} levels", "use $ref"
_NESTED: Final = "maximum nesting depth"
"""What libyaml says from its version 0.2.6 on, which looks ahead and gives up at a thousand levels."""


class InvalidYAML(ValueError):
    """A text is no YAML, or goes beyond the bounds; `line` and `column` count from 1."""

    def __init__(self, reason: str, mend: str, mark: Any) -> None:
        """`mark` is PyYAML's or libyaml's, which share no type; or None."""
        super().__init__(reason)
        self.reason = reason
        self.mend = mend
        self.line = mark.line + 1 if mark else 1
        self.column = mark.column + 1 if mark else 1


class _JSONSchemaLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # a base known at run time
    """YAML's JSON schema (YAML 1.2 §10.2): a date stays the text that it is, and so does `yes`."""


_NOT_OF_JSON: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("timestamp", "bool", "value"))

_JSONSchemaLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_OF_JSON]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_JSONSchemaLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def loads(source: bytes) -> Any:
    """The value of a text; keys are made text.

    Raises:
        InvalidYAML: it is no YAML, nested over `MAX_DEPTH`, of over `MAX_NODES` nodes, or without end.
    """
    try:
        check_bounds(source)
        return _with_text_keys(yaml.load(source, Loader=_JSONSchemaLoader))  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "not readable as YAML"
        mark = getattr(error, "problem_mark", None)
        if _NESTED in problem:
            raise InvalidYAML(*_TOO_DEEP, mark) from None
        raise InvalidYAML(f"not YAML: {problem}", "mend the syntax", mark) from None


def check_bounds(source: bytes) -> None:
    """Count what there will be before any of it is made: the composer of libyaml recurs, and ends the process.

    Raises:
        InvalidYAML: nested over `MAX_DEPTH`, of over `MAX_NODES` nodes, or without end.
        yaml.YAMLError: it is no YAML.
    """
    sizes: dict[str | None, int] = {}
    opened: list[tuple[str | None, int]] = []
    nodes = 0
    for event in yaml.parse(source, Loader=_JSONSchemaLoader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                raise InvalidYAML("nested too deep: an alias stands below its anchor", "use $ref", event.start_mark)
            # The composer says what is wrong with an alias of no anchor.
            nodes += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            nodes += 1
            opened.append((event.anchor, nodes - 1))
            if len(opened) > MAX_DEPTH:
                raise InvalidYAML(*_TOO_DEEP, event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if nodes > MAX_NODES:
            reason = f"over {MAX_NODES} values, what aliases stand for among them"
            raise InvalidYAML(reason, "use $ref, or files of their own", event.start_mark)


def _with_text_keys(value: Any) -> Any:
    """YAML has numbers as keys (`200:`), JSON only text."""
    if isinstance(value, dict):
        return {_key(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)
