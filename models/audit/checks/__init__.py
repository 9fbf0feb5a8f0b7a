"""The checks, one problem in the records for each module; what several of them use is in models/audit."""
