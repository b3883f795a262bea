"""The house: imports point one way, and every module says what it is for."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "contract": {"contract"},
    "db": {"db"},
    "handlers": {"handlers", "contract", "db"},
    "imtegrate": {"imtegrate", "handlers", "contract", "db"},
}
"""By package: the packages of ours that it may import."""

OUTSIDE = {"tests", "bench", "running", "editing", "postgresql_server", "pytest"}
"""What no package of ours may import: it is not installed with them."""

MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The full name of everything that a module imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    """They go imtegrate → handlers → {contract, db}; the last two import none of ours."""
    allowed = MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    packages = {name.partition(".")[0] for name in imported(path)}
    assert packages & MAY_IMPORT.keys() <= allowed
    assert not packages & OUTSIDE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Every module begins with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_bytes()))


def test_there_are_no_import_cycles() -> None:
    """No module of ours imports itself, by whatever way round, when it is imported."""
    graph = {name_of(path): imported_at_start(path) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name in done:
            return
        for target in graph[name]:
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def name_of(path: Path) -> str:
    """A module's name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_at_start(path: Path) -> set[str]:
    """The modules of ours that a module needs before it is there: not those of functions or for type checkers."""
    ours = {name_of(module) for module in MODULES}
    names: set[str] = set()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in ours else node.module)
    # A package that takes names from its own modules is not a cycle: they take none from it.
    return {name for name in names if name in ours}


def test_one_module_knows_connexion() -> None:
    """Only `contract/routing.py` imports Connexion."""
    knowing = [path for path in MODULES if any(name.partition(".")[0] == "connexion" for name in imported(path))]
    assert knowing == [ROOT / "contract" / "routing.py"]


def test_fastapi_is_for_tests_only() -> None:
    """FastAPI and Pydantic wrote the document; nothing of ours imports them."""
    for path in MODULES:
        assert not {name.partition(".")[0] for name in imported(path)} & {"fastapi", "pydantic"}, path
