"""Settings: as written (`schema`), where they come from (`load`), as meant (`resolved`).

Importing the package loads nothing heavy; pydantic arrives with `xsmom.config.load`.
"""
