"""`xsmom pnl` and `xsmom export`: parts that add up to what the replay's book won and lost."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.databases.fixtures import HandClock
from tests.oracle import nouns
from xsmom.cli.main import main
from xsmom.domain.events import FillSeen, FundingPaid
from xsmom.domain.trading import FillKind
from xsmom.engine import money
from xsmom.live.income import income
from xsmom.live.results import results_since
from xsmom.store.memory import MemoryJournal
