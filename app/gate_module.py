"""The gate for `panel serve app/main.py --auth-module app/gate_module.py --plugins app.gate_module`.

Importing it reads the settings and makes the services of the process, once, whatever it is imported as.
"""

import sys

import panel as pn

from app.faults import set_up_log
from app.routes import ours
from app.server import gate_for
from app.services import Services, services
from app.settings import SettingsError, load
from app.workers import end_with_this_process
from auth.gate import Gate, GateError
from views.parts.latency import lower_latency


def _made() -> tuple[Services, Gate]:
    # Bokeh runs the auth module under a name of its own, beside the import as a plugin: both must share one gate.
    held = sys.modules.get("app.gate_module")
    if held is not None and hasattr(held, "GATE"):
        return held.SHARED, held.GATE
    try:
        settings = load()
        set_up_log(settings.log.level)
        shared = services(settings)
        gate = gate_for(shared)
    except (SettingsError, GateError) as error:
        print(f"ispyb-lens: {error}", file=sys.stderr)
        sys.exit(2)
    pn.extension(notifications=False)
    lower_latency()
    shared.poller.start()
    # Panel leaves the processes of --num-procs running when the first one ends.
    end_with_this_process()
    return shared, gate


SHARED, GATE = _made()
ROUTES = [*GATE.patterns(), *ours.patterns(SHARED)]
get_user_async = GATE.get_user_async
get_login_url = GATE.get_login_url
