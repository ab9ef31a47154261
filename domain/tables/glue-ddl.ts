import type { Dataset } from '../dataset.ts';
import { type PartitionField, partitionFields } from '../partitions.ts';
import {
  type GlueColumn,
  glueTable,
  icebergColumns,
  icebergLocation,
  noEscape,
  tableLocation,
} from './glue.ts';

/** The catalog's table as Athena would create it. */
export function glueDdl(dataset: Dataset, bucket: string): string {
  return dataset.processedAs === 'csv'
    ? externalTable(dataset, tableLocation(bucket, dataset))
    : icebergTable(dataset, icebergLocation(bucket, dataset));
}

/**
 * "Athena User Guide: Create Iceberg tables". Athena itself declares no instants: its timestamp has no time
 * zone, but it reads ours ("Supported data types for Iceberg tables").
 */
function icebergTable(dataset: Dataset, location: string): string {
  const { name, partitionBy } = dataset;
  return [
    `CREATE TABLE \`${name}\` (\n${list(icebergColumns(dataset))}\n)`,
    ...(partitionBy.length === 0
      ? []
      : [`PARTITIONED BY (${partitionFields(partitionBy).map(partitionSql).join(', ')})`]),
    `LOCATION ${literal(location)}`,
    `TBLPROPERTIES (${properties({ table_type: 'ICEBERG', format: 'parquet', write_compression: 'zstd' })});`,
  ].join('\n');
}

/** "Athena User Guide: CREATE TABLE". */
function externalTable(dataset: Dataset, location: string): string {
  const { name, columns, partitionKeys, serde, inputFormat, outputFormat, parameters } = glueTable(dataset);
  const { EXTERNAL: _, ...own } = parameters;
  return [
    `CREATE EXTERNAL TABLE \`${name}\` (\n${list(columns)}\n)`,
    ...(partitionKeys.length === 0 ? [] : [`PARTITIONED BY (\n${list(partitionKeys)}\n)`]),
    `ROW FORMAT SERDE ${literal(serde.library)}`,
    `WITH SERDEPROPERTIES (${properties(serde.parameters)})`,
    `STORED AS INPUTFORMAT ${literal(inputFormat)}`,
    `OUTPUTFORMAT ${literal(outputFormat)}`,
    `LOCATION ${literal(location)}`,
    `TBLPROPERTIES (${properties(own)});`,
  ].join('\n');
}

const partitionSql = ({ column, transform }: PartitionField) =>
  transform === 'identity' ? `\`${column}\`` : `${transform}(\`${column}\`)`;

const list = (columns: readonly GlueColumn[]) =>
  columns.map(({ name, type }) => `  \`${name}\` ${type}`).join(',\n');

const properties = (entries: Readonly<Record<string, string>>) =>
  Object.entries(entries)
    .map(([name, value]) => `${literal(name)}=${literal(value)}`)
    .join(', ');

/** Hive's texts take backslashes as escapes. */
const literal = (text: string) =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll(noEscape, '\\001')}'`;
