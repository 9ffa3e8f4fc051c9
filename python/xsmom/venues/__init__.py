"""Adapters to exchanges: each keeps the promises of `xsmom.ports`, and nothing else of it is seen."""
