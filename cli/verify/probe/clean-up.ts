import { DeletePartitionCommand } from '@aws-sdk/client-glue';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { archiveTableName, VERIFICATION } from '../../../domain/dataset.ts';
import { ErasureScope } from '../../../domain/operations/erasure.ts';
import { dataPrefixOf, parseFileKey, parseLedgerKey } from '../../../domain/versions/key-layout.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import { listVersions } from '../../../store/listing.ts';
import { describeInventory } from '../../ledger/erasure/describe.ts';
import { Erasure } from '../../ledger/erasure/erase.ts';
import { isEmpty } from '../../ledger/erasure/inventory.ts';
import { untilQuiet } from '../../ledger/erasure/quiet.ts';
import { type ErasableRows, RowsOfObjects } from '../../ledger/erasure/rows.ts';
import { ledgerOf } from '../../ledger/ledger.ts';
import { withMysql } from '../../mysql/mysql.ts';
import { HIDDEN_SECONDS } from '../../target/held-messages.ts';
import { queueDepth } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { probeObjects, probePrefix } from './objects.ts';
import { archiveTable } from './sinks.ts';
import { differs, type ProbeOptions, untilNextLook } from './step.ts';

type CleanUpOptions = Pick<ProbeOptions, 'target' | 'signal' | 'progress' | 'mysqlUrl'>;

/** Erases everything of a run: in every bucket and queue, MySQL, every snapshot of the table, the catalog. */
export async function cleanUp(
  { run, keys }: { readonly run: string; readonly keys: readonly string[] },
  options: CleanUpOptions,
): Promise<string> {
  const { target, signal, progress, mysqlUrl } = options;
  // Every file of the lake and the archive begins with its dataset's name.
  const scope = new ErasureScope(keys, undefined, probePrefix);
  const erase = async (rows: ErasableRows | undefined) => {
    const erasure = new Erasure({ target, scope, rows, signal, progress });
    return erasure.erase(await erasure.inventory());
  };
  const url = mysqlUrl();
  // Only the pipeline itself reaches the rows then: it removes those of deleted objects.
  if (url === undefined && target.outputs.mysql !== undefined) await retract(keys, options);
  const left = await (url === undefined
    ? erase(undefined)
    : withMysql(url, (connection) => erase(new RowsOfObjects(connection))));
  // Its files are gone, so that no crawl brings it back.
  await removePartition(run, target);
  if (!isEmpty(left))
    throw differs(
      'left_behind',
      `${probePrefix}${run}/`,
      `This is left: ${describeInventory(left)}`,
      'To erase it: npx sluice verify --clean',
    );
  return `everything was erased; the table ${VERIFICATION} stays, with nothing of this run in any snapshot, and the lines in the logs until their retention ends`;
}

async function removePartition(run: string, { glue, outputs }: Target): Promise<void> {
  const of = { DatabaseName: outputs.catalog.database, TableName: archiveTableName(VERIFICATION) };
  await glue.send(new DeletePartitionCommand({ ...of, PartitionValues: [run] })).catch((error: Error) => {
    if (error.name !== 'EntityNotFoundException') throw error;
  });
}

async function retract(keys: readonly string[], { target, signal, progress }: CleanUpOptions): Promise<void> {
  const Bucket = target.outputs.buckets.raw;
  for (const Key of keys) await target.s3.send(new DeleteObjectCommand({ Bucket, Key }));
  await untilQuiet(target, signal, progress);
}

/**
 * Erases what runs have left behind that were interrupted or killed. A run that was killed while it erased
 * has objects no longer, but entries in the ledger, which go last, files whose names have its name, or its
 * partition.
 *
 * @returns how many runs
 */
export async function cleanUpAll(options: CleanUpOptions): Promise<number> {
  const { target } = options;
  const runs = new Map<string, Set<string>>();
  const note = (run: string, ...keys: readonly string[]) =>
    runs.set(run, new Set([...(runs.get(run) ?? probeObjects(run).keys), ...keys]));
  const noteKey = (key: string) => note(key.slice(probePrefix.length).split('/')[0] ?? '', key);
  for await (const { key } of listVersions(target, target.outputs.buckets.raw, probePrefix)) noteKey(key);
  for await (const key of keysInLedger(target)) noteKey(key);
  for await (const run of runsOfFiles(target)) note(run);
  for (const { values } of (await archiveTable(target))?.partitions ?? []) note(values[0] ?? '');
  if (runs.size > 0) await untilReleased(options);
  for (const [run, keys] of runs) await cleanUp({ run, keys: [...keys] }, options);
  return runs.size;
}

async function* keysInLedger(target: Target): AsyncGenerator<string> {
  const { ledger } = target.outputs.buckets;
  for await (const { key } of listVersions(target, ledger, `heads/${VERIFICATION}/`)) {
    const place = parseLedgerKey(key);
    const entry = place && (await ledgerOf(target).entry(place).catch(unreadableDocument));
    if (entry !== undefined && 'key' in entry) yield entry.key;
  }
}

/** The runs that files of the lake and the archive are of, also those that no ledger entry knows. */
async function* runsOfFiles(target: Target): AsyncGenerator<string> {
  const { processed, archive } = target.outputs.buckets;
  for (const [bucket, prefix] of [
    [processed, dataPrefixOf(VERIFICATION)],
    [archive, probePrefix],
  ] as const)
    for await (const { key } of listVersions(target, bucket, prefix)) {
      const run = /^run=([^/]+)\/$/.exec(parseFileKey(key)?.partitionPath ?? '')?.[1];
      if (run !== undefined) yield run;
    }
}

/** Waits for the dead letters that a killed run holds: nobody else sees them until then. */
async function untilReleased({ target, signal, progress }: CleanUpOptions): Promise<void> {
  const end = Date.now() + HIDDEN_SECONDS * 1000;
  while ((await queueDepth(target, target.outputs.deadLetterQueues.extraction)).inFlight > 0) {
    if (Date.now() > end) return;
    progress('Waiting until the dead letters are visible that a killed run holds');
    await untilNextLook({ target, signal });
  }
}
