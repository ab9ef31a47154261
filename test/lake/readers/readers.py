"""Reads Iceberg tables with PyIceberg and DuckDB, and makes one with PyIceberg: see check-iceberg.ts."""

import base64
import datetime
import decimal
import json
import sys
from pathlib import Path

import duckdb
import pyarrow
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.expressions import EqualTo, GreaterThanOrEqual, IsNull, LessThanOrEqual
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestamptzType

# How many values of each column are asked for.
VALUES = 3


def plain(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        text = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return text.isoformat(timespec="microseconds") + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def type_name(kind):
    """A type of Arrow's by its name in Iceberg's specification."""
    if pyarrow.types.is_struct(kind):
        return "struct<" + ", ".join(f"{each.name}: {type_name(each.type)}" for each in kind) + ">"
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pyarrow.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pyarrow.types.is_timestamp(kind):
        return "timestamptz" if kind.tz == "UTC" else str(kind)
    names = {"int32": "int", "int64": "long", "bool": "boolean", "date32[day]": "date", "large_string": "string", "large_binary": "binary"}
    return names.get(str(kind), str(kind))


def leaves(rows):
    """The columns that are in no list, each with its value in every row."""
    for name in {name: None for row in rows if row is not None for name in row}:
        values = [None if row is None else row[name] for row in rows]
        if any(isinstance(value, dict) for value in values):
            for path, inner in leaves(values):
                yield [name, *path], inner
        elif not any(isinstance(value, list) for value in values):
            yield [name], values


def wrongly_pruned(rows, count):
    """For values of each column, the queries that miss their rows. `count` is None of what can't be asked."""
    wrong = []
    for path, values in leaves(rows):
        known = sorted(value for value in values if value is not None)
        some = {known[i * (len(known) - 1) // VALUES]: None for i in range(VALUES + 1)} if known else []
        # PyIceberg takes a required field of a struct for one that is never null, even if the struct is.
        asked = [("is null", None, values.count(None))] if len(path) == 1 else []
        for value in some:
            asked.append(("=", value, known.count(value)))
            asked.append(("<=", value, sum(each <= value for each in known)))
            asked.append((">=", value, sum(each >= value for each in known)))
        for operator, value, expected in asked:
            found = count(path, operator, value)
            if found is not None and found != expected:
                wrong.append([".".join(path), operator, plain(value), found, expected])
    return wrong


def answer(arrow, count):
    rows = arrow.to_pylist()
    types = {field.name: type_name(field.type) for field in arrow.schema}
    return {"rows": plain(rows), "types": types, "wrong": wrongly_pruned(rows, count)}


class FolderIO(PyArrowFileIO):
    """The buckets of S3 in a folder."""

    def new_input(self, location):
        return super().new_input(location.replace("s3://", f"{self.properties['folder']}/"))


def pyiceberg(folder, path):
    properties = {"py-io-impl": "readers.FolderIO", "folder": folder}
    table = StaticTable.from_metadata(path, properties)
    predicates = {"=": EqualTo, "<=": LessThanOrEqual, ">=": GreaterThanOrEqual}

    def count(column, operator, value):
        name = ".".join(column)
        text = isinstance(value, (datetime.date, datetime.datetime))
        literal = value.isoformat() if text else value
        predicate = IsNull(name) if operator == "is null" else predicates[operator](name, literal)
        try:
            return table.scan(row_filter=predicate).to_arrow().num_rows
        except pyarrow.ArrowInvalid:
            # It takes a decimal for one of the type that an older file has, where it may have no room.
            if not isinstance(value, decimal.Decimal):
                raise
            return None

    return answer(table.scan().to_arrow(), count)


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


def duck(folder, path):
    connection = duck_with_iceberg()
    scan = f"iceberg_scan('{path}')"
    if path.startswith("s3://"):
        table, name = path.replace("s3://", f"{folder}/").split("/metadata/")
        version = name.removesuffix(".metadata.json")
        scan = f"iceberg_scan('{table}', version = '{version}', allow_moved_paths = true)"

    def count(column, operator, value):
        # It takes shorter bounds of decimals of 16 bytes for other numbers.
        if isinstance(value, decimal.Decimal) and column[0] in wide:
            return None
        name = ".".join(f'"{each}"' for each in column)
        # Not as a predicate to push down: then it skips files that are older than the column (duckdb-iceberg#782).
        is_null = f"coalesce({name} is null, false)"
        condition, values = (is_null, []) if operator == "is null" else (f"{name} {operator} ?", [value])
        return connection.execute(f"select count(*) from {scan} where {condition}", values).fetchone()[0]

    arrow = connection.execute(f"select * from {scan}").fetch_arrow_table()
    decimals = [field for field in arrow.schema if pyarrow.types.is_decimal(field.type)]
    wide = {field.name for field in decimals if field.type.precision > 18}
    return answer(arrow, count)


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


def available():
    """Whether DuckDB's extension is here."""
    try:
        duck_with_iceberg()
        return True
    except duckdb.Error:
        return False


def reading(read):
    return lambda folder, *paths: [read(folder, path) for path in paths]


commands = {"pyiceberg": reading(pyiceberg), "duckdb": reading(duck), "write": write, "available": available}
if __name__ == "__main__":
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
