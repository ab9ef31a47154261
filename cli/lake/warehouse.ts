import { setTimeout as sleep } from 'node:timers/promises';
import {
  CancelStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  type Field,
  paginateGetStatementResult,
  type RedshiftDataClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-redshift-data';
import { base64Of } from '../../domain/base64.ts';
import { UserError } from '../terminal/user-error.ts';
import type { QueryResult } from './query-result.ts';

const NUMERIC = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric']);
const FIRST_POLL_MS = 100;
const LONGEST_POLL_MS = 2_000;

/**
 * Runs SQL in Redshift through its Data API ("Amazon Redshift Data API Reference"), as the user who is logged
 * in to AWS. Ctrl-C cancels the query.
 *
 * @throws {UserError} when the statement fails
 */
export async function queryWarehouse(
  client: RedshiftDataClient,
  { workgroup, database }: { readonly workgroup: string; readonly database: string },
  sql: string,
  progress: (text: string) => void,
): Promise<QueryResult> {
  const { Id = '' } = await client.send(
    new ExecuteStatementCommand({ WorkgroupName: workgroup, Database: database, Sql: sql }),
  );
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    const hasResult = await finished(client, Id, progress, interrupted.signal);
    return hasResult ? await resultOf(client, Id) : { columns: [], rows: [] };
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

/** Waits until the statement has ended. Returns whether it has a result. */
async function finished(
  client: RedshiftDataClient,
  Id: string,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const beganAt = Date.now();
  for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
    const { Status, Error: message, HasResultSet } = await client.send(new DescribeStatementCommand({ Id }));
    if (Status === 'FINISHED') return HasResultSet ?? false;
    if (Status === 'FAILED' || Status === 'ABORTED')
      throw new UserError(`The query failed: ${message ?? `Redshift says ${Status.toLowerCase()}.`}`);
    progress(`Redshift: ${Status?.toLowerCase()}, for ${Math.round((Date.now() - beganAt) / 1000)} s`);
    try {
      await sleep(pause, undefined, { signal });
    } catch {
      await cancel(client, Id);
      throw new UserError('The query was cancelled.');
    }
  }
}

async function cancel(client: RedshiftDataClient, Id: string): Promise<void> {
  try {
    await client.send(new CancelStatementCommand({ Id }));
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
}

async function resultOf(client: RedshiftDataClient, Id: string): Promise<QueryResult> {
  let columns: QueryResult['columns'] = [];
  const rows: unknown[][] = [];
  for await (const { ColumnMetadata, Records = [] } of paginateGetStatementResult({ client }, { Id })) {
    columns = (ColumnMetadata ?? []).map(({ name = '', typeName = '' }) => ({
      name,
      numeric: NUMERIC.has(typeName),
    }));
    for (const record of Records)
      rows.push(record.map((field, i) => plainValue(field, ColumnMetadata?.[i]?.typeName)));
  }
  return { columns, rows };
}

/** Redshift shows bytes as hexadecimal digits ("VARBYTE type"); here they are base64, as everywhere. */
function plainValue(field: Field, type = ''): unknown {
  if (field.isNull) return null;
  const { stringValue, longValue, doubleValue, booleanValue, blobValue } = field;
  const bytes = blobValue ?? (type === 'varbyte' && stringValue && Buffer.from(stringValue, 'hex'));
  if (bytes) return base64Of(bytes);
  return stringValue ?? longValue ?? doubleValue ?? booleanValue ?? null;
}
