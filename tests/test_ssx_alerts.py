"""Alerts against what really happened: soon, once, with the cause and the frames; never for what is only chance."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from data.demo.serial import Plan, Story
from data.techniques.ssx.alerts import Alert, Cusum, Facts, Memory, Rules, judge
from data.techniques.ssx.rules import as_texts, kept, memory_of, muted, remembered, rules_from, rules_of

NOW = 1_700_000_000.0
RATE = 1_000


def facts_of(story: Story) -> Iterator[Facts]:
    """What is known after each second of a simulated run: at 1,000 frames/s, as `data.techniques.ssx.run` counts it."""
    for end in range(RATE, len(story.hit) + 1, RATE):
        recent = slice(max(0, end - 10 * RATE), end)
        iced = np.flatnonzero(story.ice[:end])
        minute = story.cells[story.first_cell[max(0, end - 60 * RATE)] : story.first_cell[end]]
        yield Facts(
            at=NOW + end / RATE,
            hits=int(story.hit[:end].sum()),
            judged=end,
            dispersion=1 + story.plan.hit_rate * story.plan.clump / 12,
            newest=NOW + end / RATE,
            last=end,
            ice=float(story.ice[recent].mean()),
            ice_frame=int(iced[-1]) + 1 if len(iced) else None,
            volume=float(np.prod(minute[:, :3], axis=1).mean()) if len(minute) >= 50 else None,
            lattices=int(story.lattices[:end].sum()),
            needs={"multiplicity": 3_000.0},
        )


def said(rules: Rules, facts: Iterator[Facts]) -> list[Alert]:
    memory, found = Memory(), []
    for each in facts:
        alerts, memory = judge(rules, each, memory)
        found += alerts
    return found


def test_every_alert_of_a_simulated_run_is_something_that_happened() -> None:
    rightly, quick = 0, 0
    for seed in range(40):
        story = Story(Plan(frames=60_000, seed=seed, clump=20))
        alerts = said(replace(Rules(), hold_off=5, ice=0.1), facts_of(story))
        rates = [alert for alert in alerts if alert.kind == "rate"]
        # The jet stops at 45 % of the run and is back at 52 %.
        falls = [alert.time - NOW for alert in rates if "fallen" in alert.text]
        quick += len(falls) >= 1 and 27 <= falls[0] <= 30
        rightly += all(27 <= alert.time - NOW <= 45 for alert in rates)
        iced = [alert for alert in alerts if alert.kind == "ice"]
        assert iced
        assert all(42 < alert.time - NOW <= 55 for alert in iced)
        assert all(alert.frames and story.ice[alert.frames[1] - 1] for alert in iced), "the image shows ice"
        (target,) = [alert for alert in alerts if alert.kind == "target"]
        reached = 1 + int(np.searchsorted(np.cumsum(story.lattices), 3_000))
        assert reached <= (target.time - NOW) * RATE < reached + RATE
        assert not [alert for alert in alerts if alert.kind in {"cell", "stalled", "saturation"}]
    assert quick == 40
    assert rightly >= 38


def test_the_alarm_hears_a_halved_rate_soon_and_chance_rarely() -> None:
    random = np.random.default_rng(2)
    false, delays = 0, []
    for _ in range(200):
        watch = Cusum()
        for hits in random.binomial(1000, 0.3, 300):
            watch = watch.after(hits, 1000)
            if watch.way:
                false += 1
                break
        watch = watch.restarted()
        for hits in random.binomial(1000, 0.3, 20):
            watch = watch.after(hits, 1000)
        for late in range(1, 50):
            watch = watch.after(random.binomial(1000, 0.15), 1000)
            if watch.way == "down":
                delays.append(late)
                break
    assert len(delays) == 200
    assert max(delays) <= 3
    assert false <= 20


def test_a_stalled_run_is_told_again_only_after_the_hold_off_and_not_once_it_has_ended() -> None:
    still = [Facts(at=NOW + second, newest=NOW, last=77) for second in range(0, 130, 5)]
    alerts = said(Rules(), iter(still))
    assert [(alert.time - NOW, alert.frames) for alert in alerts] == [(10, (77, 77)), (70, (77, 77))]
    assert alerts[0].text == "No frame for 10 s."
    assert said(Rules(), (replace(each, ended=True) for each in still)) == []
    assert said(Rules(stalled=None), iter(still)) == []


def test_a_source_that_stops_while_another_goes_on_is_told_by_its_name_and_ever_more_seldom() -> None:
    every = [
        Facts(
            at=NOW + s, newest=NOW + s, since=NOW - 60, last=s, heard={"rows": NOW + s, "CrystFEL stream a.stream": NOW}
        )
        for s in range(0, 240)
    ]
    alerts = said(Rules(), iter(every))
    assert [(alert.kind, alert.time - NOW) for alert in alerts] == [("stalled", 30), ("stalled", 90), ("stalled", 210)]
    assert alerts[0].text == "Nothing from CrystFEL stream a.stream for 30 s, while frames go on."
    assert said(Rules(stalled=None), iter(every)) == []
    late = (replace(each, since=NOW + 211) for each in every)
    assert said(Rules(), late) == [], "what nobody has asked for yet is not missing"


def test_a_stall_names_the_sources_that_cannot_be_read() -> None:
    away = Facts(at=NOW + 15, newest=NOW, troubles=("ISPyB, per-image numbers: The database does not answer.",))
    (alert,) = said(Rules(), iter([away]))
    assert alert.text == "No frame for 15 s. ISPyB, per-image numbers: The database does not answer."


def test_what_is_remembered_of_a_run_comes_back_as_it_was_and_nonsense_is_nothing() -> None:
    memory = Memory(
        hits=5,
        judged=9,
        rate=Cusum(3, 4.0, 9.0, 0.5, 0.0),
        met=frozenset({"completeness"}),
        said={"ice": NOW},
        still=NOW,
    )
    assert memory_of(json.loads(json.dumps(remembered(memory)))) == memory
    for given in (None, [], {"hits": 1}, {"rate": {}, "met": []} | {"unknown": 1}, {"rate": 5, "met": []}):
        assert memory_of(given) is None


def test_a_run_that_another_process_counted_further_is_gone_on_with_from_what_is_there() -> None:
    learnt = Memory(hits=300, judged=1_000, rate=Cusum(12, 3_000.0, 10_000.0))
    again = [Facts(at=NOW + s, judged=200 * s, hits=10 * s) for s in range(1, 12)]
    found, memory = [], learnt
    for each in again:
        alerts, memory = judge(Rules(), each, memory)
        found += alerts
    assert [alert.kind for alert in found] == ["rate"]
    assert found[0].text == "The hit rate has fallen from 30.0 % to 5.0 %."


def test_what_is_muted_is_silent_until_then_and_nothing_else_is() -> None:
    every = [Facts(at=NOW + second, newest=NOW, ice=0.5, saturation=0.5) for second in range(60)]
    rules = Rules(hold_off=1_000, muted={"ice": NOW + 30})
    found = {alert.kind: alert.time - NOW for alert in said(rules, iter(every))}
    assert found == {"saturation": 0, "stalled": 10, "ice": 30}


def test_a_drift_is_told_from_where_it_began_though_it_comes_slowly() -> None:
    every = (Facts(at=NOW + s, volume=1000 * (1 + 0.0005 * s), whole_volume=1000, cell_frame=s) for s in range(60))
    alerts = said(Rules(hold_off=5), every)
    assert [alert.text for alert in alerts] == ["The mean cell volume has changed by +2.0 % to 1,020 Å³."]
    assert alerts[0].frames == (40, 40)


def test_a_change_within_the_hold_off_is_told_when_it_has_passed() -> None:
    every = [Facts(at=NOW + s, volume=1000.0 if s < 5 else 1050.0 if s < 10 else 1100.0) for s in range(100)]
    assert [alert.time - NOW for alert in said(Rules(), iter(every))] == [5, 65]


def test_what_was_met_before_anybody_looked_is_no_news() -> None:
    met = Facts(at=NOW, lattices=500, needs={"completeness": 400.0})
    history = replace(met, history=True)
    assert said(Rules(), iter([history, met])) == []
    unmet = replace(met, lattices=300)
    (alert,) = said(Rules(), iter([replace(unmet, history=True), unmet, met, met]))
    assert alert.text == "The target is met: completeness, with 500 lattices."
    assert said(Rules(target=False), iter([unmet, met])) == []


def test_the_rate_of_the_history_is_not_compared_with_that_of_now() -> None:
    history = Facts(at=NOW, history=True, hits=50_000, judged=100_000, last=100_000)
    after = (replace(history, history=False, judged=100_000 + 1_000 * s, hits=50_000 + 100 * s) for s in range(1, 50))
    assert said(Rules(), iter([history, *after])) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"rules": 5, "muted": {"ice": "x"}}', '{"muted": 3}', "null"])
def test_what_is_kept_and_cannot_be_read_is_the_defaults(text: str) -> None:
    assert rules_from(text) == Rules()


def test_rules_are_kept_and_come_back_as_they_were() -> None:
    rules = muted(rules_of("0.3,,0.05,0.1,0.01,120,"), "ice", 1800, NOW)
    assert rules_from(kept(rules)) == rules
    assert as_texts(rules) == ["0.3", "", "0.05", "0.1", "0.01", "120", ""]
    assert (rules.stalled, rules.target, rules.hold_off) == (None, False, 120)
    assert rules.muted == {"ice": NOW + 1800}


def test_what_a_stranger_mutes_is_one_of_the_kinds_and_not_for_ever() -> None:
    assert muted(Rules(), "everything", 10, NOW) == Rules()
    assert muted(Rules(), "ice", "long", NOW) == Rules()
    assert muted(Rules(), "ice", 1e99, NOW).muted == {"ice": NOW + 24 * 3600}
    assert muted(Rules(muted={"ice": NOW + 5}), "ice", 0, NOW).muted == {}
