"""The report's figures, each a pure function from numbers to SVG."""
