"""Bybit V5, linear perpetuals of a unified account."""
