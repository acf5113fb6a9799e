"""The techniques, in the order of their tabs."""

from views.techniques import em, mx, ssx
from views.techniques.technique import Technique

TECHNIQUES: tuple[Technique, ...] = (mx.TECHNIQUE, ssx.TECHNIQUE, em.TECHNIQUE)
BY_KEY = {technique.key: technique for technique in TECHNIQUES}
