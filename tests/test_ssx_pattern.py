"""Which frames had the laser and where on the chip they were taken follows from the rows of the run alone."""

import numpy as np

from data.techniques.ssx.pattern import CHIPS, Chain, Happening, addresses, chip_of, pumped, shots_per_position

XRAY = Happening("XrayDetection", 0.0, 0.01, 1.0)
LASER = Happening("LaserExcitation", -0.005, 0.001, 1.0)


def test_a_chain_with_laser_and_one_without_take_turns() -> None:
    chains = [Chain("dark", (XRAY,)), Chain("light", (LASER, XRAY))]
    assert pumped(np.arange(1, 7), 1, chains).tolist() == [0, 1, 0, 1, 0, 1]


def test_a_chain_gives_as_many_frames_as_its_x_rays_repeat() -> None:
    three = Chain("light", (LASER, Happening("XrayDetection", 0.0, 0.01, 3.0)))
    assert pumped(np.arange(10, 18), 10, [Chain("dark", (XRAY,)), three]).tolist() == [0, 1, 1, 1, 0, 1, 1, 1]
    assert shots_per_position([Chain("dark", (XRAY,)), three]) == 4


def test_one_kind_of_chain_tells_nothing_apart() -> None:
    assert pumped(np.arange(3), 0, [Chain("light", (LASER, XRAY))]).tolist() == [-1, -1, -1]
    assert pumped(np.arange(3), 0, []).tolist() == [-1, -1, -1]


def test_a_place_holder_without_x_rays_is_passed_over() -> None:
    empty = Chain("", ())
    assert pumped(np.arange(4), 0, [empty, Chain("d", (XRAY,)), Chain("l", (LASER, XRAY))]).tolist() == [0, 1, 0, 1]


def test_every_well_of_a_chip_is_visited_once_and_neighbours_are_near() -> None:
    for chip in CHIPS:
        column, row = chip.place(np.arange(chip.positions))
        assert len(set(zip(column.tolist(), row.tolist(), strict=True))) == chip.positions
        steps = np.abs(np.diff(column)) + np.abs(np.diff(row))
        within = np.arange(1, chip.positions) % chip.wells**2 != 0
        assert (steps[within] == 1).all()


def test_the_path_goes_up_the_first_column_and_down_the_second() -> None:
    chip = chip_of("Mini chip")
    assert chip is not None
    column, row = chip.place(np.array([0, 19, 20, 39]))
    assert column.tolist() == [0, 0, 1, 1]
    assert row.tolist() == [0, 19, 19, 0]


def test_shots_at_one_position_share_a_well_and_frames_beyond_the_chip_have_none() -> None:
    chip = chip_of("Oxford 8x8")
    assert chip is not None
    found = addresses(np.array([1, 2, 3, 51_201]), 1, chip, 2)
    assert found.tolist() == [0, 0, 160, -1]


def test_a_jet_or_an_unknown_chip_has_no_map() -> None:
    assert chip_of(None) is None
    assert chip_of("home-made") is None
