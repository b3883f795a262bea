"""Three PostgreSQL nodes under Patroni, and the three members of etcd (or Patroni's Raft) that elect their leader."""

import importlib.util
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final, Literal

import orjson
import psutil
import yaml
from processes import Unavailable, free_ports, kill, make_folder, processes_in, start, wait_for
from programs import find_programs

HOST: Final = "127.0.0.1"
NAMES: Final = ("alpha", "beta", "gamma")
DATABASE: Final = "imtegrate"
TEMPLATE: Final = Path(__file__).parents[2] / "deploy" / "patroni" / "patroni.yml"

START_TIMEOUT: Final = 90
"""Seconds that a cluster may take to be full; 12 on an idle machine."""

Store = Literal["etcd", "raft"]


@dataclass(frozen=True, slots=True)
class Member:
    """A node, or a member of etcd: its folder, where its processes run, and how it is started."""

    name: str
    folder: Path
    port: int
    """Of PostgreSQL; of etcd's clients."""
    control_port: int
    """Of Patroni's REST interface; of etcd's members."""
    command: tuple[str | Path, ...]
    env: dict[str, str]

    def processes(self) -> list[psutil.Process]:
        """All that run now."""
        return processes_in(self.folder)

    def start(self) -> None:
        """Start it where nothing of it runs."""
        start(self.command, self.folder, self.env)

    def kill(self) -> None:
        """End everything of it at once."""
        while found := self.processes():
            kill(found)


class Cluster:
    """A cluster in a folder; whoever made the folder ends its processes."""

    def __init__(self, folder: Path, *, synchronous: bool = True) -> None:
        """Find the programs, and write every configuration.

        Raises:
            Unavailable: a program cannot be had.
        """
        self._folder = folder
        self._synchronous = synchronous
        self._password = secrets.token_hex(16)
        self._programs = find_programs(folder)
        etcd = shutil.which("etcd")
        if etcd is None and importlib.util.find_spec("pysyncobj") is None:
            raise Unavailable("neither etcd nor Patroni's Raft: apt-get install etcd-server, or pip install pysyncobj")
        self.store: Store = "raft" if etcd is None else "etcd"
        ports = free_ports(12)
        self.electors = [] if etcd is None else self._make_electors(etcd, ports[:6])
        self.nodes = self._make_nodes(ports[6:9], ports[9:], raft_ports=ports[:3])

    @property
    def url(self) -> str:
        """Where the service finds its database: all three hosts."""
        hosts = ",".join(f"{HOST}:{node.port}" for node in self.nodes)
        return f"postgresql://postgres:{self._password}@{hosts}/{DATABASE}"

    def url_of(self, node: Member, database: str = DATABASE) -> str:
        """The database of one node alone."""
        return f"postgresql://postgres:{self._password}@{HOST}:{node.port}/{database}"

    def start(self) -> None:
        """Start all of it, and wait until it is full and has the service's database.

        Raises:
            Unavailable: it did not come up in time.
        """
        for member in (*self.electors, *self.nodes):
            member.start()
        self.wait_until_full()
        self._psql(self.leader(), "postgres", f"CREATE DATABASE {DATABASE}")

    def wait_until_full(self, seconds: float = START_TIMEOUT) -> None:
        """Wait for a leader and two standbys that stream from it, both in the quorum where there is one."""
        wait_for(f"a full cluster ({self._folder}/*/log)", self._is_full, seconds)

    def members(self) -> list[dict[str, Any]]:
        """What Patroni says of its nodes (`GET /cluster`); nothing if none answers."""
        for node in self.nodes:
            try:
                with urllib.request.urlopen(f"http://{HOST}:{node.control_port}/cluster", timeout=2) as answer:
                    members: list[dict[str, Any]] = orjson.loads(answer.read())["members"]
                    return members
            except (OSError, ValueError, KeyError):
                continue
        return []

    def leader(self) -> Member:
        """The node that leads.

        Raises:
            Unavailable: none does.
        """
        names = [member["name"] for member in self.members() if member["role"] == "leader"]
        for node in self.nodes:
            if names == [node.name]:
                return node
        raise Unavailable("no node leads the cluster")

    def switch_over(self) -> None:
        """Have the leader hand over in order (`POST /switchover`).

        Raises:
            Unavailable: Patroni refused.
        """
        leader = self.leader()
        request = urllib.request.Request(
            f"http://{HOST}:{leader.control_port}/switchover", orjson.dumps({"leader": leader.name}), method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - as above
        except urllib.error.URLError as error:
            raise Unavailable(f"no switchover from {leader.name}: {error}") from None

    def _is_full(self) -> bool:
        members = self.members()
        standbys = {"quorum_standby"} if self._synchronous else {"replica"}
        roles = [member["role"] for member in members if member["state"] in {"running", "streaming"}]
        timelines = {member.get("timeline") for member in members}
        return (
            len(roles) == len(self.nodes)
            and roles.count("leader") == 1
            and {role for role in roles if role != "leader"} == standbys
            and all(member["state"] == "streaming" for member in members if member["role"] != "leader")
            and len(timelines) == 1
        )

    def _psql(self, node: Member, database: str, statement: str) -> None:
        done = subprocess.run(
            [self._programs.postgresql / "psql", "-X", "-q", "-d", self.url_of(node, database), "-c", statement],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(f"psql on {node.name}: {done.stderr.strip()}")

    def _make_electors(self, etcd: str, ports: list[int]) -> list[Member]:
        peers = ",".join(f"etcd-{name}=http://{HOST}:{port}" for name, port in zip(NAMES, ports[3:], strict=True))
        return [
            Member(
                f"etcd-{name}",
                folder := make_folder(self._folder / f"etcd-{name}"),
                port,
                peer_port,
                (
                    etcd,
                    *("--name", f"etcd-{name}", "--data-dir", folder / "data", "--logger", "zap"),
                    *("--listen-client-urls", f"http://{HOST}:{port}"),
                    *("--advertise-client-urls", f"http://{HOST}:{port}"),
                    *("--listen-peer-urls", f"http://{HOST}:{peer_port}"),
                    *("--initial-advertise-peer-urls", f"http://{HOST}:{peer_port}"),
                    *("--initial-cluster", peers, "--initial-cluster-state", "new"),
                ),
                {},
            )
            for name, port, peer_port in zip(NAMES, ports[:3], ports[3:], strict=True)
        ]

    def _make_nodes(self, ports: list[int], rest_ports: list[int], raft_ports: list[int]) -> list[Member]:
        nodes = []
        for name, port, rest_port, raft_port in zip(NAMES, ports, rest_ports, raft_ports, strict=True):
            folder = make_folder(self._folder / name)
            values = {
                "NAME": name,
                "ADDRESS": HOST,
                "POSTGRESQL_PORT": port,
                "REST_PORT": rest_port,
                "ETCD_HOSTS": ",".join(f"{HOST}:{elector.port}" for elector in self.electors),
                "DATA_DIR": folder / "data",
                "BIN_DIR": self._programs.postgresql,
                "SUPERUSER_PASSWORD": self._password,
                "REPLICATION_PASSWORD": self._password,
            }
            configuration = yaml.safe_load(Template(TEMPLATE.read_text()).substitute(values))
            if self.store == "raft":
                del configuration["etcd3"]
                addresses = [f"{HOST}:{number}" for number in raft_ports]
                own = f"{HOST}:{raft_port}"
                partners = [address for address in addresses if address != own]
                configuration["raft"] = {"data_dir": str(folder / "raft"), "self_addr": own, "partner_addrs": partners}
            if not self._synchronous:
                configuration["bootstrap"]["dcs"] |= {"synchronous_mode": False, "synchronous_mode_strict": False}
            path = self._folder / f"{name}.yml"
            path.write_text(yaml.safe_dump(configuration))
            path.chmod(0o644)
            command = (self._programs.python, "-m", "patroni", path)
            nodes.append(Member(name, folder, port, rest_port, command, self._programs.env))
        return nodes
