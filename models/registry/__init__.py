"""What is kept of a model: bundle, MLflow runs, plots; only mlflow_registry.py imports mlflow."""
