"""What is kept of a model: bundle, MLflow runs, plots; only mlflow_store.py and mlflow_registry.py import mlflow."""
