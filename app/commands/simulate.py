"""`ispyb-lens simulate`: add a running collection to a database, as a beamline would."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings, data_directory
from data.demo import facility
from data.demo.beamline import MxRun, NoVisit, Target, find_visit
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.source import driver


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Take collections one after the other, until they and their processing are done; or one serial run.

    Writes into the database of the settings; without one, into the demo's.
    """
    technique: str = getattr(args, "technique", "mx")
    url: URL | None = settings.database.url
    mapping = settings.files.map
    folder: Path | None = getattr(args, "dir", None)
    if url is None:
        home = data_directory() / "demo"
        made = facility.open_(home)
        if made is None:
            print(f"ispyb-lens: {facility.why_not(home)} Run `ispyb-lens demo` first, or name a "
                  "database in the settings.", file=sys.stderr)  # fmt: skip
            return 1
        url, mapping = make_url(made.url), made.mapping
        folder = folder or made.roots[0]
    if getattr(args, "no_files", False):
        folder = None
    engine = writable(driver(url.render_as_string(hide_password=False)))
    try:
        target = find_visit(engine, args.visit, datetime.now(), technique)
        print(f"Writing into {target.name} at {target.beamline}", flush=True)
        if technique == "ssx":
            place, stored = places(folder, mapping, target)
            wanted = Plan(frames=args.frames, rate=args.rate, hit_rate=args.hits, chip=args.chip, laser=args.laser,
                          isoform=args.isoform, merges=args.merges, seed=args.seed)  # fmt: skip
            publish = _broadcast(args.om) if getattr(args, "om", "") else None
            tell = _added(args.redis) if getattr(args, "redis", "") else None
            SsxRun(engine, target.visit_id, wanted, directory=place, stored=stored, publish=publish, tell=tell,
                   dials=getattr(args, "dials", False)).run(_say)  # fmt: skip
            return 0
        for number in range(args.count):
            place, stored = places(folder, mapping, target)
            taking = MxRun(
                engine, target.visit_id, images=args.images, rate=args.rate, seed=args.seed + number,
                directory=place, stored=stored,
            )  # fmt: skip
            taking.run(_say, time.sleep)
    except NoVisit as problem:
        print(f"ispyb-lens: {problem}", file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        print(f"ispyb-lens: the database refused: {reason}", file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


def places(folder: Path | None, mapping: tuple[tuple[str, str], ...], target: Target) -> tuple[Path | None, str | None]:
    """Where this visit's files go, and what the rows call that place."""
    if folder is None:
        return None, None
    place = folder.resolve() / target.beamline / "data" / str(target.year) / target.name
    for stored, here in mapping:
        root = Path(here).resolve()
        if place.is_relative_to(root):
            return place, f"{stored}/{place.relative_to(root).as_posix()}"
    return place, str(place)


def _broadcast(address: str) -> Callable[[dict[str, Any]], None]:
    """Send each message as OM does, from this address."""
    try:
        import zmq
    except ImportError:
        raise NoVisit("--om needs pyzmq (the extra “live” brings it).") from None
    socket: Any = zmq.Context.instance().socket(zmq.PUB)
    socket.bind(address)

    def publish(message: dict[str, Any]) -> None:
        socket.send_string("omdata", zmq.SNDMORE)
        socket.send_pyobj(message)

    return publish


def _added(address: str) -> Callable[[int, dict[str, str]], None]:
    """Add each entry to the Redis stream of this address, with the collection's number for ``{id}``."""
    server, _, key = address.rpartition("/")
    try:
        import redis
    except ImportError:
        raise NoVisit("--redis needs redis (the extra “live” brings it).") from None
    try:
        client: Any = redis.Redis.from_url(server, socket_connect_timeout=5)
        client.ping()
    except (redis.RedisError, ValueError, OSError):
        raise NoVisit(
            "--redis: nothing answers there as Redis does. It is written redis://host:port/0/key-{id}."
        ) from None

    def tell(number: int, entry: dict[str, str]) -> None:
        client.xadd(key.replace("{id}", str(number)), entry)

    return tell


def _say(words: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {words}", flush=True)
