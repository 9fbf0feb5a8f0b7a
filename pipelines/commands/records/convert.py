"""`nodeward convert`: turns a public record into a folder that the other commands can read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Record = Annotated[Literal["lanl"], typer.Argument(metavar="RECORD", help="lanl: LA-UR-05-7318, as CSV.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file as it was published; .csv or .csv.gz.")]
Target = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where events.parquet and nodes.parquet go.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the files if they exist.")]


def convert(record: Record, file: File, folder: Target, *, force: Force = False) -> None:
    """Turn a public record into a folder of events and nodes."""
    from data.disk.atomic_write import atomic_file
    from data.errors import SettingsError, SourceFileError
    from data.sources.public import lanl

    if not file.is_file():
        why = "is no file" if file.exists() else "no such file"
        raise SourceFileError(file, why, fix="name the file as it was published")
    converters = {"lanl": lanl.convert}
    converted = converters[record](file)
    tables = {"events": converted.events, "nodes": converted.nodes}
    existing = [path for path in (folder / f"{name}.parquet" for name in tables) if path.exists()]
    if existing and not force:
        raise SettingsError(f"{existing[0]}: exists already", fix="name another folder, or add --force")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic_file(folder / f"{name}.parquet") as part:
            table.write_parquet(part)
    typer.echo(f"{folder}: {converted.events.height:,} failures of {converted.nodes.height:,} nodes")
    if converted.unreadable:
        typer.echo(f"{converted.unreadable:,} rows were left out: no system, node or start that can be read")
