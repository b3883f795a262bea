"""Who is measured: ours, and the peers, by the name that rows call them by."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from bench.lab import Lab
from bench.load import Target
from bench.peers import bare, connexion_stock, fastapi_sqlalchemy, fastify, ours

Start = Callable[[Lab], AbstractContextManager[Target]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that can be measured."""

    title: str
    start: Start
    """Raises `Unavailable` where it cannot be started."""


CONTESTANTS: Final = {
    "ours-sqlite": Contestant("imtegrate, SQLite", ours.starter("sqlite")),
    "ours-postgresql": Contestant("imtegrate, PostgreSQL", ours.starter("postgresql")),
    "ours-postgresql-4": Contestant("imtegrate, PostgreSQL, 4 workers", ours.starter("postgresql", workers=4)),
    "fastapi-sqlite": Contestant("FastAPI + SQLAlchemy, SQLite", fastapi_sqlalchemy.starter("sqlite")),
    "fastapi-postgresql": Contestant("FastAPI + SQLAlchemy, PostgreSQL", fastapi_sqlalchemy.starter("postgresql")),
    "fastify": Contestant("Fastify + pg, PostgreSQL", fastify.start),
    "connexion": Contestant("Connexion as it is, nothing kept", connexion_stock.start),
    "bare": Contestant("bare ASGI function, nothing kept", bare.start),
}
