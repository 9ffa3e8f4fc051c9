"""`python -m xsmom` is `xsmom`, for machines where the scripts folder is not on the PATH."""

from xsmom.cli.main import run

if __name__ == "__main__":
    run()
