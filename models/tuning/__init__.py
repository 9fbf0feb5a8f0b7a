"""Search for better settings of the model, and their confirmation; a fixed setup is evaluated in models/backtest."""
