"""The simulated facility: what its rows hold, how they agree with its frames, and who sees what of them."""

import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from simulated import ANCHOR, of, told
from sqlalchemy import func, select

from data.demo import facility, render
from data.demo.beamlines import BY_NAME
from data.demo.drawing import at_image, recipe_of
from data.demo.forms import FORMS, volume
from data.demo.plan import Plan
from data.demo.story import tell
from data.demo.symmetry import space_group
from data.images.files import frame_file
from data.images.geometry import Geometry, corner_resolution, edge_resolution
from data.reader import Reader
from data.schema import (
    CTF,
    AutoProc,
    Collection,
    Crystal,
    Dewar,
    EnergyScan,
    Event,
    Fluorescence,
    Group,
    ImageQuality,
    Integration,
    Job,
    Movie,
    Person,
    Program,
    ProgramMessage,
    Proposal,
    RobotAction,
    Sample,
    ScalingHasIntegration,
    Shipment,
    Statistics,
    Visit,
    VisitHasPerson,
)
from data.scope import scope_of
from data.source import Source


@pytest.fixture(scope="module")
def plan() -> Plan:
    return told()


@pytest.fixture(scope="module")
def written(demo_rows: Path) -> Iterator[Source]:
    source = Source(f"sqlite:///{demo_rows}", statement_seconds=60)
    yield source
    source.close()


def sight(source: Source, login: str) -> Reader:
    return Reader(source, scope_of(source, login, facility.RIGHTS))


def count(reader: Reader, mapped: Any) -> int:
    return int(reader.scalar(select(func.count()).select_from(mapped)))


def test_the_same_seed_and_day_give_the_same_facility(plan: Plan) -> None:
    assert plan.rows.digest() == tell(ANCHOR).rows.digest()


def test_another_seed_gives_another_facility(plan: Plan) -> None:
    assert of(plan, Sample) != of(tell(ANCHOR, seed=3), Sample)


def test_it_is_as_large_as_promised(plan: Plan) -> None:
    assert len(of(plan, Proposal)) == 40
    assert len(of(plan, Visit)) == 200
    assert 4_800 <= len(of(plan, Collection)) <= 5_200
    assert len(of(plan, Person)) == 150
    assert 2_000 <= len(of(plan, Movie)) <= 6_000


def test_visits_run_now_and_come_next(plan: Plan) -> None:
    today = datetime(2026, 3, 4)
    now = [visit for visit in of(plan, Visit) if visit["start"] <= today <= visit["end"]]
    assert {visit["beamline"] for visit in now} == set(BY_NAME)
    assert sum(visit["start"] > today for visit in of(plan, Visit)) >= 10


def test_nothing_was_collected_after_the_day_began(plan: Plan) -> None:
    assert max(row["start"] for row in of(plan, Collection)) < datetime(2026, 3, 4)


def test_collections_are_within_their_visit_and_numbered_in_the_order_of_time(plan: Plan) -> None:
    visits = {visit["visit_id"]: visit for visit in of(plan, Visit)}
    of_group = plan.group_visits()
    latest: dict[int, datetime] = {}
    for row in of(plan, Collection):
        visit = of_group[row["group_id"]]
        assert visits[visit]["start"] <= row["start"]
        assert latest.get(visit, row["start"]) <= row["start"]
        latest[visit] = row["start"]


def test_visits_are_full_empty_and_without_people(plan: Plan) -> None:
    of_group = plan.group_visits()
    held = Counter(of_group[row["group_id"]] for row in of(plan, Collection))
    assert held.most_common(1)[0][1] >= 600
    past = [v["visit_id"] for v in of(plan, Visit) if v["end"] < datetime(2026, 3, 4)]
    assert any(visit not in held for visit in past)
    assert set(past) - {row["visit_id"] for row in of(plan, VisitHasPerson)}


def test_text_is_international_hostile_long_and_absent(plan: Plan) -> None:
    names = "".join(str(person["family_name"]) for person in of(plan, Person))
    assert {"Ł", "ü", "李", "Ō"} <= set(names)
    said = [row["comments"] for row in of(plan, Collection)]
    words = "\n".join(filter(None, said))
    for fragment in ("<script>", "onerror=", "=cmd|", "\u202e", "\u200b"):
        assert fragment in words
    assert None in said
    assert max(map(len, filter(None, said))) == 1000
    assert any("<" in str(sample["name"]) for sample in of(plan, Sample))


@pytest.mark.parametrize("mapped", [Collection, Group, Visit, Sample, Crystal, Shipment, Dewar, Program, CTF])
def test_columns_are_null_here_and_there(plan: Plan, mapped: Any) -> None:
    assert any(value is None for row in of(plan, mapped) for value in row.values())


def test_each_technique_has_its_experiment_types(plan: Plan) -> None:
    kinds = {row["experiment"] for row in of(plan, Group)}
    assert kinds >= {
        "OSC", "SAD", "Helical", "Mesh", "Characterization", "Collect - Multiwedge", "SSX-Chip", "SSX-Jet",
        "Serial Fixed", "Serial Jet", "single particle", "tomo",
    }  # fmt: skip


def test_the_robot_loads_before_it_unloads_and_scans_have_a_sample_where_their_group_has(plan: Plan) -> None:
    visits = {visit["visit_id"]: visit for visit in of(plan, Visit)}
    mounted: dict[int, int | None] = {}
    for row in of(plan, RobotAction):
        visit = row["visit_id"]
        assert visits[visit]["start"] <= row["start"] < datetime(2026, 3, 4)
        if row["action"] == "LOAD":
            assert mounted.get(visit) is None
            mounted[visit] = row["sample_id"]
        else:
            assert mounted[visit] == row["sample_id"]
            mounted[visit] = None if row["action"] == "UNLOAD" else row["sample_id"]
    assert len(of(plan, RobotAction)) > 1_000
    assert {row["status"] for row in of(plan, RobotAction)} >= {"SUCCESS", "ERROR", "CRITICAL", "EPICSFAIL"}
    assert len(of(plan, EnergyScan)) > 50
    assert len(of(plan, Fluorescence)) > len(of(plan, EnergyScan))


def test_runs_end_in_every_way(plan: Plan) -> None:
    ends = {row["status"] for row in of(plan, Collection)}
    assert ends >= {
        None, "DataCollection Successful", "DataCollection Unsuccessful", "DataCollection Stopped",
        "DataCollection Cancelled",
    }  # fmt: skip
    assert any(row["end"] is None for row in of(plan, Collection))


def test_pipelines_succeed_fail_with_words_and_are_under_way(plan: Plan) -> None:
    programs = of(plan, Program)
    assert {program["status"] for program in programs} == {"1", "0", None}
    failed = {program["program_id"] for program in programs if program["status"] == "0"}
    assert failed == {m["program_id"] for m in of(plan, ProgramMessage) if m["severity"] == "ERROR"}
    assert all(program["message"] for program in programs if program["status"] == "0")
    assert {"fast_dp", "xia2 dials", "xia2 3dii", "xia2.multiplex", "xia2.ssx"} <= {p["name"] for p in programs}


def test_every_program_leads_to_a_collection(plan: Plan) -> None:
    jobs = {job["job_id"] for job in of(plan, Job)}
    integrated = {row["program_id"] for row in of(plan, Integration)}
    assert all(p["job_id"] in jobs or p["program_id"] in integrated for p in of(plan, Program))


def test_pipelines_disagree_about_space_group_and_cell(plan: Plan) -> None:
    collection = {row["program_id"]: row["collection_id"] for row in of(plan, Integration)}
    said: dict[int, set[str]] = {}
    for result in of(plan, AutoProc):
        said.setdefault(collection[result["program_id"]], set()).add(result["space_group"])
    assert sum(len(groups) > 1 for groups in said.values()) > 500
    assert any({"P 43 21 2", "P 41 21 2"} <= groups for groups in said.values())


def test_cc_half_comes_as_percent_and_as_fraction_and_shells_lack_values(plan: Plan) -> None:
    halves = [row["cc_half"] for row in of(plan, Statistics)]
    known = [half for half in halves if half is not None]
    assert max(known) > 90
    assert sum(half <= 1 for half in known) > 1000
    assert None in halves
    shells = Counter(row["scaling_id"] for row in of(plan, Statistics))
    assert {1, 3} <= set(shells.values())


def test_statistics_hold_together(plan: Plan) -> None:
    for row in of(plan, Statistics):
        assert row["high"] < row["low"]
        if row["completeness"] is not None:
            assert 0 < row["completeness"] <= 100
        if row["multiplicity"] is not None:
            assert row["multiplicity"] >= 1
            assert row["observations"] == pytest.approx(row["unique"] * row["multiplicity"], rel=0.06)
        if row["r_meas"] is not None:
            assert row["r_meas"] >= row["r_merge"]


def test_refined_cells_are_those_of_the_sample(plan: Plan) -> None:
    shown = {frames.collection_id: frames for frames in plan.frames.values()}
    collection = {row["program_id"]: row["collection_id"] for row in of(plan, Integration)}
    compared = 0
    for result in of(plan, AutoProc):
        frames = shown.get(collection[result["program_id"]])
        if frames is not None:
            assert result["cell_a"] == pytest.approx(frames.cell[0], rel=0.004)
            compared += 1
    assert compared > 5_000


def test_one_beamline_writes_fractions_and_one_pixels(plan: Plan) -> None:
    share: dict[str, list[float]] = {}
    beam: dict[str, set[float]] = {}
    for row in of(plan, Collection):
        name = row["directory"].split("/")[2]
        if row.get("transmission") is not None and name in BY_NAME:
            share.setdefault(name, []).append(row["transmission"])
            beam.setdefault(name, set()).add(row["beam_x"])
    assert (max(share["BX3"]), max(share["BX1"])) == (1.0, 100.0)
    assert min(beam["BX2"]) > BY_NAME["BX2"].camera.width * BY_NAME["BX2"].camera.pixel
    assert max(beam["BX1"]) < 400


def test_stored_resolution_is_that_of_the_geometry(plan: Plan) -> None:
    rows = {row["collection_id"]: row for row in of(plan, Collection)}
    for shown in list(plan.frames.values())[::40]:
        row, line = rows[shown.collection_id], BY_NAME[shown.beamline]
        seen = Geometry(row["wavelength"], row["distance"], *line.beam, line.camera.pixel, line.camera.pixel)
        size = (line.camera.width, line.camera.height)
        assert row["resolution"] == pytest.approx(edge_resolution(seen, *size), rel=1e-4)
        if row.get("corner_resolution"):
            assert row["corner_resolution"] == pytest.approx(corner_resolution(seen, *size), rel=1e-3)


def test_frames_agree_with_their_rows(plan: Plan) -> None:
    rows = {row["collection_id"]: row for row in of(plan, Collection)}
    series = dict(plan.rows.quality)
    for stem, shown in list(plan.frames.items())[::40]:
        row = rows[shown.collection_id]
        recipe = recipe_of(shown, stem.rsplit("/", 1)[1])
        assert stem == f"{row['directory']}{row['prefix']}_{row['number']}"
        assert recipe.image_of(Path(frame_file(row["directory"], row["template"], 1)).name) in {0, 1}
        assert (recipe.wavelength_A, recipe.distance_mm) == (row["wavelength"], row["distance"])
        assert recipe.n_images == row["images"]
        if not recipe.still:
            assert (recipe.start_deg, recipe.increment_deg) == (row["axis_start"], row["axis_range"])
        if shown.collection_id in series:
            ice = series[shown.collection_id].columns()[3]
            found = statistics.mean(value or 0 for value in ice) if ice else 0
            assert recipe.ice == (found > 1) or len(ice) < 10


def test_numbers_and_frames_tell_the_same_story_of_a_lost_crystal(plan: Plan) -> None:
    stem, shown = next((s, f) for s, f in plan.frames.items() if f.fate == "lost" and f.images > 300)
    recipe = recipe_of(shown, stem.rsplit("/", 1)[1])
    assert at_image(recipe, shown, 1).cell is not None
    assert at_image(recipe, shown, shown.images).cell is None
    spots = dict(plan.rows.quality).get(shown.collection_id)
    if spots is not None and spots.taken == shown.images:
        columns = spots.columns()[1]
        assert (columns[0] or 0) > (columns[-1] or 0)


def test_a_serial_hit_in_the_numbers_is_a_hit_in_the_frame(plan: Plan) -> None:
    stem, shown = next((s, f) for s, f in plan.frames.items() if f.fate == "serial" and f.hit_rate > 0.2)
    recipe = recipe_of(shown, stem.rsplit("/", 1)[1])
    series = dict(plan.rows.quality)[shown.collection_id]
    strength = series.strength()
    for place in range(12):
        image = int(series.numbers()[place])
        assert bool(render.spots(recipe, image)) == bool(strength[place] > 0)


def test_radiation_takes_spots_and_resolution(plan: Plan) -> None:
    series = next(s for _, s in plan.rows.quality if s.fate == "decay" and s.count > 150 and s.taken == s.images)
    _, spots, _, _, _, resolution, _, _ = series.columns()
    third = len(spots) // 3
    assert statistics.mean(s or 0 for s in spots[:third]) > 1.5 * statistics.mean(s or 0 for s in spots[-third:])
    early = [value for value in resolution[:third] if value is not None]
    late = [value for value in resolution[-third:] if value is not None]
    assert statistics.mean(early) < statistics.mean(late)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.acronym)
def test_crystal_forms_are_possible(form: Any) -> None:
    assert volume(form.cell) > 10_000
    assert form.said[0] == form.space_group
    assert space_group(form.space_group)


def test_lasers_fire_before_and_after_the_first_image(plan: Plan) -> None:
    offsets = [row["offset"] for row in of(plan, Event) if row["type_id"] == 3]
    assert min(offsets) < 0 < max(offsets)


def test_paths_are_missing_outside_and_malicious(plan: Plan) -> None:
    rows = of(plan, Collection)
    assert any(row["directory"].startswith("/archive/") for row in rows)
    assert any("/../" in row["directory"] for row in rows)
    known = {shown.collection_id for shown in plan.frames.values()}
    mx = [row for row in rows if row["directory"].startswith("/simulated/BX")]
    assert 0 < sum(row["collection_id"] not in known for row in mx) < len(mx) / 10
    assert set(plan.damaged.values()) == {"folder", "cut", "empty"}


def test_every_row_that_was_told_is_in_the_database(plan: Plan, written: Source) -> None:
    def held(mapped: Any) -> int:
        return int(written.run(select(func.count()).select_from(mapped))[0][0])

    for mapped, rows in plan.rows.held.items():
        assert held(mapped) == len(rows), mapped.__name__
    assert held(ImageQuality) == sum(series.count for _, series in plan.rows.quality)


def test_the_administrator_sees_everything(written: Source) -> None:
    assert count(sight(written, "admin"), Visit) == 200


def test_the_user_sees_two_proposals(written: Source) -> None:
    reader = sight(written, "user")
    names = {row[0] + row[1] for row in reader.rows(select(Proposal.code, Proposal.number))}
    assert names == {"mx415", "bi734"}
    assert count(reader, Collection) > 100


def test_the_pi_sees_the_own_proposal_and_nothing_else(written: Source) -> None:
    reader = sight(written, "pi")
    names = {row[0] + row[1] for row in reader.rows(select(Proposal.code, Proposal.number))}
    assert names == {"mx502"}
    assert count(reader, Visit) > 5


def test_the_scientist_sees_the_group_s_beamlines(written: Source) -> None:
    reader = sight(written, "scientist")
    beamlines = {row[0] for row in reader.rows(select(Visit.beamline).distinct())}
    assert beamlines == {"BX1", "BX2", "BX3", "SX1"}


def test_the_newcomer_is_known_and_sees_nothing(written: Source) -> None:
    reader = sight(written, "newcomer")
    assert [count(reader, mapped) for mapped in (Proposal, Visit, Collection, Sample)] == [0, 0, 0, 0]


def test_some_results_come_from_several_collections(plan: Plan) -> None:
    joined = Counter(row["scaling_id"] for row in of(plan, ScalingHasIntegration))
    assert max(joined.values()) == 3
