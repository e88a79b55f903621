"""What to predict, for whom, judged how: one file per decision moment."""
