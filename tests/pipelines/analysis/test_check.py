import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from data.errors import EmptyTableError, SettingsError, SourceFileError, UnreachableError
from pipelines.analysis.check import check
from pipelines.wiring.reachability import require_answer
from tests.pipelines.made_up import settings_of, write_records


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers every request with one status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_working_installation_has_no_error(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    with answering(200) as url:
        report = check(settings_of(tmp_path, f"tracking.uri={url}"), f"{url}/api")
    assert report.first_error is None
    assert [finding.what for finding in report.findings] == ["source", "state", "database", "models", "flows"]
    assert report.evidence is not None
    assert report.evidence.failures == 1


def test_no_server_is_contacted_if_none_is_configured(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    details = {finding.what: finding.detail for finding in check(settings_of(tmp_path), "").findings}
    assert "created by the first training" in details["models"]
    assert "in this process" in details["flows"]


def test_one_fault_does_not_hide_the_next(tmp_path: Path) -> None:
    with answering(503) as url:
        report = check(settings_of(tmp_path, f"tracking.uri={url}"), "http://127.0.0.1:1")
    kinds = {finding.what: type(finding.error) for finding in report.findings if finding.error}
    assert kinds == {"source": SourceFileError, "models": UnreachableError, "flows": UnreachableError}
    assert isinstance(report.first_error, SourceFileError)
    assert report.evidence is None


def test_rows_that_an_ingest_would_quarantine_are_no_evidence(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    file = tmp_path / "records" / "events.parquet"
    events = pl.read_parquet(file)
    out_of_range = pl.lit(16 * 10**17).cast(pl.Datetime("us", "UTC"))
    pl.concat([events, events.with_columns(start=out_of_range, end=out_of_range)]).write_parquet(file)
    report = check(settings_of(tmp_path), "")
    assert report.first_error is None
    assert report.findings[0].detail.endswith(
        "records can be read, except 2 rows of events, since a row holds a time outside the years 1 to 9999"
    )
    assert report.evidence is not None
    assert report.evidence.failures == 1
    events.with_columns(start=out_of_range, end=out_of_range).write_parquet(file)
    assert isinstance(check(settings_of(tmp_path), "").first_error, EmptyTableError)


def test_unknown_kinds_of_events_are_an_error_with_its_fix(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    file = tmp_path / "records" / "events.parquet"
    pl.read_parquet(file).with_columns(kind=pl.lit("NODE_FAIL")).write_parquet(file)
    error = check(settings_of(tmp_path), "").first_error
    assert error is not None
    assert error.what == "no event is of a kind that Nodeward knows: the kinds are 'NODE_FAIL'"
    assert "write 'failure', 'maintenance' or 'action'" in error.fix


def test_a_bug_is_not_reported_as_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_records(tmp_path / "records")
    monkeypatch.setattr("pipelines.wiring.wiring.source", lambda _: None)
    with pytest.raises(AttributeError):
        check(settings_of(tmp_path), "")


def test_passwords_stay_out_of_the_report(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    settings = settings_of(tmp_path, "tracking.uri=postgresql://me:hunter2@db/ml")
    assert "hunter2" not in str(check(settings, "http://me:hunter2@127.0.0.1:1"))
    settings = settings_of(tmp_path, "tracking.uri=postgresql://db/ml?password=hunter2")
    assert "hunter2" not in str(check(settings, ""))
    with answering(200) as url:
        secret = url.replace("://", "://me:hunter2@")
        assert "hunter2" not in str(check(settings_of(tmp_path, f"tracking.uri={secret}"), secret))


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://", "nonsense", "http://[::1", "ftp://127.0.0.1"])
def test_an_address_that_does_not_answer_is_named(address: str) -> None:
    with pytest.raises(UnreachableError) as caught:
        require_answer("the server", address)
    assert f"the server at {address} does not answer" in str(caught.value)


def test_an_error_response_counts_as_no_answer() -> None:
    with answering(500) as url, pytest.raises(UnreachableError, match="500"):
        require_answer("the server", url)
    with answering(200) as url:
        require_answer("the server", f"{url}/")


def test_a_metric_that_the_settings_misspell_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    report = check(settings_of(tmp_path, "metrics.columns.temprature.unit=°C", "metrics.columns.ghost.kind=count"), "")
    assert isinstance(report.first_error, SettingsError)
    assert report.first_error.what == (
        "metrics.columns.temprature names no metric of telemetry (nearest: temperature); "
        "metrics.columns.ghost names no metric of telemetry"
    )


def test_a_metric_that_exists_or_is_ignored_may_be_described(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    described = ("metrics.columns.temperature.unit=°C", "metrics.columns.ghost.kind=count", "metrics.ignore=['ghost']")
    assert check(settings_of(tmp_path, *described), "").first_error is None


def test_nodes_that_an_ingest_would_lose_are_found_before_it(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    telemetry = pl.read_parquet(tmp_path / "records" / "telemetry.parquet")
    renamed = telemetry.with_columns(("other-" + pl.col("node")).alias("node"))
    renamed.write_parquet(tmp_path / "records" / "telemetry.parquet")
    error = check(settings_of(tmp_path), "").first_error
    assert error is not None
    assert "'other-a'" in error.what
    spelt = telemetry.with_columns(pl.col("node") + ":9100")
    spelt.write_parquet(tmp_path / "records" / "telemetry.parquet")
    assert check(settings_of(tmp_path), "").first_error is None
