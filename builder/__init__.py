"""Rewrite a pre-training corpus with an LLM and publish it: filtered, verified, reproducible."""

from importlib.metadata import version

__version__ = version("swallow-builder")
