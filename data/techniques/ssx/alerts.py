"""When to call the scientist: changes that are real, with their cause, and not again at once.

`judge` is one pure function of the rules, of what is known from before and of the numbers at one moment. A rate is
watched by a two-sided CUSUM of standardised differences (E. S. Page, 1954): it reacts to a small lasting change sooner
than two windows do, and to chance rarely.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

_SURPRISE: Final = 3.0
_BLOCK: Final = 200  # frames that a change is judged by, at least
_THRESHOLD: Final = 6.0
_SLACK: Final = 0.75
_LEARN: Final = 10
_SOURCE: Final = 3.0  # a source that works on images may lag behind another
_SOURCE_SECONDS: Final = 30.0

Kind = Literal["rate", "stalled", "ice", "saturation", "cell", "target"]
Way = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user wants to hear of; None: not at all.

    ``rate_change``: share of the usual rate that counts as a change (0.5: halved or up by half); ``stalled``: seconds
    without a frame; ``ice`` and ``saturation``: share of frames; ``cell``: share by which the mean volume drifts;
    ``hold_off``: seconds in which the same alert is not given again; ``target``: whether to tell that it is met;
    ``muted``: until when (s since 1970) a kind is silent.
    """

    rate_change: float | None = 0.5
    stalled: float | None = 10.0
    ice: float | None = 0.2
    saturation: float | None = 0.1
    cell: float | None = 0.02
    hold_off: float = 60.0
    target: bool = True
    muted: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened at ``time`` (s since 1970), in words with numbers, and the first and last image concerned."""

    kind: Kind
    time: float
    text: str
    frames: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A run at the time ``at`` (s since 1970); None where something cannot be told.

    ``hits`` of ``judged`` frames so far, ``dispersion``: φ of hits; ``last``: the highest image number; ``newest``:
    when the newest frame was taken (s since 1970); ``ice`` and ``saturation``: shares of the last 10 s; mean cell
    ``volume`` of the last minute and ``whole_volume`` of the run (Å³), of one of the ``forms`` of the crystal where
    there are several; ``…_frame``: the newest image that shows it; ``needs``: lattices that each wanted quantity takes.
    ``since``: from when on news come as they are made (s since 1970); ``heard``: when each source that tells of frames
    as they are taken did so last; ``troubles``: which sources cannot be read, in sentences. ``history``: what is
    counted now was taken before.
    """

    at: float
    hits: int = 0
    judged: int = 0
    dispersion: float = 1.0
    last: int | None = None
    newest: float | None = None
    ice: float | None = None
    ice_frame: int | None = None
    saturation: float | None = None
    saturation_frame: int | None = None
    volume: float | None = None
    whole_volume: float | None = None
    forms: int = 1
    cell_frame: int | None = None
    lattices: int = 0
    needs: Mapping[str, float] = field(default_factory=dict)
    ended: bool = False
    since: float | None = None
    heard: Mapping[str, float] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    history: bool = False


@dataclass(frozen=True, slots=True)
class Cusum:
    """A share of frames that comes in blocks. ``up`` and ``down`` are in standard deviations.

    The usual rate is the mean of the unsurprising blocks since the last alarm; the first ten give no alarm, and
    begin anew where one of them differs.
    """

    blocks: int = 0
    hits: float = 0.0
    frames: float = 0.0
    up: float = 0.0
    down: float = 0.0

    @property
    def usual(self) -> float | None:
        """The rate that is usual; None before the first block."""
        return self.hits / self.frames if self.frames else None

    @property
    def way(self) -> Way | None:
        """Which way the rate has changed, if it has."""
        return "up" if self.up > _THRESHOLD else "down" if self.down > _THRESHOLD else None

    def restarted(self) -> "Cusum":
        """To learn the usual rate anew."""
        return Cusum()

    def after(self, hits: float, frames: float, dispersion: float = 1.0) -> "Cusum":
        """With one more block."""
        if frames <= 0:
            return self
        up, down = self.up, self.down
        learnt = hits, frames
        if self.blocks:
            # Laplace's half hit keeps a rate of zero from making any hit infinitely surprising.
            p = (self.hits + 0.5) / (self.frames + 1)
            deviation = (hits - frames * p) / math.sqrt(frames * p * (1 - p) * dispersion)
            surprising = abs(deviation) > _SURPRISE
            # A mean of few blocks is itself not well known.
            new = abs(deviation) > _SURPRISE * math.sqrt(1 + frames / self.frames)
            if self.blocks < _LEARN and new:  # what was learnt is over: a mean of both would be no usual rate
                return Cusum(1, hits, frames)
            if self.blocks >= _LEARN:
                up = max(0.0, up + deviation - _SLACK)
                down = max(0.0, down - deviation - _SLACK)
                if surprising:  # not learnt from: it may be the change
                    learnt = 0.0, 0.0
        return Cusum(self.blocks + 1, self.hits + learnt[0], self.frames + learnt[1], up, down)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known from before: counts at the last block, usual rate and volume, targets met, what was said when.

    ``still``: of which moment it was said that nothing came after it, ``stills``: how often.
    """

    hits: int = 0
    judged: int = 0
    rate: Cusum = field(default_factory=Cusum)
    volume: float | None = None
    forms: int = 0
    met: frozenset[str] = frozenset()
    said: Mapping[str, float] = field(default_factory=dict)
    still: float | None = None
    stills: int = 0


_QUANTITIES: Final = {"cc_half": "CC½", "completeness": "completeness", "multiplicity": "multiplicity"}


def judge(rules: Rules, facts: Facts, memory: Memory) -> tuple[list[Alert], Memory]:
    """(what is to be said now, what is to be remembered).

    What is muted, or was said within the hold-off, is not said; what holds on is said when that has passed. That one
    and the same frame is still the newest is said ever more seldom: the hold-off doubles.
    """
    met = memory.met | {name for name, need in facts.needs.items() if facts.lattices >= need}
    if facts.history:
        # History is no news.
        return [], replace(memory, hits=facts.hits, judged=facts.judged, met=met)
    if facts.judged < memory.judged:  # counted anew by another process, of what the sources still have
        memory = replace(memory, hits=facts.hits, judged=facts.judged)
    block = facts.judged - memory.judged
    before = memory
    if block >= _BLOCK:
        rate = memory.rate.after(facts.hits - memory.hits, block, facts.dispersion)
        memory = replace(memory, hits=facts.hits, judged=facts.judged, rate=rate)
    if facts.volume is not None and (memory.volume is None or memory.forms != facts.forms):
        # Of other forms it is another volume: that they are told apart now is no drift.
        memory = replace(memory, volume=facts.whole_volume or facts.volume, forms=facts.forms)
    found = [
        alert
        for alert in (
            *_changed(rules, facts, before, memory),
            *_stalled(rules, facts),
            *_shares(rules, facts),
            *_drifted(rules, facts, memory),
        )
        if facts.at - memory.said.get(alert.kind, -math.inf) >= _hold_off(rules, facts, memory, alert.kind)
    ]
    # Each target is met once: there is nothing to hold off.
    found = [alert for alert in (*found, *_met(rules, facts, met - memory.met)) if not _mute(rules, alert)]
    told = {alert.kind for alert in found}
    silence = _silence(rules, facts) if "stalled" in told else None
    if silence is not None:
        again = memory.still == silence[0]
        memory = replace(memory, still=silence[0], stills=memory.stills + 1 if again else 1)
    return found, replace(
        memory,
        rate=memory.rate.restarted() if "rate" in told else memory.rate,
        volume=facts.volume if "cell" in told else memory.volume,
        met=met,
        said={**memory.said, **dict.fromkeys(told, facts.at)},
    )


def _hold_off(rules: Rules, facts: Facts, memory: Memory, kind: Kind) -> float:
    silence = _silence(rules, facts) if kind == "stalled" else None
    again = silence is not None and memory.still == silence[0]
    return rules.hold_off * (2.0 ** min(memory.stills - 1, 20) if again else 1.0)


def _mute(rules: Rules, alert: Alert) -> bool:
    return alert.time < rules.muted.get(alert.kind, -math.inf)


def _at(frame: int | None) -> tuple[int, int] | None:
    return None if frame is None else (frame, frame)


def _changed(rules: Rules, facts: Facts, before: Memory, memory: Memory) -> Iterator[Alert]:
    frames, usual, way = memory.judged - before.judged, before.rate.usual, memory.rate.way
    if not frames or usual is None or way is None or rules.rate_change is None:
        return
    share = (memory.hits - before.hits) / frames
    if abs(share - usual) < rules.rate_change * usual:
        return
    word = "risen" if way == "up" else "fallen"
    text = f"The hit rate has {word} from {100 * usual:.1f} % to {100 * share:.1f} %."
    last = facts.last
    yield Alert("rate", facts.at, text, None if last is None else (max(0, last - frames + 1), last))


def _stalled(rules: Rules, facts: Facts) -> Iterator[Alert]:
    silence = _silence(rules, facts)
    if silence is not None:
        yield Alert("stalled", facts.at, " ".join((silence[1], *facts.troubles)), _at(facts.last))


def _silence(rules: Rules, facts: Facts) -> tuple[float, str] | None:
    """(since when nothing came, in words what): no frame at all, or none from one source while others go on."""
    if rules.stalled is None or facts.newest is None or facts.ended:
        return None
    # Nobody knows of frames that nobody has asked for yet.
    since = facts.since if facts.since is not None else -math.inf
    if facts.at - max(facts.newest, since) >= rules.stalled:
        return facts.newest, f"No frame for {_span(facts.at - facts.newest)}."
    for name, at in facts.heard.items():
        if facts.at - max(at, since) >= max(_SOURCE * rules.stalled, _SOURCE_SECONDS):
            return at, f"Nothing from {name} for {_span(facts.at - at)}, while frames go on."
    return None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _shares(rules: Rules, facts: Facts) -> Iterator[Alert]:
    if rules.ice is not None and facts.ice is not None and facts.ice > rules.ice:
        text = f"{100 * facts.ice:.0f} % of the frames of the last 10 s show ice."
        yield Alert("ice", facts.at, text, _at(facts.ice_frame))
    if rules.saturation is not None and facts.saturation is not None and facts.saturation > rules.saturation:
        text = f"{100 * facts.saturation:.0f} % of the frames of the last 10 s have saturated spots."
        yield Alert("saturation", facts.at, text, _at(facts.saturation_frame))


def _drifted(rules: Rules, facts: Facts, memory: Memory) -> Iterator[Alert]:
    if rules.cell is None or facts.volume is None or not memory.volume:
        return
    change = facts.volume / memory.volume - 1
    if abs(change) >= rules.cell:
        text = f"The mean cell volume has changed by {100 * change:+.1f} % to {facts.volume:,.0f} Å³."
        yield Alert("cell", facts.at, text, _at(facts.cell_frame))


def _met(rules: Rules, facts: Facts, fresh: frozenset[str]) -> Iterator[Alert]:
    if rules.target and fresh:
        names = ", ".join(_QUANTITIES.get(name, name) for name in sorted(fresh))
        text = f"The target is met: {names}, with {facts.lattices:,} lattices."
        yield Alert("target", facts.at, text, _at(facts.cell_frame or facts.last))
