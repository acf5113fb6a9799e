"""EDF files that state far more than they hold."""

from pathlib import Path
from typing import Any

import pytest
from fabio.edfimage import EdfFrame
from test_images_formats import refusal

from data.images.formats import Unreadable, open_frames


def edf(number: int, side: int, more: str = "") -> bytes:
    """A frame of 32 x 32 pixels of 16 bits that states another side."""
    head = f"{{\nHeaderID = EH:{number:06d}:000000:000000 ;\nImage = {number} ;\nByteOrder = LowByteFirst ;\n{more}"
    head += f"DataType = UnsignedShort ;\nDim_1 = {side} ;\nDim_2 = {side} ;\nSize = 2048 ;\n"
    return (head + " " * (-(len(head) + 2) % 512) + "}\n").encode() + bytes(2048)


@pytest.fixture(autouse=True)
def nothing_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the pixels would be made before they are refused."""
    data = EdfFrame.data

    def made(frame: Any) -> Any:
        assert max(frame._shape or (1,)) < 1000, "the pixels were asked for"
        return data.fget(frame)

    monkeypatch.setattr(EdfFrame, "data", property(made, data.fset))


def test_sizes_behind_a_long_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "long.edf").write_bytes(edf(1, 20_000, f"Comment = {'a' * 70_000} ;\n"))
    assert "impossible image size" in refusal(tmp_path / "long.edf")


def test_sizes_of_a_later_frame_are_refused(tmp_path: Path) -> None:
    (tmp_path / "second.edf").write_bytes(edf(1, 32) + edf(2, 20_000))
    with open_frames(tmp_path / "second.edf") as frames:
        assert frames.read(0).array.shape == (32, 32)
        with pytest.raises(Unreadable, match="impossible image size"):
            frames.read(1)
