"""A MariaDB server of the tests' own, and ISPyB's full schemas in it.

One server is shared by all workers of a test run. It listens on a socket and on a port of
loopback, keeps its files in a folder that goes away with it, and is tuned for speed: what it
holds need not survive a crash.
"""

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pymysql
from pymysql.constants.CLIENT import MULTI_STATEMENTS
from servers import models, realdata
from sqlalchemy import MetaData
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateIndex, CreateTable

_SETTINGS = (
    "--skip-networking=0",
    "--bind-address=127.0.0.1",
    "--loose-skip-log-bin",
    "--skip-name-resolve",
    "--lower-case-table-names=0",
    "--character-set-server=utf8mb4",
    "--loose-max-connections=200",
    "--loose-innodb-buffer-pool-size=256M",
    "--loose-innodb-log-file-size=32M",
    "--loose-innodb-flush-log-at-trx-commit=0",
    "--loose-innodb-flush-method=nosync",
    "--loose-innodb-doublewrite=0",
    "--loose-innodb-file-per-table=1",
    "--loose-sync-frm=0",
    "--loose-performance-schema=0",
)

# Ends the server with the process that wants it, even where that one is killed.
_KEEPER = """
import os, shutil, signal, subprocess, sys, time
owner, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
server = subprocess.Popen(command)
signal.signal(signal.SIGTERM, lambda *_: server.terminate())
while server.poll() is None:
    time.sleep(0.1)
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        server.terminate()
        shutil.rmtree(folder, ignore_errors=True)
"""


# What this process started and has to wait for; another process of the run may do the stopping.
_STARTED: dict[int, subprocess.Popen[bytes]] = {}


class ServerMissing(Exception):
    """There is no MariaDB here, or it does not start; the text says which."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and how to reach it as its all-powerful user."""

    socket: str
    port: int
    folder: str
    keeper: int
    """Process id of what runs the server and ends it."""

    user: str = "lens"
    password: str = "lens"

    def url(self, name: str, user: str = "lens", password: str = "lens") -> URL:
        """The SQLAlchemy URL of database ``name``."""
        return URL.create("mysql+pymysql", user, password, "127.0.0.1", self.port, name, {"charset": "utf8mb4"})

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each of which may be several separated by semicolons."""
        connection = pymysql.connect(
            unix_socket=self.socket,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            client_flag=MULTI_STATEMENTS,
        )
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                    while cursor.nextset():
                        pass
        finally:
            connection.close()

    def rows(self, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
        """The rows that one statement gives."""
        connection = pymysql.connect(
            unix_socket=self.socket,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()


def _program(*names: str) -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def find() -> str | None:
    """The server's program, or None."""
    return _program("mariadbd", "mysqld")


def start(owner: int) -> Server:
    """Start a server that lives no longer than the process ``owner``. Raises `ServerMissing`."""
    program, installer = find(), _program("mariadb-install-db", "mysql_install_db")
    if program is None or installer is None:
        raise ServerMissing("MariaDB is not installed (mariadbd and mariadb-install-db)")
    # Short, as the name of a socket may have 107 bytes; in memory where there is plenty of it.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4e9
    folder = mkdtemp(prefix="lens-mariadb-", dir=memory if roomy else None)
    data, log = f"{folder}/data", f"{folder}/log"
    user = getpass.getuser()
    common = ["--no-defaults", f"--user={user}", f"--datadir={data}"]
    installed = subprocess.run(
        [installer, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ServerMissing(f"MariaDB could not be set up: {installed.stderr.strip()[-500:]}")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{folder}/s"
    settings = [f"--socket={address}", f"--port={port}", f"--pid-file={folder}/pid", f"--tmpdir={folder}", *_SETTINGS]
    with open(log, "wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(owner), folder, program, *common, *settings],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _STARTED[keeper.pid] = keeper
    server = Server(address, port, folder, keeper.pid)
    deadline = time.monotonic() + 60
    while not _answers(address):
        if keeper.poll() is not None or time.monotonic() > deadline:
            words = Path(log).read_text(errors="replace")[-1500:]
            stop(server)
            raise ServerMissing(f"MariaDB did not start: {words}")
        time.sleep(0.05)
    connection = pymysql.connect(unix_socket=address, user="root")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER lens@'%' IDENTIFIED BY 'lens'")
        cursor.execute("GRANT ALL ON *.* TO lens@'%' WITH GRANT OPTION")
    return server


def _answers(address: str) -> bool:
    """Asked with a bare socket, as PyMySQL leaks the one of an attempt that fails."""
    with socket.socket(socket.AF_UNIX) as attempt:
        return attempt.connect_ex(address) == 0


def stop(server: Server) -> None:
    """End the server and remove its folder."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.keeper, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while Path(server.folder, "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if keeper := _STARTED.pop(server.keeper, None):
        keeper.wait()
    shutil.rmtree(server.folder, ignore_errors=True)


def create_diamond(server: Server, name: str, *, rows: bool = True) -> URL:
    """Make the full schema of Diamond's flavour, with its published sample rows if ``rows``.

    The tables are latin1, as at Diamond: a parameter with other letters than Windows-1252 has is
    an error there. Raises `ModelsMissing`, or `FileNotFoundError` where there are no sample rows.
    """
    _create(server, name, models.diamond_metadata(), "latin1")
    if rows:
        load_diamond_rows(server, name)
    return server.url(name)


def load_diamond_rows(server: Server, name: str) -> None:
    """Fill an empty Diamond database with lookups.sql and data.sql of Diamond's own repository."""
    base = realdata.folder()
    if base is None:
        raise FileNotFoundError("the real rows of ISPyB are not here (set ISPYB_LENS_REALDATA)")
    for file in ("lookups.sql", "data.sql"):
        text = (base / "ispyb_db/diamond" / file).read_text(encoding="utf-8")
        text = re.sub(r"^/\*M!999999.*$", "", text, flags=re.MULTILINE)  # the client's, no SQL
        server.run("SET FOREIGN_KEY_CHECKS=0, SQL_MODE='NO_AUTO_VALUE_ON_ZERO';\n" + text, database=name)


def create_esrf(server: Server, name: str) -> URL:
    """Make the full schema of the ESRF and MAX IV flavour, without rows. Raises `ModelsMissing`.

    Its views are left out, as the package knows their columns only; its tables are utf8mb4.
    """
    metadata = models.esrf_metadata()
    views = {table for table in metadata.tables if table.startswith("v_")}
    _create(server, name, metadata, "utf8mb4", without=views)
    return server.url(name)


def _create(server: Server, name: str, metadata: MetaData, charset: str, without: Iterable[str] = ()) -> None:
    """All tables in one message, as one round trip for each of 205 costs more than the work."""
    dialect = URL.create("mariadb+pymysql").get_dialect()()
    script = ["SET FOREIGN_KEY_CHECKS=0, SQL_MODE=''"]
    for table in metadata.tables.values():
        if table.name in without:
            continue
        script.append(str(CreateTable(table).compile(dialect=dialect)))
        script += (str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    server.run(
        f"DROP DATABASE IF EXISTS `{name}`",
        f"CREATE DATABASE `{name}` CHARACTER SET {charset}",
    )
    server.run(";\n".join(script), database=name)


def empty(server: Server, name: str) -> None:
    """Remove every row of a database and count its keys from 1 again; the tables stay."""
    tables = [str(row[0]) for row in server.rows("SHOW TABLES", name)]
    counts = " UNION ALL ".join(f"(SELECT '{table}' FROM `{table}` LIMIT 1)" for table in tables)
    filled = [str(row[0]) for row in server.rows(counts, name)]
    if filled:
        truncate = ";".join(f"TRUNCATE `{table}`" for table in filled)
        server.run(f"SET FOREIGN_KEY_CHECKS=0;{truncate}", database=name)
