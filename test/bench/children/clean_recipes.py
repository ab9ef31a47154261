"""Does the recipes' cleaning with json, pandas and pyarrow in one process.

python3 clean_recipes.py <input.ndjson.gz> <output directory>; prints {"ms", "rows", "timeSum"}.
"""

import gzip
import hashlib
import json
import re
import sys
import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TIMES = re.compile(r"(\d+(?:[.,]\d+)?)[\s-]*(hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b", re.IGNORECASE)
SECONDS = {"h": 3600, "m": 60, "s": 1}


def texts(value):
    return isinstance(value, list) and len(value) > 0 and all(isinstance(v, str) and v.strip() for v in value)


def time_of(direction):
    found = TIMES.findall(direction)
    if not found:
        return 300
    return sum(float(amount.replace(",", ".")) * SECONDS[unit[0].lower()] for amount, unit in found)


def main(source, target):
    started = time.perf_counter()
    rows = []
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            title, ingredients, directions = (record.get(k) for k in ("title", "ingredients", "directions"))
            if not (isinstance(title, str) and title.strip() and texts(ingredients) and texts(directions)):
                continue
            identity = hashlib.sha256(f"{number}\nrecipes/input.ndjson.gz".encode()).hexdigest()[:32]
            rows.append((identity, title, ingredients, directions, record.get("tags") or []))
    frame = pd.DataFrame(rows, columns=["recipe_id", "title", "ingredients", "directions", "tags"])
    frame["complexity_score"] = (6 * frame["directions"].str.len() + 4 * frame["ingredients"].str.len()) / 10
    frame["difficulty"] = pd.cut(
        frame["complexity_score"], [float("-inf"), 4, 8, float("inf")], right=False, labels=["easy", "medium", "hard"]
    ).astype(str)
    frame["time_estimate_s"] = frame["directions"].map(lambda ds: round(sum(map(time_of, ds)))).astype("int32")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_to_dataset(table, target, partition_cols=["difficulty"], compression="zstd")
    ms = (time.perf_counter() - started) * 1000
    print(json.dumps({"ms": ms, "rows": len(frame), "timeSum": int(frame["time_estimate_s"].sum())}))


main(sys.argv[1], sys.argv[2])
