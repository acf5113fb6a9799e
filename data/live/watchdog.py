"""The numbers of a watched run as alerts are judged by, and where a person's rules for it are kept."""

from dataclasses import replace

from data.live.runs import Watched
from data.techniques.ssx.alerts import Alert, Facts, Memory, Rules, judge
from data.techniques.ssx.clusters import steady
from data.techniques.ssx.merging import Target, needs


def place_of(watched: Watched) -> str:
    """Where these rules are kept: for runs of one kind at one beamline."""
    what = watched.about
    return f"alerts ssx-{'chip' if what.chip else 'jet'} {what.beamline or ''}".strip()[:64]


def facts_of(watched: Watched, now: float, target: Target) -> Facts:
    """The numbers that alerts are judged by."""
    run, head = watched.run, watched.run.now(now)
    hit = head.whole.hit
    counted = run.multiplicity(target.resolution) if target.resolution else None
    wanted = needs(target, watched.merges(target.resolution), counted)
    mixed = steady(watched.clustering.held, run.newest_volumes(now))
    volume, whole, forms = mixed or (run.recent_volume(now), run.mean_volume(), 1)
    return Facts(
        at=now,
        hits=hit.hits if hit else 0,
        judged=hit.frames if hit else 0,
        dispersion=run.dispersions()[0],
        last=run.last,
        newest=head.newest,
        ice=run.recent_share("iced", now),
        ice_frame=run.latest("iced"),
        saturation=run.recent_share("saturated", now),
        saturation_frame=run.latest("saturated"),
        volume=volume,
        whole_volume=whole,
        forms=forms,
        cell_frame=run.latest("indexed"),
        lattices=head.lattices,
        needs={need.quantity: need.lattices for need in wanted},
        ended=watched.about.end is not None,
        since=watched.live_since,
        heard=watched.heard_at,
        troubles=tuple(watched.troubles.values()),
        history=watched.loading,
    )


class Watchdog:
    """One person's look at a run, by ``rules`` and ``target`` as they are then.

    ``memory`` is what was known when another process looked at the run; without one, what was taken before the first
    look is history.
    """

    def __init__(self, rules: Rules, target: Target | None = None, memory: Memory | None = None) -> None:
        self.rules, self._target = rules, target or Target()
        self.memory, self._fresh = memory or Memory(), memory is None

    @property
    def target(self) -> Target:
        """What is to be reached."""
        return self._target

    def aim(self, target: Target) -> None:
        """Another target may be met anew."""
        if target != self._target:
            self._target, self.memory = target, replace(self.memory, met=frozenset())

    def judged(self, facts: Facts) -> tuple[list[Alert], Memory]:
        """What is to be said now, and what is to be remembered of it: see `keep`."""
        if facts.history and not self._fresh:  # counted by half: what was known stands until all is counted
            return [], self.memory
        return judge(self.rules, replace(facts, history=self._fresh), self.memory)

    def keep(self, facts: Facts, memory: Memory) -> None:
        """What was said of these numbers has been kept."""
        self.memory = memory
        self._fresh = self._fresh and facts.history

    def look(self, watched: Watched, now: float) -> list[Alert]:
        """What is to be said now, kept at once."""
        facts = facts_of(watched, now, self._target)
        found, memory = self.judged(facts)
        self.keep(facts, memory)
        return found
