"""The charts of a report, as static SVG."""
