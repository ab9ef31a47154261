import type { Dataset } from '../dataset.ts';
import { type GlueColumn, glueTable, noEscape } from './glue.ts';

/** The catalog's table as Athena would create it ("Athena User Guide: CREATE TABLE"). */
export function glueDdl(dataset: Dataset, location: string): string {
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

const list = (columns: readonly GlueColumn[]) =>
  columns.map(({ name, type }) => `  \`${name}\` ${type}`).join(',\n');

const properties = (entries: Readonly<Record<string, string>>) =>
  Object.entries(entries)
    .map(([name, value]) => `${literal(name)}=${literal(value)}`)
    .join(', ');

/** Hive's texts take backslashes as escapes. */
const literal = (text: string) =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll(noEscape, '\\001')}'`;
