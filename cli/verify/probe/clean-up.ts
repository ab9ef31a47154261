import { DeletePartitionCommand } from '@aws-sdk/client-glue';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { VERIFICATION } from '../../../domain/dataset.ts';
import { ErasureScope } from '../../../domain/versions/erasure.ts';
import { listVersions } from '../../../store/listing.ts';
import { describeInventory } from '../../ledger/erasure/describe.ts';
import { Erasure } from '../../ledger/erasure/erase.ts';
import { isEmpty } from '../../ledger/erasure/inventory.ts';
import { untilQuiet } from '../../ledger/erasure/quiet.ts';
import { type ErasableRows, RowsOfObjects } from '../../ledger/erasure/rows.ts';
import { withMysql } from '../../mysql/mysql.ts';
import { lostKey, probePrefix } from './objects.ts';
import { differs, type ProbeOptions } from './step.ts';

type CleanUpOptions = Pick<ProbeOptions, 'target' | 'signal' | 'progress' | 'mysqlUrl'>;

/** Erases everything of a run, from every bucket and queue, MySQL and the catalog. */
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
  const { database } = target.outputs.catalog;
  await target.glue
    .send(
      new DeletePartitionCommand({ DatabaseName: database, TableName: VERIFICATION, PartitionValues: [run] }),
    )
    .catch((error: Error) => {
      if (error.name !== 'EntityNotFoundException') throw error;
    });
  if (!isEmpty(left))
    throw differs(
      'left_behind',
      `${probePrefix}${run}/`,
      `This is left: ${describeInventory(left)}`,
      'To erase it: npx sluice verify --clean',
    );
  return 'everything was erased; the lines in the logs stay until their retention ends';
}

async function retract(keys: readonly string[], { target, signal, progress }: CleanUpOptions): Promise<void> {
  const Bucket = target.outputs.buckets.raw;
  for (const Key of keys) await target.s3.send(new DeleteObjectCommand({ Bucket, Key }));
  await untilQuiet(target, signal, progress);
}

/** Erases what runs have left behind that were interrupted or killed. @returns how many runs */
export async function cleanUpAll(options: CleanUpOptions): Promise<number> {
  const { target } = options;
  const runs = new Map<string, Set<string>>();
  for await (const { key } of listVersions(target, target.outputs.buckets.raw, probePrefix)) {
    const run = key.slice(probePrefix.length).split('/')[0] ?? '';
    const prefix = `${probePrefix}${run}/`;
    runs.set(run, (runs.get(run) ?? new Set([lostKey(prefix)])).add(key));
  }
  for (const [run, keys] of runs) await cleanUp({ run, keys: [...keys] }, options);
  return runs.size;
}
