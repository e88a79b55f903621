"""Scores for new decisions from a registered model."""
