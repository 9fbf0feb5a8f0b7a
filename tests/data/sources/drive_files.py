"""Writes daily files as Backblaze publishes them; tests add the faults."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from data.sources.public.backblaze import BackblazeSource

COLUMNS: Final = ("date", "serial_number", "model", "capacity_bytes", "failure", "smart_5_raw", "smart_9_raw")
Drive = tuple[str, int, float | str, float | str]


def daily_csv(date: str, drives: Sequence[Drive], columns: Sequence[str] = COLUMNS) -> str:
    """Return the file of one day of (serial number, failure, SMART 5, power-on hours); other columns are empty."""
    rows = [
        dict(zip(COLUMNS, (date, serial, "ST4000", "4000787030016", failure, sectors, hours), strict=True))
        for serial, failure, sectors, hours in drives
    ]
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in rows]
    return "\n".join([",".join(columns), *lines, ""])


def write_days(folder: Path, days: Mapping[str, Sequence[Drive]]) -> Path:
    """Write a plain file for each day."""
    folder.mkdir(parents=True, exist_ok=True)
    for date, drives in days.items():
        (folder / f"{date}.csv").write_text(daily_csv(date, drives))
    return folder


def write_quarter(file: Path, days: Mapping[str, Sequence[Drive]]) -> Path:
    """Write a zip file with a sub-folder of daily files and the extra files that a Mac adds."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for date, drives in days.items():
            archive.writestr(f"data_Q2_2013/{date}.csv", daily_csv(date, drives))
            archive.writestr(f"__MACOSX/data_Q2_2013/._{date}.csv", b"\x00\x05\x16\x07")
        archive.writestr("data_Q2_2013/.DS_Store", b"\x00")
    return file


def snapshots(source: BackblazeSource) -> list[tuple[object, ...]]:
    """Return all telemetry as (node, day of April, hours, sectors)."""
    return [
        (row["node"], row["ts"].day if row["ts"] else None, row["power_on_hours"], row["smart_5_raw"])
        for batch in source.telemetry()
        for row in batch.iter_rows(named=True)
    ]
