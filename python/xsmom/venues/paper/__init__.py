"""Accounts that exist only here: the exchange core behind the port, and the fills of a simulation."""
