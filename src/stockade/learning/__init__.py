"""From a training set to a registered model: split, search, judge, record."""
