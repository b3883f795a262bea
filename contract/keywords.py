"""Each keyword of a schema on its own: which values it says something of, and which it admits (2020-12)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contract.coercion import ALL_TYPES, type_of
from contract.explain import asserts_format
from contract.schema import InvalidSchema, Node, Schemas

Judge = Callable[[Any], bool | None]
"""Whether a keyword admits a value; None where it says nothing of it."""

_NUMBERS: Final = frozenset({"integer", "number"})

_OF_TYPES: Final[Mapping[frozenset[str], tuple[str, ...]]] = {
    ALL_TYPES: (
        "type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$dynamicRef",
    ),
    _NUMBERS: ("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
    frozenset({"string"}): ("maxLength", "minLength", "pattern", "format"),
    frozenset({"array"}): (
        "maxItems", "minItems", "uniqueItems", "contains", "minContains", "maxContains", "prefixItems", "items",
        "unevaluatedItems",
    ),
    frozenset({"object"}): (
        "maxProperties", "minProperties", "required", "dependentRequired", "dependentSchemas", "dependencies",
        "properties", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties",
    ),
}  # fmt: skip

TYPES: Final[Mapping[str, frozenset[str]]] = {name: types for types, names in _OF_TYPES.items() for name in names}
"""By keyword that judges: the types of the values it says something of (Validation §6, Core §10)."""

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {"minContains": ("contains",), "maxContains": ("contains",)}
"""Keywords that say nothing without another."""

_CONSEQUENCES: Final[Mapping[str, bool]] = {"then": True, "else": False}
"""By keyword: what `if` has to say for it to count (Core §10.2.2)."""

_UNEVALUATED: Final = frozenset({"unevaluatedItems", "unevaluatedProperties"})


def judge_of(schemas: Schemas, node: Node, keyword: str) -> Judge | None:
    """What judges by one keyword of the schema at `node`; None where the keyword constrains nothing there."""
    schema = node.value
    types = TYPES.get(keyword)
    if types is None or any(name not in schema for name in _NEEDS.get(keyword, ())):
        return None
    if keyword == "format" and not asserts_format(str(schema["format"])):
        return None
    try:
        decide = _compile(schemas, node, keyword)
    except InvalidSchema:
        return None
    return None if decide is None else lambda value: decide(value) if type_of(value) in types else None


def _compile(schemas: Schemas, node: Node, keyword: str) -> Judge | None:
    schema = node.value
    if keyword in _UNEVALUATED:
        # What it looks at is what all others have left.
        whole = schemas.compile_beside(node, schema)
        others = schemas.compile_beside(node, {name: value for name, value in schema.items() if name != keyword})
        return lambda value: whole.is_valid(value) if others.is_valid(value) else None
    if keyword in ("if", *_CONSEQUENCES):
        if not schema.keys() & {"then", "else"} or "if" not in schema:
            return None
        condition = schemas.compile_beside(node, schema["if"])
        if keyword == "if":
            return condition.is_valid
        consequence = schemas.compile_beside(node, schema[keyword])
        wanted = _CONSEQUENCES[keyword]
        return lambda value: consequence.is_valid(value) if condition.is_valid(value) is wanted else None
    return schemas.compile_beside(node, _alone(schema, keyword)).is_valid


def _alone(schema: Mapping[str, Any], keyword: str) -> dict[str, Any]:
    """A schema of one keyword, and of those that it does not mean the same without, which admit everything."""
    alone = {keyword: schema[keyword]}
    if keyword == "additionalProperties":
        for name in ("properties", "patternProperties"):
            alone[name] = dict.fromkeys(schema.get(name, ()), True)
    elif keyword == "items":
        if schema.get("prefixItems"):
            alone["prefixItems"] = [True] * len(schema["prefixItems"])
    elif keyword == "contains":
        alone["minContains"] = schema.get("minContains", 1)
    elif keyword in ("minContains", "maxContains"):
        alone["contains"] = schema["contains"]
        alone.setdefault("minContains", 0)
    return alone
