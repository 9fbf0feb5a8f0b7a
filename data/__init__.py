"""Records: they are read, validated, stored, and viewed as known at a time. Nothing is forecast here."""
