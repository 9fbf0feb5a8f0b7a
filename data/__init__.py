"""What was seen: records are read, validated, stored, and shown as known at a time. Nothing is computed here."""
