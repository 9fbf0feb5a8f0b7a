"""A forecast replayed over the past, evaluated, and written as files; the measures are in models/evaluation."""
