"""Which cause a failure that is to come would likely have, learned from those whose cause was recorded."""
