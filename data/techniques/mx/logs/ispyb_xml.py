"""The XML in which autoPROC and others hand their results to ISPyB."""

import xml.etree.ElementTree as Tree

from data.techniques.mx.logs.report import Report, Unusable, number
from data.techniques.mx.shells import STORED, ShellRow, same_units

_VALUES = {
    "resolutionLimitLow": "low", "resolutionLimitHigh": "high", "rMerge": "r_merge", "rMeasAllIPlusIMinus": "r_meas",
    "rPimAllIPlusIMinus": "r_pim", "nTotalObservations": "observations", "nTotalUniqueObservations": "unique",
    "meanIOverSigI": "i_over_sigma", "completeness": "completeness", "multiplicity": "multiplicity",
    "anomalousCompleteness": "anomalous_completeness", "anomalousMultiplicity": "anomalous_multiplicity",
    "ccHalf": "cc_half", "ccAnomalous": "cc_anomalous", "ccAno": "cc_anomalous",
}  # fmt: skip


def read(text: str) -> Report:
    """The first scaling of the file. A document that declares types or entities is refused unread: a bomb does."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Unusable("is XML with declarations of its own, which is not read")
    try:
        root = Tree.fromstring(text)  # noqa: S314 - without declarations nothing can expand
    except Tree.ParseError as error:
        raise Unusable("is not whole XML") from error
    shells: dict[str, ShellRow | None] = {}
    for statistics in root.iter("AutoProcScalingStatistics"):
        name = STORED.get((statistics.findtext("scalingStatisticsType") or "").strip().lower())
        if name is None or name in shells:
            continue
        values = {ours: number(statistics.findtext(theirs)) for theirs, ours in _VALUES.items()}
        shells[name] = {key: value for key, value in values.items() if value is not None}
    same_units(shells)
    cell = [number(root.findtext(f".//refinedCell_{name}")) for name in ("a", "b", "c", "alpha", "beta", "gamma")]
    known = tuple(value for value in cell if value is not None)
    return Report(
        "autoPROC" if "autoPROC" in (root.findtext(".//processingPrograms") or "") else "ISPyB XML",
        (),
        {name: shell for name, shell in shells.items() if shell},
        (root.findtext(".//spaceGroup") or "").strip() or None,
        known if len(known) == 6 else None,
    )
