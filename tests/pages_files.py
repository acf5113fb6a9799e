"""Questions of the pages of files, comments, samples and what came after: asked by test_queries for everybody."""

from collections.abc import Callable
from typing import Any

from data.core import attachments, comments, samples
from data.reader import Reader
from data.techniques.mx import downstream as after

PAGES: dict[str, Callable[[Reader], Any]] = {
    "downstream": lambda r: after.downstream(r, 1001),
    **{
        f"attachments.named {key}": lambda r, key=key: attachments.named(r, 1001, f"{key}.1")
        for key in ("phasing", "model", "reflections", "mrlog", "blob1", "blob2")
    },
    "comments.remarks": lambda r: comments.remarks(r, 1001),
    "samples.sample": lambda r: samples.sample(r, 1),
    "samples.collections": lambda r: samples.collections(r, 1),
    "attachments.of_runs": lambda r: attachments.of_runs(r, 1001),
    "attachments.of_run": lambda r: attachments.of_run(r, 1001, 3),
    "attachments.own": lambda r: attachments.own(r, 1001),
    "attachments.named run": lambda r: attachments.named(r, 1001, "run.1"),
    "attachments.named own": lambda r: attachments.named(r, 1001, "own.1"),
}

OF_A_COLLECTION = (attachments.of_runs, attachments.own, after.downstream)
"""Those that say of a foreign collection what they say of none."""
