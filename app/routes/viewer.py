"""All routes that send pixels, and what they share."""

from collections.abc import Mapping
from typing import Any

from app.routes import frames, models, pictures, predictions, stacks
from app.routes.answers import Body, Darkroom
from app.routes.lanes import Lanes
from app.routes.rows import Rows
from app.services import Services
from app.settings import Settings, SettingsError, variable
from app.viewer_files import ViewerFiles
from data.images import loops
from data.images.cache import Cache
from data.images.images import Images
from data.images.jobs import Jobs
from data.images.placement import Convention
from views.problem import problem_of

_MB = 1_000_000


def patterns(services: Services) -> list[tuple[Any, ...]]:
    """The routes of frames and pictures. Raises SettingsError."""
    chosen = services.settings.frames

    def cache(megabytes: int) -> Cache[str, Body]:
        return Cache(megabytes * _MB, lambda body: len(body.data))

    images = Images(services.files, projected=chosen.projections_mb * _MB, compressed=chosen.chunks_mb * _MB)
    room = Darkroom(
        services,
        Lanes(chosen.threads, chosen.seconds),
        images,
        kept=cache(chosen.cache_mb),
        small=cache(60),
        jobs=Jobs(images, _words, chosen.jobs, chosen.scheduler),
        rows=Rows(),
        conventions=conventions(services.settings),
        most=chosen.most,
    )
    loops.hold_back()
    return [
        *frames.patterns(room),
        *predictions.patterns(room),
        *stacks.patterns(room),
        *pictures.patterns(room),
        *models.patterns(room, ViewerFiles(services.settings.files.viewer)),
    ]


def _words(error: BaseException) -> str:
    problem = problem_of(error)
    return f"{problem.text} ({problem.reference})" if problem.reference else problem.text


def conventions(settings: Settings) -> Mapping[str, Convention]:
    """How each beamline writes its beam centre. Raises SettingsError."""
    found: dict[str, Convention] = {}
    for beamline, words in settings.frames.beam_centre.items():
        try:
            found[beamline] = Convention.of(words)
        except ValueError as error:
            name = variable("frames", "beam_centre")
            raise SettingsError(f"{name} (frames.beam_centre) for {beamline} cannot be used: {error}") from None
    return found
