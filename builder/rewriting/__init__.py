"""Prompt → server pool → answer → checks."""
