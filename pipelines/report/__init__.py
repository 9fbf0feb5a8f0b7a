"""The HTML report: its sentences and tables, and how the page is built; drawings are in charts, data in values."""
