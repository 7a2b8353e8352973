"""Measurements. Every figure is printed with the companion it was measured against in the same run."""
