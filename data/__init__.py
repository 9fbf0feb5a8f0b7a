"""What was seen: telemetry, events and inventory, validated, stored, and shown as known at a time."""
