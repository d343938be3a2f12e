"""Reads an export with pandas, and prints what it has as JSON."""

import json
import sys

import pandas

kind, path = sys.argv[1:]
if kind == "csv":
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
else:
    frame = pandas.read_json(path, lines=True, dtype=False, convert_dates=False)
times = pandas.to_datetime(frame["at"], utc=True)
assert times.notna().all(), "a time is none to pandas"
records = [[None if value is None or value != value else value for value in row] for row in frame.values.tolist()]
print(json.dumps({"columns": list(frame.columns), "rows": records}))
