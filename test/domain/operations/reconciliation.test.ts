import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  contradictions,
  contradictionsOfPrepared,
  differencesOfFile,
  differencesOfRejects,
  differencesOfTables,
  type InTables,
  summarize,
} from '../../../domain/operations/reconciliation.ts';
import type {
  ExtractionReceipt,
  LoadingReceipt,
  Receipt,
  TransformationReceipt,
} from '../../../domain/versions/receipt.ts';

const work = {
  dataset: 'recipes',
  key: 'recipes/a.json',
  versionId: 'v1',
  sequencer: '01',
  finishedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 10,
  codeVersion: 'c',
};
const stored = (key: string, records: number) => ({ key, records, bytes: 1 });
const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

/** Of each part, the rows of each of its files, and how many were filtered and rejected. */
const parts = fc.array(
  fc.record({
    files: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
    filtered: fc.nat({ max: 5 }),
    rejected: fc.nat({ max: 5 }),
  }),
  { maxLength: 4 },
);

interface Receipts {
  readonly extraction: ExtractionReceipt;
  readonly transformations: readonly TransformationReceipt[];
  readonly loadings: readonly LoadingReceipt[];
}

/** The receipts of an honest run. */
function receiptsOf(
  all: typeof parts extends fc.Arbitrary<infer Value> ? Value : never,
  rejected: number,
): Receipts {
  const read = all.map(({ files, filtered, rejected: r }) => sum(files) + filtered + r);
  return {
    extraction: {
      ...work,
      stage: 'extraction',
      bytes: 1,
      read: sum(read) + rejected,
      rejected: rejected === 0 ? {} : { empty: rejected },
      parts: read.map((records, part) => stored(`part-${part}`, records)),
      rejects: rejected === 0 ? [] : [stored('rejects', rejected)],
    },
    transformations: all.map(({ files, filtered, rejected: r }, part) => ({
      ...work,
      stage: 'transformation',
      part,
      read: read[part] ?? 0,
      written: sum(files),
      filtered: filtered === 0 ? {} : { old: filtered },
      rejected: r === 0 ? {} : { invalid_row: r },
      outputs: files.map((records, i) => stored(`file-${part}-${i}`, records)),
      rejects: r === 0 ? [] : [stored(`rejects-${part}`, r)],
    })),
    loadings: all.map(({ files }, part) => ({
      ...work,
      stage: 'loading' as const,
      part,
      files: files.map((records, i) => {
        const key = `file-${part}-${i}`;
        return { key, archive: stored(`archive-${key}`, records) };
      }),
      tables: { written: Math.max(sum(files) - 1, 0), unchanged: Math.min(sum(files), 1), rejected: {} },
      rejects: [],
    })),
  };
}

const flat = ({ extraction, transformations, loadings }: Receipts): Receipt[] => [
  extraction,
  ...transformations,
  ...loadings,
];

describe('contradictions between receipts', () => {
  test('the receipts of a correct run agree, and their totals are conserved', () => {
    fc.assert(
      fc.property(parts, fc.nat({ max: 9 }), (all, rejected) => {
        const receipts = flat(receiptsOf(all, rejected));
        expect(contradictions(receipts)).toEqual([]);
        const account = summarize(receipts);
        const tally = (counts: Readonly<Record<string, number>>) => sum(Object.values(counts));
        expect(account.read).toBe(account.written + tally(account.filtered) + tally(account.rejected));
        const inFiles = (place: string) =>
          sum(account.files.filter((file) => file.place === place).map(({ records }) => records));
        expect(inFiles('processed')).toBe(account.written);
        expect(inFiles('archive')).toBe(account.written);
        expect(inFiles('failed')).toBe(tally(account.rejected));
        expect(account.tables?.rows ?? 0).toBe(account.written);
      }),
    );
  });

  test('any figure that is off by one is found', () => {
    const one = { files: [3, 4], filtered: 2, rejected: 1 };
    const { extraction, transformations, loadings } = receiptsOf([one, one], 2);
    const [first, second] = transformations as [TransformationReceipt, TransformationReceipt];
    const [loaded, ...others] = loadings as [LoadingReceipt, ...LoadingReceipt[]];
    const [file, ...files] = first.outputs;
    const wrong: Receipts[] = [
      { extraction: { ...extraction, read: extraction.read + 1 }, transformations, loadings },
      { extraction: { ...extraction, parts: extraction.parts.slice(1) }, transformations, loadings },
      { extraction: { ...extraction, rejected: { empty: 1 } }, transformations, loadings },
      { extraction: { ...extraction, rejects: [] }, transformations, loadings },
      ...[
        { ...first, read: first.read + 1 },
        { ...first, written: first.written + 1 },
        { ...first, filtered: {} },
        { ...first, rejected: { invalid_row: 2 } },
        { ...first, rejects: [] },
        { ...first, withoutLines: { invalid_row: 1 } },
        { ...first, outputs: [stored(file?.key ?? '', 99), ...files] },
      ].map((changed) => ({ extraction, transformations: [changed, second], loadings })),
      {
        extraction,
        transformations,
        loadings: [
          {
            ...loaded,
            files: loaded.files.map(({ key }, i) => ({ key, archive: stored(key, i === 0 ? 99 : 4) })),
          },
          ...others,
        ],
      },
    ];
    for (const receipts of wrong)
      expect(contradictions(flat(receipts))).toContainEqual(expect.objectContaining({ kind: 'counts' }));
  });

  test('work without a receipt is unfinished', () => {
    fc.assert(
      fc.property(parts, (all) => {
        const { extraction, transformations, loadings } = receiptsOf(all, 0);
        const unfinished = (receipts: Receipt[]) =>
          contradictions(receipts).filter(({ kind }) => kind === 'unfinished');
        expect(unfinished([])).toHaveLength(1);
        expect(unfinished([extraction])).toHaveLength(all.length === 0 ? 0 : 1);
        const expected = loadings.flatMap(({ files }) => files).length;
        expect(unfinished([extraction, ...transformations])).toEqual(
          expected === 0 ? [] : [{ kind: 'unfinished', of: 'files loaded', expected, found: 0 }],
        );
      }),
    );
  });

  test('the loading of a file that no transformation wrote is reported', () => {
    const receipts = receiptsOf([{ files: [1], filtered: 0, rejected: 0 }], 0);
    const [loading] = receipts.loadings as [LoadingReceipt];
    const stray = { ...loading, files: loading.files.map((each) => ({ ...each, key: 'stray' })) };
    expect(contradictions(flat({ ...receipts, loadings: [stray] }))).toEqual([
      { kind: 'counts', of: 'the loading of stray, which no transformation wrote' },
    ]);
  });
});

describe('a file compared with its receipt', () => {
  const file = { ...stored('a.parquet', 3), place: 'processed' } as const;
  const named = { of: 'a.parquet', place: 'processed', expected: 3 };

  test.each([
    ['as many records', { records: 3 }, []],
    ['fewer records', { records: 2 }, [{ kind: 'rows', ...named, found: 2 }]],
    ['no such file', undefined, [{ kind: 'missing', ...named }]],
    ['no Parquet', { unreadable: 'no magic' }, [{ kind: 'unreadable', ...named, reason: 'no magic' }]],
  ])('%s', (_, found, differences) => {
    expect(differencesOfFile(file, found)).toEqual(differences);
  });

  test('rejects are compared code by code', () => {
    const tally = fc.dictionary(
      fc.constantFrom('empty', 'truncated', '__proto__'),
      fc.integer({ min: 1, max: 3 }),
    );
    fc.assert(
      fc.property(tally, tally, (expected, found) => {
        const codes = differencesOfRejects(expected, found).map(({ of }) => of);
        const all = [...Object.keys(expected), ...Object.keys(found)];
        const differ = all.filter((code) => (expected[code] ?? 0) !== (found[code] ?? 0));
        expect(codes).toEqual([...new Set(differ)].sort());
      }),
    );
  });
});

describe('the rows in MySQL compared with receipts', () => {
  const loading = (schema: string | undefined): Receipt => ({
    ...work,
    stage: 'loading',
    part: 0,
    files: [{ key: 'file', archive: stored('file', 5) }],
    rejects: [],
    tables: { written: 3, unchanged: 1, rejected: { not_storable: 1 }, ...(schema && { schema }) },
  });
  const transformation: Receipt = {
    ...work,
    stage: 'transformation',
    part: 0,
    read: 5,
    written: 5,
    filtered: {},
    rejected: {},
    outputs: [stored('file', 5)],
    rejects: [],
  };
  const held = (found: Partial<InTables>, schema: string | undefined = 'now') =>
    differencesOfTables(
      summarize([transformation, loading(schema)]),
      { rows: 4, changed: 0, records: [], others: 0, orphans: {}, ...found },
      'now',
    );

  test('have no differences if every storable row is as it was loaded', () => {
    expect(held({})).toEqual({ differences: [], uncompared: 0 });
  });

  test('differ by missing rows, changed rows, and list elements without their row', () => {
    expect(held({ rows: 3, changed: 2, records: [4, 7], orphans: { recipes_tags: 6 } })).toEqual({
      differences: [
        { kind: 'table', of: 'rows in MySQL', expected: 4, found: 3 },
        { kind: 'changed', of: 'rows in MySQL', found: 2, records: [4, 7] },
        { kind: 'orphans', of: 'recipes_tags', found: 6 },
      ],
      uncompared: 0,
    });
  });

  test.each(['before', undefined])('are only counted if they were loaded under the schema %s', (schema) => {
    expect(held({ rows: 3, changed: 2, records: [4, 7] }, schema ?? '')).toEqual({
      differences: [{ kind: 'table', of: 'rows in MySQL', expected: 4, found: 3 }],
      uncompared: 2,
    });
  });
});

describe('a version that is not active', () => {
  const part = { files: [4], filtered: 2, rejected: 3 };
  const { extraction, transformations } = receiptsOf([part, part], 1);

  test('lacks its parts, then its publication, but no copy in a sink, while it is prepared', () => {
    expect(contradictionsOfPrepared([extraction, ...transformations.slice(0, 1)])).toEqual([
      { kind: 'unfinished', of: 'parts transformed', expected: 2, found: 1 },
    ]);
    expect(contradictionsOfPrepared([extraction, ...transformations])).toEqual([
      { kind: 'unfinished', of: 'versions published', expected: 1, found: 0 },
    ]);
  });

  test('has no rows once it is rejected: those that it would have had count as rejected', () => {
    const { read, written, filtered, rejected, files } = summarize([extraction, ...transformations], {
      refused: true,
    });
    expect({ read, written, filtered, rejected }).toEqual({
      read: 19,
      written: 0,
      filtered: { old: 4 },
      rejected: { empty: 1, invalid_row: 6, too_many_rejects: 8 },
    });
    expect(files.map(({ place }) => place)).toEqual(['failed', 'failed', 'failed']);
    const shrunk = summarize([extraction, ...transformations], { refused: true, code: 'shrunk' });
    expect(shrunk.rejected).toEqual({ empty: 1, invalid_row: 6, shrunk: 8 });
  });
});
