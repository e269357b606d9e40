"""Judging and fitting the detectors of lost balance, away from the belt. Nothing here runs in the daemon."""
