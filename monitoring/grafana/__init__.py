"""Grafana's dashboard, made from the contract and the thresholds."""
