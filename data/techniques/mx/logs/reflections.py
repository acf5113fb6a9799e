"""Statistics of reflection files through gemmi: mmCIF with its own tables, MTZ from its intensities.

An unmerged MTZ gives R values and CC½ by gemmi's merging; a merged one only what merged intensities know: completeness,
I/σ and the fall-off of intensity.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data.techniques.mx.logs.report import Curve, Report, Unusable, curve, middle, number

_BINS = 20


def _gemmi() -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise Unusable("needs gemmi, which this server lacks (the extra “mx” brings it)") from error
    return gemmi


_SHELL = {
    "pdbx_Rrim_I_all": ("r_meas", 100), "Rmerge_I_obs": ("r_merge", 100), "pdbx_Rpim_I_all": ("r_pim", 100),
    "percent_possible_all": ("completeness", 1), "pdbx_redundancy": ("multiplicity", 1),
    "meanI_over_sigI_obs": ("i_over_sigma", 1), "pdbx_CC_half": ("cc_half", 1),
    "pdbx_CC_half_anomalous": ("cc_anomalous", 1), "pdbx_percent_possible_anomalous": ("anomalous_completeness", 1),
    "pdbx_redundancy_anomalous": ("anomalous_multiplicity", 1),
}  # fmt: skip
_OVERALL = {
    "d_resolution_low": ("low", 1), "d_resolution_high": ("high", 1), "pdbx_Rmerge_I_obs": ("r_merge", 100),
    "pdbx_Rrim_I_all": ("r_meas", 100), "pdbx_Rpim_I_all": ("r_pim", 100),
    "pdbx_number_measured_all": ("observations", 1), "number_obs": ("unique", 1),
    "pdbx_netI_over_sigmaI": ("i_over_sigma", 1), "percent_possible_obs": ("completeness", 1),
    "pdbx_redundancy": ("multiplicity", 1), "pdbx_CC_half": ("cc_half", 1),
    "pdbx_CC_half_anomalous": ("cc_anomalous", 1),
}  # fmt: skip


def read_cif(text: str) -> Report:
    """``_reflns`` and ``_reflns_shell`` of the first block of an mmCIF file that has them."""
    gemmi = _gemmi()
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise Unusable("is not whole CIF") from error
    for block in document:
        overall = {}
        for tag, (key, factor) in _OVERALL.items():
            value = number(block.find_value(f"_reflns.{tag}"))
            if value is not None:
                overall[key] = value * factor
        wanted = ["d_res_low", "d_res_high", *(f"?{tag}" for tag in _SHELL)]
        table = block.find("_reflns_shell.", wanted)
        if not overall and not len(table):
            continue
        edges = [(number(row[0]), number(row[1])) for row in table]
        x = [middle(low, high) if high else None for low, high in edges]
        curves = []
        for at, (_, (key, factor)) in enumerate(_SHELL.items(), 2):
            values = [number(row[at]) if row.has(at) else None for row in table]
            made = curve(key, [(a, None if b is None else b * factor) for a, b in zip(x, values, strict=True)], True)
            if made is not None:
                curves.append(made)
        cell = [number(block.find_value(f"_cell.{n}")) for n in ("length_a", "length_b", "length_c")]
        cell += [number(block.find_value(f"_cell.angle_{n}")) for n in ("alpha", "beta", "gamma")]
        known = tuple(value for value in cell if value is not None)
        group = block.find_value("_symmetry.space_group_name_H-M")
        return Report(
            "mmCIF",
            tuple(curves),
            {"overall": overall} if overall else {},
            gemmi.cif.as_string(group) if group else None,
            known if len(known) == 6 else None,
        )
    raise Unusable("is CIF without merging statistics")


def read_mtz(path: Path) -> Report:
    """Statistics of an MTZ file, gzipped or not, from its intensities."""
    gemmi = _gemmi()
    try:
        mtz = gemmi.read_mtz_file(str(path))
        intensities = _intensities(gemmi, mtz)
    except (ValueError, RuntimeError, OSError) as error:
        raise Unusable("is no MTZ file with intensities") from error
    if intensities.spacegroup is None or len(intensities.value_array) < _BINS:
        raise Unusable("is an MTZ file with too few intensities or without a space group")
    try:
        return _measured(gemmi, intensities, intensities.type == gemmi.DataType.Unmerged)
    except (ValueError, RuntimeError) as error:
        raise Unusable("is an MTZ file whose intensities cannot be put into shells") from error


def _intensities(gemmi: Any, mtz: Any) -> Any:
    intensities = gemmi.Intensities()
    labels = mtz.column_labels()
    if len(mtz.batches) or not any(column.type == "B" for column in mtz.columns) or not {"I", "SIGI"} <= set(labels):
        intensities.import_mtz(mtz)
        return intensities
    # A file that names batches without describing them: gemmi would take it for merged.
    table = np.array(mtz, copy=False)
    values, sigmas = (table[:, labels.index(name)].astype(np.float64) for name in ("I", "SIGI"))
    intensities.set_data(mtz.cell, mtz.spacegroup, table[:, :3].astype(np.int32), values, sigmas)
    return intensities


def _measured(gemmi: Any, intensities: Any, unmerged: bool) -> Report:
    binner = gemmi.Binner()
    binner.setup(min(_BINS, len(intensities.value_array) // 10), gemmi.Binner.Method.Dstar3, intensities)
    high = np.array([binner.dmin_of_bin(n) for n in range(binner.size)])
    low = np.array([binner.dmax_of_bin(n) for n in range(binner.size)])
    x = [(1 / a**2 + 1 / b**2) / 2 for a, b in zip(low, high, strict=True)]
    curves: list[Curve | None] = []
    overall: dict[str, float] = {}
    merged = intensities.clone()
    if unmerged:
        used = intensities.prepare_for_merging(gemmi.DataType.Mean)
        stats = intensities.calculate_merging_stats(binner, "X")
        whole = intensities.calculate_merging_stats(None, "X")[0]
        reads: dict[str, tuple[Callable[[Any], float], float]] = {
            "r_merge": (lambda s: s.r_merge(), 100), "r_meas": (lambda s: s.r_meas(), 100),
            "r_pim": (lambda s: s.r_pim(), 100), "cc_half": (lambda s: s.cc_half(), 1),
            "multiplicity": (lambda s: s.all_refl / s.unique_refl if s.unique_refl else float("nan"), 1),
        }  # fmt: skip
        for key, (value, factor) in reads.items():
            points = [(a, _finite(value(s), factor)) for a, s in zip(x, stats, strict=True)]
            curves.append(curve(key, points, stated=True))
            if (found := _finite(value(whole), factor)) is not None:
                overall[key] = found
        overall |= {"observations": float(whole.all_refl), "unique": float(whole.unique_refl)}
        merged.merge_in_place(used)
    elif merged.type != gemmi.DataType.Mean:
        merged.prepare_for_merging(gemmi.DataType.Mean)
        merged.merge_in_place(gemmi.DataType.Mean)
    bins = _bins(binner, merged.miller_array)
    values, sigmas = np.asarray(merged.value_array), np.asarray(merged.sigma_array)
    seen = np.bincount(bins, minlength=binner.size)[: binner.size]
    possible = gemmi.make_miller_array(merged.unit_cell, merged.spacegroup, float(high.min()), float(low.max()))
    could = np.bincount(_bins(binner, possible), minlength=binner.size)[: binner.size]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 100 * seen / could
        ratio = np.where(sigmas > 0, values / sigmas, np.nan)
    told = {"completeness": np.minimum(share, 100), "i_over_sigma": _means(ratio, bins, binner.size)}
    told["wilson"] = _means(values, bins, binner.size)
    for key, column in told.items():
        curves.append(curve(key, [(a, _finite(b, 1)) for a, b in zip(x, column, strict=True)], stated=True))
    overall |= {
        "high": float(high.min()), "low": float(low.max()),
        "completeness": float(min(100.0, 100 * seen.sum() / could.sum())),
        "i_over_sigma": float(np.nanmean(ratio)), "unique": float(seen.sum()),
    }  # fmt: skip
    cell = merged.unit_cell
    return Report(
        "MTZ",
        tuple(found for found in curves if found is not None),
        {"overall": overall},
        str(merged.spacegroup.hm),
        tuple(round(v, 4) for v in (cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma)),
    )


def _bins(binner: Any, indices: Any) -> Any:
    # gemmi takes a view with strides for one without.
    return np.asarray(binner.get_bins(np.ascontiguousarray(indices)))


def _means(values: Any, bins: Any, count: int) -> Any:
    good = np.isfinite(values)
    total = np.bincount(bins[good], weights=values[good], minlength=count)[:count]
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / np.bincount(bins[good], minlength=count)[:count]


def _finite(value: float, factor: float) -> float | None:
    return float(value) * factor if np.isfinite(value) else None
