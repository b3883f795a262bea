"""Connexion: its `Specification` taught OpenAPI 3.1, its routing compiled into a look-up.

The only module that imports connexion. What it relies on there is held by `tests/contract/test_connexion_seam.py`.
"""

import re
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

with warnings.catch_warnings():
    # Connexion's package imports Starlette's test client, which says that it is deprecated; we use neither.
    warnings.simplefilter("ignore")
    from connexion.middleware.main import API, ConnexionMiddleware
    from connexion.middleware.routing import RoutingMiddleware
    from connexion.operations import OpenAPIOperation
    from connexion.resolver import Resolution, Resolver
    from connexion.spec import OpenAPISpecification

from contract.binding import Bound
from contract.operation import Contract, operation_id_of
from contract.problem import MethodNotAllowed, NotFound
from contract.request import KEY, ASGIApp, Receive, Request, Scope, Send
from contract.structure import Kind, Place

_TEMPLATE: Final = re.compile(r"\{([^{}]+)\}")


class Operation31(OpenAPIOperation):  # type: ignore[misc]  # connexion is untyped
    """An operation as Connexion needs it to route; all else about it is compiled in `contract.operation`."""

    @classmethod
    def from_spec(cls, spec: Any, *args: Any, path: str, method: str, resolver: Any, **kwargs: Any) -> "Operation31":
        """Connexion's own appends the path's parameters to the document's list: ours leaves the document alone."""
        operation = {**spec.get_operation(path, method), "parameters": []}
        operation["operationId"] = operation_id_of(method, path, operation)
        return cls(method, path, operation, *args, resolver=resolver, **kwargs)

    def get_path_parameter_types(self) -> dict[str, str]:
        """None: types are the schema's matter; Starlette's convertors crash on `["integer", "null"]`."""
        return {}


class Specification31(OpenAPISpecification):  # type: ignore[misc]  # connexion is untyped
    """A document of OpenAPI 3.1, as it is.

    Connexion's own constructor validates against the schema of 3.0, inlines every `$ref` and fetches remote ones.
    """

    operation_cls = Operation31

    def __init__(self, contract: Contract) -> None:
        document = contract.document
        self._raw_spec = document.root
        self._base_path = contract.base_path
        self._base_uri = document.uri
        self._spec = document.root
        paths = document.root.get("paths") or {}
        if any(isinstance(item, Mapping) and "$ref" in item for item in paths.values()):
            places = {path: Place(document.uri, "", Kind.PATH_ITEM, item) for path, item in paths.items()}
            resolved = {path: document.dereference(place).value for path, place in places.items()}
            self._spec = {**document.root, "paths": resolved}

    @property
    def base_path(self) -> str:
        """The path of the first server."""
        return self._base_path

    @base_path.setter
    def base_path(self, base_path: str) -> None:
        self._base_path = base_path


class BoundResolver(Resolver):  # type: ignore[misc]  # connexion is untyped
    """Resolves operationIds to the functions that `contract.binding` has bound."""

    def __init__(self, bound: Mapping[str, Bound]) -> None:
        super().__init__()
        self._bound = bound

    def resolve(self, operation: Any) -> Any:
        """The function of an operation; None where nobody has written it."""
        return Resolution(self._bound[operation.operation_id].function, operation.operation_id)


class Routing(RoutingMiddleware):  # type: ignore[misc]  # connexion is untyped
    """Finds the operation of a request: 404, 405, or on with a `Request` in the scope.

    Connexion makes the routing table; it is then compiled, so that the last of a thousand operations costs what the
    first does (Connexion's own router tries one after another).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bound: Mapping[str, Bound],
        beside: Mapping[str, ASGIApp],
        state: Any,
        lenient: bool,
    ) -> None:
        super().__init__(app)
        self._lenient = lenient
        self._bound = bound
        self._beside = beside
        self._state = state
        self._static: dict[str, Methods] = {}
        self._tree = _Branch()

    def add_api(self, specification: Any, **kwargs: Any) -> None:
        """Have Connexion route a specification, then compile its table."""
        super().add_api(specification, **kwargs)
        for mount in self.router.routes:
            for route in mount.app.routes:
                bound = self._bound[route.endpoint.operation_id]
                self._add(mount.path + bound.operation.path, bound)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Route one request."""
        path = scope["path"]
        methods = self._static.get(path)
        values: dict[str, str] = {}
        raw_path: bytes = scope.get("raw_path") or path.encode()
        if methods is None or b"%2f" in raw_path.lower():
            segments = raw_path.decode("latin-1").split("/")
            found = self._tree.find(segments, 0, values)
            if found is None and self._lenient:
                found = self._tree.find(segments, 0, values, with_empty=True)
            if found is None and (beside := self._beside.get(path)) is not None:
                if scope["method"] not in ("GET", "HEAD"):
                    raise MethodNotAllowed(("GET", "HEAD"))
                return beside(scope, receive, send)
            methods = found
        if methods is None:
            raise NotFound
        bound = methods.get(scope["method"])
        if bound is None:
            raise MethodNotAllowed(list(methods))
        scope[KEY] = Request(scope, bound, values, self._state)
        answered: Awaitable[None] = self.app(scope, receive, send)
        return answered

    def _add(self, template: str, bound: Bound) -> None:
        if _TEMPLATE.search(template) is None:
            self._static.setdefault(template, {})[bound.operation.method] = bound
        self._tree.add(template.split("/"), bound)


Methods = dict[str, Bound]


@dataclass(slots=True)
class _Branch:
    """A tree of path segments; concrete ones go before templated ones (OpenAPI 3.1 §4.8.8.2)."""

    concrete: "dict[str, _Branch]" = field(default_factory=dict)
    templated: "list[tuple[re.Pattern[str] | None, str, Sequence[str], _Branch]]" = field(default_factory=list)
    methods: Methods = field(default_factory=dict)
    names: dict[str, Sequence[str]] = field(default_factory=dict)

    def add(self, segments: Sequence[str], bound: Bound) -> None:
        """Put an operation at the end of its template."""
        branch = self
        for segment in segments:
            branch = branch._below(segment)
        branch.methods[bound.operation.method] = bound

    def find(
        self, segments: Sequence[str], index: int, values: dict[str, str], *, with_empty: bool = False
    ) -> Methods | None:
        """The methods at a path, and in `values` what its template's names stand for.

        With `with_empty` a name may also stand for nothing between two slashes, and has no value then.
        """
        if index == len(segments):
            return self.methods or None
        segment = segments[index]
        literal = unquote(segment, errors="replace") if "%" in segment else segment
        branch = self.concrete.get(literal)
        if (
            branch is not None
            and (found := branch.find(segments, index + 1, values, with_empty=with_empty)) is not None
        ):
            return found
        for pattern, _, names, below in self.templated:
            if not segment:
                if with_empty and index + 1 < len(segments):
                    found = below.find(segments, index + 1, values, with_empty=with_empty)
                    if found is not None:
                        return found
                continue
            if pattern is None:
                texts: Sequence[str] = (segment,)
            elif (match := pattern.fullmatch(segment)) is not None:
                texts = match.groups()
            else:
                continue
            if (found := below.find(segments, index + 1, values, with_empty=with_empty)) is not None:
                values.update(zip(names, texts, strict=True))
                return found
        return None

    def _below(self, segment: str) -> "_Branch":
        names = _TEMPLATE.findall(segment)
        if not names:
            return self.concrete.setdefault(segment, _Branch())
        for _, template, _, below in self.templated:
            if template == segment:
                return below
        whole = len(names) == 1 and _TEMPLATE.fullmatch(segment) is not None
        literals = _TEMPLATE.split(segment)[::2]
        pattern = None if whole else re.compile("(.+?)".join(map(re.escape, literals)))
        below = _Branch()
        self.templated.append((pattern, segment, names, below))
        # The more of a segment is literal, the more specific it is.
        self.templated.sort(key=lambda entry: len(_TEMPLATE.sub("", entry[1])), reverse=True)
        return below


def build_connexion(
    contract: Contract,
    bound: Mapping[str, Bound],
    dispatch: ASGIApp,
    outer: Sequence[Callable[[ASGIApp], ASGIApp]],
    inner: Sequence[Callable[[ASGIApp], ASGIApp]],
    *,
    beside: Mapping[str, ASGIApp],
    state: Any,
    lenient: bool = False,
) -> ASGIApp:
    """Connexion's stack: `outer` middlewares, its routing, `inner` ones, and `dispatch` at the end."""
    routing = partial(Routing, bound=bound, beside=beside, state=state, lenient=lenient)
    middleware = ConnexionMiddleware(dispatch, middlewares=[*outer, routing, *inner])
    middleware.apis.append(API(Specification31(contract), base_path=None, resolver=BoundResolver(bound)))
    # Connexion would build the stack with the first request; what is wrong with it is to be known at start.
    middleware.app, middleware.middleware_stack = middleware._build_middleware_stack()  # noqa: SLF001
    app: ASGIApp = middleware
    return app
