"""Shipped configurations (presets/) and reference values (reference/)."""
