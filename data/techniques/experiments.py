"""Which technique a group of collections belongs to, by the type of experiment that the site wrote.

The type is ``DataCollectionGroup.experimentType``, else the name in the table of types. Case does not matter. An
unknown or absent type is EM where the site's table of types says so or the proposal's code is ``em``, otherwise MX.
"""

from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, or_

from data.schema import ExperimentType, Group, Proposal

Key = Literal["mx", "ssx", "em"]

MX = frozenset(
    {
        "SAD",
        "SAD - Inverse Beam",
        "OSC",
        "Collect - Multiwedge",
        "MAD",
        "MAD - Inverse Beam",
        "Helical",
        "Multi-positional",
        "Mesh",
        "Mesh3D",
        "LineScan",
        "Burn",
        "Characterization",
        "Dehydration",
        "Screening",
        "Still",
        "Standard",
        "GphNative",
        "Diamond Anvil High Pressure",
    }
)
SSX = frozenset({"SSX-Chip", "SSX-Jet", "Serial Fixed", "Serial Jet"})
EM = frozenset(
    {
        "EM",
        "tomo",
        "single particle",
        "Tomography",
        "Atlas",
        "CLEM",
        "FIB",
        "CryoSIM",
        "Soft X-Ray Tomography",
    }
)

_LOWER = {key: sorted(name.lower() for name in names) for key, names in (("mx", MX), ("ssx", SSX), ("em", EM))}


def technique(kind: str | None, listed_for: str | None = None, code: str | None = None) -> Key:
    """The technique of a type; ``listed_for``: proposal type in the table of types, ``code``: of the proposal."""
    name = (kind or "").lower()
    if name in _LOWER["ssx"]:
        return "ssx"
    if name in _LOWER["em"]:
        return "em"
    if name in _LOWER["mx"]:
        return "mx"
    return "em" if "em" in {(listed_for or "").lower(), (code or "").lower()} else "mx"


def kind() -> Any:
    """The type as an expression over Group and ExperimentType."""
    return func.coalesce(func.nullif(Group.experiment, ""), ExperimentType.name)


def technique_of_group() -> ColumnElement[str]:
    """``technique`` as an expression over Group, ExperimentType and Proposal."""
    name = func.lower(func.coalesce(kind(), ""))
    return case(
        (name.in_(_LOWER["ssx"]), "ssx"),
        (name.in_(_LOWER["em"]), "em"),
        (name.in_(_LOWER["mx"]), "mx"),
        (or_(func.lower(ExperimentType.proposal_type) == "em", func.lower(Proposal.code) == "em"), "em"),
        else_="mx",
    )
