"""Long work on images: bounded in number, each with its progress and its owners, and stopped by them."""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Literal

from data.errors import DataError
from data.images.formats import Frame, Unreadable
from data.images.images import Images, Projection
from data.images.stacks import Stopped, project

State = Literal["waiting", "running", "done", "stopped", "failed"]
_KEPT_SECONDS = 900.0
_MOST_WAITING = 20


class TooMany(DataError):
    """So much waits already that no more is taken."""

    def __init__(self) -> None:
        super().__init__("Too many sums of images are being computed. Wait until one is finished, or stop one.")


@dataclass(slots=True)
class Job:
    """One projection that is computed. ``done`` of ``of`` images; ``text`` says in words how it stands or failed."""

    id: str
    projection: Projection
    of: int
    owners: dict[str, str]
    """Who wants it, and where each has the result: they may come by different collections that name the same files."""
    done: int = 0
    state: State = "waiting"
    problem: str = ""
    began: float = field(default_factory=time.monotonic)
    halt: Event = field(default_factory=Event)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "stopped", "failed")

    @property
    def text(self) -> str:
        """A sentence for the person who waits."""
        return {
            "waiting": "Waiting for other sums of images to finish.",
            "running": f"{self.done} of {self.of} images put together.",
            "done": f"All {self.of} images are put together.",
            "stopped": "Stopped.",
            "failed": self.problem,
        }[self.state]


Failed = Callable[[BaseException], str]


class Jobs:
    """The jobs of one process. Two people who want the same share one job, which stops when both have stopped it.

    ``scheduler``: the address of a Dask scheduler, or empty for threads here. ``failed`` makes a sentence of an error
    that nobody foresaw.
    """

    def __init__(self, images: Images, failed: Failed, most: int = 2, scheduler: str = "") -> None:
        self._images, self._failed, self._scheduler = images, failed, scheduler
        self._pool = ThreadPoolExecutor(most, "job")
        self._jobs: dict[str, Job] = {}
        self._lock = Lock()

    def begin(self, owner: str, projection: Projection, src: str = "") -> Job:
        """A job for a projection, or the one that runs already. Raises TooMany."""
        with self._lock:
            self._sweep()
            for job in self._jobs.values():
                if job.projection == projection and not job.over:
                    job.owners[owner] = src
                    return job
            if sum(not job.over for job in self._jobs.values()) >= _MOST_WAITING:
                raise TooMany
            job = Job(secrets.token_urlsafe(12), projection, projection.last - projection.first + 1, {owner: src})
            self._jobs[job.id] = job
        self._pool.submit(self._run, job)
        return job

    def find(self, owner: str, name: str) -> Job | None:
        """The job of this name, where it is this owner's."""
        with self._lock:
            job = self._jobs.get(name)
            return job if job is not None and owner in job.owners else None

    def stop(self, owner: str, name: str) -> bool:
        """Give a job up; whether there was one. It ends when nobody is left who wants it."""
        job = self.find(owner, name)
        if job is None:
            return False
        with self._lock:
            if not job.over:
                if set(job.owners) == {owner}:
                    job.halt.set()
                    if job.state == "waiting":
                        job.state = "stopped"
                else:
                    job.owners.pop(owner, None)
        return True

    def close(self) -> None:
        """Stop all."""
        for job in list(self._jobs.values()):
            job.halt.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job) -> None:
        if job.halt.is_set():
            job.state = "stopped"
            return
        job.state = "running"

        def told(number: int) -> None:
            job.done = max(job.done, min(number, job.of))

        def make() -> Frame:
            return project(self._images, job.projection, told, job.halt.is_set, self._scheduler)

        try:
            self._images.projections.get(job.projection, make)
            if self._images.projections.held(job.projection) is None:
                raise Unreadable("The result is larger than this server keeps (setting frames.projections_mb).")
            job.done = job.of
            job.state = "done"
        except Stopped:
            job.state = "stopped"
        except Unreadable as error:
            job.problem = str(error)
            job.state = "failed"
        except Exception as error:
            job.problem = self._failed(error)
            job.state = "failed"

    def _sweep(self) -> None:
        now = time.monotonic()
        for name, job in list(self._jobs.items()):
            if job.over and now - job.began > _KEPT_SECONDS:
                del self._jobs[name]
