"""Repair of diffs that a web archive damaged."""
