"""Replay kernel patch series on pinned trees and say which patch changed what."""

__version__ = "0.1.0"
