"""The types of our own handlers say what the document says: whoever edits one of them is told of the other."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, get_type_hints

import pytest

from contract import compile_contract, load
from contract.stubs import write_stubs
from handlers import api_keys

DOCUMENT: Final = Path(__file__).parents[2] / "openapi.json"
PACKAGE: Final = "derived_from_the_document"


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """What the stub generator writes for our document, imported."""
    folder = tmp_path_factory.mktemp("derived")
    write_stubs(compile_contract(load(DOCUMENT)), None, folder / PACKAGE)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    yield importlib.import_module(f"{PACKAGE}.api_keys")
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["ApiKeyCreate", "ApiKeyCreated"])
def test_types_are_those_of_the_document(derived: ModuleType, name: str) -> None:
    """Each TypedDict has the members of its schema, requires those that it requires, and gives them the same types."""
    ours, documented = getattr(api_keys, name), getattr(derived, name)
    assert list(get_type_hints(ours)) == list(get_type_hints(documented))
    assert ours.__required_keys__ == documented.__required_keys__
    assert get_type_hints(ours, include_extras=True) == get_type_hints(documented, include_extras=True)


def test_every_type_has_its_twin(derived: ModuleType) -> None:
    """No TypedDict of the document is missing in the handlers, and none of theirs is missing in the document."""
    assert _typed_dicts(api_keys) == _typed_dicts(derived)


def _typed_dicts(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if hasattr(value, "__required_keys__") and value.__module__ == module.__name__
    }
