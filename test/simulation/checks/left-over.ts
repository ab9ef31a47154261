import { parseOutlineKey } from '../../../domain/records/segments/outline.ts';
import { objectId, parseCompactedKey, parseDataKey } from '../../../domain/versions/key-layout.ts';
import { isSettled, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';
import { statusOf } from '../../../domain/versions/version-status.ts';
import type { Version } from '../../../local-aws/s3/storage/model.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Contents } from './contents.ts';
import type { Past } from './past.ts';

/**
 * Rejects that a dead attempt by other code left of a part or a file, and no receipt names: they are removed
 * where the message is known to come again, or there are other rejects of the same; a copy of the message is
 * not known to be one (docs/reliability.md).
 */
export function rejectsOfOtherCodes(pipeline: Pipeline, receipts: readonly Receipt[]): ReadonlySet<string> {
  if (pipeline.deploys === 0) return new Set();
  const named = new Set(receipts.flatMap((each) => each.rejects.map(({ key }) => key)));
  const all = pipeline.contents.keys('failed').filter((key) => /\/(transformation|loading)-/.test(key));
  return new Set(all.filter((key) => key.startsWith('rejects/') && !named.has(key)));
}

/** Faults that were written after their writer's death: whoever cleans up may have looked before. */
export function posthumousFaults(pipeline: Pipeline): ReadonlySet<string> {
  const faults = pipeline.contents.keys('failed').filter((key) => key.startsWith('faults/'));
  return new Set(faults.filter((key) => pipeline.posthumous.some((call) => call.includes(key))));
}

/**
 * Files of the processed bucket that may be there though nothing shows them, when the maintenance has removed
 * what is garbage: the documents that tables name, and files of versions that are not gone, nor
 * settled with rows in compacted files.
 */
export async function unread(
  contents: Contents,
  entries: Iterable<LedgerEntry>,
): Promise<ReadonlySet<string>> {
  const byObject = new Map(
    [...entries].map((entry) => [`${entry.dataset}/${objectId(entry.key)}`, entry] as const),
  );
  const named = await contents.tableDocuments();
  const shown = await contents.snapshotFiles();
  const compacted = await contents.compactedVersions();
  const isTable = (key: string) => contents.tables.includes(key.slice(0, key.indexOf('/')));
  return new Set(
    contents.keys('processed').filter((key) => {
      if (parseCompactedKey(key) !== undefined) return shown.has(key);
      const file = parseDataKey(key);
      // Without the table, nobody knows what it has.
      if (file === undefined) return key.includes('/metadata/') && (named.has(key) || !isTable(key));
      if (file.extension === 'parquet' && !isTable(key)) return true;
      const entry = byObject.get(`${file.dataset}/${file.objectId}`);
      const isReplaced = !shown.has(key) && compacted.has(`${file.dataset}/${file.objectId}/${file.version}`);
      return statusOf(entry, file) !== 'gone' && !(isReplaced && entry && isSettled(entry));
    }),
  );
}

/**
 * What one code writes twice must be the same bytes, unless it was removed in between; and a receipt is
 * written once.
 */
export function retries(pipeline: Pipeline): string[] {
  const found: string[] = [];
  const codes = 1 + pipeline.deploys;
  for (const purpose of ['temp', 'processed', 'archive', 'failed', 'ledger'] as const) {
    const bucket = pipeline.contents.bucket(purpose);
    for (const key of bucket.keys) {
      if (/^(heads|attempts|gave-up|faults)\/|\/metadata\/|\/(deleted\.whole|checkpoint)\.json$/.test(key))
        continue;
      const versions = bucket.versions(key);
      const isOfCode =
        purpose === 'archive' || key.startsWith('rejects/') || parseOutlineKey(key) !== undefined;
      const most = isOfCode ? codes : 1;
      if (mostBodies(versions) > most)
        found.push(`a retry wrote other bytes: ${purpose}/${key} has ${versions.length} versions`);
      if (purpose === 'ledger' && versions.length > 1) found.push(`a receipt was written twice: ${key}`);
    }
  }
  return found;
}

/** How many different contents a key had, one after the other, without being removed. */
function mostBodies(versions: readonly Version[]): number {
  let most = 0;
  let bodies = new Set<string>();
  for (const version of versions) {
    if (version.marker) bodies = new Set();
    else bodies.add(version.etag);
    most = Math.max(most, bodies.size);
  }
  return most;
}

/** Only poison may be left, each in the DLQ of the queue that it was sent to. */
export async function queues(pipeline: Pipeline, { poison, purged }: Past): Promise<string[]> {
  const found: string[] = [];
  for (const { name, arn } of pipeline.queues.filter(({ redrive }) => redrive === undefined)) {
    const sources = pipeline.queues.filter((queue) => queue.redrive?.deadLetterQueue === name);
    const own = poison.filter(({ queueArn }) => sources.some((source) => source.arn === queueArn));
    const left = (await pipeline.queue(arn).receive(10, 0)).map(({ body }) => body).sort();
    const expected = own.map(({ body }) => body).filter((body) => !purged || left.includes(body));
    const [is, should] = [JSON.stringify(left), JSON.stringify(expected.sort())];
    if (is !== should) found.push(`${name} holds ${is}, must hold ${should}`);
  }
  return found;
}
