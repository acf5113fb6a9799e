"""Composition: start-up, sessions, routes. Knows every other package; none knows it."""
