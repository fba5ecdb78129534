"""Prometheus's alert rules, made from the thresholds."""
