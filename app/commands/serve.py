"""`ispyb-lens serve`: the dashboard of a site."""

import argparse
import logging

from tornado.process import task_id

from app.faults import set_up_log
from app.server import gate_for, make
from app.services import services
from app.settings import Settings, SettingsError
from app.workers import Workers
from auth.coverage import Ungated
from auth.gate import GateError

log = logging.getLogger(__name__)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve until stopped. 2 where the settings cannot be used, 1 where the port is taken or a route is not gated."""
    set_up_log(settings.log.level)
    settings.ispyb_url()
    try:
        shared = services(settings)
        gate = gate_for(shared)
    except GateError as error:
        raise SettingsError(str(error)) from error
    workers = Workers() if args.num_procs > 1 else None
    try:
        server = make(shared, gate, args.num_procs)
    except (OSError, Ungated) as error:
        log.error("cannot serve at %s:%s: %s", settings.server.address, settings.server.port, error)
        shared.close()
        return 1
    except (SystemExit, KeyboardInterrupt):
        # Making several processes returns in each of them, and in the first one only by leaving.
        if workers is None or not workers.waits:
            raise
        workers.end()
        shared.close()
        return 0
    if workers is None or task_id() == 0:
        scheme = "https" if settings.server.certificate else "http"
        address = f"{scheme}://{settings.server.address}:{settings.server.port}{settings.server.prefix}"
        print(f"ISPyB Lens: {settings.server.public_url or address}/", flush=True)
    try:
        server.run_until_shutdown()
    finally:
        gate.stop()
        shared.close()
    return 0
