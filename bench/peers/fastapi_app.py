"""The program: what FastAPI's and SQLAlchemy's own tutorials lead to, with nothing left out that ours does."""

import hashlib
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import JSON, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

URL = make_url(os.environ["BENCH_DATABASE_URL"])

if URL.get_backend_name() == "sqlite":
    engine = create_async_engine(URL, connect_args={"timeout": 60})

    @event.listens_for(engine.sync_engine, "connect")
    def make_durable(connection: Any, _record: object) -> None:
        """Set what ours sets."""
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

else:
    engine = create_async_engine(URL, pool_size=10, max_overflow=22)

make_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The tables."""

    type_annotation_map = {list[str]: JSON}  # noqa: RUF012 (as SQLAlchemy's documentation has it)


class Key(Base):
    """A key."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(index=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str]
    scopes: Mapped[list[str]]
    env: Mapped[str]
    last_used_at: Mapped[str | None]
    revoked_at: Mapped[str | None]
    created_at: Mapped[str]


class KeyCreate(BaseModel):
    """What is asked for."""

    name: Annotated[str, Field(min_length=2, max_length=120)]
    scopes: list[str] = []
    env: Annotated[str, Field(pattern="^(test|live)$")] = "test"


class KeyCreated(BaseModel):
    """What is answered."""

    id: UUID
    org_id: UUID
    prefix: str
    name: str
    scopes: list[str]
    last_used_at: str | None
    revoked_at: str | None
    created_at: str
    token: str


def make_key(org_id: UUID, body: KeyCreate, token: str) -> Key:
    """A key for a token."""
    return Key(
        org_id=org_id,
        prefix=f"imt_{body.env}_{secrets.token_hex(8)}",
        digest=hashlib.sha256(token.encode()).digest(),
        name=body.name,
        scopes=body.scopes,
        env=body.env,
        created_at=datetime.now(UTC).isoformat(),
    )


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Make the tables, and the caller's key."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with make_session() as session:
        session.add(make_key(uuid4(), KeyCreate(name="root", scopes=["*"], env="live"), os.environ["BENCH_TOKEN"]))
        await session.commit()
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def open_session() -> AsyncGenerator[AsyncSession]:
    """A session a request."""
    async with make_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


async def authenticate(session: Session, authorization: Annotated[str, Header()] = "") -> Key:
    """Look the caller up by the digest of its token, and see whether it may make keys."""
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    caller = await session.scalar(select(Key).where(Key.digest == digest))
    if caller is None or caller.revoked_at is not None:
        raise HTTPException(401)
    if not {"*", "api-keys:write"} & set(caller.scopes):
        raise HTTPException(403)
    return caller


@app.post("/v1/api-keys", status_code=201)
async def create_key(body: KeyCreate, session: Session, caller: Annotated[Key, Depends(authenticate)]) -> KeyCreated:
    """Make a key."""
    token = f"imt_{body.env}_{secrets.token_urlsafe(32)}"
    key = make_key(caller.org_id, body, token)
    session.add(key)
    await session.commit()
    members = {name: getattr(key, name) for name in KeyCreated.model_fields if name != "token"}
    return KeyCreated(**members, token=token)
