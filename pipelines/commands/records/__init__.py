"""Commands about records: ingest, audit, simulate and maintain them; what is forecast is in commands/forecast."""
