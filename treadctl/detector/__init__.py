"""Simulated signals to judge the detectors on, and the judging."""
