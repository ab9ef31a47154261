import { type Command, Option } from 'commander';
import { storedColumns, tableColumns } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import {
  glueTable,
  icebergColumns,
  icebergLocation,
  partitionKeys,
  tableLocation,
} from '../../domain/tables/glue.ts';
import { glueDdl } from '../../domain/tables/glue-ddl.ts';
import { createTableSql, createViewSql, mysqlTables } from '../../domain/tables/mysql.ts';
import { parquetSchema } from '../../domain/tables/parquet.ts';
import { redshiftDdl } from '../../domain/tables/redshift.ts';
import { chosenDataset, datasetNames } from '../options/options.ts';
import { UserError } from '../terminal/user-error.ts';

/** Placeholder for the bucket of the lake: printing a schema needs no running pipeline. */
const DEFAULT_BUCKET = 'PROCESSED-BUCKET';

type Kind = 'mysql' | 'glue' | 'redshift' | 'parquet';

interface Options {
  readonly mysql?: true;
  readonly glue?: true;
  readonly redshift?: true;
  readonly parquet?: true;
  readonly bucket: string;
  readonly json?: true;
}

export function schema(program: Command): void {
  const kinds: readonly Kind[] = ['mysql', 'glue', 'redshift', 'parquet'];
  const option = (kind: Kind, description: string) =>
    new Option(`--${kind}`, description).conflicts(kinds.filter((other) => other !== kind));
  program
    .command('schema')
    .description('print the schema of a dataset for one of its stores')
    .argument('<dataset>', `one of ${datasetNames}`)
    .addOption(option('mysql', 'CREATE TABLE statements for MySQL'))
    .addOption(option('glue', 'DDL of the table in the Glue Data Catalog, as Athena would create it'))
    .addOption(
      option('redshift', 'DDL in Redshift: of the external table of CSV, or of the view of an Iceberg table'),
    )
    .addOption(option('parquet', 'the schema of its Parquet files'))
    .option('--bucket <name>', 'bucket name to use in the DDL', DEFAULT_BUCKET)
    .option('--json', 'as JSON')
    .action((name: string, options: Options) => {
      const dataset = chosenDataset(name);
      const kind = kinds.find((each) => options[each]);
      if (kind === undefined) throw new UserError(`Choose a store: --${kinds.join(', --')}.`);
      console.log(
        options.json
          ? JSON.stringify(schemaJson(kind, dataset, options.bucket), null, 2)
          : schemaText(kind, dataset, options.bucket),
      );
    });
}

function schemaText(kind: Kind, dataset: Dataset, bucket: string): string {
  switch (kind) {
    case 'mysql': {
      const { table, lists } = mysqlTables(dataset);
      return [table, ...lists.map((list) => list.table)]
        .map(createTableSql)
        .concat(createViewSql(table) ?? [])
        .map((statement) => `${statement};`)
        .join('\n\n');
    }
    case 'glue':
      return glueDdl(dataset, bucket);
    case 'redshift':
      return redshiftDdl(dataset, bucket);
    case 'parquet':
      return parquetSchema(dataset);
  }
}

function schemaJson(kind: Kind, dataset: Dataset, bucket: string): unknown {
  switch (kind) {
    case 'mysql': {
      const { table, lists } = mysqlTables(dataset);
      return [table, ...lists.map((list) => list.table)];
    }
    case 'glue':
      return glueJson(dataset, bucket);
    case 'redshift':
      return { statement: schemaText(kind, dataset, bucket) };
    case 'parquet':
      return storedColumns(dataset);
  }
}

function glueJson(dataset: Dataset, bucket: string): unknown {
  const { name, processedAs, partitionBy } = dataset;
  if (processedAs === 'csv') return { ...glueTable(dataset), location: tableLocation(bucket, dataset) };
  const columns = icebergColumns(dataset);
  return {
    name,
    format: 'iceberg',
    columns,
    partitionKeys: partitionKeys(partitionBy, tableColumns(dataset)),
    parameters: { table_type: 'ICEBERG' },
    location: icebergLocation(bucket, dataset),
  };
}
