"""Edited documents, named as FastAPI would name them: its own applications, and the service of their own documents.

Each application below is an edit that somebody may make. FastAPI writes its document, the service follows that
document, and both are asked the same.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum, IntEnum
from pathlib import Path
from re import sub
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from fastapi import Body, Cookie, FastAPI, Header, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from compiling import compiled
from contract import ASGIApp, bind, build_app

from .fastapi_reference import Answer, Fault, ask

Loc = tuple[str | int, ...]

ABSENT: Final = object()


class Colour(Enum):  # noqa: D101 (its docstring would be in the document)
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Level(IntEnum):  # noqa: D101 (as above)
    LOW = 1
    HIGH = 2


class Address(BaseModel):  # noqa: D101 (as above)
    street: Annotated[str, Field(min_length=1)]
    zip_code: Annotated[str, Field(alias="zip", pattern=r"^\d{5}$")]
    country: Literal["DE", "AT"] = "DE"


class Person(BaseModel):  # noqa: D101 (as above)
    name: Annotated[str, Field(min_length=2, max_length=5)]
    age: Annotated[int, Field(ge=0, lt=150)] | None = None
    address: Address
    others: list[Address] = []
    by_label: dict[str, Address] = {}


class Strict(BaseModel):  # noqa: D101 (as above)
    model_config = ConfigDict(extra="forbid")
    a: str
    b: int = 1
    inner: Address | None = None


class Numbers(BaseModel):  # noqa: D101 (as above)
    i: int = 0
    f: float = 0
    b: bool = False
    ge: Annotated[int, Field(ge=1, le=10)] = 1
    gt: Annotated[float, Field(gt=0, lt=1.5)] = 1
    m: Annotated[int, Field(multiple_of=5, ge=10)] = 10
    half: Annotated[float, Field(multiple_of=0.5, le=100)] = 1


class Lists(BaseModel):  # noqa: D101 (as above)
    few: Annotated[list[int], Field(min_length=1, max_length=3)]
    many: Annotated[list[Annotated[str, Field(max_length=2)]], Field(min_length=2)] = ["a", "b"]
    deep: list[list[Annotated[str, Field(max_length=2)]]] = []
    counts: dict[str, int] = {}
    pair: tuple[int, str] = (1, "a")
    some: Annotated[dict[str, str], Field(min_length=1, max_length=2)] = {"a": "b"}
    anything: Any = None


class Choices(BaseModel):  # noqa: D101 (as above)
    literal: Literal["a", "b", "c"] = "a"
    one: Literal["only"] = "only"
    number: Literal[1, 2] = 1
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    colours: list[Colour] = []


class Cat(BaseModel):  # noqa: D101 (as above)
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):  # noqa: D101 (as above)
    kind: Literal["dog"]
    tricks: list[str]


class Unions(BaseModel):  # noqa: D101 (as above)
    simple: int | str = 1
    bounded: Annotated[int, Field(ge=5)] | Annotated[str, Field(min_length=3)] = 5
    listed: list[int] | str | None = None
    pet: Cat | Dog | None = None
    told: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    mapped: dict[str, int] | list[str] = {}
    flag: bool | None = None


class Formats(BaseModel):  # noqa: D101 (as above)
    uuid: UUID | None = None
    at: datetime | None = None
    day: date | None = None
    clock: time | None = None
    lasting: timedelta | None = None


class Tree(BaseModel):  # noqa: D101 (as above)
    value: int
    below: "list[Tree]" = []


Application = Callable[[FastAPI], None]


def _of_body(model: Any) -> Application:
    def application(app: FastAPI) -> None:
        async def op(body: Any) -> None: ...

        op.__annotations__["body"] = model
        app.post("/")(op)

    return application


def _of_several_bodies(app: FastAPI) -> None:
    @app.post("/")
    async def op(person: Address, other: Strict, importance: Annotated[int, Body(gt=0)]) -> None: ...


def _of_embedded_body(app: FastAPI) -> None:
    @app.post("/")
    async def op(person: Annotated[Address, Body(embed=True)]) -> None: ...


def _of_optional_body(app: FastAPI) -> None:
    @app.post("/")
    async def op(body: Strict | None = None) -> None: ...


def _of_query(app: FastAPI) -> None:
    @app.post("/")
    async def op(
        i: int,
        f: Annotated[float, Query(gt=0, le=10.5)] = 1,
        b: bool = False,
        s: Annotated[str, Query(min_length=2, max_length=4, pattern="^[a-z]*$")] = "ab",
        m: Annotated[int, Query(multiple_of=3, ge=3, lt=100)] = 3,
        n: Annotated[int, Query(alias="page-size", ge=1)] = 1,
    ) -> None: ...


def _of_query_choices(app: FastAPI) -> None:
    @app.post("/")
    async def op(
        o: int | None = None,
        c: Colour | None = None,
        lit: Literal["x", "y"] = "x",
        u: UUID | None = None,
        w: int | str = 1,
        level: Level = Level.LOW,
    ) -> None: ...


def _of_query_lists(app: FastAPI) -> None:
    @app.post("/")
    async def op(
        i: Annotated[list[int], Query()],
        s: Annotated[list[str], Query(min_length=1, max_length=2)] = ["a"],  # noqa: B006 (only described)
        c: Annotated[list[Colour] | None, Query()] = None,
        b: Annotated[list[bool], Query()] = [],  # noqa: B006 (as above)
    ) -> None: ...


def _of_header(app: FastAPI) -> None:
    @app.post("/")
    async def op(
        x_count: Annotated[int, Header(ge=1)],
        x_name: Annotated[str, Header(min_length=2)] = "ab",
        x_flag: Annotated[bool | None, Header()] = None,
        x_ratio: Annotated[float, Header(lt=1)] = 0.5,
        x_colour: Annotated[Colour, Header()] = Colour.RED,
    ) -> None: ...


def _of_cookie(app: FastAPI) -> None:
    @app.post("/")
    async def op(
        session: Annotated[str, Cookie(min_length=2)],
        visits: Annotated[int, Cookie(le=10)] = 1,
        flag: Annotated[bool, Cookie()] = False,
    ) -> None: ...


def _of_path(schema: Any) -> Application:
    def application(app: FastAPI) -> None:
        async def op(x: Any) -> None: ...

        op.__annotations__["x"] = schema
        app.post("/{x}")(op)

    return application


def _of_everything(app: FastAPI) -> None:
    @app.post("/{x}")
    async def op(
        body: Strict,
        session: Annotated[int, Cookie()],
        q: int,
        x: Annotated[int, PathParameter(ge=1)],
        x_count: Annotated[int, Header()],
    ) -> None: ...


JUNK: Final[Sequence[Any]] = (
    None, True, 0, 7, -3, 2.5, "", "a", "ab", "12", "true", [], [1], ["a"], {}, {"a": 1}, {"a": "b"},
)  # fmt: skip

ADDRESS: Final = {"street": "s", "zip": "12345"}


SCALARS: Final = (
    "", "a", "ab", "abcde", "AB", "0", "1", "3", "4", "12", "99", "100", "102", "-1", "1.5", "1.0", "1e2", "10.6",
    "true", "false", "True", "yes", "on", "off", "null", "None", "nan", "red", "blue", "x", "%20", "%201", "+1",
    "%2B1", "01", "1_0", "0x1", "9999999999999999999999", "%C3%A9", "2", "01a20a49-f97a-77d4-93e7-c57eae27c49a",
    "9" * 4300, "-" + "9" * 5000, "1e400", "1e" + "9" * 30,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    body: Any = ABSENT
    query: str = ""
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()

    async def to(self, app: ASGIApp) -> Answer:
        """Send it."""
        text = b"" if self.body is ABSENT else json.dumps(self.body).encode()
        headers = [(name.encode(), value.encode()) for name, value in self.headers]
        headers += [] if self.body is ABSENT else [(b"content-type", b"application/json")]
        return await ask(app, text, headers, self.path, self.query.encode())

    def at(self, loc: Sequence[str | int]) -> Any:
        """The value at a fault's place; names of union members are passed over."""
        where, *steps = loc
        value: Any = {"body": self.body, "path": {"x": self.path[1:]}}.get(str(where))
        if where == "query":
            given = parse_qs(self.query, keep_blank_values=True)
            value = given if len(steps) > 1 else {name: texts[-1] for name, texts in given.items()}
        elif where in ("header", "cookie"):
            text = dict(self.headers).get("cookie", "")
            pairs = [each.partition("=")[::2] for each in text.split("; ")]
            value = dict(pairs if where == "cookie" else self.headers)
        for step in steps:
            with suppress(KeyError, IndexError, TypeError):
                value = value[step]
        return value


def bodies(valid: dict[str, Any], **members: Sequence[Any]) -> list[Sent]:
    """The valid body; it with each of these values for one member, and without it; all the last ones; and junk."""
    made: list[Any] = [valid, {}, {**valid, "more": 1}, None, [], "a", 1, True]
    for name, values in members.items():
        made += [{**valid, name: value} for value in (*values, *JUNK)]
        made.append({key: value for key, value in valid.items() if key != name})
    made.append({name: values[-1] for name, values in reversed(members.items())})
    return [Sent(body) for body in made] + [Sent()]


def queries(valid: str, *names: str) -> list[Sent]:
    """The valid query, and each parameter with each of `SCALARS` behind it; and all of them with the same."""
    texts = [valid, "", *(f"{valid}&{name}={text}" for name in names for text in SCALARS)]
    texts += ["&".join(f"{name}={text}" for name in names) for text in SCALARS]
    return [Sent(query=text.strip("&")) for text in texts]


def headers(valid: dict[str, str], *names: str) -> list[Sent]:
    """The valid headers, and each of these with each of `SCALARS` in its place; and none."""
    made = [valid, {}, *({**valid, name: text} for name in names for text in SCALARS if "%" not in text)]
    return [Sent(headers=tuple(each.items())) for each in made]


def cookies(valid: dict[str, str], *names: str) -> list[Sent]:
    """As `headers`, in one cookie header."""
    made = [valid, *({**valid, name: text} for name in names for text in SCALARS if "%" not in text)]
    return [Sent()] + [
        Sent(headers=(("cookie", "; ".join(f"{name}={value}" for name, value in each.items())),)) for each in made
    ]


def paths() -> list[Sent]:
    """Each of `SCALARS` that a path can have."""
    return [Sent(path=f"/{text}") for text in SCALARS if text and "%" not in text]


VALID_PERSON: Final = {"name": "abc", "address": ADDRESS}
ADDRESSES: Final = ({"street": ""}, {**ADDRESS, "zip": "1"}, {**ADDRESS, "zip": 1, "country": "FR"}, ADDRESS)
CAT: Final = {"kind": "cat", "lives": 9}
FORMATTED: Final = (
    "01a20a49-f97a-77d4-93e7-c57eae27c49a", "01A20A49-F97A-77D4-93E7-C57EAE27C49A", "01a20a49", "2030-01-01",
    "2030-01-01T00:00:00Z", "2030-01-01T00:00:00+01:00", "2030-13-01", "2030-13-01T00:00:00Z", "2030-01-01T25:00:00Z",
    "10:00:00Z", "25:00:00", "P1D", "PT1H", "P", "tomorrow",
)  # fmt: skip

EVERY_LIST: Final[Sequence[Any]] = ([], [ADDRESS], [ADDRESS, {}], [1], {}, None, "a")
EVERY_BODY: Final[Sequence[Any]] = ({"a": "a"}, {"a": 1, "x": 2}, {}, ABSENT, [])

APPLICATIONS: Final[dict[str, tuple[Application, list[Sent]]]] = {
    "nested": (
        _of_body(Person),
        bodies(
            VALID_PERSON,
            name=["a", "abcdef"],
            age=[-1, 150, 151],
            address=ADDRESSES,
            others=[[each] for each in ADDRESSES] + [[1, ADDRESS, {}]],
            by_label=[{"a": each} for each in ADDRESSES]
            + [{"x": 1, "b": ADDRESS, "a": {}}, {"0": {}, "a": 1, "12": 3}],
        ),
    ),
    "strict": (_of_body(Strict), bodies({"a": "a"}, b=["x"], a=[1], inner=[*ADDRESSES, 5], c=[1])),
    "numbers": (
        _of_body(Numbers),
        bodies(
            {},
            i=[1.0, 1e30, 2.5, 10**30],
            f=[10**30, 1.5],
            b=[False, 1, "yes", 2],
            ge=[0, 11, 1.5, 5],
            gt=[0, 1.5, 2, 1],
            m=[7, 12, 5, 15],
            half=[0.3, 101, 100.5, 2],
        ),
    ),
    "lists": (
        _of_body(Lists),
        bodies(
            {"few": [1]},
            few=[[], [1, 2, 3], [1, 2, 3, 4], [1, "x", None], ["a", "b", "c", "d"]],
            many=[["a"], ["abc"], ["abc", 1], ["a", "b", "c"]],
            deep=[[["ab"]], [["abc"]], [["a"], "b", [1]]],
            counts=[{"a": "x"}, {"b": None, "a": []}],
            pair=[[1, "b"], [1], [1, "b", 2], ["x", 1], []],
            some=[{}, {"a": "a", "b": "b", "c": "c"}, {"a": 1, "b": "b", "c": "c"}],
        ),
    ),
    "choices": (
        _of_body(Choices),
        bodies(
            {},
            literal=["b", "d", "A"],
            one=["only", "other"],
            number=[2, 3, "1"],
            colour=["blue", "RED"],
            level=[2, 3],
            colours=[["red", "blue"], ["red", "x", 1]],
        ),
    ),
    "unions": (
        _of_body(Unions),
        bodies(
            {},
            simple=["x", 2],
            bounded=[4, "ab", "abc", 5],
            listed=[["x"], [1, "x"]],
            pet=[CAT, {**CAT, "lives": "x"}, {"kind": "dog"}, {"kind": "cow"}, {"kind": "dog", "tricks": [1]}],
            told=[CAT, {**CAT, "lives": "x"}, {"kind": "dog"}, {"kind": "cow"}, {}],
            mapped=[["a", 1], {"a": "x"}],
            flag=[False, "x"],
        ),
    ),
    "formats": (
        _of_body(Formats),
        bodies({}, uuid=FORMATTED, at=FORMATTED, day=FORMATTED, clock=FORMATTED, lasting=FORMATTED),
    ),
    "names of members": (
        _of_body(dict[Annotated[str, Field(min_length=2)], int]),
        [Sent(body) for body in ({}, {"a": 1}, {"ab": "x"}, {"a": "x"}, {"ab": [], "c": 2, "d": None}, [], None)],
    ),
    "recursion": (
        _of_body(Tree),
        bodies({"value": 1}, below=[[{"value": 1}], [{"value": "x", "below": [{}, {"value": None}]}], [1]]),
    ),
    "a list for a body": (
        _of_body(list[Address]),
        [Sent(body) for body in EVERY_LIST],
    ),
    "several bodies": (
        _of_several_bodies,
        bodies(
            {"person": ADDRESS, "other": {"a": "a"}, "importance": 1},
            person=ADDRESSES,
            other=[{}, {"a": 1, "x": 1}],
            importance=[0, 1],
        ),
    ),
    "an embedded body": (_of_embedded_body, bodies({"person": ADDRESS}, person=ADDRESSES)),
    "an optional body": (_of_optional_body, bodies({"a": "a"}, b=["x"], a=[1])),
    "query": (_of_query, queries("i=1", "i", "f", "b", "s", "m", "page-size")),
    "query choices": (_of_query_choices, queries("", "o", "c", "lit", "u", "w", "level")),
    "query lists": (_of_query_lists, queries("i=1", "i", "s", "c", "b")),
    "headers": (_of_header, headers({"x-count": "1"}, "x-count", "x-name", "x-flag", "x-ratio", "x-colour")),
    "cookies": (_of_cookie, cookies({"session": "abc"}, "session", "visits", "flag")),
    "path of int": (_of_path(Annotated[int, PathParameter(ge=3, lt=100)]), paths()),
    "path of float": (_of_path(Annotated[float, PathParameter(gt=1)]), paths()),
    "path of text": (_of_path(Annotated[str, PathParameter(min_length=2, max_length=3)]), paths()),
    "path of bool": (_of_path(bool), paths()),
    "path of uuid": (_of_path(UUID), paths()),
    "path of a choice": (_of_path(Colour), paths()),
    "everything": (
        _of_everything,
        [
            Sent(body, query, path, tuple(more.items()))
            for body in EVERY_BODY
            for query in ("q=1", "q=x", "")
            for path in ("/1", "/0", "/x")
            for more in (
                {"cookie": "session=1", "x-count": "1"},
                {"cookie": "session=x", "x-count": "x"},
                {"cookie": "session=1"},
                {},
            )
        ],
    ),
}


# ---- where the document decides --------------------------------------------------------------------------------------

LAX: Final[dict[str, Any]] = {
    "int_type": int,
    "int_parsing": int,
    "float_type": float,
    "float_parsing": float,
    "bool_type": bool,
    "bool_parsing": bool,
    "uuid_parsing": UUID,
    "datetime_type": datetime,
    "datetime_parsing": datetime,
    "date_type": date,
    "date_parsing": date,
    "time_type": time,
    "time_parsing": time,
    "time_delta_type": timedelta,
    "time_delta_parsing": timedelta,
    "enum": int,
    "literal_error": int,
}
"""What Pydantic reads as these types though JSON Schema, or the format's RFC, does not: "12" and true as integers, 1
and "yes" as booleans, numbers as moments, UUIDs without hyphens. The document says what is valid, and says it strictly.
"""

FORMATS: Final = {
    "uuid_parsing": "uuid_parsing",
    "datetime_parsing": "datetime_parsing",
    "datetime_from_date_parsing": "datetime_parsing",
    "date_parsing": "date_parsing",
    "date_from_datetime_parsing": "date_parsing",
    "time_parsing": "time_parsing",
    "time_delta_parsing": "time_delta_parsing",
}
"""Pydantic tells which character it stumbled over; JSON Schema only that the format does not hold."""


DETAILS: Final = "details of a format or a tag"


def is_lax(fault: Fault, sent: Sent) -> bool:
    """A fault of a value that Pydantic takes for what it is not."""
    loc, _, type_ = fault
    if type_ not in LAX:
        return False
    value = sent.at(loc)
    if LAX[type_] in (date, time, datetime) and (isinstance(value, int | float) or str(value).isdecimal()):
        # A moment in seconds, which then need not be a valid date or time.
        return True
    try:
        TypeAdapter(LAX[type_]).validate_python(value)
    except ValidationError:
        return False
    return True


def without_details(faults: Sequence[Fault]) -> list[Fault]:
    """Faults, those of formats without the character at fault, and none with the tag that was sent: that is input."""
    shorn = [(loc, sub("^Input tag '.*' found", "Input tag found", msg), type_) for loc, msg, type_ in faults]
    return [(loc, "", FORMATS[type_]) if type_ in FORMATS else (loc, msg, type_) for loc, msg, type_ in shorn]


def lax_places(faults: Sequence[Fault], sent: Sent) -> list[Loc]:
    """Where Pydantic reads loosely; of a member of a union, the whole union."""
    places = [fault[0] for fault in faults if is_lax(fault, sent)]
    return [loc if isinstance(sent.at(loc[:-1]), dict | list) else loc[:-1] for loc in places]


def null_places(faults: Sequence[Fault], sent: Sent, known: Container[Loc]) -> list[Loc]:
    """Parameters that are written empty, or as null: OpenAPI 3.1 §4.8.12.4 has an empty value, FastAPI has not."""
    return [loc for loc, _, _ in faults if loc[0] != "body" and loc not in known and sent.at(loc) in ("", "null")]


def large_places(faults: Sequence[Fault]) -> list[Loc]:
    """Integers of a size that Pydantic does not take from a double or for a choice; JSON has no such limit."""
    return [loc for loc, _, type_ in faults if type_ == "int_parsing_size"]


def whole_places(faults: Sequence[Fault], sent: Sent) -> list[Loc]:
    """A body made of several, and none is there: FastAPI names each of them, the document has only the one."""
    is_several = bool(faults) and all(
        loc[0] == "body" and len(loc) == 2 and type_ == "missing" for loc, _, type_ in faults
    )
    return [("body",)] if is_several and not isinstance(sent.body, dict) else []


def without(faults: Sequence[Fault], places: Sequence[Loc]) -> list[Fault]:
    """The faults that are at none of these places, nor below."""
    return [fault for fault in faults if not any(fault[0][: len(place)] == place for place in places)]


@dataclass
class Compared:
    """What became of one application's requests."""

    equal: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, sent: Sent, mine: Answer, other: Answer) -> None:
        """Compare two answers."""
        ours, theirs = faults_of(mine, 501), faults_of(other, 200)
        if ours == theirs:
            self.equal += 1
            return
        ours, theirs = without_details(ours), without_details(theirs)
        if ours == theirs:
            self.excused[DETAILS] += 1
            return
        for name, places in {
            "read loosely by Pydantic": lax_places(ours, sent),
            "too large for Pydantic": large_places(theirs),
            "null in a parameter": null_places(theirs, sent, {loc for loc, _, _ in ours}),
            "no object where several bodies are": whole_places(theirs, sent) if ours else [],
        }.items():
            if places:
                ours, theirs = without(ours, places), without(theirs, places)
                self.excused[name] += 1
        if ours == theirs:
            return
        self.wrong.append(f"{sent}\n  ours {ours}\n  them {theirs}")


def faults_of(answer: Answer, accepted: int) -> list[Fault]:
    """The faults of a 422; none where the request is accepted."""
    assert answer.status in (422, accepted), answer
    return answer.faults if answer.status == 422 else []


async def compare(folder: Path, name: str) -> Compared:
    """Ask FastAPI, and the service of FastAPI's document, the same."""
    describe, requests = APPLICATIONS[name]
    theirs = FastAPI()
    describe(theirs)
    contract = compiled(folder, theirs.openapi())
    ours = build_app(contract, bind(contract, None))
    compared = Compared()
    for sent in requests:
        compared.add(sent, await sent.to(ours), await sent.to(theirs))
    return compared


@pytest.mark.parametrize("name", APPLICATIONS)
def test_faults_are_named_as_fastapi_names_them(name: str, tmp_path: Path) -> None:
    """Whatever the document is edited to, status and faults are those of the FastAPI application of that document."""
    compared = asyncio.run(compare(tmp_path, name))
    print(f"\n{name}: equal {compared.equal}, excused {dict(compared.excused)}")  # noqa: T201 (for `pytest -s`)
    assert not compared.wrong, f"{len(compared.wrong)} answers differ:\n" + "\n".join(compared.wrong)
    assert compared.equal + compared.excused[DETAILS] >= len(APPLICATIONS[name][1]) / 2, "more is excused than not"
