import { type Command, Option } from 'commander';
import { datasets, registry } from '../../datasets/index.ts';
import { storedColumns } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { glueTable, tableLocation } from '../../domain/tables/glue.ts';
import { glueDdl } from '../../domain/tables/glue-ddl.ts';
import { createTableSql, mysqlTables } from '../../domain/tables/mysql.ts';
import { parquetSchema } from '../../domain/tables/parquet.ts';
import { externalTableDdl } from '../../domain/tables/redshift.ts';
import { UserError } from '../terminal/user-error.ts';

/** Where the lake would be: a schema needs no pipeline that runs. */
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
    .description('print what a dataset is in each of the places that hold it')
    .argument('<dataset>', `one of ${datasets.map(({ name }) => name).join(', ')}`)
    .addOption(option('mysql', 'CREATE TABLE statements of MySQL'))
    .addOption(option('glue', 'the table of the Glue Data Catalog, as Athena would create it'))
    .addOption(option('redshift', 'the external table of Redshift Spectrum'))
    .addOption(option('parquet', 'the schema of its Parquet files'))
    .option('--bucket <name>', 'where the lake is, in what names a place', DEFAULT_BUCKET)
    .option('--json', 'as JSON')
    .action((name: string, options: Options) => {
      const dataset = registry.named(name);
      if (dataset === undefined)
        throw new UserError(
          `There is no dataset ${name}. There are: ${datasets.map((each) => each.name).join(', ')}.`,
        );
      const kind = kinds.find((each) => options[each]);
      if (kind === undefined) throw new UserError(`Say which: --${kinds.join(', --')}.`);
      console.log(
        options.json
          ? JSON.stringify(described(kind, dataset, options.bucket), null, 2)
          : written(kind, dataset, options.bucket),
      );
    });
}

function written(kind: Kind, dataset: Dataset, bucket: string): string {
  const location = tableLocation(bucket, dataset);
  switch (kind) {
    case 'mysql': {
      const { table, lists } = mysqlTables(dataset);
      return [table, ...lists.map((list) => list.table)]
        .map((each) => `${createTableSql(each)};`)
        .join('\n\n');
    }
    case 'glue':
      return glueDdl(dataset, location);
    case 'redshift':
      return externalTableDdl(dataset, location);
    case 'parquet':
      return parquetSchema(dataset);
  }
}

function described(kind: Kind, dataset: Dataset, bucket: string): unknown {
  switch (kind) {
    case 'mysql': {
      const { table, lists } = mysqlTables(dataset);
      return [table, ...lists.map((list) => list.table)];
    }
    case 'glue':
      return { ...glueTable(dataset), location: tableLocation(bucket, dataset) };
    case 'redshift':
      return { statement: written(kind, dataset, bucket) };
    case 'parquet':
      return storedColumns(dataset);
  }
}
