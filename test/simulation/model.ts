import { recipes } from '../../domain/datasets/recipes.ts';
import { parseEdition } from '../../domain/edition.ts';
import { faultKey, parseProcessedKey, versionPath } from '../../domain/key-layout.ts';
import { type Head, head } from '../../domain/ledger.ts';
import {
  type ExtractionReceipt,
  type Receipt,
  receipt,
  type TransformationReceipt,
  total,
} from '../../domain/receipt.ts';
import { rejectLine } from '../../domain/reject.ts';
import type { StoredObject } from '../../local/s3/bucket.ts';
import { bytesOf } from './memory-store.ts';
import type { Pipeline } from './pipeline.ts';
import {
  type Change,
  lineOf,
  linesOf,
  outcomeOf,
  rejectsOf,
  rowsOf,
  type Uploaded,
} from './specification.ts';
import type { Poison } from './workload.ts';

/** What is wrong, each named; nothing when the end is what it must be. */
export async function findings(
  pipeline: Pipeline,
  history: readonly Change[],
  poison: readonly Poison[],
  replayed: readonly string[],
): Promise<string[]> {
  const found = [
    ...(await checkQueues(pipeline, poison)),
    ...pipeline.lostEvents.map((line) => `lost event: ${line}`),
    ...checkRetries(pipeline),
  ];
  const check = (what: string, actual: unknown, expected: unknown) => {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (is !== should) found.push(`${what}: is ${is}, must be ${should}`);
  };

  const receipts = await readReceipts(pipeline);
  const files = new Map<string, Set<string>>(
    ['temp', 'processed', 'archive', 'failed'].map((name) => [name, new Set()]),
  );
  const rows = await readRows(pipeline);
  const rejects = await readRejects(pipeline);
  const heads = await readHeads(pipeline);

  const checkVersion = (upload: Uploaded, name: string, isShown: boolean, stands: boolean) => {
    const own = receipts.filter((each) => each.key === upload.key && each.versionId === upload.versionId);
    check(`rows of ${name}`, (rows.get(pathOf(upload)) ?? []).sort(), isShown ? rowsOf(upload).sort() : []);
    check(
      `rejects of ${name}`,
      (rejects.get(pathOf(upload)) ?? []).sort(),
      stands ? rejectsOf(upload).sort() : [],
    );
    checkReceipts(check, name, upload, own, stands);
    if (!stands) return;
    for (const each of own.flatMap((receipt) => receipt.rejects)) files.get('failed')?.add(each.key);
    if (upload.fault !== undefined)
      files.get('failed')?.add(faultKey(versionPath(identity(upload)), 'extraction'));
    for (const receipt of own) {
      if (receipt.stage === 'extraction') for (const part of receipt.parts) files.get('temp')?.add(part.key);
      if (receipt.stage !== 'transformation') continue;
      for (const output of receipt.outputs) {
        files.get('processed')?.add(output.key);
        files.get('archive')?.add(output.key);
      }
    }
  };

  for (const [key, changes] of Map.groupBy(history, (change) => change.key)) {
    const { shown, rejected } = outcomeOf(changes);
    const head = heads.get(key);
    const current = head?.current?.type === 'created' ? head.current.versionId : undefined;
    const attempts = head?.attempts.map(({ versionId }) => versionId) ?? [];
    const plain = (name: string | undefined) => name && parseEdition(name).versionId;
    check(`version that ${key} shows`, plain(current), shown?.versionId);
    check(`attempts at ${key}`, attempts.map(plain), rejected ? [rejected.versionId] : []);
    check(`superseded versions of ${key}`, head?.superseded, []);
    const table = pipeline.tables.rows(recipes, key);
    check(
      `rows of ${key} in the table`,
      table.map(({ row }) => lineOf(row)).sort(),
      shown ? rowsOf(shown).sort() : [],
    );
    const asked = Math.max(
      0,
      ...replayed
        .map(parseEdition)
        .filter(({ versionId }) => versionId === plain(current))
        .map(({ edition }) => edition),
    );
    const { edition } = parseEdition(current ?? '');
    // One that a deploy has interrupted is done in another one.
    const most = pipeline.isDeployed ? asked + 1 : asked;
    if (edition < asked || edition > most)
      found.push(`edition of ${key}: is ${edition}, must be from ${asked} to ${most}`);
    check(
      `versions of the rows of ${key} in the table`,
      [...new Set(table.map(({ sequencer }) => sequencer))],
      table.length === 0
        ? []
        : [`${head?.current?.sequencer}${edition === 0 ? '' : `!${String(edition).padStart(4, '0')}`}`],
    );
    /** In the edition that stands; nothing else is left of a version. */
    const names = [current, ...attempts].filter((name) => name !== undefined);
    for (const change of changes) {
      if ('deleted' in change) continue;
      const label = `${key} ${change.versionId.slice(0, 6)}`;
      const versionId = names.find((name) => plain(name) === change.versionId) ?? change.versionId;
      checkVersion(
        { ...change, versionId },
        label,
        change === shown,
        change === shown || change === rejected,
      );
    }
  }
  const versions = new Set(history.map((change) => ('deleted' in change ? '' : change.versionId)));
  check(
    'receipts of what nobody put',
    receipts.filter(({ versionId }) => !versions.has(parseEdition(versionId).versionId)).length,
    0,
  );
  for (const [bucket, expected] of files) {
    const keys = new Set(keysOf(pipeline, bucket).filter((key) => !key.startsWith('gave-up/')));
    check(`unaccounted keys in ${bucket}`, [...keys.difference(expected)], []);
    check(`keys that lack in ${bucket}`, [...expected.difference(keys)], []);
  }
  return found;
}

/** The receipts of a version must tell the truth, and be complete when the version stands. */
function checkReceipts(
  check: (what: string, actual: unknown, expected: unknown) => void,
  name: string,
  upload: Uploaded,
  own: readonly Receipt[],
  stands: boolean,
): void {
  const extractions = own.filter((each): each is ExtractionReceipt => each.stage === 'extraction');
  const transformations = own.filter(
    (each): each is TransformationReceipt => each.stage === 'transformation',
  );
  const [extraction] = extractions;
  if (extractions.length > 1 || stands) check(`receipts of the extraction of ${name}`, extractions.length, 1);
  if (extraction === undefined) return;
  check(`fault of ${name}`, extraction.fault?.code, upload.fault);
  check(`records read of ${name}`, extraction.read, upload.fates.length);
  if (!stands) return;
  check(
    `conservation of ${name}`,
    extraction.read,
    transformations.reduce(
      (sum, { written, filtered, rejected }) => sum + written + total(filtered) + total(rejected),
      0,
    ) + total(extraction.rejected),
  );
  check(
    `parts transformed of ${name}`,
    transformations.map(({ part }) => part).sort(),
    extraction.parts.map((_, n) => n),
  );
  const archived = own.filter(({ stage }) => stage === 'loading').length;
  check(`files loaded of ${name}`, archived, transformations.flatMap(({ outputs }) => outputs).length);
}

function identity({ key, versionId }: Uploaded) {
  return { dataset: key.startsWith('recipes/') ? 'recipes' : '_unknown', key, versionId };
}

function pathOf(upload: Uploaded): string {
  const { dataset, objectId, version } = versionPath(identity(upload));
  return `${dataset}/${objectId}/${version}`;
}

function bucketOf({ store }: Pipeline, purpose: string) {
  const bucket = store.buckets.find(({ settings }) => settings.name.includes(`-${purpose}-`));
  if (bucket === undefined) throw new Error(`There is no ${purpose} bucket.`);
  return bucket;
}

function keysOf(pipeline: Pipeline, purpose: string): string[] {
  const bucket = bucketOf(pipeline, purpose);
  return [...bucket.keys].filter((key) => bucket.current(key) !== undefined);
}

async function* currentObjects(
  pipeline: Pipeline,
  purpose: string,
): AsyncGenerator<[string, Buffer, StoredObject]> {
  const bucket = bucketOf(pipeline, purpose);
  for (const key of bucket.keys) {
    const object = bucket.current(key);
    if (object !== undefined) yield [key, await bytesOf(pipeline.store, object), object];
  }
}

async function readReceipts(pipeline: Pipeline): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for await (const [key, bytes] of currentObjects(pipeline, 'ledger'))
    if (key.startsWith('receipts/')) receipts.push(receipt.parse(JSON.parse(bytes.toString())));
  return receipts;
}

/** By raw key. */
export async function readHeads(pipeline: Pipeline): Promise<Map<string, Head>> {
  const heads = new Map<string, Head>();
  for await (const [key, bytes] of currentObjects(pipeline, 'ledger')) {
    if (!key.startsWith('heads/')) continue;
    const each = head.parse(JSON.parse(bytes.toString()));
    heads.set(each.key, each);
  }
  return heads;
}

/** Of the lake, by the version that they come from, as its keys tell. */
async function readRows(pipeline: Pipeline): Promise<Map<string, string[]>> {
  const rows = new Map<string, string[]>();
  for await (const [key, bytes] of currentObjects(pipeline, 'processed')) {
    const address = parseProcessedKey(key);
    if (address === undefined) continue;
    const { dataset, objectId, version, partitionPath } = address;
    const source = `${dataset}/${objectId}/${version}`;
    const lines = await linesOf(bytes, partitionPath);
    rows.set(source, [...(rows.get(source) ?? []), ...lines]);
  }
  return rows;
}

/** Of the failed bucket, by version path. */
async function readRejects(pipeline: Pipeline): Promise<Map<string, string[]>> {
  const rejects = new Map<string, string[]>();
  for await (const [key, bytes] of currentObjects(pipeline, 'failed')) {
    const [, path = ''] = /^rejects\/(.*)\/[^/]+$/.exec(key) ?? [];
    if (path === '') continue;
    for (const line of bytes.toString().trimEnd().split('\n')) {
      const { recordNumber, code } = rejectLine.parse(JSON.parse(line));
      rejects.set(path, [...(rejects.get(path) ?? []), `${recordNumber} ${code}`]);
    }
  }
  return rejects;
}

/** Whatever is written twice must be the same bytes, and a receipt is written once. */
function checkRetries(pipeline: Pipeline): string[] {
  const found: string[] = [];
  for (const purpose of ['temp', 'processed', 'archive', 'failed', 'ledger']) {
    const bucket = bucketOf(pipeline, purpose);
    for (const key of bucket.keys) {
      const versions = bucket.versions(key);
      if (key.startsWith('heads/') || key.startsWith('gave-up/')) continue;
      const bodies = new Set(versions.flatMap((each) => (each.marker ? [] : [each.etag])));
      if (bodies.size > 1)
        found.push(`a retry wrote other bytes: ${purpose}/${key} has ${bodies.size} different versions`);
      if (purpose === 'ledger' && versions.length > 1) found.push(`a receipt was written twice: ${key}`);
    }
  }
  return found;
}

/** Only poison may be left, each in the DLQ of the queue that it was sent to. */
async function checkQueues(pipeline: Pipeline, poison: readonly Poison[]): Promise<string[]> {
  const found: string[] = [];
  for (const { name, arn } of pipeline.queues.filter(({ redrive }) => redrive === undefined)) {
    const sources = pipeline.queues.filter((queue) => queue.redrive?.deadLetterQueue === name);
    const expected = poison.filter(({ queueArn }) => sources.some((source) => source.arn === queueArn));
    const left = await pipeline.queue(arn).receive(10, 0);
    const [is, should] = [left.map(({ body }) => body).sort(), expected.map(({ body }) => body).sort()];
    if (JSON.stringify(is) !== JSON.stringify(should))
      found.push(`${name} holds ${JSON.stringify(is)}, must hold ${JSON.stringify(should)}`);
  }
  return found;
}
