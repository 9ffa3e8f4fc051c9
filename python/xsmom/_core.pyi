"""The Rust core. Every function checks its input at the door and runs without the GIL."""

from typing import TypedDict, type_check_only

@type_check_only
class _BuildInfo(TypedDict):
    version: str
    profile: str
    target: str
    simd: str
    cpu_features: list[str]

__all__ = ["__version__", "build_info"]

__version__: str

def build_info() -> _BuildInfo: ...
