"""Drawn pictures of a crystal in a loop, as the sample camera would see them, marked as
simulated."""

from io import BytesIO
from math import cos, pi, radians, sin

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_WIDTH, _HEIGHT, _OVER = 512, 384, 2
_UM = 1.6  # pixels of the finished picture per µm


def snapshot(seed: int, angle: float = 0.0, crystal_um: float = 80.0) -> bytes:
    """A JPEG, 512 x 384, of the loop of `seed` turned by `angle` degrees about the horizontal
    axis."""
    rng = np.random.default_rng([11, seed])
    size = (_WIDTH * _OVER, _HEIGHT * _OVER)
    picture = Image.fromarray(_light(rng, *size))
    turn = abs(cos(radians(angle + float(rng.uniform(-25, 25)))))
    middle = (size[0] * 0.5, size[1] * 0.5)
    _pin(picture, rng, middle, turn)
    _crystal(picture, rng, middle, turn, angle, crystal_um)
    picture = picture.filter(ImageFilter.GaussianBlur(1.6)).resize((_WIDTH, _HEIGHT))
    grain = np.random.default_rng([12, seed, round(angle * 10) % 3600])
    noisy = np.asarray(picture, np.float32) + grain.normal(0, 2.4, (_HEIGHT, _WIDTH, 1))
    picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    _cross_hair(picture)
    out = BytesIO()
    picture.save(out, "JPEG", quality=82, comment="simulated")
    return out.getvalue()


def labelled(image: bytes) -> bytes:
    """A picture as JPEG with the word "simulated" in its corner."""
    picture = Image.open(BytesIO(image)).convert("L")
    label(picture)
    out = BytesIO()
    picture.save(out, "JPEG", quality=85, comment="simulated")
    return out.getvalue()


def label(picture: Image.Image) -> None:
    """Write "simulated" small into the lower left corner."""
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, picture.height - 18, 64, picture.height], fill="#303438")
    draw.text((6, picture.height - 16), "simulated", fill="white", font=ImageFont.load_default(11))


def _light(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """The lit background: grey-blue, brighter towards one side."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    aside, above = rng.uniform(0.35, 0.65, 2)
    fall = ((x / width - aside) ** 2 + ((y / height - above) * 0.8) ** 2)[..., None]
    tint = np.array([146, 158, 172], np.float32) + rng.uniform(-8, 8)
    light: np.ndarray = (tint * (1.06 - 0.55 * fall)).clip(0, 255).astype(np.uint8)
    return light


def _pin(picture: Image.Image, rng: np.random.Generator, middle: tuple[float, float], turn: float) -> None:
    """Stem from the right, nylon loop, and the drop of solvent in it."""
    draw = ImageDraw.Draw(picture, "RGBA")
    x, y = middle
    long = float(rng.uniform(62, 84)) * _UM * _OVER
    tall = long * float(rng.uniform(0.62, 0.8)) * (0.3 + 0.7 * turn)
    outline = [
        (x - long * 0.08 + long * cos(t) * (1.0 if cos(t) < 0 else 1.25),
         y + tall * sin(t) * (1.0 - 0.32 * max(0.0, cos(t))))
        for t in np.linspace(0, 2 * pi, 90)
    ]  # fmt: skip
    draw.polygon(outline, fill=(176, 190, 204, 150))
    gleam = [(px * 0.55 + (x - long * 0.25) * 0.45, py * 0.5 + (y - tall * 0.3) * 0.5) for px, py in outline]
    draw.polygon(gleam, fill=(205, 216, 226, 60))
    stem = outline[0]
    wide = picture.width
    for offset, shade in ((-5, 74), (5, 84), (0, 66)):
        draw.line(
            [stem, (stem[0] + long * 0.5, y + offset), (wide, y + offset * 2.2)],
            fill=(shade, shade + 6, shade + 14, 235), width=5 * _OVER,
        )  # fmt: skip
    draw.line([*outline, outline[0]], fill=(70, 78, 92, 235), width=5 * _OVER, joint="curve")
    draw.line([*outline, outline[0]], fill=(120, 130, 146, 200), width=2 * _OVER, joint="curve")


def _crystal(
    picture: Image.Image,
    rng: np.random.Generator,
    middle: tuple[float, float],
    turn: float,
    angle: float,
    size_um: float,
) -> None:
    """A faceted block whose faces take the light as it turns."""
    draw = ImageDraw.Draw(picture, "RGBA")
    corners = int(rng.integers(6, 9))
    half = size_um / 2 * _UM * _OVER * 0.8
    stretch = float(rng.uniform(1.1, 1.7))
    tilt = float(rng.uniform(0, pi))
    flat = 0.45 + 0.55 * turn
    points = []
    for corner in range(corners):
        around = 2 * pi * corner / corners + float(rng.uniform(-0.22, 0.22))
        a, b = half * stretch * cos(around), half * sin(around)
        points.append(
            (
                middle[0] + a * cos(tilt) - b * sin(tilt),
                middle[1] + (a * sin(tilt) + b * cos(tilt)) * flat,
            )
        )
    ridge = (
        middle[0] + half * 0.25 * cos(tilt),
        middle[1] + half * 0.3 * flat * sin(radians(angle) + tilt),
    )
    for number, point in enumerate(points):
        following = points[(number + 1) % corners]
        shade = 150 + 62 * sin(2 * pi * number / corners + radians(angle) * 0.7)
        draw.polygon(
            [ridge, point, following],
            fill=(int(shade), int(shade * 1.04), int(min(255, shade * 1.1)), 205),
        )
    draw.line([*points, points[0]], fill=(58, 66, 80, 240), width=2 * _OVER, joint="curve")
    for point in points[::2]:
        draw.line([ridge, point], fill=(88, 98, 112, 130), width=_OVER)


def _cross_hair(picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = _WIDTH // 2, _HEIGHT // 2
    draw.line([(x - 30, y), (x + 30, y)], fill=(226, 66, 66), width=1)
    draw.line([(x, y - 30), (x, y + 30)], fill=(226, 66, 66), width=1)
    beam = (40 * _UM / 2, 20 * _UM / 2)
    draw.ellipse([x - beam[0], y - beam[1], x + beam[0], y + beam[1]], outline=(70, 190, 110))
    bar = int(50 * _UM)
    draw.line([(_WIDTH - 20 - bar, _HEIGHT - 14), (_WIDTH - 20, _HEIGHT - 14)], fill="white", width=2)
    draw.text((_WIDTH - 20 - bar, _HEIGHT - 30), "0.05 mm", fill="white", font=ImageFont.load_default(11))
    label(picture)
