"""Logging, set up once per process."""

import logging


def set_up_log(level: str) -> None:
    """Log to stderr from ``level`` (debug, info, warning, error) on; never row contents, never secrets."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level.upper())
    # Tornado logs every request; the gate has its own trail.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    for noisy in ("bokeh", "PIL", "h5py", "numba"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
