"""Reads Iceberg tables with PyIceberg and DuckDB, and makes one with PyIceberg: see check-iceberg.ts."""

import datetime
import json
import sys
from pathlib import Path

import duckdb
import pyarrow
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestamptzType


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def wrongly_pruned(rows, count):
    """For each value of each plain column, whether a query for it finds its rows: statistics may hide none."""
    wrong = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        if any(isinstance(value, (list, dict)) for value in values):
            continue
        for value in dict.fromkeys(value for value in values if value is not None):
            found = count(name, value)
            if found != values.count(value):
                wrong.append([name, plain(value), found, values.count(value)])
    return wrong


def pyiceberg(path):
    table = StaticTable.from_metadata(path)
    rows = table.scan().to_arrow().to_pylist()

    def count(name, value):
        text = isinstance(value, (datetime.date, datetime.datetime))
        literal = value.isoformat() if text else value
        return table.scan(row_filter=EqualTo(name, literal)).to_arrow().num_rows

    return {"rows": plain(rows), "wrong": wrongly_pruned(rows, count)}


def duck_with_iceberg():
    """Its extensions come from the packages duckdb-ext-*, or else from DuckDB's own site."""
    connection = duckdb.connect()
    folders = [Path(each) / "duckdb_ext/extensions" for each in sys.path]
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is not None:
        connection.execute(f"set extension_directory = '{folder}'")
    else:
        connection.execute("install avro; install iceberg; install icu")
    connection.execute("load icu; load avro; load iceberg; set timezone = 'UTC'")
    return connection


def duck(path):
    connection = duck_with_iceberg()
    scan = f"iceberg_scan('{path}')"
    rows = connection.execute(f"select * from {scan}").fetch_arrow_table().to_pylist()

    def count(name, value):
        return connection.execute(f'select count(*) from {scan} where "{name}" = ?', [value]).fetchone()[0]

    return {"rows": plain(rows), "wrong": wrongly_pruned(rows, count)}


def write(folder):
    """A table of PyIceberg's: partitioned, with two commits."""
    catalog = InMemoryCatalog("memory", warehouse=folder)
    catalog.create_namespace("ns")
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "kind", StringType(), required=False),
        NestedField(3, "at", TimestamptzType(), required=False),
    )
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "kind"))
    table = catalog.create_table("ns.theirs", schema, partition_spec=spec, properties={"owner": "them"})
    arrow = table.schema().as_arrow()
    at = datetime.datetime(2026, 11, 27, tzinfo=datetime.timezone.utc)
    for first in (0, 3):
        rows = [{"id": first + i, "kind": ["a", None, "b"][i], "at": at if i else None} for i in range(3)]
        table.append(pyarrow.Table.from_pylist(rows, schema=arrow))
    return {"path": table.metadata_location}


def available(_):
    """Whether DuckDB's extension is here."""
    try:
        duck_with_iceberg()
        return True
    except duckdb.Error:
        return False


commands = {"pyiceberg": pyiceberg, "duckdb": duck, "write": write, "available": available}
if __name__ == "__main__":
    print(json.dumps(commands[sys.argv[1]](sys.argv[2])))
