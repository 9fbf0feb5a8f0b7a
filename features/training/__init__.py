"""Labels, person-periods and the training set; serving/ must not use them."""
