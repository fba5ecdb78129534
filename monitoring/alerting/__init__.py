"""Prometheus's alert rules and Grafana's dashboard, made from the thresholds."""
