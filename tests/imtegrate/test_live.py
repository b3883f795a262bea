"""The running service follows edits: of the document, of files behind it, and of the handlers."""

import json
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from editing import DOCUMENT, Edited, patched
from running import create_organisation, eventually, running, workers_of

CREATE = "/components/schemas/ApiKeyCreate"
HANDLERS = Path(__file__).parents[2] / "handlers"


def status_of(client: httpx.Client, name: str, **options: Any) -> int:
    """What a key of this name is answered."""
    return client.post("/v1/api-keys", json={"name": name}, **options).status_code


def test_broken_edits_leave_the_last_good_document_in_force(tmp_path: Path) -> None:
    """A broken edit changes nothing, is told by pointer, line, column and mend, and the next good edit takes effect."""
    path = tmp_path / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    with running("dev", "--spec", path, cwd=tmp_path) as service, service.client() as client:
        edited = Edited(service, path)
        edited.edit([("replace", f"{CREATE}/properties/name/maxLength", 5)])
        assert status_of(client, "longer") == 422
        edited.write(
            json.dumps(patched(edited.published, [("replace", f"{CREATE}/properties/env/pattern", "(")]), indent=2)
        )
        eventually(lambda: "does not compile" in service.log.read_text(), service.log.read_text)
        assert (
            f"{path}:89:13: {CREATE}/properties/env/pattern: the pattern '(' does not compile"
            in service.log.read_text()
        )
        assert status_of(client, "longer") == 422
        edited.write("{")
        eventually(lambda: "not JSON" in service.log.read_text(), service.log.read_text)
        assert status_of(client, "longer") == 422
        edited.edit([])
        assert status_of(client, "longer") == 201
        assert "Traceback" not in service.log.read_text()


def test_an_edit_at_the_start_is_followed(tmp_path: Path) -> None:
    """What is saved until `dev` listens is in force soon after, as what is saved later is."""
    path, saved = tmp_path / "openapi.json", 0
    published = json.loads(DOCUMENT.read_text())
    over = threading.Event()

    def save() -> None:
        nonlocal saved
        while not over.is_set() and not any("Listening" in log.read_text() for log in tmp_path.glob("log-*.txt")):
            saved += 1
            document = patched(published, [("replace", f"{CREATE}/properties/name/maxLength", 10 + saved)])
            (tmp_path / "saved.json").write_text(json.dumps(document))
            (tmp_path / "saved.json").replace(path)
            time.sleep(0.02)

    path.write_bytes(DOCUMENT.read_bytes())
    saving = threading.Thread(target=save)
    saving.start()
    try:
        with running("dev", "--spec", path, cwd=tmp_path) as service, service.client() as client:
            saving.join()
            eventually(lambda: status_of(client, "k" * (10 + saved)) == 201, service.log.read_text)
            assert status_of(client, "k" * (11 + saved)) == 422
    finally:
        over.set()


def test_no_request_is_lost_while_the_document_changes(tmp_path: Path) -> None:
    """Under load, every request is answered by the one document or the other, and none fails."""
    path = tmp_path / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    with running("dev", "--spec", path, cwd=tmp_path) as service:
        statuses: list[int] = []
        stop = threading.Event()

        def load() -> None:
            with service.client() as client:
                while not stop.is_set():
                    statuses.append(status_of(client, "longer"))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        edited = Edited(service, path)
        for maximum in (5, 120, 5, 120, 5):
            edited.edit([("replace", f"{CREATE}/properties/name/maxLength", maximum)])
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {201, 422}


def test_no_request_is_lost_while_workers_reload(tmp_path: Path) -> None:
    """`serve --workers 2` under load: SIGHUP after SIGHUP, every request is answered by one document or the other."""
    path = tmp_path / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    headers = {"Authorization": f"Bearer {create_organisation(url, tmp_path)['token']}"}
    arguments = ("serve", "--spec", path, "--database-url", url, "--workers", "2", "--deadline", "20")
    with running(*arguments, cwd=tmp_path) as service:
        eventually(lambda: "Serving" in service.log.read_text(), service.log.read_text)
        workers = workers_of(service)
        statuses: list[int] = []
        stop = threading.Event()

        def load() -> None:
            # A connection is one worker's: now and then another, so that both are asked.
            while not stop.is_set():
                with service.client(headers=headers) as client:
                    statuses.extend(status_of(client, "longer") for _ in range(20))

        published = json.loads(DOCUMENT.read_text())
        with ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(load) for _ in range(4)]
            try:
                for maximum, status in ((5, 422), (120, 201), (5, 422), (120, 201), (5, 422)):
                    edited = patched(published, [("replace", f"{CREATE}/properties/name/maxLength", maximum)])
                    path.write_text(json.dumps(edited))
                    service.process.send_signal(signal.SIGHUP)
                    # Each worker compiles in its own time: the next edit waits until the loads see only this one.
                    eventually(lambda status=status: set(statuses[-100:]) == {status}, service.log.read_text)
            finally:
                stop.set()
            for one in loads:
                one.result()
        wanted = path.read_bytes()

        def all_follow() -> bool:
            return all(httpx.get(f"{service.url}/openapi.json").content == wanted for _ in range(20))

        eventually(all_follow, service.log.read_text)
        assert workers_of(service) == workers
        assert "Traceback" not in service.log.read_text()
    assert set(statuses) == {201, 422}


def test_files_behind_references_are_followed(tmp_path: Path) -> None:
    """A schema in a file of its own is watched like the document, also when that file is new."""
    path = tmp_path / "openapi.json"
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "name.yaml").write_text("type: string\nmaxLength: 3\n")
    operations = [("replace", f"{CREATE}/properties/name", {"$ref": "schemas/name.yaml"})]
    path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), operations)))
    with running("dev", "--spec", path, cwd=tmp_path) as service, service.client() as client:
        assert status_of(client, "abcd") == 422
        (tmp_path / "schemas" / "name.yaml").write_text("type: string\nmaxLength: 4\n")
        eventually(lambda: status_of(client, "abcd") == 201, service.log.read_text)
        operations = [("replace", f"{CREATE}/properties/name", {"$ref": "schemas/other.json"})]
        path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), operations)))
        eventually(lambda: "schemas/other.json" in service.log.read_text(), service.log.read_text)
        assert status_of(client, "abcd") == 201
        (tmp_path / "schemas" / "other.json").write_text('{"type": "string", "maxLength": 2}')
        eventually(lambda: status_of(client, "abcd") == 422, service.log.read_text)


def test_serve_reloads_on_sighup(tmp_path: Path) -> None:
    """`serve` takes the edited document on SIGHUP, not before, and keeps the last good one when it is broken."""
    path = tmp_path / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    headers = {"Authorization": f"Bearer {create_organisation(url, tmp_path)['token']}"}
    with running("serve", "--spec", path, "--database-url", url, cwd=tmp_path) as service:
        with service.client(headers=headers) as client:
            edited = Edited(service, path)
            operations = [("replace", f"{CREATE}/properties/name/maxLength", 5)]
            path.write_text(json.dumps(patched(edited.published, operations)))
            assert status_of(client, "longer") == 201
            service.process.send_signal(signal.SIGHUP)
            eventually(lambda: status_of(client, "longer") == 422, service.log.read_text)
            path.write_text("{")
            service.process.send_signal(signal.SIGHUP)
            eventually(lambda: "not JSON" in service.log.read_text(), service.log.read_text)
            assert status_of(client, "longer") == 422
        assert service.stop() == 0


def test_every_worker_reloads_on_sighup(tmp_path: Path) -> None:
    """SIGHUP to `serve --workers 2` reaches both: from then on no request sees the old document."""
    path = tmp_path / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    headers = {"Authorization": f"Bearer {create_organisation(url, tmp_path)['token']}"}
    arguments = ("serve", "--spec", path, "--database-url", url, "--workers", "2")
    with running(*arguments, cwd=tmp_path, path="/readyz") as service:

        def statuses() -> set[int]:
            # A connection each: the workers share the socket.
            return {
                httpx.post(f"{service.url}/v1/api-keys", json={"name": "longer"}, headers=headers).status_code
                for _ in range(20)
            }

        eventually(lambda: "Serving" in service.log.read_text(), service.log.read_text)
        assert statuses() == {201}
        operations = [("replace", f"{CREATE}/properties/name/maxLength", 5)]
        path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), operations)))
        service.process.send_signal(signal.SIGHUP)
        eventually(lambda: statuses() == {422}, service.log.read_text)
        assert statuses() == {422}


def test_handlers_are_reloaded(tmp_path: Path) -> None:
    """A function written while `dev` runs answers its operation; one with a mistake leaves the last good ones."""
    shutil.copytree(HANDLERS, tmp_path / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "openapi.json"
    pets = {
        "get": {
            "operationId": "list_pets",
            "tags": ["pets"],
            "responses": {"200": {"description": "Pets", "content": {"application/json": {}}}},
        }
    }
    path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), [("add", "/paths/~1pets", pets)])))
    with running("dev", "--spec", path, cwd=tmp_path) as service, service.client() as client:
        assert client.get("/pets").status_code == 501
        code = tmp_path / "handlers" / "pets.py"
        code.write_text('async def list_pets() -> list[str]:\n    """Pets."""\n    return ["cat"]\n')
        eventually(lambda: client.get("/pets").status_code == 200, service.log.read_text)
        assert client.get("/pets").json() == ["cat"]
        code.write_text('def list_pets() -> list[str]:\n    """Pets."""\n    return ["cow"]\n')
        eventually(lambda: "pets.list_pets is not async" in service.log.read_text(), service.log.read_text)
        assert client.get("/pets").json() == ["cat"]
        code.write_text("async def list_pets() -> list[str]\n")
        eventually(lambda: "pets.py:1" in service.log.read_text(), service.log.read_text)
        assert client.get("/pets").json() == ["cat"]
        code.write_text('async def list_pets() -> list[str]:\n    """Pets."""\n    return ["dog"]\n')
        eventually(lambda: client.get("/pets").json() == ["dog"], service.log.read_text)
        assert client.post("/v1/api-keys", json={"name": "still"}).status_code == 201
