"""Crash tests: real kills, side by side with the standard library."""
