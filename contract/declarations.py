"""Writes types as Python: what has to be declared, in an order in which Python can read it, as ruff would format it."""

import keyword
import math
from collections.abc import Collection, Iterator
from typing import Any, Final

from contract.python_types import Choice, Declaration, Either, Named, Of, Plain, Type, class_name

LINE: Final = 120
"""Columns of a line."""

_LONGEST: Final = 70
"""Characters of a type within a line; a longer one gets a name of its own."""

_AMBIGUOUS: Final = frozenset({"I", "O", "l"})
"""Names that look like digits (PEP 8, "Names to Avoid")."""

_BUILTINS: Final = frozenset({"str", "int", "float", "bool", "bytes", "list", "dict"})


class Declarations:
    """The declarations of one module."""

    def __init__(self, taken: Collection[str], shadowed: Collection[str] = ()) -> None:
        """`taken` are the names that mean something else in the module; `shadowed` those of builtins among them."""
        self.texts: dict[str, str] = {}
        """What has been declared, by name, in order."""
        self.from_typing: set[str] = set()
        self.uses_builtins = False
        """Whether the module `builtins` is referred to."""
        self._taken = set(taken)
        self._shadowed = _BUILTINS & set(shadowed)
        self._names: dict[Declaration, str] = {}
        self._begun: set[Declaration] = set()
        self._done: set[Declaration] = set()
        self._deferred: list[Declaration] = []

    def annotate(self, type_: Type, hint: str) -> str:
        """A type as an annotation, once everything that it refers to has been declared."""
        self.declare(type_)
        type_ = self._shortened(type_, hint)
        self.declare(type_)
        return self._annotation(type_)

    def declare(self, type_: Type) -> None:
        """Declare what a type refers to, for those who go on with the module."""
        self._declare_below(type_)
        while self._deferred:
            self._write_alias(self._deferred.pop(0), may_defer=False)

    def _declare_below(self, type_: Type) -> None:
        for declaration in _declarations_in(type_):
            self._declare(declaration)

    def _declare(self, declaration: Declaration) -> None:
        if declaration in self._begun:
            return
        self._begun.add(declaration)
        self._name(declaration)
        if declaration.members is None:
            assert declaration.alias is not None  # what is no TypedDict is a name for something
            self._declare_below(declaration.alias)
            self._write_alias(declaration, may_defer=True)
            return
        for type_, _ in declaration.members.values():
            self._declare_below(type_)
        self._write_typed_dict(declaration, declaration.members)
        self._done.add(declaration)

    def _name(self, declaration: Declaration) -> str:
        if declaration not in self._names:
            name, number = declaration.wanted, 1
            while name in self._taken:
                number += 1
                name = f"{declaration.wanted}{number}"
            self._taken.add(name)
            self._names[declaration] = name
        return self._names[declaration]

    # ---- what is declared --------------------------------------------------------------------------------------------

    def _write_typed_dict(self, declaration: Declaration, members: dict[str, tuple[Type, bool]]) -> None:
        name = self._names[declaration]
        self.from_typing.add("TypedDict")
        lines = {}
        for member, (type_, required) in members.items():
            text = self._annotation(self._shortened(type_, name + class_name(member)))
            if not required:
                self.from_typing.add("NotRequired")
                text = f"NotRequired[{text}]"
            lines[member] = text
        if all(map(_stands_in_a_class, lines)) and not self._hides(lines):
            what = (
                f"The document's `{_plainly(declaration.source)}`."
                if declaration.source
                else "A schema without a name of its own."
            )
            body = [f'    """{what}"""', *([""] if lines else [])]
            self.texts[name] = "\n".join([f"class {name}(TypedDict):", *body, *_members(lines)])
            return
        # Names with two underscores in front are mangled in a class: ruff knows that.
        is_flagged = all(_is_a_name(member) and not member.startswith("__") for member in lines)
        noqa = "  # noqa: UP013, RUF100 (a name would mean something else in a class)" if is_flagged else ""
        entries = [f"        {text_of(member)}: {text}," for member, text in lines.items()]
        self.texts[name] = "\n".join([f"{name} = TypedDict({noqa}", f'    "{name}",', "    {", *entries, "    },", ")"])

    def _hides(self, lines: dict[str, str]) -> bool:
        """Whether a member has the name of a type: within the class it would be taken for that."""
        known = {*_BUILTINS, *self._names.values(), "builtins", "Any", "Literal", "Never", "NotRequired"}
        return any(name in known for name in lines)

    def _write_alias(self, declaration: Declaration, *, may_defer: bool) -> None:
        assert declaration.alias is not None  # only such come here
        name = self._names[declaration]
        members = declaration.alias.members if isinstance(declaration.alias, Either) else (declaration.alias,)
        is_early = any(isinstance(member, Named) and member.declaration not in self._done for member in members)
        if is_early and may_defer:
            # It would be a text where Python wants a type: it comes after what it refers to.
            self._deferred.append(declaration)
            return
        self.texts[name] = self._alias(name, declaration.alias)
        self._done.add(declaration)

    def _alias(self, name: str, type_: Type) -> str:
        if isinstance(type_, Choice):
            self.from_typing.add("Literal")
            values = [literal_of(value) for _, value in type_.values]
            text = f"{name} = Literal[{', '.join(values)}]"
            if len(text) <= LINE:
                return text
            return "\n".join([f"{name} = Literal[", *(f"    {value}," for value in values), "]"])
        if isinstance(type_, Either):
            type_ = Either(tuple(self._shortened(member, f"{name}Member") for member in type_.members))
        elif isinstance(type_, Of):
            type_ = Of(type_.holder, self._shortened(type_.item, f"{name}Item"))
        text = self._annotation(type_)
        head = name
        if any(True for _ in _declarations_in(type_)):
            # Within a circle a type checker takes it for a variable unless it is told.
            self.from_typing.add("TypeAlias")
            head = f"{name}: TypeAlias"
        if len(line := f"{head} = {text}") <= LINE or not isinstance(type_, Either) or text.startswith('"'):
            return line
        if len(f"    {text}") <= LINE:
            return f"{head} = (\n    {text}\n)"
        first, *others = [self._annotation(member) for member in type_.members]
        return "\n".join([f"{head} = (", f"    {first}", *(f"    | {other}" for other in others), ")"])

    # ---- types as text -----------------------------------------------------------------------------------------------

    def _shortened(self, type_: Type, hint: str) -> Type:
        """A type that fits a line, what is too long for one being given a name."""
        mixed = any(True for _ in _declarations_in(type_))
        if isinstance(type_, Of):
            type_ = Of(type_.holder, self._shortened(type_.item, f"{hint}Item"))
        elif isinstance(type_, Either):
            # Texts of a Literal and names to be quoted do not stand in one text.
            members = [
                self._given_a_name(m, f"{hint}Choice") if mixed and isinstance(m, Choice) else self._shortened(m, hint)
                for m in type_.members
            ]
            type_ = Either(tuple(members))
        return self._given_a_name(type_, hint) if len(self._annotation(type_)) > _LONGEST else type_

    def _given_a_name(self, type_: Type, hint: str) -> Type:
        if isinstance(type_, Named):
            return type_
        declaration = Declaration(class_name(hint), alias=type_)
        self._declare(declaration)
        return Named(declaration)

    def _annotation(self, type_: Type) -> str:
        members = type_.members if isinstance(type_, Either) else (type_,)
        if any(isinstance(member, Named) and member.declaration not in self._done for member in members):
            return f'"{self._text(type_, quoted=True)}"'
        return self._text(type_, quoted=False)

    def _text(self, type_: Type, *, quoted: bool) -> str:
        if isinstance(type_, Plain):
            if type_.name in ("Any", "Never"):
                self.from_typing.add(type_.name)
            return self._builtin(type_.name)
        if isinstance(type_, Choice):
            self.from_typing.add("Literal")
            return f"Literal[{', '.join(literal_of(value) for _, value in type_.values)}]"
        if isinstance(type_, Of):
            item = self._text(type_.item, quoted=True) if quoted else self._annotation(type_.item)
            key = f"{self._builtin('str')}, " if type_.holder == "dict" else ""
            return f"{self._builtin(type_.holder)}[{key}{item}]"
        if isinstance(type_, Either):
            return " | ".join(self._text(member, quoted=quoted) for member in type_.members)
        return self._name(type_.declaration)

    def _builtin(self, name: str) -> str:
        if name not in self._shadowed:
            return name
        self.uses_builtins = True
        return f"builtins.{name}"


def literal_of(value: Any) -> str:
    """A scalar as Python writes it."""
    return text_of(value) if isinstance(value, str) else repr(value)


def text_of(value: str) -> str:
    """A text as a literal, in ASCII, in the quotes that ruff chooses."""
    escaped = "".join(char if char.isascii() else ascii(char)[1:-1] for char in value.encode("unicode_escape").decode())
    quote = "'" if escaped.count('"') > escaped.count("'") else '"'
    return quote + escaped.replace(quote, f"\\{quote}") + quote


def default_of(type_: Type, value: Any) -> str | None:
    """A default of a parameter in its signature; None where it is not one that a signature should hold."""
    members = type_.members if isinstance(type_, Either) else (type_,)
    if isinstance(value, float) and (not math.isfinite(value) or "e" in repr(value)):
        return None
    if not isinstance(value, bool | int | float | str) and value is not None:
        return None
    name = "None" if value is None else type(value).__name__
    names = {name, "float"} if name == "int" else {name}
    fits = any(
        member.name in names or member.name == "Any"
        if isinstance(member, Plain)
        else isinstance(member, Choice) and (type(value), value) in member.values
        for member in members
    )
    text = literal_of(value)
    return text if fits and len(text) <= _LONGEST // 2 else None


def _declarations_in(type_: Type) -> Iterator[Declaration]:
    if isinstance(type_, Named):
        yield type_.declaration
    elif isinstance(type_, Of):
        yield from _declarations_in(type_.item)
    elif isinstance(type_, Either):
        for member in type_.members:
            yield from _declarations_in(member)


def _members(lines: dict[str, str]) -> list[str]:
    noted = {name: "  # noqa: E741, RUF100 (as the document has it)" for name in lines if name in _AMBIGUOUS}
    return [f"    {member}: {text}{noted.get(member, '')}" for member, text in lines.items()]


def _stands_in_a_class(name: str) -> bool:
    """Whether a member's name may be written as that of an attribute: others are mangled, normalized or no names."""
    return name.isascii() and _is_a_name(name) and not name.startswith("__")


def _is_a_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _plainly(name: str) -> str:
    return "".join(char for char in name if char.isascii() and char.isprintable() and char not in '"\\`')[:_LONGEST]
