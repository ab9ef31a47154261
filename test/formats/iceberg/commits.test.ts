import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column } from '../../../domain/columns.ts';
import type { Long } from '../../../domain/long.ts';
import type { DataFile } from '../../../formats/iceberg/manifest/data-file.ts';
import { readManifest } from '../../../formats/iceberg/manifest/manifest.ts';
import { readManifestList } from '../../../formats/iceberg/manifest/manifest-list.ts';
import { COMMIT_PROPERTY, findCommit } from '../../../formats/iceberg/metadata/commit.ts';
import { expire, snapshotFiles } from '../../../formats/iceberg/metadata/expire.ts';
import { NotLive } from '../../../formats/iceberg/metadata/manifests-after.ts';
import {
  metadataBytes,
  parseMetadata,
  snapshotOf,
  specOf,
  type TableMetadata,
} from '../../../formats/iceberg/metadata/metadata.ts';
import { liveFiles, snapshotAt } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { TestTable } from './test-table.ts';

const id: Column = { name: 'id', type: { kind: 'int64' }, nullable: false };
const kind: Column = { name: 'kind', type: { kind: 'string' }, nullable: true };
const day: Column = { name: 'day', type: { kind: 'date' }, nullable: false };
const more: Column = { name: 'more', type: { kind: 'string' }, nullable: true };

/** Names of columns are those of partition fields. */
const layouts = [
  { columns: [id, kind, day], partitionBy: ['kind'] },
  { columns: [id, kind, day], partitionBy: ['day', 'kind'] },
  { columns: [id, kind, day, more], partitionBy: [] },
];

const newTable = () => new TestTable('s3://lake/t', layouts[0] as (typeof layouts)[number]);

/** A table's files without their content, and what the table must be. */
class Model {
  readonly table = newTable();
  /** By snapshot: its files with their rows. */
  readonly states = new Map<Long, Map<string, number>>();
  #files = 0;

  get live(): Map<string, number> {
    return this.states.get(this.table.metadata['current-snapshot-id'] ?? -1) ?? new Map();
  }

  newFile(rows: number, seed: number): DataFile {
    const { metadata } = this.table;
    const { fields } = specOf(metadata, metadata['default-spec-id']);
    const values: Record<string, string | number | null> = {
      kind: ['a', 'b', null][seed % 3] ?? null,
      day: seed % 5,
    };
    this.#files += 1;
    const filePath = `s3://lake/t/data/${this.#files}.parquet`;
    this.table.files.set(filePath, Buffer.of());
    return {
      filePath,
      fileFormat: 'PARQUET',
      partition: Object.fromEntries(fields.map(({ name }) => [name, values[name] ?? null])),
      recordCount: rows,
      fileSizeInBytes: 10 * rows,
    };
  }

  async change(added: DataFile[], removed: string[], mostManifests: number, replace = false): Promise<void> {
    const after = new Map(this.live);
    for (const path of removed) after.delete(path);
    for (const { filePath, recordCount } of added) after.set(filePath, recordCount);
    const known = new Map(
      (await liveFiles(this.table.metadata, this.table.read)).map((each) => [each.filePath, each]),
    );
    const { snapshot } = await this.table.commit({
      added,
      // Every second one with its partition, by which manifests are left unread.
      removed: removed.map((path, i) => {
        const partition = known.get(path)?.partition;
        return i % 2 && partition ? { path, partition } : { path };
      }),
      mostManifests,
      replace,
    });
    this.states.set(snapshot['snapshot-id'], after);
  }

  /** The table shows in every snapshot what it must, and all the files of it exist. */
  async check(): Promise<void> {
    const { metadata, read, files } = this.table;
    for (const { 'snapshot-id': snapshotId, summary } of metadata.snapshots) {
      const found = await liveFiles(metadata, read, snapshotId);
      const state = this.states.get(snapshotId) as Map<string, number>;
      expect(found).toHaveLength(state.size);
      expect(new Map(found.map((file) => [file.filePath, file.recordCount]))).toEqual(state);
      for (const { filePath } of found) expect(files.has(filePath)).toBe(true);
      const rows = [...state.values()].reduce((sum, each) => sum + each, 0);
      expect(summary).toMatchObject({
        'total-data-files': String(state.size),
        'total-records': String(rows),
        'total-files-size': String(10 * rows),
        'total-delete-files': '0',
      });
    }
  }
}

const step = fc.record({
  action: fc.constantFrom('append', 'overwrite', 'delete', 'replace', 'evolve', 'expire', 'merge', 'nothing'),
  seed: fc.nat(1000),
  mostManifests: fc.constantFrom(1, 3, 100),
});

describe('a table', () => {
  it('shows in every snapshot what its commits made of it, until the snapshot expires', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 16 }), async (steps) => {
        const model = new Model();
        for (const { action, seed, mostManifests } of steps) {
          const live = [...model.live.keys()];
          const some = live.filter((_, i) => (seed >> (i % 10)) & 1);
          const news = () =>
            Array.from({ length: (seed % 3) + 1 }, (_, i) => model.newFile((seed % 7) + i, seed + i));
          if (action === 'append') await model.change(news(), [], mostManifests);
          if (action === 'overwrite') await model.change(news(), some, mostManifests);
          if (action === 'delete') await model.change([], some, mostManifests);
          if (action === 'nothing') await model.change([], [], 100);
          if (action === 'merge') await model.change([], [], 1);
          if (action === 'replace') {
            const rows = some.reduce((sum, path) => sum + (model.live.get(path) ?? 0), 0);
            await model.change([model.newFile(rows, seed)], some, mostManifests, true);
          }
          if (action === 'evolve') model.table.evolve(layouts[seed % 3] as (typeof layouts)[number]);
          if (action === 'expire') {
            const before = model.table.now - (seed % 8) * 1000;
            await model.table.expire({ before, keep: (seed % 3) + 1 });
          }
          await model.check();
        }
        // What no snapshot names is gone: there are no more files than the metadata and what it reaches.
        await model.table.expire({ before: model.table.now, keep: 1 });
        const { metadata, files, read } = model.table;
        const { data, manifests, manifestLists } = await snapshotFiles(metadata, read);
        const reached = new Set([...data, ...manifests, ...manifestLists]);
        const kept = [...files.keys()].filter((path) => !path.endsWith('.metadata.json'));
        expect(kept.filter((path) => !reached.has(path))).toEqual([]);
        expect(metadata.snapshots.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });

  it('has files of a commit and its manifests in the order in which they are to be written', async () => {
    const model = new Model();
    const [one, two] = [model.newFile(3, 0), model.newFile(4, 1)];
    await model.change([one], [], 100);
    await model.change([two], [], 100);
    const added = model.newFile(5, 0);
    const made = await model.table.commit({
      added: [added],
      removed: [{ path: one.filePath }],
      summary: { [COMMIT_PROPERTY]: 'c1' },
    });
    expect(made.snapshot.summary).toMatchObject({
      operation: 'overwrite',
      'added-data-files': '1',
      'deleted-data-files': '1',
      'added-records': '5',
      'deleted-records': '3',
      'total-records': '9',
      'sluice.commit': 'c1',
    });
    // The manifest of the second file stays as it is; that of the first is rewritten.
    expect(made.manifests).toHaveLength(2);
    const list = readManifestList(made.manifestList.bytes);
    expect(
      list.map((each) => [each.addedFilesCount, each.existingFilesCount, each.deletedFilesCount]),
    ).toEqual([
      [0, 0, 1],
      [1, 0, 0],
      [1, 0, 0],
    ]);
    expect(list.map(({ sequenceNumber }) => sequenceNumber)).toEqual([3, 3, 2]);
    const [spec] = made.metadata.metadata['partition-specs'];
    const [deleted] = readManifest(spec as never, made.manifests[0]?.bytes as Buffer);
    expect(deleted).toMatchObject({
      status: 2,
      snapshotId: made.snapshot['snapshot-id'],
      sequenceNumber: 1,
      fileSequenceNumber: 1,
    });
    // The next snapshot drops the manifest that only names what was deleted.
    const next = await model.table.commit({ added: [model.newFile(1, 0)] });
    expect(readManifestList(next.manifestList.bytes)).toHaveLength(3);
  });

  it('finds a commit by its name, and shows what it showed at a time', async () => {
    const model = new Model();
    const times: number[] = [];
    for (const name of ['a', 'b', 'c']) {
      times.push(model.table.now);
      await model.table.commit({ added: [model.newFile(1, 0)], summary: { [COMMIT_PROPERTY]: name } });
    }
    const { metadata } = model.table;
    expect(findCommit(metadata, 'b')?.['sequence-number']).toBe(2);
    expect(findCommit(metadata, 'd')).toBeUndefined();
    expect(snapshotAt(metadata, (times[1] as number) + 1)?.['sequence-number']).toBe(2);
    expect(snapshotAt(metadata, (times[0] as number) - 1)).toBeUndefined();
  });

  it('refuses to lose a file that it does not have, and to get or lose one twice', async () => {
    const model = new Model();
    const file = model.newFile(3, 0);
    await model.change([file], [], 100);
    const { path } = model.table;
    const lost = model.table.commit({ removed: [{ path: 's3://lake/t/other' }, { path: file.filePath }] });
    await expect(lost).rejects.toThrow(NotLive);
    await expect(lost).rejects.toMatchObject({ paths: ['s3://lake/t/other'] });
    await expect(model.table.commit({ added: [file, file] })).rejects.toThrow('named twice');
    await expect(
      model.table.commit({ added: [model.newFile(4, 0)], removed: [{ path: file.filePath }], replace: true }),
    ).rejects.toThrow('makes 4 of 3');
    const stray = { ...model.newFile(1, 0), partition: {} };
    await expect(model.table.commit({ added: [stray] })).rejects.toThrow('kind');
    expect(model.table.path).toBe(path);
  });

  it('reads no manifest whose partitions can not have the removed file', async () => {
    const model = new Model();
    const files = [0, 1, 2].map((seed) => model.newFile(1, seed));
    for (const file of files) await model.change([file], [], 100);
    const base = { path: model.table.path, metadata: model.table.metadata };
    const { commit } = await import('../../../formats/iceberg/metadata/commit.ts');
    const reads: string[] = [];
    const read = (path: string) => {
      reads.push(path);
      return model.table.read(path);
    };
    const { filePath: path, partition } = files[1] as DataFile;
    await commit({ base, removed: [{ path, partition }], read, now: model.table.now });
    // The list and one manifest.
    expect(reads).toHaveLength(2);
  });

  it('keeps its metadata small over many commits, if snapshots expire', async () => {
    const model = new Model();
    for (let i = 0; i < 150; i += 1) await model.table.commit({ added: [model.newFile(1, i)] });
    const { metadata } = model.table;
    expect(metadata['metadata-log']).toHaveLength(100);
    const list = readManifestList(await model.table.read(snapshotOf(metadata)?.['manifest-list'] as string));
    expect(list.length).toBeLessThanOrEqual(101);
    expect(await liveFiles(metadata, model.table.read)).toHaveLength(150);
    await model.table.expire({ before: model.table.now, keep: 5 });
    expect(model.table.metadata.snapshots).toHaveLength(5);
    expect(model.table.metadata['snapshot-log']).toHaveLength(5);
    expect(metadataBytes(model.table.metadata).length).toBeLessThan(50_000);
  });
});

describe('metadata', () => {
  it('of another writer keeps what we do not know, and ids of 63 bits', async () => {
    const model = new Model();
    await model.table.commit({ added: [model.newFile(1, 0)] });
    const big = '9223372036854775807';
    const id = String(model.table.metadata['current-snapshot-id']);
    const text = metadataBytes(model.table.metadata)
      .toString()
      .replaceAll(id, big)
      .replace('{', '{"x-unknown":{"deep":[12345678901234567890,1.5]},');
    const metadata = parseMetadata(Buffer.from(text));
    expect(metadata['current-snapshot-id']).toBe(9223372036854775807n);
    expect(JSON.parse(metadataBytes(metadata).toString())).toEqual(JSON.parse(text));
    expect(metadataBytes(metadata).toString()).toContain('"deep":[12345678901234567890,1.5]');
    expect(metadataBytes(metadata).toString().split(big)).toHaveLength(text.split(big).length);
  });

  it('of no snapshot is read, as Java writes it; of another version it is refused', () => {
    const table = newTable();
    const with_ = (changes: Partial<Record<keyof TableMetadata, unknown>>) =>
      Buffer.from(JSON.stringify({ ...table.metadata, ...changes }));
    expect(snapshotOf(parseMetadata(with_({ 'current-snapshot-id': -1 })))).toBeUndefined();
    expect(() => parseMetadata(with_({ 'format-version': 3 }))).toThrow('format version 2');
    expect(() => parseMetadata(with_({ schemas: 'x' }))).toThrow('schemas');
  });

  it('keeps snapshots that a tag or a branch names', async () => {
    const model = new Model();
    for (let i = 0; i < 4; i += 1) await model.table.commit({ added: [model.newFile(1, i)] });
    const { metadata, now } = model.table;
    const tagged = metadata.snapshots[1]?.['snapshot-id'] as Long;
    const refs = { ...metadata.refs, audit: { 'snapshot-id': tagged, type: 'tag' as const } };
    const { metadata: after, expired } = expire({ ...metadata, refs }, { before: now, keep: 1 });
    expect(expired.map((each) => each['sequence-number'])).toEqual([1, 3]);
    expect(after?.snapshots.map((each) => each['sequence-number'])).toEqual([2, 4]);
    expect(after?.['snapshot-log']).toHaveLength(1);
  });
});
