"""Studies by hand: check, audit, backtest, tune; what runs on a schedule is pipelines/operations."""
