# Every recipe is one line that can be copied; CI runs .ci/run.

python := ".venv/bin/python"

# List the recipes.
default:
    @just --list

# Make .venv with every tool, and a debug build of the core.
setup:
    python3 -m venv .venv && {{python}} -m pip install -c constraints.txt maturin && PIP_CONSTRAINT=constraints.txt VIRTUAL_ENV=$PWD/.venv .venv/bin/maturin develop --extras dev,docs,test

# Renew the core after a change of Rust code (debug: quick to build, slow to run).
build:
    VIRTUAL_ENV=$PWD/.venv .venv/bin/maturin develop

# What CI checks, without the clean installation and the benches.
check:
    .ci/check && {{python}} -m pytest -n 2

# The tests alone; `just test tests/unit -k redaction` runs some of them.
test *arguments:
    {{python}} -m pytest {{arguments}} && cargo test --workspace

# The tests at full counts, which take many minutes.
proof *arguments:
    XSMOM_PROOF=1 {{python}} -m pytest {{arguments}}

# Engine, exchange, faults, clock and journal together, under that many seeds.
sim seeds="60":
    XSMOM_SIM_SEEDS={{seeds}} {{python}} -m pytest tests/simulation -k seed

# The real process killed as often, on SQLite and on PostgreSQL.
killloop kills="100":
    XSMOM_KILLS={{kills}} {{python}} -m pytest tests/e2e/live/test_kill_loop.py

# A simulated month of the trader beside the made-up exchange in bad weather; refused where anything grows.
soak days="30" lapse="900":
    XSMOM_SOAK_DAYS={{days}} XSMOM_SOAK_LAPSE={{lapse}} {{python}} -m pytest tests/soak -k agrees_in_the_end

# Ratios against what they must reach, their gates and the baseline, on a release build.
bench *arguments:
    VIRTUAL_ENV=$PWD/.venv .venv/bin/maturin develop --release && {{python}} -m pytest benches {{arguments}}

# Take what the benches measure now as the baseline that later runs are compared with.
baseline *arguments:
    {{python}} -m pytest benches --renew-baseline {{arguments}}

# The ledger against vectorbt and bt, which are installed beside the checkout and thrown away again.
compare *arguments:
    .ci/compare {{arguments}}

# Renew the generated pages and build the manual into site/.
docs:
    {{python}} docs/generate.py && {{python}} -m mkdocs build --strict

# Renew constraints.txt from a fresh installation.
lock:
    .ci/lock
