import { type Column, type ColumnType, tableColumns } from '../columns.ts';
import { archiveTableName, type Dataset, type LakeFormat } from '../dataset.ts';
import { decimalName } from '../decimal.ts';
import { partitionFields, partitionType } from '../partitions.ts';
import { archivePrefix, csvTablePrefix } from '../versions/key-layout.ts';
import { datasetColumn, type LedgerTable, ledgerColumns, ledgerTablePrefix } from './ledger-tables.ts';

export interface GlueColumn {
  readonly name: string;
  /** In Hive's notation: `array<string>`. */
  readonly type: string;
}

/**
 * A dataset's table in the Glue Data Catalog ("AWS Glue Web API Reference: TableInput, StorageDescriptor").
 */
export interface GlueTable {
  readonly name: string;
  readonly format: LakeFormat;
  /** The columns in the files. */
  readonly columns: readonly GlueColumn[];
  /** The columns in the files' keys, outermost first. */
  readonly partitionKeys: readonly GlueColumn[];
  readonly inputFormat: string;
  readonly outputFormat: string;
  readonly serde: { readonly library: string; readonly parameters: Readonly<Record<string, string>> };
  /** Table properties. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The unit of timestamps in the files. */
  readonly timestampUnit: 'millis' | 'micros' | 'nanos';
}

/**
 * OpenCSVSerde always has an escape character, and removes it from the values. Its default is the backslash,
 * which it also uses if it is set to the quote (Hive, OpenCSVSerde.newReader). Our CSV has no escapes (RFC
 * 4180), so the escape character is one that no text is expected to contain ("Athena User Guide: Open CSV
 * SerDe": it is configurable).
 */
export const noEscape = '\u0001';

const storage = {
  parquet: {
    inputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
    outputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
    serde: {
      library: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
      parameters: { 'serialization.format': '1' },
    },
    parameters: { classification: 'parquet' },
  },
  csv: {
    inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
    outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
    serde: {
      library: 'org.apache.hadoop.hive.serde2.OpenCSVSerde',
      parameters: { separatorChar: ',', quoteChar: '"', escapeChar: noEscape },
    },
    parameters: { classification: 'csv', 'skip.header.line.count': '1' },
  },
} as const satisfies Record<LakeFormat, object>;

/**
 * Derives a dataset's table in the catalog from the schema of its rows.
 *
 * The columns of CSV are text: values may be quoted, so the serde must be OpenCSVSerde (LazySimpleSerDe does
 * not know quotes), which does not read an empty number as NULL ("Athena User Guide: Open CSV SerDe,
 * Considerations for non-string data"). Their real types are in the view that `typedViewDdl` makes.
 */
export function glueTable(dataset: Dataset): GlueTable {
  return tableOf(dataset, dataset.processedAs ?? 'parquet', tableColumns(dataset));
}

/**
 * The table of a dataset's archive. Its files are Parquet, whatever the format of the lake's; columns of them
 * that partition the table count for nothing, since readers take these values from the keys.
 */
export function archiveGlueTable(dataset: Dataset): GlueTable {
  const { name, partitionBy } = dataset;
  return tableOf({ name: archiveTableName(name), partitionBy }, 'parquet', tableColumns(dataset));
}

/** The table of the catalog for a table about the pipeline's own work. Its files are Parquet. */
export function ledgerGlueTable(table: LedgerTable): GlueTable {
  return tableOf({ name: table.name, partitionBy: [datasetColumn.name] }, 'parquet', ledgerColumns(table));
}

function tableOf(
  { name: table, partitionBy }: { readonly name: string; readonly partitionBy: readonly string[] },
  format: LakeFormat,
  columns: readonly Column[],
): GlueTable {
  return {
    name: table,
    format,
    columns: columns
      .filter(({ name }) => !partitionBy.includes(name))
      .map(({ name, type }) => ({ name, type: format === 'csv' ? 'string' : glueType(type) })),
    partitionKeys: partitionKeys(partitionBy, columns),
    ...storage[format],
    parameters: { EXTERNAL: 'TRUE', ...storage[format].parameters },
    timestampUnit: 'micros',
  };
}

/** What partitions a table, as columns: the day of a timestamp is one of its own. */
export function partitionKeys(partitionBy: readonly string[], columns: readonly Column[]): GlueColumn[] {
  return partitionFields(partitionBy).flatMap((field) =>
    columns
      .filter(({ name }) => name === field.column)
      .map(({ type }) => ({ name: field.name, type: glueType(partitionType(field, type)) })),
  );
}

/** The columns of a dataset's Iceberg table, those that it is partitioned by included. */
export function icebergColumns(dataset: Dataset): GlueColumn[] {
  return tableColumns(dataset).map(({ name, type }) => ({ name, type: glueType(type) }));
}

/** The location of the Iceberg table of a dataset, in the processed bucket. */
export function icebergLocation(bucket: string, { name }: { readonly name: string }): string {
  return `s3://${bucket}/${name}`;
}

/** "Athena User Guide: Data types in Amazon Athena", which are Hive's. */
export function glueType(type: ColumnType): string {
  switch (type.kind) {
    case 'int32':
      return 'int';
    case 'int64':
      return 'bigint';
    case 'decimal':
      return decimalName(type);
    case 'list':
      return `array<${glueType(type.element)}>`;
    case 'map':
      return `map<string,${glueType(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map((field: Column) => `${field.name}:${glueType(field.type)}`).join(',')}>`;
    default:
      return type.kind;
  }
}

/** The location of the table of a dataset that is processed as CSV, in the processed bucket. */
export function tableLocation(bucket: string, { name }: { readonly name: string }): string {
  return `s3://${bucket}/${csvTablePrefix(name)}`;
}

/** The location of the table of a dataset's archive, in the archive bucket. */
export function archiveLocation(bucket: string, { name }: { readonly name: string }): string {
  return `s3://${bucket}/${archivePrefix(name)}`;
}

/** The location of a table about the pipeline's own work, in its bucket. */
export function ledgerTableLocation(bucket: string, table: LedgerTable): string {
  return `s3://${bucket}/${ledgerTablePrefix(table)}`;
}
