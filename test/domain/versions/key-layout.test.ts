import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attemptKey,
  begunAttemptKey,
  extractionReceiptKey,
  faultKey,
  gaveUpKey,
  loadingReceiptKey,
  MAX_PARTITION_VALUE,
  objectId,
  parsePartitionPath,
  parsePartKey,
  parseProcessedKey,
  partitionPath,
  partitionValues,
  partKey,
  processedKey,
  rejectsKey,
  transformationReceiptKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';

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

  it('reads the keys of the lake as it writes them', () => {
    fc.assert(
      fc.property(object, part, partition, (version, n, columns) => {
        const path = versionPath(version);
        const directory = partitionPath(columns);
        const key = processedKey(path, n, directory, name);
        expect(parseProcessedKey(key)).toEqual({
          ...path,
          part: n,
          partitionPath: directory,
          extension: 'parquet',
        });
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
      expect(parseProcessedKey(`recipes/x=1/part-00002~${id}~${version}.parquet`)).toMatchObject({
        objectId: id,
        version,
        part: 2,
      });
  });

  it('distinguishes the files that different code makes from the same part', () => {
    const path = { dataset: 'recipes', objectId: 'a~0', version: 'v1' };
    const keys = ['a', 'b', 'a b', 'a/b', 'x'.repeat(100), 'x'.repeat(101)].map((codeVersion) =>
      processedKey(path, 0, '', { codeVersion, extension: 'parquet' }),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('never begins the name of a file of the lake with a character that makes readers skip it', () => {
    fc.assert(
      fc.property(object, part, partition, (version, n, columns) => {
        const key = processedKey(versionPath(version), n, partitionPath(columns), name);
        expect(key.slice(key.lastIndexOf('/') + 1)).toMatch(/^[^_.#]/);
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
  ])('does not take %j for a file of the lake', (key) => {
    expect(parseProcessedKey(key)).toBeUndefined();
  });
});

/** A code of the longest kind, and how the file ends. */
const name = { codeVersion: 'c'.repeat(32), extension: 'parquet' };

function allKeys(path: ReturnType<typeof versionPath>, n: number, directory: string): string[] {
  return [
    partKey(path, n),
    processedKey(path, n, directory, name),
    rejectsKey({ path, stage: 'extraction' }, 0, name.codeVersion),
    rejectsKey({ path, stage: 'loading', part: n, partitionPath: directory }, 0, name.codeVersion),
    faultKey({ path, stage: 'transformation', part: n }),
    ...[attemptKey, begunAttemptKey, gaveUpKey].map((keyOf) =>
      keyOf({ path, stage: 'loading', part: n, partitionPath: directory }),
    ),
    extractionReceiptKey(path),
    transformationReceiptKey(path, n),
    loadingReceiptKey(path, n, directory),
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
