"""Commands that set up and check an installation; what it does to nodes is in commands/acting."""
