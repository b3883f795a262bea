"""The guide to errors: it tells what the code answers, no less and no more."""

import ast
import importlib
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from contract import Problem
from contract.mock import Unanswerable
from contract.preference import NotDefined
from contract.problem import (
    ContentTooLarge,
    Forbidden,
    InternalServerError,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    NotImplementedYet,
    RequestTimeout,
    ServiceUnavailable,
    Unauthorized,
    UnprocessableContent,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from contract.wording import FORMATS
from imtegrate.limits import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_TARGET,
    BadRequest,
    HeaderFieldsTooLarge,
    NothingAllowed,
    TooManyConnections,
    URITooLong,
)
from imtegrate.loopback import MisdirectedRequest
from imtegrate.rate_limit import KEY_POLICY, Rate, Standing, TooManyRequests

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "errors.md").read_text()
PACKAGES: Final = ("contract", "handlers", "imtegrate")

PROBLEMS: Final[tuple[Problem, ...]] = (
    BadRequest("message"),
    ContentTooLarge(1),
    Forbidden("message"),
    HeaderFieldsTooLarge(),
    InternalServerError(),
    MethodNotAllowed(["GET"]),
    MisdirectedRequest(),
    NotAcceptable(["application/json"]),
    NotDefined("that"),
    NotFound(),
    NotImplementedYet("operation"),
    NothingAllowed(),
    RequestTimeout(),
    ServiceUnavailable(),
    TooManyConnections(),
    TooManyRequests(Standing(KEY_POLICY, Rate(1, "second"), admitted=False, remaining=0, reset=1)),
    URITooLong(),
    Unanswerable("/paths"),
    Unauthorized(),
    UnsupportedContentEncoding(),
    UnsupportedMediaType(["application/json"]),
)
"""One of each class whose `type` is fixed."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, those that begin tables apart."""
    section = re.split(r"^## ", GUIDE, flags=re.MULTILINE)
    lines = next(part for part in section if part.startswith(heading)).splitlines()
    found = [
        (line, following) for line, following in zip(lines, [*lines[1:], ""], strict=True) if line.startswith("| ")
    ]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line, following in found
        if not line.startswith("| ---") and not following.startswith("| ---")
    ]


def problems_of_ours() -> Iterator[type[Problem]]:
    """Every subclass that the packages define, by their source."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_bytes()).body:
                bases = {ast.unparse(base).rpartition(".")[2] for base in getattr(node, "bases", ())}
                if isinstance(node, ast.ClassDef) and "Problem" in bases:
                    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                    yield getattr(module, node.name)


def types_in(path: Path) -> Iterator[str]:
    """What a module writes after a message, as the `type` of a fault."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        items = node.elts if isinstance(node, ast.Tuple) else node.args if isinstance(node, ast.Call) else []
        for message, type_ in pairwise(items):
            is_message = (
                isinstance(message, ast.JoinedStr)
                or (isinstance(message, ast.Constant) and re.match(r"[A-Z].* |value is", str(message.value)))
                or ast.unparse(message).startswith("_length(")
                or (isinstance(node, ast.Call) and ast.unparse(node.func) == "ValidationError")
            )
            if is_message:
                yield from (
                    each.value
                    for each in ([type_.body, type_.orelse] if isinstance(type_, ast.IfExp) else [type_])
                    if isinstance(each, ast.Constant) and re.fullmatch(r"[a-z]+(?:_[a-z]+)*", str(each.value))
                )
        if isinstance(node, ast.FunctionDef) and node.name == "_unreadable":
            yield from (each.value for each in node.args.defaults if isinstance(each, ast.Constant))


def test_every_problem_is_tried() -> None:
    """Each class of problem has a row of its own, or the table of 422."""
    assert {type(problem) for problem in PROBLEMS} | {UnprocessableContent} == set(problems_of_ours())


def test_the_statuses_are_true() -> None:
    """Status, type and headers of each row are those of a problem, and each problem has a row."""
    told = {(row[0], row[1], row[3]) for row in rows("By status") if row[0] != "422"}
    found = {
        (
            str(problem.status.value),
            f"`{problem.errors[0].type}`",
            ", ".join(f"`{name}`" for name in sorted(problem.headers)),
        )
        for problem in PROBLEMS
    }
    assert told == found


def test_the_types_of_422_are_true() -> None:
    """Every type that a fault of a request may have is told, and none that none has."""
    modules = ("findings", "media", "parameters", "raw", "schema", "styles", "validation", "violations", "wording")
    written = {found for module in modules for found in types_in(ROOT / "contract" / f"{module}.py")}
    table = rows("Types of a 422")
    formats = {row[0].strip("`"): row[1].strip("`") for row in table if row[0].strip("`") in FORMATS}
    told = {row[0].strip("`") for row in table} - formats.keys()
    assert told == written
    assert formats == {name: begins for name, (begins, _, _) in FORMATS.items() if name != "email"}


def test_the_bounds_are_true() -> None:
    """Bounds that are no settings are told as they are."""
    for bound in (f"{MAX_TARGET:,} bytes", f"{MAX_FIELDS} header fields", f"{MAX_HEAD:,} bytes"):
        assert bound in GUIDE
