"""Does the passengers' cleaning as one does it in Python, in one process.

python3 clean_passengers.py <pandas-c|pandas-pyarrow|pyarrow|polars> <input.csv> <output.csv>; prints {"cpuMs",
"rows", "idSum", "fareSum"}: rows with an age who survived, without those that it finds wrong; null if it
refuses the whole file.
"""

import json
import resource
import sys

engine, source, target = sys.argv[1:]
INTEGERS = ["PassengerId", "Survived", "Pclass", "SibSp", "Parch"]
REQUIRED = ["PassengerId", "Survived", "Pclass", "Name", "Sex"]


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def by_pandas(of):
    import pandas as pd

    def run():
        options = {"engine": of, "on_bad_lines": "skip", "keep_default_na": False, "na_values": [""]}
        if of == "c":
            # Otherwise one record with a field too many makes the first column of all an index.
            options["index_col"] = False
        frame = pd.read_csv(source, **options)
        wrong = pd.Series(False, index=frame.index)
        for name in INTEGERS + ["Age", "Fare"]:
            was_null = frame[name].isna()
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
            wrong |= frame[name].isna() & ~was_null
            if name in INTEGERS:
                wrong |= frame[name] % 1 > 0
        wrong |= frame[REQUIRED].isna().any(axis=1) | ~frame["Survived"].isin([0, 1])
        frame = frame[~wrong & frame["Age"].notna() & (frame["Survived"] == 1)]
        frame.to_csv(target, index=False)
        return len(frame), int(frame["PassengerId"].sum()), float(frame["Fare"].sum())

    return run


def by_pyarrow():
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    def run():
        # A value that is no number would be an error of the whole file, so the columns are read as texts.
        names = open(source, encoding="utf-8").readline().strip().split(",")
        table = csv.read_csv(
            source,
            parse_options=csv.ParseOptions(invalid_row_handler=lambda _: "skip"),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
            ),
        )
        integer, number = r"^\s*-?\d+\s*$", r"^\s*-?\d+(\.\d+)?\s*$"
        keep = pc.is_valid(table["Age"])
        for name in INTEGERS + ["Age", "Fare"]:
            fits = pc.match_substring_regex(table[name], integer if name in INTEGERS else number)
            keep = pc.and_(keep, pc.fill_null(fits, name not in REQUIRED))
        for name in REQUIRED:
            keep = pc.and_(keep, pc.is_valid(table[name]))
        table = table.filter(pc.and_(keep, pc.equal(table["Survived"], "1")))
        for name in INTEGERS + ["Age", "Fare"]:
            kind = pa.int64() if name in INTEGERS else pa.float64()
            table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
        csv.write_csv(table, target)
        return table.num_rows, pc.sum(table["PassengerId"]).as_py() or 0, pc.sum(table["Fare"]).as_py() or 0.0

    return run


def by_polars():
    import polars as pl

    def run():
        frame = pl.read_csv(source, infer_schema=False, ignore_errors=True, truncate_ragged_lines=True)
        integers = [pl.col(name).cast(pl.Int64, strict=False).alias(name) for name in INTEGERS]
        numbers = [pl.col(name).cast(pl.Float64, strict=False).alias(name) for name in ["Age", "Fare"]]
        cast = frame.with_columns(integers + numbers)
        wrong = pl.any_horizontal(
            [(pl.col(name).is_null() & frame[name].is_not_null()) for name in INTEGERS + ["Age", "Fare"]]
            + [pl.col(name).is_null() for name in REQUIRED]
        )
        kept = cast.filter(~wrong & pl.col("Age").is_not_null() & (pl.col("Survived") == 1))
        kept.write_csv(target)
        return len(kept), kept["PassengerId"].sum(), kept["Fare"].sum()

    return run


runs = {
    "pandas-c": lambda: by_pandas("c"),
    "pandas-pyarrow": lambda: by_pandas("pyarrow"),
    "pyarrow": by_pyarrow,
    "polars": by_polars,
}
run = runs[engine]()
before = cpu()
try:
    rows, ids, fares = run()
except Exception as error:  # Some refuse a whole file for one record.
    print(error, file=sys.stderr)
    rows, ids, fares = None, 0, 0
print(json.dumps({"cpuMs": (cpu() - before) * 1000, "rows": rows, "idSum": ids, "fareSum": fares}))
