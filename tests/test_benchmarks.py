"""The benchmarks can be started, and say what they measured in a form that a program reads."""

import importlib.util
import json
import math
import subprocess
import sys
from types import ModuleType

import pytest
from source import ROOT


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lens_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_benchmark_of_lists_says_what_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/lists.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "page800_vs_page1" in done.stdout
    assert "--quick" in done.stdout


def test_the_benchmark_of_mx_says_what_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/mx.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("results_5000_s", "python_vs_query", "brush_ms", "--quick"))


def test_the_last_line_is_one_json_object_of_three_digits() -> None:
    line = module("report").json_line({"statements": 5, "rows10x": 1.04567, "vs_offset": 123456.7})
    assert "\n" not in line
    assert json.loads(line) == {"statements": 5, "rows10x": 1.05, "vs_offset": 123000.0}


def test_a_rival_that_is_not_installed_is_null_and_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(module("report").json_line({"matplotlib_vs_cold": None, "play_fps": 25})) == {
        "matplotlib_vs_cold": None,
        "play_fps": 25,
    }

    def absent() -> None:
        raise ImportError("No module named 'matplotlib'")

    assert module("framerivals").rival("matplotlib", absent) is None
    said = capsys.readouterr().out
    assert "matplotlib: not here (No module named 'matplotlib')" in said
    assert "ispyb-lens[bench]" in said


def test_a_number_that_was_not_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="rows10x"):
        module("report").json_line({"rows10x": math.nan})


def test_actions_are_interleaved_and_the_first_round_is_not_counted() -> None:
    done: list[str] = []
    taken = module("report").interleaved({name: lambda name=name: done.append(name) for name in ("a", "b")}, rounds=2)
    assert done == ["a", "b"] * 3
    assert taken.keys() == {"a", "b"}


def test_the_benchmark_of_frames_says_what_it_measures() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/frames.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    code = "import sys; sys.path.insert(0, 'benchmarks'); import frames; print(*frames.KEYS)"
    keys = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert keys.split() == [
        *("cold_vs_h5py", "matplotlib_vs_cold", "rasterize_vs_cold", "raw_float_vs_cold", "ahead_ms", "play_fps"),
        *("cpu_ms_per_frame", "contrast_requests", "cbf_vs_fabio", "fabio_loop_vs_max", "memory_growth"),
    ]
    assert all(key in done.stdout for key in keys.split())


def test_the_benchmark_of_the_gate_says_what_it_measures() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/gate.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("added_ms", "sign_in_<way>_s", "closed_there_s", "--quick"))
