import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  archiveKey,
  attemptKey,
  begunAttemptKey,
  csvTableKey,
  dataKey,
  dataPrefix,
  deletionKey,
  extractionReceiptKey,
  faultKey,
  gaveUpKey,
  loadingReceiptKey,
  objectId,
  parseCopyKey,
  parseDataKey,
  parseFileKey,
  parseLedgerKey,
  parseNoteKey,
  parsePartKey,
  parsePublicationKey,
  partKey,
  publicationKey,
  publicationPrefix,
  rejectsKey,
  transformationReceiptKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import {
  MAX_PARTITION_VALUE,
  parsePartitionPath,
  partitionPath,
  partitionValues,
} from '../../../domain/versions/partition-path.ts';

const wild = [
  ...'aZ09-_.~/=%*\'"#?:[]{}^\\ \u0000\u0001\t\n\r\u007f\u0080é漢👩‍🍳',
  '../',
  '__HIVE_DEFAULT_PARTITION__',
];
const text = (maxLength: number) =>
  fc.string({
    unit: fc.oneof(fc.constantFrom(...wild), fc.string({ unit: 'binary', maxLength: 1 })),
    maxLength,
  });
const rawKey = fc
  .oneof(
    text(60),
    text(400).map((long) => `${long}${'漢'.repeat(200)}`),
  )
  .map((rest) => `recipes/${rest}`)
  .filter((key) => Buffer.byteLength(key) <= 1024 && key.isWellFormed());
const versionId = fc.oneof(
  fc.constantFrom(
    'null',
    '3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo',
    '.',
    '..',
    '~x',
  ),
  fc.stringMatching(/^[A-Za-z0-9._-]{1,80}$/),
  text(300).filter((id) => id !== ''),
);
const object = fc.record({ dataset: fc.constant('recipes'), key: rawKey, versionId });
const part = fc.integer({ min: 0, max: 1_000_000 });
const column = fc.constantFrom('difficulty', 'year', 'a_b');
const value = fc.option(
  text(MAX_PARTITION_VALUE).filter((v) => v.isWellFormed() && v.length <= MAX_PARTITION_VALUE),
);
const partition = fc.array(fc.tuple(column, value), { maxLength: 2 });

describe('the key layout', () => {
  it('reads part keys as it writes them', () => {
    fc.assert(
      fc.property(object, part, (version, n) => {
        const path = versionPath(version);
        expect(parsePartKey(partKey(path, n))).toEqual({ ...path, part: n });
      }),
    );
  });

  it('reads the keys of files of versions as it writes them, and those of their copies', () => {
    fc.assert(
      fc.property(
        object,
        part,
        partition,
        fc.constantFrom('parquet', 'csv'),
        (version, n, columns, extension) => {
          const path = versionPath(version);
          const directory = partitionPath(columns);
          const key = dataKey(path, n, directory, { ...name, extension });
          const file = { ...path, part: n, partitionPath: directory, extension };
          expect(key.startsWith(dataPrefix(path))).toBe(true);
          expect(parseDataKey(key)).toEqual({ ...file, code: name.codeVersion });
          expect(parseCopyKey(key)).toBeUndefined();
          const copies = [csvTableKey(key), archiveKey(key)];
          expect(copies.map(parseCopyKey)).toEqual([file, { ...file, extension: 'parquet' }]);
          expect(copies.map(parseDataKey)).toEqual([undefined, undefined]);
          expect([key, ...copies].map(parseFileKey).map((each) => each?.objectId)).toEqual(
            [key, ...copies].map(() => path.objectId),
          );
        },
      ),
    );
  });

  it('reads the keys of publications as it writes them, and tells their last document by its end', () => {
    fc.assert(
      fc.property(object, fc.nat({ max: 20 }), (version, parts) => {
        const path = versionPath(version);
        const documents = Array.from({ length: Math.max(parts, 1) }, (_, n) =>
          publicationKey(path, n, parts),
        );
        expect(documents.map(parsePublicationKey)).toEqual(documents.map((_, n) => ({ ...path, part: n })));
        const deletion = deletionKey(path);
        expect(parsePublicationKey(deletion)).toEqual({ ...path, part: undefined });
        expect([...documents, deletion].filter((key) => key.endsWith('.whole.json'))).toEqual([
          documents.at(-1),
          deletion,
        ]);
        for (const key of [...documents, deletion]) {
          expect(key.startsWith(publicationPrefix(path))).toBe(true);
          expect(parseLedgerKey(key)).toMatchObject(path);
        }
      }),
    );
  });

  it('reads the keys of notes as it writes them, of every stage', () => {
    fc.assert(
      fc.property(object, part, (version, n) => {
        const path = versionPath(version);
        const items = [
          { path, stage: 'extraction' },
          { path, stage: 'transformation', part: n },
          { path, stage: 'commit' },
          { path, stage: 'loading', part: n },
          { path, stage: 'loading' },
        ] as const;
        for (const item of items)
          for (const [kind, keyOf] of [
            ['faults', faultKey],
            ['attempts', attemptKey],
            ['attempts', begunAttemptKey],
            ['gave-up', gaveUpKey],
          ] as const)
            expect(parseNoteKey(keyOf(item))).toEqual({ kind, item });
      }),
    );
  });

  it('reads partition paths as it writes them, empty text as null', () => {
    fc.assert(
      fc.property(partition, (columns) => {
        const isNull = (v: string | null) => v === null || v === '' || v === '__HIVE_DEFAULT_PARTITION__';
        expect(parsePartitionPath(partitionPath(columns))).toEqual(
          columns.map(([name, v]) => [name, isNull(v) ? null : v]),
        );
      }),
    );
  });

  it('escapes in partition values what Hive escapes, and nothing else', () => {
    const escaped = `${String.raw`"#%'*/:=?\{[]^`}\u0001\n\u001f\u007f`;
    for (const character of escaped) {
      const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
      expect(partitionPath([['a', character]])).toBe(`a=%${code}/`);
    }
    expect(partitionPath([['a', 'crème brûlée & 漢 (~)!,;@$+<>|}`']])).toBe(
      'a=crème brûlée & 漢 (~)!,;@$+<>|}`/',
    );
  });

  it('gives no two versions a key in common', () => {
    fc.assert(
      fc.property(object, object, part, (a, b, n) => {
        fc.pre(a.key !== b.key || a.versionId !== b.versionId);
        const keysOf = (version: typeof a) => allKeys(versionPath(version), n, '');
        expect(new Set([...keysOf(a), ...keysOf(b)]).size).toBe(2 * keysOf(a).length);
      }),
    );
  });

  it('distinguishes raw keys whose readable parts are equal', () => {
    const alike = ['recipes/a b', 'recipes/a/b', 'recipes/a_b', 'other/a b', 'recipes/a+b', 'recipes/a%20b'];
    expect(new Set(alike.map(objectId)).size).toBe(alike.length);
  });

  it('stays within the 1,024 bytes that S3 allows for a key', () => {
    const longest = partitionPath([
      ['a_partition_column_of_forty_characters_x', '漢'.repeat(MAX_PARTITION_VALUE)],
      ['a_partition_column_of_forty_characters_y', '/'.repeat(MAX_PARTITION_VALUE)],
    ]);
    fc.assert(
      fc.property(object, (version) => {
        const path = { ...versionPath(version), dataset: 'd'.repeat(64) };
        for (const key of allKeys(path, 99_999, longest))
          expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1024);
      }),
    );
  });

  it('reads the keys of older files, which do not contain the code version', () => {
    const id = 'a~000000000000000000000000';
    const hashed = '~7d80340be06c628b6dcd4f13';
    for (const version of ['v1', 'v1!0001', hashed, `${hashed}!0001`])
      expect(parseCopyKey(`recipes/x=1/part-00002~${id}~${version}.parquet`)).toMatchObject({
        objectId: id,
        version,
        part: 2,
      });
  });

  it('distinguishes the files that different code makes from the same part', () => {
    const path = versionPath({ dataset: 'recipes', key: 'recipes/a', versionId: 'v1' });
    const keys = ['a', 'b', 'a b', 'a/b', 'x'.repeat(100), 'x'.repeat(101)].map((codeVersion) =>
      dataKey(path, 0, '', { codeVersion, extension: 'parquet' }),
    );
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(keys.map(archiveKey)).size).toBe(keys.length);
  });

  it('never begins the name of a file of the lake with a character that makes readers skip it', () => {
    fc.assert(
      fc.property(object, part, partition, (version, n, columns) => {
        const key = dataKey(versionPath(version), n, partitionPath(columns), name);
        for (const each of [key, csvTableKey(key), archiveKey(key)])
          expect(each.slice(each.lastIndexOf('/') + 1)).toMatch(/^[^_.#]/);
      }),
    );
  });

  it.each([
    'recipes/part-00000.ndjson.zst',
    'recipes/a/b/part-1.ndjson.zst',
    'recipes/a/b/c/part-00000.ndjson.zst',
    'a/b/c/part-00000.ndjson.zst\n',
  ])('does not take %j for a part', (key) => {
    expect(parsePartKey(key)).toBeUndefined();
  });

  it.each([
    'recipes/part-00000.parquet',
    'part-00000~a~000000000000000000000000~v.parquet',
    'recipes/x/part-00000~a~000000000000000000000000~v.parquet',
    'recipes/data/a~0/v1/x/part-00000~code.parquet',
    'recipes/data/a~0/v1/part-00000.parquet',
    'recipes/metadata/00001-x.metadata.json',
  ])('does not take %j for a file of a version, nor for a copy', (key) => {
    expect(parseFileKey(key)).toBeUndefined();
  });

  it.each([
    'publications/recipes/a~0/v1/0.json',
    'publications/recipes/a~0/v1/00000',
    'publications/recipes/a~0/v1/deleted.json',
    'publications/recipes/a~0/v1/x/00000.json',
    'receipts/recipes/a~0/v1/00000.json',
  ])('does not take %j for a publication', (key) => {
    expect(parsePublicationKey(key)).toBeUndefined();
  });
});

/** A code of the longest kind, and how the file ends. */
const name = { codeVersion: 'c'.repeat(32), extension: 'parquet' };

function allKeys(path: ReturnType<typeof versionPath>, n: number, directory: string): string[] {
  return [
    partKey(path, n),
    dataKey(path, n, directory, name),
    archiveKey(dataKey(path, n, directory, name)),
    csvTableKey(dataKey(path, n, directory, name)),
    rejectsKey({ path, stage: 'extraction' }, 0, name.codeVersion),
    rejectsKey({ path, stage: 'loading', part: n, partitionPath: directory }, 0, name.codeVersion),
    faultKey({ path, stage: 'transformation', part: n }),
    ...[attemptKey, begunAttemptKey, gaveUpKey].map((keyOf) =>
      keyOf({ path, stage: 'loading', part: n, partitionPath: directory }),
    ),
    extractionReceiptKey(path),
    transformationReceiptKey(path, n),
    loadingReceiptKey(path, n),
    // Whichever document is the last one, no two have a key in common.
    publicationKey(path, n, n + 1),
    publicationKey(path, n, n + 2),
    deletionKey(path),
  ];
}

it('a partition folder is recognised by its columns in their order, even if somebody else made it', () => {
  const columns = [{ name: 'place' }, { name: 'day' }];
  expect(partitionValues(columns, 'place=Ulm%2F1/day=__HIVE_DEFAULT_PARTITION__/')).toEqual([
    'Ulm/1',
    '__HIVE_DEFAULT_PARTITION__',
  ]);
  expect(partitionValues([], '')).toEqual([]);
  for (const folder of ['', 'place=Ulm/', 'day=1/place=Ulm/', 'place=Ulm/day/', 'place=100%/day=1/'])
    expect(partitionValues(columns, folder)).toBeUndefined();
});
