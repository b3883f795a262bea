"""operationId → function: which function answers an operation, and whether its signature fits."""

import inspect
import keyword
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain, count
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from contract.document import path_of
from contract.fault import DocumentError, Fault
from contract.operation import Contract, Operation

if TYPE_CHECKING:
    from contract.request import Request

Handler = Callable[..., Awaitable[Any]]
HandlerT = TypeVar("HandlerT", bound=Handler)

BODY: Final = "body"
REQUEST: Final = "request"
"""Arguments with a meaning of their own, besides the operation's parameters."""


class Guard(Protocol):
    """Decides who may call an operation, where its document leaves that to the handler."""

    def claim(self, request: "Request") -> Any:
        """What the headers claim, without any look-up; kept as `request.claim`.

        Raises:
            Unauthorized: nothing that could count is there: the body is then not read.
        """

    async def admit(self, request: "Request") -> None:
        """Look the claim up, for a request that will not reach its handler, or whose body is yet to come.

        Raises:
            Unauthorized: the credentials do not count.
            Forbidden: they do, and do not suffice.
        """


@dataclass(slots=True)
class Answer:
    """What a handler may return instead of a bare body."""

    body: Any = None
    status: int | None = None
    """None: the document's status of success."""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
    """None: the first JSON that the document has for the answer, else the first of any kind."""


@dataclass(frozen=True, slots=True)
class Bound:
    """An operation and the function that answers it."""

    operation: Operation
    function: Handler | None
    """None where nobody has written it."""
    guard: Guard | None
    takes_body: bool
    takes_request: bool
    arguments: tuple[str, ...]
    """The argument of each parameter, in the order of `operation.parameters`."""


def guarded_by(guard: Guard) -> Callable[[HandlerT], HandlerT]:
    """Have `guard` decide who may call the decorated handler; the handler itself judges again when it commits."""

    def mark(function: HandlerT) -> HandlerT:
        function.guard = guard  # type: ignore[attr-defined]  # functions take attributes
        return function

    return mark


def bind(contract: Contract, package: ModuleType | None) -> Mapping[str, Bound]:
    """Bind every operation of a contract to its function in `package`; by operationId.

    An operation that no module has a function for is bound to none, and will be answered 501.

    Raises:
        DocumentError: a function is not async, a signature does not fit, or a name is in two modules and no tag tells
            which is meant.
    """
    functions = functions_of(package) if package is not None else {}
    faults: list[Fault] = []
    bound = {}
    for operation in contract.operations.values():
        function = _choose(operation, functions, faults)
        bound[operation.operation_id] = _bind(operation, function, faults)
    if faults:
        raise DocumentError(faults)
    return bound


def functions_of(package: ModuleType) -> dict[str, dict[str, Handler]]:
    """The public functions of a package: by name, then by the module that defines them."""
    functions: dict[str, dict[str, Handler]] = {}
    for module in _modules_of(package):
        for name, value in vars(module).items():
            if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == module.__name__:
                functions.setdefault(name, {})[module.__name__.rpartition(".")[2]] = value
    return functions


def function_name(operation: Operation) -> str:
    """The function of an operation: its operationId as a Python name."""
    return python_name(operation.operation_id)


def module_name(operation: Operation) -> str:
    """The module of an operation: its first tag as a Python name."""
    return python_name(operation.tags[0]) if operation.tags else "default"


def python_name(name: str) -> str:
    """A name of the document as a Python identifier in lower case: `X-Request-ID` → `x_request_id`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    made = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_").lower() or "_"
    if made[0].isdigit():
        made = f"_{made}"
    return f"{made}_" if keyword.iskeyword(made) or made in (BODY, REQUEST) else made


def arguments_of(operation: Operation) -> tuple[str, ...]:
    """The argument of each parameter of an operation; a taken one gets its location in front, or a number behind."""
    taken: set[str] = set()
    names = []
    for parameter in operation.parameters:
        plain = python_name(parameter.name)
        candidates = chain((plain, f"{parameter.location}_{plain}"), (f"{plain}_{number}" for number in count(2)))
        name = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(name)
        names.append(name)
    return tuple(names)


def _modules_of(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            yield import_module(f"{package.__name__}.{info.name}")


def _choose(
    operation: Operation, functions: Mapping[str, Mapping[str, Handler]], faults: list[Fault]
) -> Handler | None:
    found = functions.get(operation.operation_id) or functions.get(function_name(operation)) or {}
    candidates = {module: function for module, function in found.items() if inspect.iscoroutinefunction(function)}
    if found and not candidates:
        module = next(iter(found))
        faults.append(_fault(operation, f"{module}.{found[module].__name__} is not async", "define it with async def"))
        return None
    for tag in operation.tags:
        if (function := candidates.get(python_name(tag))) is not None:
            return function
    if len(candidates) > 1:
        modules = ", ".join(sorted(candidates))
        faults.append(_fault(operation, f"{operation.operation_id} is in several modules: {modules}", "tell by a tag"))
        return None
    return next(iter(candidates.values()), None)


def _bind(operation: Operation, function: Handler | None, faults: list[Fault]) -> Bound:
    arguments = arguments_of(operation)
    if function is None:
        return Bound(operation, None, None, takes_body=False, takes_request=False, arguments=arguments)
    signature = inspect.signature(function).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in signature.values())
    named = {
        name
        for name, each in signature.items()
        if each.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    }
    given = {*arguments, *([BODY] if operation.body is not None else []), REQUEST}
    where = f"{function.__module__}.{function.__name__}"
    faults += [
        _fault(operation, f"{where} does not take {argument!r}", f"add the argument {argument}")
        for argument in (*arguments, *([BODY] if operation.body is not None else []))
        if argument not in named and not takes_any
    ]
    for name, each in signature.items():
        if name in named and name not in given and each.default is inspect.Parameter.empty:
            faults.append(
                _fault(operation, f"{where} wants {name!r}, which the operation does not have", "give it a default")
            )
    for argument, parameter in zip(arguments, operation.parameters, strict=True):
        optional = not parameter.required and not parameter.default
        if argument in named and optional and signature[argument].default is inspect.Parameter.empty:
            faults.append(_fault(operation, f"{where} demands {argument!r}, which may be absent", "give it a default"))
    return Bound(
        operation,
        function,
        getattr(function, "guard", None),
        takes_body=operation.body is not None and (BODY in named or takes_any),
        takes_request=REQUEST in named,
        arguments=arguments,
    )


def _fault(operation: Operation, message: str, mend: str) -> Fault:
    return Fault(path_of(operation.place.uri), operation.pointer, message, mend)
