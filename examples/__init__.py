"""Whole definition sets on public or generated data."""
