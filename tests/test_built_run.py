from __future__ import annotations

import json
import subprocess
import sys

from built_run import EXCEPTION_COLUMNS, FAILURE_COLUMNS, STATS_COLUMNS


def test_the_built_csv_files_have_the_columns_that_locust_writes() -> None:
    program = (
        "from locust.env import Environment; from locust.stats import StatsCSV, PERCENTILES_TO_REPORT as p; import json;"
        "s = StatsCSV(Environment(), p);"
        "print(json.dumps([s.requests_csv_columns, s.failures_columns, s.exceptions_columns]))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [STATS_COLUMNS, FAILURE_COLUMNS, EXCEPTION_COLUMNS]
