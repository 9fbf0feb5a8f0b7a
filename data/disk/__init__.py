"""Files, folders and locks that survive a crash or a full disk; code here does not know what they contain."""
