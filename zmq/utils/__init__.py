"""Helpers under their old import paths."""
