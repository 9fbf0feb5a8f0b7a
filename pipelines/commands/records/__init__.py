"""Commands about records: ingest, audit, simulate and maintain them."""
