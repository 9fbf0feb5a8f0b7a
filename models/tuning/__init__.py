"""Search for better settings of the model, and their confirmation; a fixed setup is judged in models/backtest."""
