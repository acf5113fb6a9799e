"""What all workers of one test run share: started by the first that asks, stopped with the run."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from servers import mariadb
from simulated import told

from data.demo.rows import settle_down, sqlite_file


@dataclass(frozen=True, slots=True)
class Shared:
    """The folder that the run's first process made; the workers know it by its name."""

    folder: str

    @contextmanager
    def _alone(self, about: str) -> Iterator[Path]:
        with open(Path(self.folder, f"{about}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(self.folder, about)

    def mariadb(self) -> mariadb.Server | str:
        """The server, or why there is none."""
        with self._alone("mariadb.json") as note:
            if not note.exists():
                # A worker's parent is the process that ends last.
                worker = "PYTEST_XDIST_WORKER" in os.environ
                owner = os.getppid() if worker else os.getpid()
                try:
                    note.write_text(json.dumps(asdict(mariadb.start(owner))))
                except mariadb.ServerMissing as missing:
                    note.write_text(json.dumps(str(missing)))
            said = json.loads(note.read_text())
        return said if isinstance(said, str) else mariadb.Server(**said)

    def demo_rows(self) -> Path:
        """The rows of the simulated facility in a file of SQLite. Only read from it."""
        with self._alone("demo.sqlite") as file:
            if not file.exists():
                written = file.with_suffix(".writing")
                engine = sqlite_file(written)
                told().rows.insert(engine)
                engine.dispose()
                settle_down(written)
                written.rename(file)
        return file

    def stop(self) -> None:
        """Stop the server where one was started."""
        note = Path(self.folder, "mariadb.json")
        if note.exists():
            said = json.loads(note.read_text())
            if isinstance(said, dict):
                mariadb.stop(mariadb.Server(**said))
