from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SettingsError
from data.schema import Metric, MetricKind
from pipelines.settings.load import load, load_folder
from pipelines.settings.schema import Settings
from pipelines.settings.suggestions import ANY_NAME, known_keys


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nodeward.toml"
    path.write_text("")
    return path


def error_of(config: Path, *overrides: str, text: str | None = None, environ: dict[str, str] | None = None) -> str:
    """Return the text of the error that loading raises."""
    if text is not None:
        config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(config, overrides, environ or {})
    return str(caught.value)


def test_an_empty_file_gives_the_defaults(config: Path) -> None:
    assert load(config, (), {}) == Settings()


def test_environment_overrides_file_and_set_overrides_both(config: Path) -> None:
    config.write_text('[fleet]\nname = "file"\n[model]\nseeds = 2\ntrees = 7\n')
    settings = load(
        config,
        ["model.seeds=4"],
        {"NODEWARD_MODEL__SEEDS": "3", "NODEWARD_FLEET__NAME": "environment"},
    )
    assert (settings.fleet.name, settings.model.seeds, settings.model.trees) == ("environment", 4, 7)


def test_the_later_of_two_sets_wins(config: Path) -> None:
    assert load(config, ["model.seeds=4", "model.seeds=5"], {}).model.seeds == 5


@pytest.mark.parametrize(
    ("override", "section", "key", "expected"),
    [
        ("model.seeds=4", "model", "seeds", 4),
        ("model.learning_rate=0.5", "model", "learning_rate", 0.5),
        ("fleet.name=m100", "fleet", "name", "m100"),
        ('fleet.name="m 100"', "fleet", "name", "m 100"),
        ("fleet.name=42", "fleet", "name", "42"),
        ("fleet.name=2021-01-01", "fleet", "name", "2021-01-01"),
        ("fleet.name=a=b", "fleet", "name", "a=b"),
        ("source.path=../here", "source", "path", Path("../here")),
        ("source.delay=90m", "source", "delay", timedelta(minutes=90)),
        ("forecast.horizons=['1d', '7d12h']", "forecast", "horizons", (timedelta(days=1), timedelta(days=7.5))),
        ("forecast.every=6h", "forecast", "every", timedelta(hours=6)),
        ("forecast.repeat=30m", "forecast", "repeat", timedelta(minutes=30)),
        ("forecast.repeat=''", "forecast", "repeat", None),
        ("forecast.history_start=2020-01-01", "forecast", "history_start", date(2020, 1, 1)),
        ("baselines.rule=['a', 'b']", "baselines", "rule", ("a", "b")),
        ("metrics.ignore=[]", "metrics", "ignore", ()),
        ("clock.now=data", "clock", "now", "data"),
    ],
)
def test_set_reads_every_type(config: Path, override: str, section: str, key: str, expected: object) -> None:
    settings = load(config, [override, "policy.horizon=1d"], {})
    assert getattr(getattr(settings, section), key) == expected


def test_set_reaches_nested_tables_and_adds_to_them(config: Path) -> None:
    config.write_text('[metrics.columns.boot_n]\nunit = "samples"\n')
    settings = load(config, ["metrics.columns.boot_n.kind=count", "metrics.columns={load={sampling='on_change'}}"], {})
    assert settings.metrics.metric("boot_n") == Metric("boot_n", MetricKind.COUNT, "sampled", "samples")
    assert settings.metrics.metric("load").sampling == "on_change"


def test_a_quoted_key_may_contain_a_dot(config: Path) -> None:
    settings = load(config, ['metrics.columns."a.b".kind=age'], {})
    assert settings.metrics.metric("a.b").kind is MetricKind.AGE


def test_a_metric_without_a_table_takes_the_defaults(config: Path) -> None:
    settings = load(config, ["metrics.default_kind=counter", "metrics.default_sampling=on_change"], {})
    assert settings.metrics.metric("x") == Metric("x", MetricKind.COUNTER, "on_change")


def test_only_the_names_that_differ_are_mapped(config: Path) -> None:
    settings = load(config, ["source.columns.nodes.rack=system", "source.columns.telemetry.node=host"], {})
    assert settings.source.columns.mapping() == {
        "telemetry": {"node": "host"},
        "events": {},
        "nodes": {"rack": "system"},
        "blind": {},
    }


def test_history_starts_at_midnight_utc(config: Path) -> None:
    settings = load(config, ["forecast.history_start=2020-02-01"], {})
    assert settings.forecast.history_start_time == datetime(2020, 2, 1, tzinfo=UTC)
    assert load(config, (), {}).forecast.history_start_time is None


def test_a_home_folder_is_expanded_and_other_paths_stay_relative(config: Path) -> None:
    assert load(config, ["source.path=~/x"], {}).source.path == Path.home() / "x"
    assert load(config, ["state.path=here"], {}).state.path == Path("here")


@pytest.mark.parametrize(
    ("override", "suggestion"),
    [
        ("fleet.nam=x", "fleet.name"),
        ("flet.name=x", "fleet"),
        ("policy.horizn=3d", "policy.horizon"),
        ("policy.fleet_share=0.1", "policy.limits.fleet_share"),
        ("policy.limits.per_rak=1", "policy.limits.per_rack"),
        ("per_rack=1", "policy.limits.per_rack"),
        ("metrics.columns.boot_n.kin=count", "metrics.columns.boot_n.kind"),
        ("source.columns.events.strt=begin", "source.columns.events.start"),
    ],
)
def test_the_error_for_a_misspelt_key_suggests_the_nearest_known_one(
    config: Path, override: str, suggestion: str
) -> None:
    assert f"did you mean {suggestion}?" in error_of(config, override)


def test_the_error_for_a_key_like_no_other_lists_the_known_ones(config: Path) -> None:
    assert "clock can hold now" in error_of(config, "clock.zzz=1")
    assert "the settings can hold fleet, source, state" in error_of(config, "zzz=1")


def test_an_error_names_key_value_file_and_line(config: Path) -> None:
    message = error_of(config, text='[fleet]\nname = "x"\n\n[policy.limits]\n  fleet_share = 2  # all of it\n')
    assert message.startswith(f"policy.limits.fleet_share = 2 ({config}, line 5): should be less than or equal to 1")
    assert "→ correct it, or leave it out for 0.01" in message


def test_an_error_names_the_variable_or_the_option_that_the_value_came_from(config: Path) -> None:
    assert "model.seeds = 0 (environment variable NODEWARD_MODEL__SEEDS)" in error_of(
        config, environ={"NODEWARD_MODEL__SEEDS": "0"}
    )
    assert "model.seeds = 0 (--set model.seeds)" in error_of(
        config, "model.seeds=0", environ={"NODEWARD_MODEL__SEEDS": "1"}
    )


def test_every_error_is_reported_at_once(config: Path) -> None:
    message = error_of(config, "model.seeds=0", text="[fleet]\nnam = 1\n")
    assert "model.seeds = 0" in message
    assert "did you mean fleet.name?" in message


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("model.seeds=true", "valid integer"),
        ("model.seeds='3'", "valid integer"),
        ("model.seeds=1.5", "valid integer"),
        ("model.learning_rate=nan", "finite number"),
        ("policy.failure_cost_node_hours=inf", "finite number"),
        ("policy.averted_share=-0.1", "greater than or equal to 0"),
        ("source.kind=xls", "should be 'parquet', 'csv' or 'backblaze'"),
        ("source.csv.time=german", 'should be "iso", "s", "ms" or a format'),
        ("source.csv.zone=Mars", "time zone such as"),
        ("source.csv.delimiter=', '", "at most 1 character"),
        ("source.csv.decimal=x", "should be '.' or ','"),
        ("source.backblaze.smart=[]", "at least 1"),
        ("source.backblaze.smart=[9, 5]", "rise from each to the next"),
        ("source.backblaze.smart=[0]", "greater than or equal to 1"),
        ("source.backblaze.changes_only=1", "valid boolean"),
        ("source.path=", "should be a path"),
        ("source.path=3", "should be a path"),
        ("source.delay=3", "36h, 1d, 90m or 0s"),
        ("buckets.width=0s", "longer than 0s"),
        ("buckets.width=7m", "should divide a day, as 1h, 6h and 15m do, or be whole days"),
        ("buckets.width=36h", "or be whole days"),
        ("policy.stale_after=soon", "36h, 1d, 90m or 0s"),
        ("metrics.columns.x.kind=cout", "'gauge', 'counter', 'count', 'boot_time' or 'age'"),
        ("metrics.columns.x={min=2.0, max=1.0}", "min = 2 is above max = 1"),
        ("metrics.columns.x.max=hot", "valid number"),
        ("metrics.columns.x.idle_below=inf", "finite number"),
        ("metrics.columns.x={kind='counter', idle_below=5.0}", "x is a counter, sampled"),
        ("metrics.columns.x={sampling='on_change', idle_below=5.0}", "x is a gauge, on_change"),
        ("metrics.columns.x.max=inf", "finite number"),
        ("identity.ports=1", "valid boolean"),
        ("identity.patterns=['(']", "should be a regular expression"),
        ("identity.patterns=['(.+)-bmc']", "should have a group"),
        ("identity.max_unknown_share=1.1", "less than or equal to 1"),
        ("forecast.horizons=[]", "should hold at least 1\n"),
        ("forecast.horizons=['7d', '999999999d']", "should be at most 36525d"),
        ("forecast.horizons=['0s', '7d']", "longer than 0s"),
        ("forecast.every=40000d", "should be at most 36525d"),
        ("forecast.every=5h", "should divide a day, as 1h, 6h and 15m do, or be whole days"),
        ("features.windows=['7d']", "should hold at least 2\n"),
        ("features.windows=['1d', '999999d']", "should be at most 36525d"),
        ("source.delay=999999d", "should be at most 36525d"),
        ("model.random_seed=9999999999", "less than or equal to 1000000000"),
        ("forecast.horizons=['7d', '1d']", "rise from each to the next"),
        ("forecast.alarm_shares=[0.01, 0.01]", "rise from each to the next"),
        ("forecast.history_start=soon", "valid date"),
        ("fleet.name=", "should not be empty"),
        ("source=3", "should be a table"),
        ("metrics.columns=3", "should be a table"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_should_be(config: Path, override: str, why: str) -> None:
    assert why in error_of(config, override)


def test_a_list_is_shown_as_it_is_written_and_a_wrong_value_in_it_once(config: Path) -> None:
    message = error_of(config, "features.windows=['7d']")
    assert 'features.windows = ["7d"] (--set features.windows): should hold at least 2' in message
    assert 'leave it out for ["1d", "7d", "30d"]' in message
    assert error_of(config, "forecast.alarm_shares=[1.5]").count("→") == 1


def test_passwords_stay_out_of_messages(config: Path) -> None:
    message = error_of(config, "state.urll=postgresql://me:hunter2@db/x", "tracking.ur=https://me:hunter2@ml")
    assert "postgresql://me:***@db/x" in message
    assert "hunter2" not in message
    message = error_of(config, "state.urll=postgresql://db/x?user=me&sslpassword=hunter2&password=hunter2")
    assert "hunter2" not in message
    assert "user=me" in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[fleet]\nname = "x\n', "line 2"),
        ("[fleet]\nname = x\n", "line 2"),
        ("[fleet\n", "line 1"),
        ("[fleet]\n[fleet]\n", "line 2"),
    ],
)
def test_a_syntax_error_gives_file_and_line(config: Path, text: str, why: str) -> None:
    message = error_of(config, text=text)
    assert message.startswith(str(config))
    assert why in message


def test_a_file_that_cannot_be_read_is_named(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in error_of(config)
    assert "no such file" in error_of(config.parent / "other.toml")
    assert "nodeward init" in error_of(config.parent / "other.toml")
    assert "Is a directory" in error_of(config.parent)


@pytest.mark.parametrize("option", ["fleet.name", "=x", "a b=3", "fleet..name=x", ""])
def test_a_set_without_a_key_and_a_value_is_refused(config: Path, option: str) -> None:
    assert "write section.key=value" in error_of(config, option)


def test_a_variable_with_one_underscore_too_few_is_refused(config: Path) -> None:
    message = error_of(config, environ={"NODEWARD_FLEET_NAME": "x"})
    assert "two underscores: NODEWARD_FLEET__NAME" in message


def test_variables_of_other_programs_are_ignored(config: Path) -> None:
    environ = {
        "NODEWARD_SERVICE_HOST": "10.0.0.1",
        "NODEWARD_PORT": "tcp://10.0.0.1:80",
        "PATH": "/bin",
        "MODEL__SEEDS": "9",
    }
    assert load(config, (), environ) == Settings()


def test_an_override_replaces_a_value_where_a_table_is_required(config: Path) -> None:
    config.write_text("fleet = 3\n")
    assert load(config, ["fleet.name=x"], {}).fleet.name == "x"


def test_a_folder_has_the_settings_of_the_file_in_it(config: Path) -> None:
    config.write_text('source.path = "records"\nfleet.name = "mine"\n')
    (config.parent / "nodes.parquet").touch()
    settings = load_folder(config.parent, ["model.seeds=4"], {"NODEWARD_MODEL__TREES": "7"})
    assert (settings.fleet.name, settings.source.path) == ("mine", Path("records"))
    assert (settings.model.seeds, settings.model.trees) == (4, 7)


def test_a_folder_of_records_without_settings_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").touch()
    settings = load_folder(tmp_path, (), {})
    assert (settings.source.kind, settings.source.path) == ("csv", tmp_path)
    assert settings.state.path == tmp_path / "var"


def test_a_state_folder_is_refused_as_one(tmp_path: Path) -> None:
    (tmp_path / "nodeward.db").touch()
    with pytest.raises(SettingsError, match=r"is a state folder\n.*open the settings file that names it"):
        load_folder(tmp_path, (), {})


@given(name=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), trees=st.integers(1, 20_000))
def test_what_is_set_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, name: str, trees: int) -> None:
    path = tmp_path_factory.getbasetemp() / "empty.toml"
    path.write_text("")
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    settings = load(path, [f'fleet.name="{quoted}"', f"model.trees={trees}"], {})
    assert (settings.fleet.name, settings.model.trees) == (name, trees)


def test_every_known_key_can_be_listed() -> None:
    keys = set(known_keys(Settings))
    assert {("fleet", "name"), ("policy", "limits", "per_rack"), ("metrics", "columns", ANY_NAME, "kind")} <= keys
