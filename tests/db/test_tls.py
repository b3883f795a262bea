"""TLS to PostgreSQL: `sslmode` and `sslrootcert` in the URL mean what libpq says."""

import asyncio
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
import trustme

from postgresql_server import PostgreSQLServer, postgresql_server
from running import imtegrate


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for the server."""
    return trustme.CA()


_NO_TLS: Final = b"SFATAL\0C28000\0Mno pg_hba.conf entry for this host, no encryption\0\0"


class _Front:
    """Speaks TLS for a server that was built without it, and lets nobody in who does not."""

    def __init__(self, server: PostgreSQLServer, certificate: trustme.LeafCert) -> None:
        self._server = server
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self._context)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        first = await reader.readexactly(8)
        # SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
        if first != struct.pack("!ii", 8, 80877103):
            writer.write(b"E" + struct.pack("!i", 4 + len(_NO_TLS)) + _NO_TLS)
            writer.close()
            return
        writer.write(b"S")
        try:
            await writer.start_tls(self._context)
        except (ssl.SSLError, ConnectionError):
            return  # the client does not trust us, as is its right
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        ways = ((reader, inner_writer), (inner_reader, writer))
        await asyncio.gather(*(self._relay(*way) for way in ways), return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        finally:
            writer.close()


@pytest.fixture(scope="module")
def port(authority: trustme.CA) -> Iterator[int]:
    """The port of a server with a certificate for `localhost`, that lets nobody in without TLS."""
    loop = asyncio.new_event_loop()
    with postgresql_server(tcp=True) as server:
        front = _Front(server, authority.issue_cert("localhost"))
        listening = loop.run_until_complete(asyncio.start_server(front.serve, "127.0.0.1", 0))
        thread = Thread(target=loop.run_forever)
        thread.start()
        yield listening.sockets[0].getsockname()[1]
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(_settle())
        loop.close()


async def _settle() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture(scope="module")
def roots(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Root certificates by name: of the server's authority, and of another."""
    folder = tmp_path_factory.mktemp("roots")
    found = {"right": folder / "right.pem", "wrong": folder / "wrong.pem"}
    authority.cert_pem.write_to_path(str(found["right"]))
    trustme.CA().cert_pem.write_to_path(str(found["wrong"]))
    return found


def upgrade(port: int, host: str, options: str, folder: Path) -> tuple[int, str]:
    """Run a command over TLS; its exit code, and what it says."""
    url = f"postgresql://postgres@{host}:{port}/postgres?{options}"
    done = imtegrate("db", "upgrade", "--database-url", url, cwd=folder)
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("127.0.0.1", "sslmode=require"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={right}"),
        ("localhost", "sslmode=verify-full&sslrootcert={right}"),
        ("localhost,localhost", "sslmode=verify-full&sslrootcert={right}"),
    ],
)
def test_a_server_that_is_vouched_for_is_used(
    port: int, roots: dict[str, Path], tmp_path: Path, host: str, options: str
) -> None:
    """Each `sslmode` takes a server that meets it, with one host and with several."""
    code, told = upgrade(port, host.replace(",", f":{port},"), options.format_map(roots), tmp_path)
    assert code == 0, told


@pytest.mark.parametrize(
    ("host", "options", "reason"),
    [
        ("localhost", "sslmode=disable", "no encryption"),
        ("localhost", "sslmode=verify-ca&sslrootcert={wrong}", "sslrootcert"),
        ("localhost", "sslmode=verify-full&sslrootcert={wrong}", "sslrootcert"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={right}", "sslrootcert"),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere/root.pem", "/nowhere/root.pem"),
        ("localhost", "sslmode=never", "sslmode"),
    ],
)
def test_any_other_server_is_refused_with_a_reason(
    port: int, roots: dict[str, Path], tmp_path: Path, host: str, options: str, reason: str
) -> None:
    """No TLS, the wrong authority, another's name, no certificate to check by: one line that says so, exit 1."""
    code, told = upgrade(port, host, options.format_map(roots), tmp_path)
    assert code == 1
    assert reason in told
