"""A forecast replayed over the past, judged, and written down; the measures are in models/evaluation."""
