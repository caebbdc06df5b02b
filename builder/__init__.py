"""Rewrite a pre-training corpus with an LLM and publish it: filtered, verified, reproducible."""
