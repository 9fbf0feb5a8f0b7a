"""Labels, person-periods and the training set; nothing of it may reach serving/."""
