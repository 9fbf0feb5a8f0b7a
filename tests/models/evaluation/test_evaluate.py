from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.errors import DataError
from data.time_grid import DAY, HOUR, in_days
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.alarms import RowsByTime, alarmed_rows, earliest_warnings, label_episodes
from models.evaluation.evaluate import AlarmBudgets, Evaluation, evaluate
from models.evaluation.evaluation_set import EvaluationSet, ScoringTimes, window_failures
from models.metrics import metrics
from models.metrics.bins import equal_count_bins
from models.metrics.bootstrap import Resampler, draw_resampler
from tests.models.made_up import START, Scores, Size, made_up_cases, made_up_scores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from numpy.typing import NDArray

MINUTE = HOUR / 60
NULL = {"value": None, "low": None, "high": None}
SHARES = (0.05, 0.2)
RATES = (0.02, 0.3)  # under and over an alarm a step in the fleet of twelve
BUDGETS = AlarmBudgets(SHARES, RATES)


def resampler_of(cases: EvaluationSet, size: int = 200) -> Resampler:
    first, last = (cases.times[0], cases.times[-1]) if len(cases.times) else (START, START)
    return draw_resampler(cases.names, first, last + cases.horizon_step, np.random.default_rng(7), size)


def evaluated(cases: EvaluationSet, scores: Mapping[str, NDArray[np.float64]], size: int = 200) -> Evaluation:
    return evaluate(cases, scores, BUDGETS, resampler_of(cases, size))


def sample(seed: int = 0, size: Size | None = None) -> tuple[EvaluationSet, Scores]:
    rng = np.random.default_rng(seed)
    cases = made_up_cases(rng, size or Size())
    return cases, made_up_scores(rng, cases)


def repeated(measure: object, values: list[NDArray[np.float64]], weight: NDArray[np.float64]) -> float:
    assert callable(measure)
    result = measure(*(np.repeat(value, weight.astype(int)) for value in values))
    return np.nan if result is None else float(result)


def median(values: NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if len(values) else None


def brute_rows(cases: EvaluationSet, probability: NDArray[np.float64], weight: NDArray[np.float64]) -> dict[str, float]:
    """Measure the rows of one resample, repeated as often as they were drawn."""
    kept = cases.is_kept
    label, score, times = cases.label[kept], probability[kept], weight[kept]
    bins = np.repeat(equal_count_bins(score, metrics.CALIBRATION_BINS), times.astype(int))
    surplus = np.repeat(label - score, times.astype(int))
    gaps = [abs(surplus[bins == number].mean()) * (bins == number).sum() for number in set(bins.tolist())]
    return {
        "base_rate": repeated(metrics.base_rate, [label], times),
        "roc_auc": repeated(metrics.roc_auc, [label, score], times),
        "pr_auc": repeated(metrics.average_precision, [label, score], times),
        "brier": repeated(metrics.brier, [label, score], times),
        "observed_over_expected": repeated(metrics.observed_over_expected, [label, score], times),
        "ece": sum(gaps) / len(surplus),
    }


def brute_share(
    cases: EvaluationSet, probability: NDArray[np.float64], share: float, resampler: Resampler, resample: int
) -> dict[str, float]:
    """Measure one resample of an alarm share, with the alarms of the whole sample."""
    rows = alarmed_rows(RowsByTime.of(cases, ScoringTimes.of(cases)), probability, [share])[share]
    figures = brute_alarms(cases, rows, resampler, resample)
    weight = resampler.weights(resampler.cells(cases.names, cases.node, cases.ts))[:, resample]
    kept, episodes = rows[cases.is_kept[rows]], label_episodes(cases, rows)
    labelled = ~np.isnan(episodes.label)
    return figures | {
        "observed_over_expected": (weight * cases.label)[kept].sum() / (weight * probability)[kept].sum(),
        "episode_precision": repeated(
            metrics.base_rate, [episodes.label[labelled]], weight[episodes.first_row[labelled]]
        ),
    }


def brute_rate(
    cases: EvaluationSet, probability: NDArray[np.float64], rate: float, resampler: Resampler, resample: int
) -> dict[str, float]:
    """Measure one resample of an alarm rate, with the episodes of the whole sample."""
    rows = episode_rows(cases, RowsByTime.of(cases, ScoringTimes.of(cases)), probability, [rate])[rate]
    figures = brute_alarms(cases, rows, resampler, resample)
    return figures | {"false_episodes_per_1000_node_days": figures.pop("false_alarms_per_1000_node_days")}


def brute_alarms(cases: EvaluationSet, rows: NDArray[np.intp], resampler: Resampler, resample: int) -> dict[str, float]:
    """Measure what shares and rates have in common in one resample."""
    scoring_times, failures = ScoringTimes.of(cases), window_failures(cases)

    def weigh(node: NDArray[np.int32], ts: NDArray[np.datetime64]) -> NDArray[np.float64]:
        return resampler.weights(resampler.cells(cases.names, node, ts))[:, resample]

    weight, label = weigh(cases.node[rows], cases.ts[rows]), cases.label[rows]
    kept, warnings = ~np.isnan(label), earliest_warnings(rows, failures, scoring_times, cases.horizon_step)
    lead = (failures.start - warnings) / np.timedelta64(1, "h")
    failure_weight, caught = weigh(failures.node, failures.start), np.isfinite(lead)
    node_days = weigh(cases.node, cases.ts)[cases.is_kept].sum() * in_days(cases.every)
    return {
        "precision": repeated(metrics.base_rate, [label[kept]], weight[kept]),
        "caught_share": failure_weight[caught].sum() / failure_weight.sum(),
        "median_lead_hours": repeated(median, [lead[caught]], failure_weight[caught]),
        "false_alarms_per_1000_node_days": 1000 * weight[label == 0].sum() / node_days,
    }


@pytest.mark.parametrize("model", ["random", "rule", "model"])
@pytest.mark.parametrize("every", [HOUR, DAY, 7 * DAY])
def test_the_draws_are_those_of_a_brute_force_resampling(model: str, every: timedelta) -> None:
    cases, scores = sample(3, Size(nodes=15, steps=200 if every == HOUR else 30, horizon=7 * every, every=every))
    resampler, probability = resampler_of(cases, 12), scores[model]
    evaluation = evaluate(cases, {model: probability}, BUDGETS, resampler)
    weights = resampler.weights(resampler.cells(cases.names, cases.node, cases.ts))
    compared = 0
    for resample in range(12):
        of_rows = brute_rows(cases, probability, weights[:, resample])
        of_shares = [(share, None, brute_share(cases, probability, share, resampler, resample)) for share in SHARES]
        of_rates = [(None, rate, brute_rate(cases, probability, rate, resampler, resample)) for rate in RATES]
        for share, rate, measures in [(None, None, of_rows), *of_shares, *of_rates]:
            for measure, expected in measures.items():
                draws = evaluation.figure(measure, model, share=share, rate=rate).draws
                assert draws is not None
                assert draws[resample] == pytest.approx(expected, abs=1e-9, nan_ok=True)
                compared += 1
    assert compared == 12 * (6 + 6 * len(SHARES) + 4 * len(RATES))


def test_every_interval_holds_its_value_and_goes_through_json() -> None:
    cases, scores = sample(1, Size(nodes=60, steps=60, failures=90))
    report = json.loads(json.dumps(evaluated(cases, scores).to_json(), allow_nan=False))
    measured = report["model"] | report["model"]["budgets"][0]
    intervals = {name: entry for name, entry in measured.items() if isinstance(entry, dict)}
    assert len(intervals) == 13  # observed_over_expected is in both
    episodes = {name: entry for name, entry in report["model"]["episode_budgets"][0].items() if isinstance(entry, dict)}
    assert list(episodes) == ["precision", "caught_share", "median_lead_hours", "false_episodes_per_1000_node_days"]
    intervals |= {f"{name} of episodes": entry for name, entry in episodes.items()}
    outside = [name for name, entry in intervals.items() if not entry["low"] < entry["value"] < entry["high"]]
    assert outside == []
    assert "note" not in report["model"]


def test_the_report_has_the_protocols_names() -> None:
    cases, scores = sample()
    report = evaluated(cases, scores).to_json()
    measures = "base_rate roc_auc pr_auc brier brier_skill ece slope observed_over_expected budgets episode_budgets"
    assert set(report["model"]) == {"rows", "unknown_or_dropped", *measures.split()}
    budgets = report["model"]["budgets"]
    assert isinstance(budgets, list)
    assert [budget["alarm_share"] for budget in budgets] == list(SHARES)
    counts = {name for name, value in budgets[0].items() if isinstance(value, int)}
    assert counts == {"alarms", "failures", "failures_scorable", "failures_caught", "alarm_episodes"}
    episode_budgets = report["model"]["episode_budgets"]
    assert isinstance(episode_budgets, list)
    assert [budget["alarms_per_node_day"] for budget in episode_budgets] == list(RATES)
    counts = {name for name, value in episode_budgets[0].items() if isinstance(value, int)}
    assert counts == {"episodes", "failures", "failures_caught"}


def test_dropped_rows_are_counted_by_reason() -> None:
    cases, scores = sample()
    report = evaluated(replace(cases, dropped={"probation": 3, "blind": 0}), scores).to_json()["model"]
    assert (report["dropped_probation"], report["dropped_blind"]) == (3, 0)


def test_random_scores_catch_as_many_failures_as_chance() -> None:
    size = Size(nodes=400, steps=60, failures=1500)
    cases, scores = sample(5, size)
    cases = replace(cases, can_alarm=np.ones(len(cases.node), dtype=bool))
    evaluation = evaluate(cases, scores, AlarmBudgets((0.01,), (0.01,)), resampler_of(cases))
    chance = 1 - 0.99 ** in_days(size.horizon)
    caught = evaluation.figure("caught_share", "random", share=0.01)
    low, high = caught.bounds()
    assert caught.value == pytest.approx(chance, abs=0.02)
    assert low is not None
    assert high is not None
    assert low < chance < high
    assert evaluation.figure("roc_auc", "random").value == pytest.approx(0.5, abs=0.03)


def test_a_model_gains_over_the_base_rate_and_the_base_rate_over_itself_is_nothing() -> None:
    cases, scores = sample(2, Size(nodes=60, steps=60, failures=90))
    evaluation = evaluated(cases, scores)
    skill, brier = evaluation.figure("brier_skill", "model"), evaluation.figure("brier", "model").value
    base = evaluation.figure("brier", "base_rate").value
    assert brier is not None
    assert base is not None
    assert skill.value == pytest.approx(1 - brier / base)
    assert evaluation.figure("brier_skill", "base_rate").to_json() == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_without_the_base_rate_there_is_no_skill() -> None:
    cases, scores = sample()
    assert evaluated(cases, {"model": scores["model"]}).to_json()["model"]["brier_skill"] == NULL


def test_what_is_caught_ahead_counts_first_alarms_so_long_before_and_is_paired() -> None:
    cases, scores = sample(4, Size(nodes=60, steps=60, failures=90))
    resampler, scoring_times, failures = resampler_of(cases), ScoringTimes.of(cases), window_failures(cases)
    notices = (90 * MINUTE, DAY, cases.horizon, 2 * cases.horizon)  # the last two no alarm can give
    evaluation = evaluate(cases, scores, AlarmBudgets((0.2,), (0.1,), notices), resampler)
    rows_by_time, ratio = RowsByTime.of(cases, scoring_times), partial(evaluation.ratio, model="model")
    of_share = alarmed_rows(rows_by_time, scores["model"], [0.2])[0.2]
    of_rate = episode_rows(cases, rows_by_time, scores["model"], [0.1])[0.1]
    weight = resampler.weights(resampler.cells(cases.names, failures.node, failures.start))
    for rows, figure, budget in (
        (of_share, partial(evaluation.figure, share=0.2), evaluation.models["model"].budgets[0.2]),
        (of_rate, partial(evaluation.figure, rate=0.1), evaluation.models["model"].episode_budgets[0.1]),
    ):
        warnings = earliest_warnings(rows, failures, scoring_times, cases.horizon_step)
        lead = (failures.start - warnings) / np.timedelta64(1, "h")
        assert [name for name in budget if name.endswith("h")] == ["caught_share_1.5h", "caught_share_24h"]
        for name, hours in (("caught_share_1.5h", 1.5), ("caught_share_24h", 24)):
            early = figure(name, "model")
            assert early.value == pytest.approx((lead >= hours).mean())
            assert early.draws == pytest.approx(weight[lead >= hours].sum(axis=0) / weight.sum(axis=0))
    assert ratio("caught_share_24h", baseline="model", share=0.2).bounds() == (1.0, 1.0)
    assert ratio("caught_share_24h", baseline="model", rate=0.1).bounds() == (1.0, 1.0)


def test_notices_are_those_that_the_horizon_allows_and_the_headline_rate_is_in_the_middle() -> None:
    budgets = AlarmBudgets(SHARES, (0.1, 0.2, 0.3, 0.4), (HOUR, DAY, 3 * DAY))
    assert budgets.headline_rate == 0.3
    assert AlarmBudgets(SHARES, (0.1, 0.2, 0.3)).headline_rate == 0.2
    assert AlarmBudgets(SHARES, (0.1,)).headline_rate == 0.1
    assert budgets.within(DAY) == replace(budgets, notices=(HOUR,))
    assert budgets.within(4 * DAY) == budgets
    assert budgets.within(HOUR).notices == ()


def test_a_ratio_is_paired() -> None:
    cases, scores = sample(4, Size(nodes=60, steps=60, failures=90))
    evaluation = evaluated(cases, scores)
    assert evaluation.ratio("pr_auc", "model", "model").to_json() == {"value": 1.0, "low": 1.0, "high": 1.0}
    for figure, ratio in (
        (partial(evaluation.figure, share=0.2), partial(evaluation.ratio, share=0.2)),
        (partial(evaluation.figure, rate=0.3), partial(evaluation.ratio, rate=0.3)),
    ):
        model, random = (figure("caught_share", name) for name in ("model", "random"))
        assert model.draws is not None
        assert random.draws is not None
        assert ratio("caught_share", "model", "random").draws == pytest.approx(model.draws / random.draws)


def test_a_figure_by_rate_is_that_of_its_budget() -> None:
    cases, scores = sample()
    evaluation = evaluated(cases, scores)
    budgets = evaluation.to_json()["model"]["episode_budgets"]
    assert isinstance(budgets, list)
    for rate, budget in zip(RATES, budgets, strict=True):
        assert evaluation.figure("precision", "model", rate=rate).to_json() == budget["precision"]
    of_rates = [evaluation.figure("caught_share", "model", rate=rate).value for rate in RATES]
    assert of_rates[0] != of_rates[1] != evaluation.figure("caught_share", "model", share=0.05).value


def test_another_model_changes_no_figure_of_the_first() -> None:
    cases, scores = sample()
    alone, with_others = evaluated(cases, {"model": scores["model"]}), evaluated(cases, scores)
    assert alone.figure("pr_auc", "model").to_json() == with_others.figure("pr_auc", "model").to_json()


def test_one_horizons_draws_are_the_others_where_both_see_the_same() -> None:
    cases, scores = sample(6, Size(nodes=60, steps=60, failures=90))
    fewer = replace(cases, horizon=6 * DAY)
    resampler = resampler_of(cases)
    long, short = (evaluate(each, {"model": scores["model"]}, BUDGETS, resampler) for each in (cases, fewer))
    assert long.figure("brier", "model").to_json() == short.figure("brier", "model").to_json()


@pytest.mark.parametrize("failures", [1, 19])
def test_under_twenty_failures_there_are_values_without_intervals(failures: int) -> None:
    cases, scores = sample(1, Size(failures=failures))
    report = evaluated(cases, scores).to_json()["model"]
    base_rate = report["base_rate"]
    assert report["note"] == "too few failures"
    assert isinstance(base_rate, dict)
    assert base_rate["value"] > 0
    assert (base_rate["low"], base_rate["high"]) == (None, None)


def test_a_window_without_failures_gives_nulls() -> None:
    cases, scores = sample(1, Size(failures=0))
    report = evaluated(cases, scores).to_json()["model"]
    assert [report[name] for name in ("roc_auc", "pr_auc", "slope")] == [NULL] * 3
    budgets = report["budgets"]
    assert isinstance(budgets, list)
    assert budgets[0]["failures"] == 0
    assert [budgets[0][name] for name in ("caught_share", "median_lead_hours")] == [NULL] * 2


def test_dropped_rows_only_give_nulls() -> None:
    cases, scores = sample(1)
    dropped = replace(cases, label=np.full(len(cases.label), np.nan))
    report = evaluated(dropped, scores).to_json()["model"]
    assert (report["rows"], report["unknown_or_dropped"]) == (0, len(cases.label))
    assert [report[name] for name in ("base_rate", "brier", "brier_skill", "ece", "slope", "roc_auc")] == [NULL] * 6
    budgets = report["budgets"]
    assert isinstance(budgets, list)
    for name in ("precision", "observed_over_expected", "false_alarms_per_1000_node_days", "episode_precision"):
        assert budgets[0][name] == NULL
    assert budgets[0]["failures_caught"] > 0
    assert budgets[0]["caught_share"]["value"] > 0


def test_no_rows_at_all_give_nulls() -> None:
    cases, _ = sample(1)
    nothing = np.zeros(0, dtype=np.intp)
    empty = replace(
        cases,
        node=cases.node[nothing],
        ts=cases.ts[nothing],
        label=cases.label[nothing],
        can_alarm=cases.can_alarm[nothing],
    )
    failures = len(cases.failure_start)
    for nobody, expected in ((empty, (0, failures, 0.0)), (replace(empty, times=cases.times[:0]), (0, 0, None))):
        report = evaluated(nobody, {"model": np.zeros(0)}).to_json()["model"]
        assert report["base_rate"] == NULL
        for name, count in (("budgets", "alarms"), ("episode_budgets", "episodes")):
            budgets = report[name]
            assert isinstance(budgets, list)
            budget = budgets[0]
            assert (budget[count], budget["failures"], budget["caught_share"]["value"]) == expected


def test_a_single_node_is_evaluated() -> None:
    cases, scores = sample(1, Size(nodes=1, steps=200, failures=40))
    report = evaluated(cases, scores).to_json()["model"]
    auc = report["roc_auc"]
    assert isinstance(auc, dict)
    assert auc["low"] < auc["value"] < auc["high"]


def test_failures_of_unknown_nodes_count_as_missed() -> None:
    cases, scores = sample(1)
    strangers = replace(
        cases,
        failure_node=np.r_[cases.failure_node, np.int32(-1)].astype(np.int32),
        failure_start=np.r_[cases.failure_start, cases.ts.max()],
    )
    before, after = (evaluated(each, scores).to_json()["model"]["budgets"] for each in (cases, strangers))
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert after[0]["failures"] == before[0]["failures"] + 1
    assert after[0]["failures_scorable"] == before[0]["failures_scorable"]
    assert after[0]["caught_share"]["value"] < before[0]["caught_share"]["value"]


@pytest.mark.parametrize(
    ("score", "why"), [(np.zeros(3), r"shape \(3,\)"), (np.nan, "score nan at row 0"), (np.inf, "score inf at row 0")]
)
def test_scores_that_do_not_fit_are_refused(score: float | NDArray[np.float64], why: str) -> None:
    cases, _ = sample()
    scores = score if isinstance(score, np.ndarray) else np.full(len(cases.node), score)
    with pytest.raises(DataError, match=why):
        evaluated(cases, {"model": scores})


@pytest.mark.parametrize("rate", [0.0, -0.1])
def test_a_rate_of_none_is_refused(rate: float) -> None:
    cases, scores = sample()
    with pytest.raises(DataError, match="alarm rates"):
        evaluate(cases, scores, AlarmBudgets(SHARES, (rate,)), resampler_of(cases))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_a_share_of_none_or_more_than_all_is_refused(share: float) -> None:
    cases, scores = sample()
    with pytest.raises(DataError, match="alarm shares"):
        evaluate(cases, scores, AlarmBudgets((share,), RATES), resampler_of(cases))


def test_a_request_for_what_was_not_measured_names_what_was() -> None:
    cases, scores = sample()
    evaluation = evaluated(cases, scores)
    with pytest.raises(DataError, match="no model 'oracle'; there is random, base_rate, rule, model"):
        evaluation.figure("brier", "oracle")
    with pytest.raises(DataError, match=r"no alarm share 0.01; there is 0.05, 0.2"):
        evaluation.figure("precision", "model", share=0.01)
    with pytest.raises(DataError, match="no measure 'recall'"):
        evaluation.figure("recall", "model")
    with pytest.raises(DataError, match=r"no alarm rate 0.01; there is 0.02, 0.3"):
        evaluation.figure("precision", "model", rate=0.01)
    with pytest.raises(DataError, match="no measure 'alarms'"):
        evaluation.figure("alarms", "model", rate=0.3)
    with pytest.raises(DataError, match="episodes is a count"):
        evaluation.figure("episodes", "model", rate=0.3)
    with pytest.raises(DataError, match="alarms is a count"):
        evaluation.figure("alarms", "model", share=0.05)
