"""Charts as SVG, drawn from plain values; which values is decided in pipelines/report/values."""
