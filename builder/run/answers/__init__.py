"""Answers: what a server was asked is paid for once, wherever its answer lies by now."""
