"""Prometheus's alert rules and Grafana's dashboard, made of the thresholds."""
