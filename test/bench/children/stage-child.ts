// Runs one stage over files, in this process:
// stage-child <extraction|outlined-extraction|transformation> <directory> <input> <key>
// Of an outlined one, other functions outline what they are asked for at once.
import { createReadStream, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { datasets } from '../../../datasets/index.ts';
import { boundsOf } from '../../../domain/records/decoding/source.ts';
import { limits } from '../../../domain/records/part.ts';
import { outline, outlineKey } from '../../../domain/records/segments/outline.ts';
import { Registry } from '../../../domain/registry.ts';
import { parsePartKey } from '../../../domain/versions/key-layout.ts';
import { threadedZstd } from '../../../formats/zstd.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import '../../../handlers/heap.ts';
import { extractObject } from '../../../handlers/stages/extraction/extract-object.ts';
import { outlineSegment } from '../../../handlers/stages/extraction/outline-segment.ts';
import { transformPart } from '../../../handlers/stages/transformation/transform-part.ts';
import { recordedSchemas } from '../../../lake/table-schema.ts';
import layouts from '../../../mysql/migrations/lake.json' with { type: 'json' };
import type { ObjectStore } from '../../../store/object-store.ts';
import { parquetDataset, typeDatasets } from '../types/datasets.ts';

const [, , stage = '', directory = '', input = '', key = ''] = process.argv;
const RAW = 'raw';

const pathOf = (bucket: string, key: string) => join(directory, bucket, encodeURIComponent(key));

/** Milliseconds of a processor: at which each part was stored, or which it took. */
const parts: number[] = [];

/** The segments that others have outlined: milliseconds of a processor, and how many parts. */
const outlines: { readonly ms: number; readonly parts: number }[] = [];
const outlinesMs = () => outlines.reduce((sum, { ms }) => sum + ms, 0);

/** The ledger, in memory: its objects are small, and written under conditions. */
const ledger = new Map<string, string>();

const store: ObjectStore = {
  async read({ bucket, key }, range) {
    const path = bucket === RAW ? input : pathOf(bucket, key);
    const { start, end } = boundsOf(range, statSync(path).size);
    return start < end ? createReadStream(path, { start, end: end - 1 }) : Readable.from([]);
  },
  describe: () => Promise.reject(new Error('Not of these stages.')),
  exists: async () => false,
  bytes: () => Promise.reject(new Error('Not of these stages.')),
  async write({ bucket, key, body }) {
    const path = pathOf(bucket, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, body);
    if (parsePartKey(key) !== undefined && bucket === 'temp') parts.push(cpuMs() - outlinesMs());
    return { etag: '', versionId: '' };
  },
  async create({ key, body }) {
    if (ledger.has(key)) return undefined;
    ledger.set(key, String(body));
    return { etag: '', versionId: '' };
  },
  async replace({ key, body }) {
    ledger.set(key, String(body));
    return { etag: '', versionId: '' };
  },
  async find(bucket, key) {
    const inFile = () => readFile(pathOf(bucket, key), 'utf8').catch(() => undefined);
    const text = bucket === 'temp' ? await inFile() : ledger.get(key);
    return text === undefined ? undefined : { text, etag: '', modified: 0 };
  },
  async list(bucket, prefix) {
    if (bucket !== 'temp') return [];
    const names = await readdir(join(directory, bucket));
    return names.map(decodeURIComponent).filter((name) => name.startsWith(prefix));
  },
  /** Nothing is superseded, but an extraction that takes long removes its checkpoint, and the outlines. */
  async remove(bucket, keys) {
    for (const key of keys) await rm(pathOf(bucket, key), { force: true });
  },
  copy: () => Promise.reject(new Error('Not of these stages.')),
};

const stageContext: StageContext = {
  store,
  now: Date.now,
  elapsed: () => performance.now(),
  wait: () => Promise.reject(new Error('Not of these stages.')),
  codeVersion: 'bench',
  registry: new Registry([...datasets, ...typeDatasets, parquetDataset]),
  zstd: threadedZstd,
  limits,
  tableSchema: recordedSchemas(layouts),
  deadline: Number.MAX_SAFE_INTEGER,
  isEnding: () => false,
  async handOver({ segment, ...event }) {
    if (segment === undefined || stage !== 'outlined-extraction') throw new Error('There is time enough.');
    // One after the other, to tell how long each takes.
    outlining = outlining.then(async () => {
      const before = cpuMs();
      await outlineSegment(event, segment, buckets, stageContext);
      const address = outlineKey(new Registry(datasets).pathOf(event), segment);
      const { text = '' } = (await store.find('temp', address)) ?? {};
      outlines.push({ ms: cpuMs() - before, parts: outline.parse(JSON.parse(text)).parts.length });
    });
    await outlining;
  },
  message: 'bench',
  invocation: 'bench',
  sentAt: Date.now(),
  batch: {},
  receives: 1,
};
const buckets = { raw: RAW, temp: 'temp', processed: 'processed', failed: 'failed', ledger: 'ledger' };
const event = {
  type: 'created',
  versionId: 'v1',
  sequencer: '01',
  size: undefined,
  permanent: false,
  reason: 'PutObject',
  revision: 0,
  time: '',
} as const;

const cpu = process.cpuUsage();
function cpuMs(): number {
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1000;
}
let outlining: Promise<void> = Promise.resolve();
const startedAt = performance.now();
let records = 0;
const isExtraction = stage !== 'transformation';
if (isExtraction) {
  const { size } = statSync(input);
  const outcome = await extractObject({ ...event, bucket: RAW, key, size }, buckets, stageContext);
  records = outcome.read;
} else {
  for (const name of (await readdir(join(directory, buckets.temp))).sort()) {
    const before = cpuMs();
    const outcome = await transformPart(
      { ...event, bucket: buckets.temp, key: decodeURIComponent(name) },
      buckets,
      stageContext,
    );
    parts.push(cpuMs() - before);
    records += outcome.read;
  }
}
const ms = performance.now() - startedAt;
const peakMb = process.resourceUsage().maxRSS / 1024;
const sizes = isExtraction ? [] : await readdir(join(directory, buckets.processed));
const outputBytes = (
  await Promise.all(
    sizes.map(async (name) => (await readFile(join(directory, buckets.processed, name))).length),
  )
).reduce((sum, bytes) => sum + bytes, 0);
const result = { ms, cpuMs: cpuMs() - outlinesMs(), records, peakMb, outputBytes, parts, outlines };
console.log(JSON.stringify(result));
