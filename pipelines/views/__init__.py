"""Prints what each command shows on a terminal; the lines and rows that views share are in pipelines/output."""
