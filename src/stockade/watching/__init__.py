"""Monitors, their alerts and causes, explanations and reports."""
