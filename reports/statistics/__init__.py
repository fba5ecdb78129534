"""Pure arithmetic: distributions, time series, intervals, models."""
