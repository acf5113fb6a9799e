"""The crystal forms of the simulated facility and what pipelines make of their symmetry."""

from dataclasses import dataclass
from math import cos, pi, radians, sqrt

Cell = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class CrystalForm:
    """A crystal form: cell in Å and degrees, ``best`` the resolution in Å of a good crystal, mass in Da.

    ``laue`` is the order of the Laue group, ``centring`` the lattice points per cell;
    ``said`` are the space groups that pipelines report, the true one first.
    """

    name: str
    acronym: str
    space_group: str
    cell: Cell
    best: float
    laue: int
    centring: int
    said: tuple[str, ...]
    mass: float
    sequence: str = ""

    def unique(self, high: float, low: float = 60.0) -> int:
        """Unique reflections (Friedel pairs merged) between two resolutions in Å."""
        points = 4 / 3 * pi * volume(self.cell) / self.centring
        return round(points * (high**-3 - low**-3) / self.laue)


def volume(cell: Cell) -> float:
    """Volume of a cell in Å³."""
    a, b, c = cell[:3]
    ca, cb, cg = (cos(radians(angle)) for angle in cell[3:])
    return a * b * c * sqrt(1 - ca * ca - cb * cb - cg * cg + 2 * ca * cb * cg)


_LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALL"
    "SSDITASVNCAKKIVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL"
)

FORMS = (
    CrystalForm("Lysozyme", "Lys", "P 43 21 2", (78.04, 78.04, 37.12, 90, 90, 90), 1.25, 16, 1,
                ("P 43 21 2", "P 41 21 2", "P 4 21 2", "P 4"), 14313, _LYSOZYME),
    CrystalForm("Thaumatin", "Thau", "P 41 21 2", (57.83, 57.83, 150.17, 90, 90, 90), 1.35, 16, 1,
                ("P 41 21 2", "P 4", "P 43 21 2", "P 4 2 2"), 22222),
    CrystalForm("Insulin", "Ins", "I 21 3", (78.15, 78.15, 78.15, 90, 90, 90), 1.4, 24, 2,
                ("I 21 3", "I 2 3"), 5734),
    CrystalForm("Thermolysin", "Tlys", "P 61 2 2", (92.64, 92.64, 129.81, 90, 90, 120), 1.45, 24, 1,
                ("P 61 2 2", "P 63 2 2", "P 6 2 2", "P 65 2 2"), 34360),
    CrystalForm("Proteinase K", "ProtK", "P 43 21 2", (67.9, 67.9, 102.4, 90, 90, 90), 1.2, 16, 1,
                ("P 43 21 2", "P 41 21 2", "P 4 21 2"), 28908),
    CrystalForm("Trypsin", "Tryp", "P 21 21 21", (54.84, 58.41, 67.52, 90, 90, 90), 1.3, 8, 1,
                ("P 21 21 21", "P 2 2 2", "P 21 21 2"), 23305),
    CrystalForm("β-Lactamase CTX-M", "CTXM", "P 1 21 1", (45.2, 106.7, 47.9, 90, 101.6, 90), 1.6, 4, 1,
                ("P 1 21 1", "P 1 2 1", "P 1"), 28000),
    CrystalForm("Main protease", "Mpro", "C 1 2 1", (112.9, 52.8, 44.7, 90, 103.1, 90), 1.5, 4, 2,
                ("C 1 2 1", "I 1 2 1", "P 1"), 33796),
    CrystalForm("Carbonic anhydrase Ⅱ", "CA2", "P 1 21 1", (42.3, 41.5, 72.2, 90, 104.4, 90), 1.1, 4, 1,
                ("P 1 21 1", "P 1 2 1"), 29115),
    CrystalForm("Potassium channel", "KcsA", "I 4", (155.6, 155.6, 76.1, 90, 90, 90), 2.4, 8, 2,
                ("I 4", "I 41", "I 4 2 2"), 17694),
    CrystalForm("Bacteriorhodopsin", "bR", "P 63", (62.3, 62.3, 111.1, 90, 90, 120), 1.9, 12, 1,
                ("P 63", "P 6", "P 3"), 26784),
    CrystalForm("Ferritin (horse)", "hFtn", "F 4 3 2", (182.1, 182.1, 182.1, 90, 90, 90), 1.7, 48, 4,
                ("F 4 3 2", "F 2 3"), 19978),
    CrystalForm("Kinase “Ærø-7”", "ÆRØ7", "P 31 2 1", (71.8, 71.8, 148.5, 90, 90, 120), 2.1, 12, 1,
                ("P 31 2 1", "P 32 2 1", "P 3 2 1", "P 3"), 41250),
    CrystalForm("Small domain", "SmD", "P 1", (27.1, 31.8, 34.2, 88.6, 71.9, 67.8), 1.05, 2, 1,
                ("P 1", "C 1 2 1"), 11200),
)  # fmt: skip
