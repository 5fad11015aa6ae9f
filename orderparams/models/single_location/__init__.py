"""Single-location regression by multi-head attention: docs/theory.md."""
