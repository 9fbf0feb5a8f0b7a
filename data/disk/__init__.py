"""Files, folders and locks that survive a crash or a full disk; nothing here knows what they hold."""
