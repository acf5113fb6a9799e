"""What simulated programs propose after a few images of a crystal."""

from random import Random

from data.demo.rows import Rows
from data.demo.shipments import PlannedSample
from data.schema import ScreeningLattice, ScreeningOutput, Strategy, SubWedge, Wedge

_BAD = (
    "Labelit: Indexing failed: no lattice explains more than half of the spots.",
    "Indexing successful. Integration failed: too few reflections beyond 4 Å.",
)


def propose(rows: Rows, screening_id: int, program: str, sample: PlannedSample) -> None:
    """Output, lattice and strategy of one screening. What is random comes from its number."""
    random = Random(screening_id * 41)  # noqa: S311 - simulated data, not a secret
    mosflm = program == "mosflm"
    bad, found = random.random() < 0.08, random.randint(40, 600)
    output = rows.add(
        ScreeningOutput, screening_id=screening_id, program=program,
        said=random.choice(_BAD) if bad else None if mosflm else
        f"Labelit: Indexing successful ({sample.form.space_group}). Integration successful. "
        "Strategy calculation successful.",
        mosaicity=None if bad else round(random.uniform(0.1, 1.2), 2), spots_found=found,
        spots_used=round(found * random.uniform(0.5, 1.0)), spot_deviation=round(random.uniform(0.08, 0.4), 3),
        rings=int(random.random() < 0.1), indexed=int(not bad), solved=int(not bad),
    )  # fmt: skip
    if bad:
        return
    # Programs that index a few images see no more than the lattice; one in six takes a lower one.
    group = "P 1" if random.random() < 0.15 else sample.form.space_group
    cell = {f"cell_{name}": value for name, value in zip(("a", "b", "c", "alpha", "beta", "gamma"), sample.cell,
                                                        strict=True)}  # fmt: skip
    rows.add(ScreeningLattice, output_id=output, space_group=group.replace(" ", ""), **cell)
    best = round(sample.best * random.uniform(0.95, 1.1), 2)
    step = random.choice((0.1, 0.1, 0.15, 0.5))
    exposure = round(random.uniform(0.01, 0.1), 3)
    strategy = rows.add(
        Strategy, output_id=output, program="mosflm - native" if mosflm else "BEST", anomalous=0,
        exposure=exposure, ranking_resolution=None if mosflm else best, resolution=best,
    )  # fmt: skip
    wedge = rows.add(
        Wedge, strategy_id=strategy, number=1, resolution=best, completeness=round(random.uniform(0.86, 1.0), 3),
        multiplicity=round(random.uniform(2.5, 16), 2), dose=None if mosflm else round(random.uniform(0.5, 12), 2),
        kappa=random.choice((None, None, 35.0)),
    )  # fmt: skip
    start = float(random.randint(0, 90))
    for number in range(1, random.choice((2, 2, 3))):
        images = random.choice((300, 450, 900))
        end = round(start + images * step, 2)
        rows.add(
            SubWedge, wedge_id=wedge, number=number, axis="Omega", start=start, end=end, oscillation=step,
            images=images, exposure=exposure, transmission=None if mosflm else round(random.uniform(2, 100), 1),
            resolution=best,
        )  # fmt: skip
        start = end + 10
