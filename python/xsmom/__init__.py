"""xsmom: research and live trading of cross-sectional momentum on perpetual futures."""
