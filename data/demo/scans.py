"""What simulated energy scans and fluorescence spectra found, and the files that they leave."""

from math import atan, log, pi
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from data.demo.plan import Plan
from data.schema import EnergyScan, Fluorescence

# Edges that are scanned, in eV, and lines that are seen, in keV, with their share of the counts.
_EDGES = {"Se": 12658.0, "Zn": 9659.0, "Hg": 12284.0, "Pt": 11564.0, "Fe": 7112.0}
_LINES = {
    "Ca": ((3.692, 1.0), (4.013, 0.13)),
    "Fe": ((6.404, 1.0), (7.058, 0.15)),
    "Zn": ((8.639, 1.0), (9.572, 0.15)),
    "Se": ((11.222, 1.0), (12.496, 0.17)),
    "Hg": ((9.989, 1.0), (11.924, 0.2)),
    "Pt": ((9.442, 1.0), (11.071, 0.6)),
}
_STEP, _POINTS = 0.8, 161
_CHANNELS, _OFFSET, _SLOPE = 2048, -0.012, 0.0101


def add_scans(plan: Plan) -> None:
    """Complete the rows of scans, and plan their files; one in eight names no file, one in twelve has lost it."""
    for row in plan.rows.of(EnergyScan):
        _scan(plan, row)
    for row in plan.rows.of(Fluorescence):
        _spectrum(plan, row)


def _folder(plan: Plan, row: dict[str, Any], kind: str) -> str:
    name = str(row.get("name") or "")
    return name.rsplit("/", 1)[0] if "/" in name else f"/simulated/scans/{row['visit_id']}/{kind}"


def _scan(plan: Plan, row: dict[str, Any]) -> None:
    element, key = str(row.get("element") or "Se"), row["scan_id"]
    edge = _EDGES.get(element, 12658.0)
    random = Random(key * 31)  # noqa: S311 - simulated data, not a secret
    shift, white = random.uniform(-3.0, 4.0), random.uniform(0.5, 4.0)
    what = {"seed": key, "edge": edge + shift, "white": round(white, 3)}
    energies, prime, double = _factors(what)
    peak, inflection = int(np.argmax(double)), int(np.argmin(prime))
    # Some beamlines write keV.
    unit = 0.001 if key % 3 == 0 else 1.0
    row.update(
        energy_start=round(energies[0] * unit, 5), energy_end=round(energies[-1] * unit, 5), exposure=0.5,
        transmission=round(random.choice((0.5, 1.6, 6.4)), 2), detector="Simulated silicon drift",
        peak_energy=round(energies[peak] * unit, 5), peak_f_prime=round(prime[peak], 2),
        peak_f_double_prime=round(double[peak], 2), inflection_energy=round(energies[inflection] * unit, 5),
        inflection_f_prime=round(prime[inflection], 2), inflection_f_double_prime=round(double[inflection], 2),
        beam_size_x=80.0, beam_size_y=20.0, flux=None, temperature=100.0,
    )  # fmt: skip
    if key % 8 == 0:
        return
    stem = f"{_folder(plan, row, 'edge')}/{element}_{key}"
    row.update(raw_file=f"{stem}.fluo", curve_file=f"{stem}.efs")
    if key % 12 != 5:
        plan.pictures[f"{stem}.fluo"] = {"kind": "energy_scan"} | what
        plan.pictures[f"{stem}.efs"] = {"kind": "factors"} | what
    if key % 3:
        row["picture"] = f"{stem}.jpg"
        if key % 12 != 5:
            plan.pictures[row["picture"]] = {"kind": "chooch", "element": element} | what


def _spectrum(plan: Plan, row: dict[str, Any]) -> None:
    key = row["spectrum_id"]
    random = Random(key * 37)  # noqa: S311 - simulated data, not a secret
    energy = float(row.get("energy") or 13.5)
    row.update(transmission=1.6, beam_size_x=80.0, beam_size_y=20.0)
    if key % 8 == 0:
        return
    main = random.choice(tuple(_LINES))
    strengths = {main: 9000.0} | {name: round(random.uniform(80, 900)) for name in random.sample(tuple(_LINES), 2)}
    path = f"{_folder(plan, row, 'xrf')}/mca_{key}.mca"
    row["raw_file"] = path
    if key % 12 != 5:
        plan.pictures[path] = {"kind": "xrf", "seed": key, "energy": energy, "strengths": strengths}
    if key % 3 == 0:
        row["report"] = path.replace(".mca", ".html")
        plan.pictures[row["report"]] = {"kind": "pymca", "energy": energy, "strengths": strengths}


def _factors(what: dict[str, Any]) -> tuple[list[float], list[float], list[float]]:
    """Energies in eV, f' and f'': a step with a white line, and what goes with them by their dispersion."""
    edge, white, wide = what["edge"], what["white"], 2.2
    energies = [round(edge + (n - _POINTS // 2) * _STEP, 2) for n in range(_POINTS)]
    prime, double = [], []
    for energy in energies:
        away = (energy - edge) / wide
        above = (energy - edge - 3) / 2.5
        double.append(0.5 + 3.4 * (0.5 + atan(away) / pi) + white / (1 + above**2))
        prime.append(-5.2 + 3.4 / (2 * pi) * log((away**2 + 1) / 900) + 0.5 * white * above / (1 + above**2))
    return energies, prime, double


def energy_scan(what: dict[str, Any]) -> str:
    """Fluorescence against eV, as counted."""
    random = np.random.default_rng(what["seed"])
    energies, _, double = _factors(what)
    counts = random.poisson(np.array(double) * 2400)
    return "# simulated\n" + "".join(f"{e:.2f} {n}\n" for e, n in zip(energies, counts, strict=True))


def factors(what: dict[str, Any]) -> str:
    """Energy in eV, f'' and f', as CHOOCH writes them."""
    return "".join(f"{e:10.2f} {d:8.3f} {p:8.3f}\n" for e, p, d in zip(*_factors(what), strict=True))


def chooch(what: dict[str, Any], path: Path) -> None:
    """A picture of f' and f'' as CHOOCH draws one."""
    picture = Image.new("RGB", (720, 480), "white")
    pen = ImageDraw.Draw(picture)
    energies, prime, double = _factors(what)
    low, high = min(prime), max(double)
    for values, colour in ((prime, "#1f5fd0"), (double, "#b3261e")):
        pen.line(
            [
                (50 + 640 * n / (len(values) - 1), 430 - 380 * (value - low) / (high - low))
                for n, value in enumerate(values)
            ],
            fill=colour,
            width=2,
        )
    pen.rectangle((50, 50, 690, 430), outline="black")
    pen.text((50, 20), f"SIMULATED  {what['element']}: f'' (red) and f' (blue), electrons", fill="black")
    pen.text((50, 445), f"{energies[0]:.1f} eV", fill="black")
    pen.text((620, 445), f"{energies[-1]:.1f} eV", fill="black")
    picture.save(path, "JPEG", quality=85)


def pymca(what: dict[str, Any]) -> str:
    """A page with the lines of a spectrum, such as PyMca's reports."""
    rows = "".join(
        f"<tr><td>{element}</td><td>{energy:.3f}</td><td>{strength * share:.0f}</td></tr>"
        for element, strength in what["strengths"].items()
        for energy, share in _LINES[element]
        if energy < what["energy"]
    )
    return (
        "<!DOCTYPE html>\n<html><head><meta charset='utf-8'><title>PyMca</title>"
        "<style>body{font-family:sans-serif;margin:24px}td,th{padding:4px 14px;border-bottom:1px solid #ccc}</style>"
        f"</head><body><h1>Simulated report of a spectrum at {what['energy']:g} keV</h1>"
        f"<table><tr><th>Element</th><th>Line (keV)</th><th>Area (counts)</th></tr>{rows}</table></body></html>\n"
    )


def xrf(what: dict[str, Any]) -> str:
    """A spectrum as SPEC writes it, with its calibration."""
    random = np.random.default_rng(what["seed"])
    energy = _OFFSET + _SLOPE * np.arange(_CHANNELS)
    beam = what["energy"]
    drawn = 4.0 + 30 * np.exp(-((energy - 2.5) ** 2) / 8)
    peaks = [(beam, 5200.0, 0.085), (beam / (1 + beam / 511.0), 8800.0, 0.16)]
    for name, strength in what["strengths"].items():
        peaks += [(at, strength * share, 0.07) for at, share in _LINES[name] if at < beam]
    for at, strength, width in peaks:
        drawn = drawn + strength * np.exp(-((energy - at) ** 2) / (2 * width**2))
    counts = random.poisson(drawn)
    lines = [" ".join(map(str, counts[n : n + 16])) for n in range(0, _CHANNELS, 16)]
    body = "\\\n ".join(lines)
    return f"#S 1 simulated\n#@CALIB {_OFFSET} {_SLOPE} 0\n@A {body}\n"
