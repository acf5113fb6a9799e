"""Files as the detectors write them: PILATUS mini-CBF, EIGER master and data files in NXmx.

Each says in its header that it is simulated. A file appears whole or not at all.
"""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from fabio.compression import compByteOffset
from numpy.typing import NDArray

from data.demo.detectors import bad, gaps
from data.demo.recipe import Recipe

SIMULATED = "Simulated diffraction (ISPyB Lens demo)"
Pixels = NDArray[np.bool_]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to; on success the file takes its place at `path`, on failure nothing is
    left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_cbf(
    path: Path,
    recipe: Recipe,
    image_number: int,
    counts: NDArray[np.uint32],
    gap: Pixels,
    broken: Pixels,
) -> None:
    """One PILATUS frame: byte-offset CBF with DECTRIS's header; gaps are -1, bad pixels -2."""
    detector = recipe.camera
    array = counts.astype(np.int32)
    array[gap] = -1
    array[broken] = -2
    data = bytes(compByteOffset(array))
    checksum = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    x, y = recipe.beam
    start = recipe.start_deg + (image_number - 1) * recipe.increment_deg
    lines = [
        f"Detector: {detector.name}, {detector.serial}, simulated",
        recipe.when,
        f"Pixel_size {detector.pixel * 1e6:.0f}e-6 m x {detector.pixel * 1e6:.0f}e-6 m",
        f"Silicon sensor, thickness {detector.thickness:.6f} m",
        f"Exposure_time {recipe.exposure_s:.7f} s",
        f"Exposure_period {recipe.exposure_s + 0.00095:.7f} s",
        "Tau = 0 s",
        f"Count_cutoff {detector.saturation} counts",
        f"Threshold_setting: {6199.2 / recipe.wavelength_A:.0f} eV",
        "Gain_setting: mid gain (vrf = -0.200)",
        f"N_excluded_pixels = {int(broken.sum())}",
        "Excluded_pixels: badpix_mask.tif",
        "Flat_field: (nil)",
        "Trim_file: (nil)",
        f"Image_path: /simulated/{recipe.beamline}/",
        f"Wavelength {recipe.wavelength_A:.6f} A",
        f"Detector_distance {recipe.distance_mm / 1000:.6f} m",
        f"Beam_xy ({x:.2f}, {y:.2f}) pixels",
        f"Flux {recipe.flux:.4g}",
        "Filter_transmission 1.0000",
        f"Start_angle {start:.4f} deg.",
        f"Angle_increment {recipe.increment_deg:.4f} deg.",
        "Detector_2theta 0.0000 deg.",
        "Polarization 0.990",
        "Alpha 0.0000 deg.",
        "Kappa 0.0000 deg.",
        f"Phi {start:.4f} deg.",
        "Chi 0.0000 deg.",
        "Oscillation_axis omega",
        "N_oscillations 1",
        f"Comment: {SIMULATED}",
    ]
    header = "\r\n".join(
        [
            "###CBF: VERSION 1.5, simulated by ISPyB Lens in the form of PILATUS detectors",
            f"data_{path.stem}",
            "",
            '_array_data.header_convention "PILATUS_1.2"',
            "_array_data.header_contents",
            ";",
            *(f"# {line}" for line in lines),
            ";",
            "",
            "_array_data.data",
            ";",
            "--CIF-BINARY-FORMAT-SECTION--",
            "Content-Type: application/octet-stream;",
            '     conversions="x-CBF_BYTE_OFFSET"',
            "Content-Transfer-Encoding: BINARY",
            f"X-Binary-Size: {len(data)}",
            "X-Binary-ID: 1",
            'X-Binary-Element-Type: "signed 32-bit integer"',
            "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
            f"Content-MD5: {checksum}",
            f"X-Binary-Number-of-Elements: {array.size}",
            f"X-Binary-Size-Fastest-Dimension: {detector.width}",
            f"X-Binary-Size-Second-Dimension: {detector.height}",
            "X-Binary-Size-Padding: 4095",
            "",
            "",
        ]
    )
    with whole(path) as name, name.open("wb") as file:
        file.write(header.encode("ascii") + b"\x0c\x1a\x04\xd5" + data + bytes(4095))
        file.write(b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n\r\n")


def write_eiger_data(path: Path, recipe: Recipe, first: int, frames: Iterator[NDArray[np.uint32]], count: int) -> None:
    """One EIGER data file: `/entry/data/data`, bitshuffle-LZ4, a frame a chunk.

    `frames` give counts; gaps and bad pixels become the largest number of the type.
    """
    detector = recipe.camera
    kind = np.uint16 if detector.bits == 16 else np.uint32
    masked = gaps(detector) | bad(detector)
    with whole(path) as name, h5py.File(name, "w", libver="latest") as file:
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry")
        data = _group(entry, "data", "NXdata")
        stack = data.create_dataset(
            "data",
            (count, detector.height, detector.width),
            kind,
            chunks=(1, detector.height, detector.width),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
        stack.attrs["image_nr_low"] = np.int32(first)
        stack.attrs["image_nr_high"] = np.int32(first + count - 1)
        for number, counts in enumerate(frames):
            array = counts.astype(kind)
            array[masked] = np.iinfo(kind).max
            stack[number] = array


def write_eiger_master(path: Path, recipe: Recipe) -> None:
    """The EIGER master file: NXmx with DECTRIS's names, and links to the data files."""
    detector = recipe.camera
    x, y = recipe.beam
    with whole(path) as name, h5py.File(name, "w") as file:
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry", default="data")
        _put(entry, "definition", "NXmx")
        entry["definition"].attrs["version"] = "1.4"
        _put(entry, "title", SIMULATED)
        _put(entry, "start_time", recipe.when)
        data = _group(entry, "data", "NXdata", signal="data_000001")
        for number in range(1, recipe.data_files + 1):
            data[f"data_{number:06d}"] = h5py.ExternalLink(recipe.data_file(number), "/entry/data/data")
        _put(_group(entry, "source", "NXsource"), "name", "Simulated source")
        instrument = _group(entry, "instrument", "NXinstrument", short_name=recipe.beamline)
        _put(instrument, "name", f"Simulated beamline {recipe.beamline}")
        beam = _group(instrument, "beam", "NXbeam")
        _put(beam, "incident_wavelength", recipe.wavelength_A, "angstrom")
        _put(beam, "total_flux", recipe.flux, "Hz")
        camera = _group(instrument, "detector", "NXdetector")
        _put(camera, "description", f"Dectris {detector.name} (simulated)")
        _put(camera, "detector_number", detector.serial)
        _put(camera, "type", "HPC")
        _put(camera, "sensor_material", "Si")
        _put(camera, "sensor_thickness", detector.thickness, "m")
        _put(camera, "x_pixel_size", detector.pixel, "m")
        _put(camera, "y_pixel_size", detector.pixel, "m")
        _put(camera, "beam_center_x", x, "pixel")
        _put(camera, "beam_center_y", y, "pixel")
        _put(camera, "detector_distance", recipe.distance_mm / 1000, "m")
        camera["distance"] = h5py.SoftLink("/entry/instrument/detector/detector_distance")
        _put(camera, "count_time", recipe.exposure_s, "s")
        _put(camera, "frame_time", recipe.exposure_s + 1e-7, "s")
        _put(camera, "bit_depth_image", np.uint16(detector.bits))
        _put(camera, "bit_depth_readout", np.uint16(16))
        _put(camera, "saturation_value", np.int64(detector.saturation))
        _put(camera, "threshold_energy", 6199.2 / recipe.wavelength_A, "eV")
        _put(camera, "pixel_mask_applied", np.int8(1))
        _put(camera, "countrate_correction_applied", np.int8(1))
        mask = gaps(detector) * np.uint32(1) + bad(detector) * np.uint32(2)
        own = _group(camera, "detectorSpecific", "NXcollection")
        own.create_dataset("pixel_mask", data=mask, chunks=mask.shape, **hdf5plugin.Bitshuffle(cname="lz4"))
        camera["pixel_mask"] = h5py.SoftLink("/entry/instrument/detector/detectorSpecific/pixel_mask")
        _put(own, "nimages", np.uint64(recipe.n_images))
        _put(own, "ntrigger", np.uint64(1))
        _put(own, "x_pixels_in_detector", np.uint64(detector.width))
        _put(own, "y_pixels_in_detector", np.uint64(detector.height))
        _put(own, "number_of_excluded_pixels", np.uint32(bad(detector).sum()))
        _put(own, "compression", "bslz4")
        _put(own, "data_collection_date", recipe.when)
        _put(own, "photon_energy", 12398.42 / recipe.wavelength_A, "eV")
        _module(camera, recipe)
        _goniometer(entry, recipe)


def _module(camera: Any, recipe: Recipe) -> None:
    """Geometry in NXmx's own (McStas) axes: the fast direction runs along -x, the slow one along
    -y."""
    pixel = recipe.camera.pixel
    x, y = recipe.beam
    base = "/entry/instrument/detector/transformations/translation"
    moves = _group(camera, "transformations", "NXtransformations")
    _axis(moves, "translation", recipe.distance_mm / 1000, (0, 0, 1), ".")
    _put(camera, "depends_on", base)
    module = _group(camera, "module", "NXdetector_module")
    module["data_origin"] = np.array([0, 0], np.int32)
    module["data_size"] = np.array([recipe.camera.height, recipe.camera.width], np.int32)
    offset = np.array([x * pixel, y * pixel, 0])
    _axis(module, "module_offset", float(np.linalg.norm(offset)),
          offset / max(float(np.linalg.norm(offset)), 1e-12), base)  # fmt: skip
    place = "/entry/instrument/detector/module/module_offset"
    _axis(module, "fast_pixel_direction", pixel, (-1, 0, 0), place)
    _axis(module, "slow_pixel_direction", pixel, (0, -1, 0), place)


def _goniometer(entry: Any, recipe: Recipe) -> None:
    sample = _group(entry, "sample", "NXsample")
    _put(sample, "depends_on", "/entry/sample/transformations/omega")
    step = 0.0 if recipe.still else recipe.increment_deg
    angles = recipe.start_deg + step * np.arange(recipe.n_images)
    moves = _group(sample, "transformations", "NXtransformations")
    omega = _axis(moves, "omega", angles, (-1, 0, 0), ".", "rotation", "deg")
    turned = _group(sample, "goniometer", "NXtransformations")
    turned["omega"] = omega
    _put(turned, "omega_range_average", step, "deg")
    _put(turned, "omega_range_total", step * recipe.n_images, "deg")


def _group(parent: Any, name: str, kind: str, **attributes: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = np.bytes_(kind)
    for key, value in attributes.items():
        group.attrs[key] = np.bytes_(value)
    return group


def _put(group: Any, name: str, value: Any, units: str = "") -> None:
    group[name] = np.bytes_(value) if isinstance(value, str) else value
    if units:
        group[name].attrs["units"] = np.bytes_(units)


def _axis(
    group: Any,
    name: str,
    value: Any,
    vector: Any,
    base: str,
    kind: str = "translation",
    units: str = "m",
) -> Any:
    group[name] = value
    dataset = group[name]
    dataset.attrs["transformation_type"] = np.bytes_(kind)
    dataset.attrs["units"] = np.bytes_(units)
    dataset.attrs["vector"] = np.asarray(vector, float)
    dataset.attrs["depends_on"] = np.bytes_(base)
    return dataset
