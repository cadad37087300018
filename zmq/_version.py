"""The distribution's version, the only place that states it."""

from __future__ import annotations

__version__ = "28.0.0"
