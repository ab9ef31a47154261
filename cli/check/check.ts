import type { Table } from '@aws-sdk/client-glue';
import { datasets } from '../../datasets/index.ts';
import { archiveTableName, VERIFICATION } from '../../domain/dataset.ts';
import { errorText } from '../../domain/errors.ts';
import {
  type ColumnChange,
  columnChanges,
  type Verdict,
  worst,
} from '../../domain/operations/schema-changes.ts';
import type { GlueColumn } from '../../domain/tables/glue.ts';
import { LayoutRefused } from '../../domain/tables/layout.ts';
import { isLedgerTable } from '../../domain/tables/ledger-tables.ts';
import { LosesData } from '../../domain/tables/migration.ts';
import { currentSchema } from '../../formats/iceberg/metadata/metadata.ts';
import { datasetCode } from '../../infra/build/dataset-code.ts';
import { glueTables, icebergMetadata } from '../lake/catalog.ts';
import { openTable } from '../lake/tables/snapshots.ts';
import { pendingLayouts, pendingPlan } from '../mysql/migration-files.ts';
import type { Target } from '../target/target.ts';

/** How a dataset of this checkout, or of the stack, differs from the other's. */
export interface DatasetCheck {
  readonly dataset: string;
  /** `new`: the stack does not have it. `gone`: this checkout does not have it. */
  readonly state: 'new' | 'gone' | 'changed' | 'same';
  /** Whether its own code is another one: its record, row or transform. `unknown` of an older program. */
  readonly code: 'changed' | 'same' | 'unknown';
  readonly verdict: Verdict;
  readonly columns: readonly ColumnChange[];
  /** Why the dataset as a whole is refused. */
  readonly reasons: readonly string[];
}

export interface Check {
  readonly datasets: readonly DatasetCheck[];
  readonly verdict: Verdict;
  /** What to run, in this order; empty if something is refused or nothing changed. */
  readonly commands: readonly string[];
}

/** Compares the datasets of this checkout with what the stack has, and changes nothing. */
export async function checkDatasets(target: Target, stack: string | undefined): Promise<Check> {
  const [deployed, code] = await Promise.all([deployedColumns(target), datasetCode()]);
  const layout = refusals(pendingLayouts);
  const mysql = refusals(pendingPlan);
  const gone = [...deployed.keys()].filter(
    (name) => name !== VERIFICATION && !datasets.some((each) => each.name === name),
  );
  const checked = await Promise.all(
    datasets.map(async (dataset) => {
      const { name } = dataset;
      const found = deployed.get(name);
      const before = target.outputs.datasets?.[name];
      const ownCode = before === undefined ? 'unknown' : before === code[name] ? 'same' : 'changed';
      const layoutReasons = layout.reasons.filter((reason) => mentions(reason, name));
      const mysqlReasons = mysql.reasons.filter((reason) => mentions(reason, name));
      const reasons = [...layoutReasons, ...mysqlReasons];
      if (found === undefined) return newDataset(name, reasons);
      const schema = await schemaInLake(target, found);
      const known = { deployed: found.columns, schema, layoutReasons, mysqlReasons };
      return checkedDataset(name, ownCode, columnChanges(dataset, known), reasons);
    }),
  );
  const removed = gone.map((name): DatasetCheck => {
    const reasons = mysql.reasons.filter((reason) => mentions(reason, name));
    const verdict = reasons.length > 0 ? 'refused' : 'compatible';
    return { dataset: name, state: 'gone', code: 'changed', verdict, columns: [], reasons };
  });
  const all = [...checked, ...removed];
  const verdict = worst(all.map((each) => each.verdict));
  return {
    datasets: all,
    verdict,
    commands: commandsFor(all, verdict, layout.isPending || mysql.isPending, stack),
  };
}

const newDataset = (dataset: string, reasons: readonly string[]): DatasetCheck => ({
  dataset,
  state: 'new',
  code: 'changed',
  verdict: reasons.length > 0 ? 'refused' : 'compatible',
  columns: [],
  reasons,
});

/** @param refusals of the dataset; those of a column are told there */
function checkedDataset(
  dataset: string,
  code: DatasetCheck['code'],
  columns: readonly ColumnChange[],
  refusals: readonly string[],
): DatasetCheck {
  const changes = columns.flatMap(({ places }) => Object.values(places));
  const reasons = refusals.filter((reason) => !changes.some(({ why }) => reason.endsWith(why)));
  const isSame = columns.length === 0 && code !== 'changed' && reasons.length === 0;
  const verdict = worst([
    ...changes.map((each) => each.verdict),
    ...(reasons.length > 0 ? (['refused'] as const) : []),
    ...(code === 'changed' ? (['replay'] as const) : []),
  ]);
  return { dataset, state: isSame ? 'same' : 'changed', code, verdict, columns, reasons };
}

function commandsFor(
  all: readonly DatasetCheck[],
  verdict: Verdict,
  isPlanPending: boolean,
  stack: string | undefined,
): string[] {
  if (verdict === 'refused' || all.every(({ state }) => state === 'same')) return [];
  const of = stack === undefined ? '' : ` --stack ${stack}`;
  return [
    ...(isPlanPending ? ['npx sluice migrate --plan'] : []),
    stack === undefined ? 'npm start' : `npx pulumi up${of}`,
    ...all
      .filter((each) => each.verdict === 'replay')
      .map(({ dataset }) => `npx sluice replay --dataset ${dataset}${of}`),
  ];
}

interface Deployed {
  readonly columns: readonly GlueColumn[];
  /** Of its Iceberg table. */
  readonly metadata: string | undefined;
}

/**
 * The columns of each dataset that the stack has, by its archive's table: the program registers it with the
 * types of the columns, whatever the lake's format.
 */
async function deployedColumns(target: Target): Promise<Map<string, Deployed>> {
  const tables = new Map<string, Table>();
  for await (const table of glueTables(target))
    if (!isLedgerTable(table.Name ?? '')) tables.set(table.Name ?? '', table);
  const found = new Map<string, Deployed>();
  const suffix = archiveTableName('');
  for (const [archive, { StorageDescriptor, PartitionKeys = [] }] of tables) {
    if (!archive.endsWith(suffix)) continue;
    const name = archive.slice(0, -suffix.length);
    const columns = [...(StorageDescriptor?.Columns ?? []), ...PartitionKeys].map(
      ({ Name = '', Type = '' }) => ({ name: Name, type: Type }),
    );
    found.set(name, { columns, metadata: icebergMetadata(tables.get(name)?.Parameters) });
  }
  return found;
}

async function schemaInLake(target: Target, { metadata }: Deployed) {
  const open = await openTable(target, { metadata });
  return open && { schema: currentSchema(open.metadata), lastColumnId: open.metadata['last-column-id'] };
}

/** Why the records beside the code can't follow the datasets, and whether they have to. */
function refusals(pending: () => unknown): {
  readonly reasons: readonly string[];
  readonly isPending: boolean;
} {
  try {
    return { reasons: [], isPending: pending() !== undefined };
  } catch (error) {
    if (error instanceof LosesData) return { reasons: error.reasons, isPending: true };
    if (!(error instanceof LayoutRefused)) throw error;
    const reasons = errorText(error)
      .split('\n')
      .filter((line) => line.startsWith('  '));
    return { reasons: reasons.map((line) => line.trim()), isPending: true };
  }
}

/** Whether a reason is of a dataset: of its table, or of one of its lists. */
const mentions = (reason: string, dataset: string) => new RegExp(`\\b${dataset}(\\b|_)`).test(reason);
