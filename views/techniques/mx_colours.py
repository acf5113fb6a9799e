"""Good, fair and poor values of merging statistics: thresholds that a person may set, kept in the link."""

from dataclasses import dataclass
from math import isfinite

from data.techniques.mx.rule import METRICS, Shell


@dataclass(frozen=True, slots=True)
class Scale:
    """From ``good`` on a value is good, from ``bad`` on it is bad, in whichever direction is better."""

    good: float
    bad: float

    def tone(self, value: float | None) -> str:
        """good, warn, bad, or none for an absent value. The value itself is compared, not what is shown of it."""
        if value is None:
            return ""
        more = self.good > self.bad
        if value >= self.good if more else value <= self.good:
            return "good"
        return "bad" if (value <= self.bad if more else value >= self.bad) else "warn"

    def __str__(self) -> str:
        return f"{self.good:g}/{self.bad:g}"


USUAL: dict[tuple[Shell, str], Scale] = {
    ("overall", "r_meas"): Scale(10, 15),
    ("inner", "r_meas"): Scale(5, 10),
    ("outer", "r_meas"): Scale(60, 150),
    ("overall", "i_over_sigma"): Scale(10, 5),
    ("inner", "i_over_sigma"): Scale(20, 10),
    ("outer", "i_over_sigma"): Scale(1.5, 0.7),
    ("overall", "cc_half"): Scale(0.99, 0.9),
    ("inner", "cc_half"): Scale(0.99, 0.95),
    ("outer", "cc_half"): Scale(0.5, 0.3),
    ("overall", "completeness"): Scale(95, 80),
    ("inner", "completeness"): Scale(97, 90),
    ("outer", "completeness"): Scale(85, 50),
    ("overall", "multiplicity"): Scale(4, 2),
    ("inner", "multiplicity"): Scale(4, 2),
    ("outer", "multiplicity"): Scale(3, 1.5),
    ("overall", "cc_anomalous"): Scale(0.3, 0.1),
    ("inner", "cc_anomalous"): Scale(0.6, 0.3),
    ("outer", "cc_anomalous"): Scale(0.1, 0.0),
}
"""By shell and statistic, in our units."""

_SHORT: dict[str, Shell] = {"o": "overall", "i": "inner", "u": "outer"}


def scales(text: str | None) -> dict[tuple[Shell, str], Scale]:
    """The usual scales with those of the link, as ``o.r_meas:8/12,u.cc_half:0.5/0.2``; what is none is dropped."""
    found = dict(USUAL)
    for part in (text or "").split(",")[:60]:
        name, _, value = part.partition(":")
        letter, _, metric = name.partition(".")
        scale = scale_from(value)
        shell = _SHORT.get(letter)
        if shell is not None and metric in METRICS and scale is not None:
            found[shell, metric] = scale
    return found


def scale_from(text: str) -> Scale | None:
    """A scale as a person types it: ``good/bad``."""
    good, slash, bad = text.replace(" ", "").partition("/")
    try:
        made = Scale(float(good), float(bad))
    except ValueError:
        return None
    return made if slash and isfinite(made.good) and isfinite(made.bad) and made.good != made.bad else None


def written(found: dict[tuple[Shell, str], Scale]) -> str:
    """What differs from the usual, for the link."""
    letters = {shell: letter for letter, shell in _SHORT.items()}
    return ",".join(
        f"{letters[shell]}.{metric}:{scale}"
        for (shell, metric), scale in found.items()
        if USUAL.get((shell, metric)) != scale
    )
