"""Charts as SVG, from plain values; which values is pipelines/report/values."""
