import { join } from 'node:path';
import { deployedDatasets, registry } from '../../datasets/index.ts';
import {
  parseDataKey,
  publicationKey,
  type VersionPath,
  versionPath,
} from '../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { type PublishedPart, publishedPart } from '../../domain/versions/publication.ts';
import { maintain, retentionOf } from '../../handlers/maintenance/maintain.ts';
import { Commits } from '../../handlers/stages/commit/commits.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { extractObject } from '../../handlers/stages/extraction/extract-object.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { asTheyCome } from '../../lake/compaction/plan.ts';
import { glueCatalog } from '../../lake/glue-catalog.ts';
import { parseS3Uri } from '../../lake/table-files.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import layouts from '../../mysql/migrations/lake.json' with { type: 'json' };
import { Ledger } from '../../store/ledger.ts';
import { type ObjectStore, s3ObjectStore } from '../../store/object-store.ts';
import { buckets, metadataOf, ndjson, putRaw, recipe } from '../handlers/flow.ts';
import { maintenanceOf } from '../handlers/maintenance/memory-maintenance.ts';
import { tableFiles } from '../pipeline/table-files.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../store/memory-store.ts';
import { BenchPipeline } from './pipeline.ts';
import { median, type Section, seconds, thousands } from './section.ts';

const COMMITTERS = 20;
const MINUTES = 2;
const COMMITS = 10_000;
/** Between two commits: so many take a day. */
const EVERY_MS = 86_400_000 / COMMITS;
const HOUR_MS = 3_600_000;
/** So many metadata files does a table remember. */
const LOGGED = 100;
const MOST_METADATA = 1_000_000;

/** Many commits to one table: by many functions at once, and one after the other for a long time. */
export const commits: Section = {
  name: 'commits',
  onRequest: true,
  async run({ directory, onProgress }) {
    const atOnce = await manyAtOnce(join(directory, 'commits'), onProgress);
    const long = await manyInTurn(onProgress);
    return {
      title: 'Commits to one table',
      columns: ['', 'commits', 'conflicts', 'a commit, median', 'slowest', 'largest metadata'],
      rows: [
        [
          `${COMMITTERS} at once for ${MINUTES} minutes`,
          thousands(atOnce.commits),
          thousands(atOnce.conflicts),
          seconds(median(atOnce.times)),
          seconds(Math.max(...atOnce.times)),
          '',
        ],
        [
          `one after the other, each ${(EVERY_MS / 1000).toFixed(1)} s, maintained hourly`,
          thousands(COMMITS),
          '0',
          seconds(median(long.times)),
          seconds(Math.max(...long.times)),
          `${thousands(long.largest / 1000)} KB`,
        ],
      ],
      notes: [
        `At once: the commit's own code over the S3 and Glue of the local cloud, one version a commit. Each commit that gave up was repeated, as its queue does. Afterwards the table had the file of each version once, and each ledger entry said so.`,
        `In turn: in memory, on a clock that goes ${(EVERY_MS / 1000).toFixed(1)} s on with each commit, and keeps snapshots for a day.`,
      ],
      values: { atOnce: atOnce.commits, conflicts: atOnce.conflicts, largest: long.largest },
    };
  },
};

const of = { dataset: 'recipes', sequencer: '0A' };
const keyOf = (name: string) => `recipes/${name}.ndjson`;

/** A part of a small version, and its file, to be copied under other names. */
async function template(): Promise<{ readonly part: PublishedPart; readonly body: Buffer }> {
  const store = new MemoryStore();
  const context = stageContextOf(store, { tableSchema: recordedSchemas(layouts) });
  const key = keyOf('template');
  putRaw(store, key, ndjson([recipe(1)]));
  await extractObject(createdEvent('raw', key), buckets, context);
  for (const each of store.keys('temp')) await transformPart(createdEvent('temp', each), buckets, context);
  const path = versionPath({ dataset: of.dataset, key, versionId: 'v1' });
  const part = publishedPart.parse(JSON.parse(store.body('ledger', publicationKey(path, 0, 1)).toString()));
  return { part, body: store.body('processed', part.files[0]?.key ?? '') };
}

/** Puts a version as far as its publication. @returns its path */
async function publish(
  name: string,
  { part, body }: Awaited<ReturnType<typeof template>>,
  store: ObjectStore,
  at: { readonly ledger: string; readonly processed: string },
): Promise<VersionPath> {
  const key = keyOf(name);
  const versionId = 'v1';
  const path = versionPath({ dataset: of.dataset, key, versionId });
  const [file] = part.files;
  const address = parseDataKey(file?.key ?? '');
  if (file === undefined || address === undefined) throw new Error('The template has no file.');
  const fileKey = file.key.replace(`/${address.objectId}/`, `/${path.objectId}/`);
  await store.write({ bucket: at.processed, key: fileKey, body, contentType: '' });
  const ledger = new Ledger(store, at.ledger);
  const current = { type: 'created', sequencer: of.sequencer, versionId, parts: 1 } as const;
  await ledger.change(path, () => ({ dataset: of.dataset, key, current, attempts: [], superseded: [] }));
  await ledger.publish(path, [
    { ...part, key, versionId, sequencer: of.sequencer, files: [{ ...file, key: fileKey }] },
  ]);
  return path;
}

async function manyAtOnce(directory: string, onProgress: (line: string) => void) {
  const pipeline = await BenchPipeline.start(directory);
  try {
    const { target } = pipeline;
    const { processed, failed } = target.outputs.buckets;
    // A bucket whose events nobody gets: the pipeline's own functions stay out of it.
    const at = { temp: failed, failed, ledger: failed, archive: failed, processed };
    const store = s3ObjectStore(target.s3);
    const made = await template();
    const endsAt = performance.now() + MINUTES * 60_000;
    const paths: VersionPath[] = [];
    const times: number[] = [];
    let conflicts = 0;
    const committer = async (n: number) => {
      const commits = new Commits(at);
      const catalog = glueCatalog(target.outputs.catalog.database, target.glue);
      const counted: StageContext['catalog'] = {
        ...catalog,
        async move(...args) {
          const moved = await catalog.move(...args);
          if (!moved) conflicts += 1;
          return moved;
        },
      };
      const context: StageContext = {
        ...stageContextOf(new MemoryStore()),
        ...{ store, catalog: counted, registry, tableSchema: recordedSchemas(layouts), now: Date.now },
        wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      };
      for (let i = 0; performance.now() < endsAt; i += 1) {
        const path = await publish(`${n}-${i}`, made, store, at);
        paths.push(path);
        const begunAt = performance.now();
        const event = publishedAt(Date.now(), at.ledger, path);
        while (!(await commits.commit(event, { ...context, batch: {} }).then(() => true, isConflict)));
        times.push(performance.now() - begunAt);
      }
    };
    onProgress(`${COMMITTERS} committers for ${MINUTES} minutes`);
    await Promise.all(Array.from({ length: COMMITTERS }, (_, n) => committer(n)));
    const files = (await tableFiles(target, of.dataset)).map((key) => parseDataKey(key)?.objectId);
    const expected = paths.map(({ objectId }) => objectId);
    if (files.length !== expected.length || new Set(files).symmetricDifference(new Set(expected)).size > 0)
      throw new Error(`${expected.length} versions were committed, and the table has ${files.length} files.`);
    const ledger = new Ledger(store, at.ledger);
    for (const path of paths)
      if ((await ledger.entry(path))?.committed === undefined)
        throw new Error(`${path.objectId} is not noted.`);
    return { commits: paths.length, conflicts, times };
  } finally {
    await pipeline.close();
  }
}

/** The event of a publication. A commit tells from its time, in milliseconds, what may be forgotten. */
const publishedAt = (time: number, ledger: string, path: VersionPath): ObjectEvent => ({
  ...createdEvent(ledger, publicationKey(path, 0, 1)),
  time: new Date(time).toISOString(),
});

/** Whether a commit gave up since others came first all the time: then it is repeated. */
function isConflict(error: unknown): false {
  if (error instanceof Error && 'code' in error && error.code === 'in_progress') return false;
  throw error;
}

async function manyInTurn(onProgress: (line: string) => void) {
  const store = new MemoryStore();
  const made = await template();
  const commits = new Commits(buckets);
  const begin = Date.UTC(2026, 0, 1);
  let now = begin;
  const times: number[] = [];
  const written: string[] = [];
  let largest = 0;
  for (let i = 0; i < COMMITS; i += 1) {
    const path = await publish(String(i), made, store, buckets);
    const context = stageContextOf(store, {
      now: () => now,
      tableSchema: recordedSchemas(layouts),
      batch: {},
    });
    const begunAt = performance.now();
    await commits.commit(publishedAt(now, 'ledger', path), context);
    times.push(performance.now() - begunAt);
    const { key } = parseS3Uri(store.catalog.metadataOf(of.dataset) ?? '');
    largest = Math.max(largest, store.body('processed', key).length);
    written.push(key);
    // A day later, maintenance does that: until then, they would fill the memory.
    if (written.length > LOGGED) store.objects.delete(`processed/${written.shift()}`);
    if (Math.floor((now + EVERY_MS - begin) / HOUR_MS) > Math.floor((now - begin) / HOUR_MS)) {
      onProgress(`${thousands(i + 1)} of ${thousands(COMMITS)} commits`);
      await maintained(store, now);
    }
    now += EVERY_MS;
  }
  const shown = metadataOf(store)?.snapshots.at(-1)?.summary['total-data-files'];
  if (shown !== String(COMMITS)) throw new Error(`The table has ${shown} files after ${COMMITS} commits.`);
  if (largest > MOST_METADATA) throw new Error(`A metadata file has ${thousands(largest)} bytes.`);
  return { times, largest };
}

async function maintained(store: MemoryStore, now: number): Promise<void> {
  const tables = await maintain(
    maintenanceOf(store, now, {
      modified: () => now,
      datasets: deployedDatasets.filter(({ name }) => name === of.dataset),
      tableSchema: recordedSchemas(layouts),
      retention: retentionOf(1),
      // Another section measures that.
      compaction: { ...asTheyCome, least: Number.POSITIVE_INFINITY },
    }),
    { dryRun: false },
  );
  for (const { error } of tables) if (error !== undefined) throw new Error(error);
}
