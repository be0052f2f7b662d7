"""Protocols, metrics, rivals, reports, calibration."""
