"""Studies that people start: check, audit, backtest, tune; what runs on a schedule is in pipelines/flows."""
