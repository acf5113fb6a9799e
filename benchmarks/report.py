"""How the benchmarks measure, and how they say it: ratios within one run, and one JSON line at the end."""

import gc
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from statistics import median


def interleaved(
    actions: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each action by ``clock``. All run in each round, so that a busy machine is busy for all.

    One round before is not counted: it fills the caches.
    """
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(rounds + 1):
        for name, action in actions.items():
            gc.collect()
            began = clock()
            action()
            if round_:
                taken[name].append(clock() - began)
    return {name: median(seconds) for name, seconds in taken.items()}


def json_line(values: Mapping[str, float | int | None]) -> str:
    """The last line of a benchmark: one JSON object, three digits; null for a rival that is not here.

    Raises ValueError for no number.
    """
    for name, value in values.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} was not measured: {value}")
    return json.dumps(
        {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in values.items()}
    )


def surroundings() -> str:
    """Cores and load of the machine, for the reader of the numbers."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return f"{os.cpu_count()} cores, load {load:.1f}"
