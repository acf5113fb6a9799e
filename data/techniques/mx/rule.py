"""By which rule the best result of a collection is chosen: the site says it, and a person may choose another."""

from dataclasses import dataclass
from typing import Literal, get_args

Shell = Literal["overall", "inner", "outer"]
SHELLS: tuple[Shell, ...] = get_args(Shell)

# Which statistic, what it is called, and whether less of it is better.
METRICS: dict[str, tuple[str, bool]] = {
    "high": ("high-resolution limit", True),
    "i_over_sigma": ("I/σ", False),
    "cc_half": ("CC½", False),
    "r_meas": ("Rmeas", True),
    "r_merge": ("Rmerge", True),
    "r_pim": ("Rpim", True),
    "completeness": ("completeness", False),
    "multiplicity": ("multiplicity", False),
    "cc_anomalous": ("anomalous CC", False),
}
PERCENT, FRACTION = ("r_meas", "r_merge", "r_pim"), ("cc_half",)
"""Statistics that some pipelines write in percent and others as a fraction; we tell R in percent, CC½ as a fraction."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The best result: of those of successful programs that state an overall high-resolution limit.

    With ``symmetry`` the highest symmetry first (operators of the point group); then the best ``metric`` of ``shell``,
    results without it last; of equals the more complete one, then the newer.
    """

    symmetry: bool = False
    metric: str = "high"
    shell: Shell = "overall"

    def __post_init__(self) -> None:
        if self.metric not in METRICS or self.shell not in SHELLS:
            raise ValueError(f"no rule: {self.metric}, {self.shell}")

    @property
    def words(self) -> str:
        """The rule as a sentence for a person."""
        name, less = METRICS[self.metric]
        first = "highest symmetry, then " if self.symmetry else ""
        best = f"{'lowest' if less else 'highest'} {name}"
        if self.metric == "high":
            best = "highest resolution"
        return f"{first}{best} ({self.shell}), then completeness, then newest; of successful runs only"

    def __str__(self) -> str:
        return ",".join((*(["symmetry"] if self.symmetry else []), self.metric, self.shell))


def rule_from(text: str | None, otherwise: Rule | None = None) -> Rule:
    """The rule that ``str(rule)`` wrote; ``otherwise``, or the plain rule, for anything else."""
    found: dict[str, object] = {}
    for word in (text or "").split(",")[:4]:
        if word == "symmetry":
            found["symmetry"] = True
        elif word in METRICS:
            found["metric"] = word
        elif word in SHELLS:
            found["shell"] = word
        else:
            return otherwise or Rule()
    return Rule(**found)  # type: ignore[arg-type]
