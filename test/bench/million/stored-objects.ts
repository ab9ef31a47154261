import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { PUBLICATIONS } from '../../../domain/stage.ts';
import {
  archiveKey,
  dataKey,
  extractionReceiptKey,
  ledgerEntryKey,
  loadingReceiptKey,
  publicationKey,
  transformationReceiptKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import { sourceMetadata } from '../../../handlers/stages/source-metadata.ts';
import type { BucketPurpose } from '../../../infra/outputs.ts';
import { systemClock } from '../../../local-aws/core/clock.ts';
import { account } from '../../../local-aws/iam/credentials.ts';
import { Store } from '../../../local-aws/s3/storage/store.ts';

const BODY_BYTES = 200;
const AT_ONCE = 50;
const difficulties = ['easy', 'medium', 'hard'] as const;

/** What is stored of each raw object: itself, and seven objects that the pipeline makes of it. */
export const STORED_OF_EACH = 8;
/** Every fifth key is put twice, and every twentieth is deleted. */
const OVERWRITTEN = 5;
const DELETED = 20;

interface Kept {
  readonly bucket: BucketPurpose;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Fills the S3 of a local cloud that is not running, with objects as the pipeline keeps them, under keys of
 * its own making. Not over HTTP, which would take twenty minutes for a million.
 *
 * @param buckets the names of the buckets
 * @param rawObjects how many, of which `STORED_OF_EACH` keys each are stored
 */
export async function fill(
  directory: string,
  buckets: Readonly<Record<BucketPurpose, string>>,
  rawObjects: number,
): Promise<void> {
  const store = new Store({
    buckets: Object.values(buckets).map((name) => ({ name, versioning: 'Enabled', eventBridge: true })),
    directory: join(directory, 's3'),
    clock: systemClock,
    region: 'us-east-1',
    accountId: account,
    wants: ({ detail: { bucket, object } }) =>
      [buckets.raw, buckets.archive].includes(bucket.name) || object.key.startsWith(PUBLICATIONS),
    publish: async () => {},
  });
  await store.start();
  const origin = { requestId: 'bench', requester: account, sourceIp: '127.0.0.1' };
  const put = async ({ bucket: purpose, key, headers }: Kept, time: number) => {
    const bucket = store.bucket(buckets[purpose]);
    const body = Buffer.from(`${key} ${time} `.padEnd(BODY_BYTES, '.').slice(-BODY_BYTES));
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(body));
    await store.take(bucket, origin, once(body), (blob) =>
      bucket.put(
        key,
        {
          size: body.length,
          etag: createHash('md5').update(body).digest('hex'),
          slices: [{ blob, size: body.length }],
          multipart: false,
          headers,
          checksum: { algorithm: 'CRC32', value: checksum.toString('base64'), type: 'FULL_OBJECT' },
        },
        'PutObject',
        store.stamp(),
      ),
    );
  };
  const remove = async ({ bucket: purpose, key }: Kept) => {
    const bucket = store.bucket(buckets[purpose]);
    const { done } = bucket.remove(key, undefined, store.stamp());
    if (done) await store.commit(bucket, origin, done);
  };
  const keep = async (kept: Kept, number: number) => {
    await put(kept, 1);
    if (number % OVERWRITTEN === 0) await put(kept, 2);
    if (number % DELETED === 1) await remove(kept);
  };
  try {
    let number = 0;
    for (let from = 0; from < rawObjects; from += AT_ONCE) {
      const working: Promise<void>[] = [];
      for (let i = from; i < Math.min(from + AT_ONCE, rawObjects); i += 1)
        for (const kept of keptOf(i)) {
          number += 1;
          working.push(keep(kept, number));
        }
      await Promise.all(working);
    }
  } finally {
    await store.close();
  }
}

/** The key of a raw object. */
export const rawKey = (i: number): string =>
  `recipes/2026/${two(1 + (Math.floor(i / 25_000) % 12))}/${two(1 + (Math.floor(i / 900) % 28))}/soups-${String(i).padStart(7, '0')}.ndjson`;

const two = (value: number) => String(value).padStart(2, '0');

function keptOf(i: number): Kept[] {
  const key = rawKey(i);
  const id = createHash('sha256').update(key).digest('base64url').slice(0, 32);
  const path = versionPath({ dataset: 'recipes', key, versionId: id });
  const place = `difficulty=${difficulties[i % difficulties.length]}/`;
  const file = dataKey(path, 0, place, { codeVersion: 'ce68d34fe45eb524', extension: 'parquet' });
  const json = { 'content-type': 'application/json' };
  const metadata = Object.entries(sourceMetadata({ key, versionId: id, sequencer: '001A220334F4200000' }));
  const parquet = {
    'content-type': 'application/vnd.apache.parquet',
    ...Object.fromEntries(metadata.map(([name, value]) => [`x-amz-meta-${name}`, value])),
    'x-amz-meta-records': '10',
  };
  const ledger = (name: string): Kept => ({ bucket: 'ledger', key: name, headers: json });
  return [
    { bucket: 'raw', key, headers: { 'content-type': 'application/octet-stream' } },
    ledger(ledgerEntryKey(path)),
    { bucket: 'processed', key: file, headers: parquet },
    ledger(transformationReceiptKey(path, 0)),
    ledger(extractionReceiptKey(path)),
    ledger(publicationKey(path, 0, 1)),
    { bucket: 'archive', key: archiveKey(file), headers: parquet },
    ledger(loadingReceiptKey(path, 0)),
  ];
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
