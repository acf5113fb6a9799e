"""Scans of a visit that are no collections: energy scans across an edge, and X-ray fluorescence spectra."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, real, words


class EnergyScan(Table):
    """Fluorescence against energy across an absorption edge.

    Energies in eV or keV, by site and row; f' and f'' in electrons. Exposure in s, transmission a fraction or percent,
    by site. ``edge`` is the name of the edge (K, L3), from some writers its energy.
    """

    __tablename__ = "EnergyScan"
    scan_id: Mapped[int] = key("energyScanId")
    visit_id: Mapped[int | None] = link("sessionId", "BLSession.sessionId")
    sample_id: Mapped[int | None] = link("blSampleId", "BLSample.blSampleId")
    detector: Mapped[str | None] = words("fluorescenceDetector", 255)
    raw_file: Mapped[str | None] = words("scanFileFullPath", 255)
    curve_file: Mapped[str | None] = words("choochFileFullPath", 255)
    picture: Mapped[str | None] = words("jpegChoochFileFullPath", 255)
    element: Mapped[str | None] = words("element", 45)
    edge: Mapped[str | None] = words("edgeEnergy", 255)
    energy_start: Mapped[float | None] = real("startEnergy")
    energy_end: Mapped[float | None] = real("endEnergy")
    transmission: Mapped[float | None] = real("transmissionFactor")
    exposure: Mapped[float | None] = real("exposureTime")
    angle: Mapped[float | None] = real("axisPosition")
    ring_current: Mapped[float | None] = real("synchrotronCurrent")
    temperature: Mapped[float | None] = real("temperature")
    dose: Mapped[float | None] = real("xrayDose")
    peak_energy: Mapped[float | None] = real("peakEnergy")
    peak_f_prime: Mapped[float | None] = real("peakFPrime")
    peak_f_double_prime: Mapped[float | None] = real("peakFDoublePrime")
    inflection_energy: Mapped[float | None] = real("inflectionEnergy")
    inflection_f_prime: Mapped[float | None] = real("inflectionFPrime")
    inflection_f_double_prime: Mapped[float | None] = real("inflectionFDoublePrime")
    remote_energy: Mapped[float | None] = real("remoteEnergy")
    remote_f_prime: Mapped[float | None] = real("remoteFPrime")
    remote_f_double_prime: Mapped[float | None] = real("remoteFDoublePrime")
    start: Mapped[datetime | None] = moment("startTime")
    end: Mapped[datetime | None] = moment("endTime")
    beam_size_x: Mapped[float | None] = real("beamSizeHorizontal")
    beam_size_y: Mapped[float | None] = real("beamSizeVertical")
    flux: Mapped[float | None] = real("flux")
    comments: Mapped[str | None] = words("comments", 1024)


class Fluorescence(Table):
    """An X-ray fluorescence spectrum. ``energy`` is the exciting beam's, in eV or keV, by site and row."""

    __tablename__ = "XFEFluorescenceSpectrum"
    spectrum_id: Mapped[int] = key("xfeFluorescenceSpectrumId")
    visit_id: Mapped[int | None] = link("sessionId", "BLSession.sessionId")
    sample_id: Mapped[int | None] = link("blSampleId", "BLSample.blSampleId")
    raw_file: Mapped[str | None] = words("scanFileFullPath", 255)
    name: Mapped[str | None] = words("filename", 255)
    fitted_file: Mapped[str | None] = words("fittedDataFileFullPath", 255)
    report: Mapped[str | None] = words("annotatedPymcaXfeSpectrum", 255)
    picture: Mapped[str | None] = words("jpegScanFileFullPath", 255)
    energy: Mapped[float | None] = real("energy")
    exposure: Mapped[float | None] = real("exposureTime")
    transmission: Mapped[float | None] = real("beamTransmission")
    angle: Mapped[float | None] = real("axisPosition")
    start: Mapped[datetime | None] = moment("startTime")
    end: Mapped[datetime | None] = moment("endTime")
    beam_size_x: Mapped[float | None] = real("beamSizeHorizontal")
    beam_size_y: Mapped[float | None] = real("beamSizeVertical")
    flux: Mapped[float | None] = real("flux")
    comments: Mapped[str | None] = words("comments", 1024)
