"""The seam with Connexion 3.3: everything that `contract/routing.py` relies on there, by name.

Where one of these fails, Connexion has changed: what it names is to be looked at in `contract/routing.py`.
"""

import inspect
import json
import subprocess
import sys
import warnings
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
import starlette.routing

from contract import bind, build_app, compile_contract, load
from contract.routing import BoundResolver, Operation31, Routing, Specification31
from running import DOCUMENT

with warnings.catch_warnings():
    # Connexion imports what is deprecated in jsonschema and Starlette.
    warnings.simplefilter("ignore")
    from connexion.exceptions import InvalidSpecification
    from connexion.middleware.abstract import AbstractRoutingAPI
    from connexion.middleware.main import API, ConnexionMiddleware
    from connexion.middleware.routing import RoutingMiddleware, RoutingOperation
    from connexion.operations import OpenAPIOperation
    from connexion.resolver import Resolution, Resolver
    from connexion.spec import OpenAPISpecification


def parameters_of(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a function, by name."""
    return dict(inspect.signature(function).parameters)


async def operation(**_: object) -> None:
    """Stands for a handler."""


@pytest.fixture(scope="module")
def contract() -> Any:
    """The published document, compiled."""
    return compile_contract(load(DOCUMENT))


@pytest.fixture(scope="module")
def built(contract: Any) -> Any:
    """The service of the published document, as Connexion has put it together."""
    handlers = SimpleNamespace(__name__="handlers", __path__=[], __file__="")
    return build_app(contract, bind(contract, handlers))  # type: ignore[arg-type]  # an empty package


def test_the_version_is_the_one_that_was_read() -> None:
    """What is relied on was read in Connexion 3.3: any other version has to be read anew before it is allowed."""
    assert version("connexion").startswith("3.3."), "read this Connexion against contract/routing.py, then move the pin"


def test_stock_connexion_refuses_3_1() -> None:
    """Connexion does not know OpenAPI 3.1: once it accepts the document, most of this seam can go."""
    with pytest.raises(InvalidSpecification):
        OpenAPISpecification.from_dict(json.loads(DOCUMENT.read_bytes()))


def test_a_specification_is_made_of_these_attributes(contract: Any) -> None:
    """`Specification31` sets what Connexion's constructor would: these attributes, and no other, are read."""
    source = inspect.getsource(OpenAPISpecification.__mro__[1].__init__)
    attributes = {"_raw_spec", "_spec", "_base_uri"}
    for name in attributes:
        assert f"self.{name} = " in source, f"Connexion's Specification no longer sets {name}"
    assert source.count("self._") - source.count("self._set_defaults") - source.count("self._validate_spec") == len(
        attributes
    ), "Connexion's Specification sets more than it did"
    mine = Specification31(contract)
    assert attributes <= vars(mine).keys()
    assert mine.raw is contract.document.root
    assert mine.spec == contract.document.root
    assert mine.version == (3, 1, 0)
    assert mine.security == []
    assert mine["openapi"] == "3.1.0"


def test_the_base_path_is_a_property_that_can_be_set(contract: Any) -> None:
    """Connexion reads and sets `base_path`; ours changes no document by it."""
    found = inspect.getattr_static(OpenAPISpecification, "base_path")
    assert isinstance(found, property)
    assert found.fset is not None
    before = json.dumps(contract.document.root)
    specification = Specification31(contract)
    specification.base_path = "/elsewhere"
    assert specification.base_path == "/elsewhere"
    assert json.dumps(contract.document.root) == before


def test_operations_are_made_by_the_specification() -> None:
    """Connexion makes operations by `specification.operation_cls.from_spec(specification, path=, method=, …)`."""
    assert OpenAPISpecification.operation_cls is OpenAPIOperation
    assert Specification31.operation_cls is Operation31
    source = inspect.getsource(AbstractRoutingAPI.add_operation)
    for words in ("self.specification.operation_cls", ".from_spec(", "path=path", "method=method", "resolver="):
        assert words in source, f"AbstractRoutingAPI.add_operation no longer says {words}"
    assert list(parameters_of(OpenAPIOperation.from_spec)) == ["spec", "args", "path", "method", "resolver", "kwargs"]
    assert list(parameters_of(OpenAPIOperation))[:4] == ["method", "path", "operation", "resolver"]
    assert list(parameters_of(OpenAPISpecification.get_operation)) == ["self", "path", "method"]


def test_types_of_path_parameters_can_be_left_out() -> None:
    """Connexion asks `get_path_parameter_types` for Starlette's convertors; ours has none."""
    assert list(parameters_of(OpenAPIOperation.get_path_parameter_types)) == ["self"]
    assert "get_path_parameter_types" in inspect.getsource(sys.modules[RoutingMiddleware.__module__])


def test_a_resolver_gives_a_function_for_an_operation_id() -> None:
    """Connexion asks `resolver.resolve(operation)`, and takes a `Resolution(function, operation_id)`."""
    assert list(parameters_of(Resolver.resolve)) == ["self", "operation"]
    assert list(parameters_of(Resolution)) == ["function", "operation_id"]
    bound = {"id": SimpleNamespace(function=operation)}
    resolution = BoundResolver(bound).resolve(SimpleNamespace(operation_id="id"))  # type: ignore[arg-type]
    assert (resolution.function, resolution.operation_id) == (operation, "id")


def test_the_middleware_takes_a_list_and_apis() -> None:
    """`ConnexionMiddleware(app, middlewares=[…])` with `apis`, of which each is `API(specification, base_path=, …)`."""
    parameters = parameters_of(ConnexionMiddleware)
    assert next(iter(parameters)) == "app"
    assert "middlewares" in parameters
    middleware = ConnexionMiddleware(operation, middlewares=[])
    assert middleware.apis == []
    assert middleware.middleware_stack is None
    assert list(parameters_of(API)) == ["specification", "base_path", "kwargs"]


def test_the_stack_is_built_by_a_private_method() -> None:
    """`_build_middleware_stack` gives the outermost application and every one, and adds the apis to the routing."""
    middleware = ConnexionMiddleware(operation, middlewares=[])
    assert hasattr(middleware, "_build_middleware_stack"), "ConnexionMiddleware._build_middleware_stack is gone"
    app, stack = middleware._build_middleware_stack()  # noqa: SLF001 (it is what is relied on)
    assert app is operation
    assert list(stack) == [operation]
    source = inspect.getsource(ConnexionMiddleware._build_middleware_stack)  # noqa: SLF001
    assert "isinstance(app, SpecMiddleware)" in source
    call = inspect.getsource(ConnexionMiddleware.__call__)
    assert "if self.middleware_stack is None" in call, "the stack would be built a second time, with the first request"


def test_routing_adds_an_api_by_mounting_its_router() -> None:
    """`RoutingMiddleware(app)` has `app` and `router`, and `add_api(specification, …)` mounts a router in it."""
    assert list(parameters_of(RoutingMiddleware)) == ["app"]
    assert list(parameters_of(RoutingMiddleware.add_api))[:2] == ["self", "specification"]
    routing = RoutingMiddleware(operation)
    assert routing.app is operation
    assert routing.router.routes == []


def test_a_route_knows_its_operation(contract: Any, built: Any) -> None:
    """`router.routes` are mounts, whose `app.routes` have a `RoutingOperation` with `operation_id` as `endpoint`."""
    [routing] = [app for app in built.middleware_stack if isinstance(app, Routing)]
    [mount] = routing.router.routes
    assert isinstance(mount, starlette.routing.Mount)
    assert mount.path == contract.base_path == ""
    [route] = mount.app.routes
    assert isinstance(route.endpoint, RoutingOperation)
    assert route.endpoint.operation_id == "create_key_v1_api_keys_post"
    assert (route.path, route.methods) == ("/v1/api-keys", {"POST"})


def test_connexion_loads_the_document_as_it_is(contract: Any, built: Any) -> None:
    """Connexion has the document itself, no copy of it, and has changed nothing in it."""
    [api] = built.apis
    assert isinstance(api.specification, Specification31)
    assert api.specification.raw is contract.document.root
    assert contract.document.root == json.loads(DOCUMENT.read_bytes())


def test_the_stack_is_in_order(built: Any) -> None:
    """Errors, Connexion's routing, validation, dispatch; no security where none is demanded, nothing of Connexion's."""
    names = [type(app).__name__ for app in built.middleware_stack]
    assert names == ["Errors", "Routing", "Validation", "Dispatch"]


def test_connexion_resolves_the_operation_to_its_handler() -> None:
    """The operationId is resolved to `handlers.api_keys.create_key_v1_api_keys_post`, by Connexion, at start."""
    program = f"""
from pathlib import Path
import handlers
from contract import bind, build_app, compile_contract, load
from contract.routing import BoundResolver, Operation31, Specification31

contract = compile_contract(load(Path({str(DOCUMENT)!r})))
bound = bind(contract, handlers)
[api] = build_app(contract, bound, verifiers=handlers.VERIFIERS).apis
made = Operation31.from_spec(api.specification, path="/v1/api-keys", method="post", resolver=api.kwargs["resolver"])
print(made.function.__module__, made.function.__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["handlers.api_keys", "create_key_v1_api_keys_post"]
