import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registry } from '../../datasets/index.ts';
import { resultOf } from '../datasets/result.ts';
import { chunksOf } from '../domain/records/decoded.ts';
import { Random } from '../simulation/random.ts';
import { codes, writeCode } from './code.ts';
import { judge } from './judge.ts';
import { type Change, contentOf, difference, outcomeOf, rejectsOf, rowText, tableOf } from './model.ts';
import type { Upload } from './objects.ts';
import { makePassengers } from './passengers.ts';
import { makeRecipes } from './recipes.ts';
import { hashOf, nothing } from './sinks.ts';

// `npm run test:chaos` needs minutes. What it judges by is held against the code here.
const SEEDS = 400;

describe.each([
  ['recipes/a.json', makeRecipes],
  ['passengers/a.csv', makePassengers],
] as const)('the model of %s', (key, make) => {
  it('says of every object what the dataset makes of it', async () => {
    const dataset = registry.of(key);
    const table = tableOf(key);
    if (dataset === undefined || table === undefined) throw new Error(`No dataset reads ${key}.`);
    const faults = new Set<string | undefined>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const upload = make(new Random(seed), key);
      const { rows, rejects, filtered, fault } = await resultOf(dataset, key, chunksOf(upload.body, 7));
      const content = { rows: rows.map(({ record, row }) => rowText(table, record, row)), filtered };
      expect(difference(upload, content, ['old']), `seed ${seed}`).toBeUndefined();
      expect(rejects.map(({ recordNumber, code }) => `${recordNumber} ${code}`).sort()).toEqual(
        rejectsOf(upload).sort(),
      );
      expect(fault, `seed ${seed}`).toBe(upload.fault);
      faults.add(fault);
    }
    expect(faults.size).toBeGreaterThan(4);
  });
});

describe('the code that is deployed', () => {
  it.each(codes)('is made of the sources, so that its edits fit them: %s', (code) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-code-'));
    try {
      writeCode(code, directory);
      const recipes = readFileSync(join(directory, 'datasets/recipes.ts'), 'utf8');
      expect(recipes.includes('toUpperCase')).toBe(code === 'new');
      expect(missingImports(directory)).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** The files that sources in a directory import and that are not there. */
function missingImports(directory: string): string[] {
  const sources = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('node_modules'))
    .map((file) => join(directory, file));
  expect(sources.length).toBeGreaterThan(100);
  const imported = sources.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/ from '(\.[^']+)'/g)].map(([, path = '']) =>
      resolve(dirname(file), path),
    ),
  );
  return [...new Set(imported)].filter((path) => !existsSync(path));
}

const KEY = 'recipes/a.json';
const row = (id: number) => ({ row: { recipe_id: `${id}` } });
const upload = (...fates: Upload['fates']): Upload => ({ key: KEY, body: new Uint8Array(), fates });
const good = upload(
  (code) => (code === 'old' ? row(1) : row(2)),
  (code) => (code === 'old' ? row(3) : { filtered: 'odd' }),
  { rejected: 'empty' },
);
const bad = upload({ rejected: 'empty' });
const put = (versionId: string, of: Upload): Change => ({ key: KEY, what: 'put', versionId, upload: of });
const marked = (versionId: string): Change => ({ key: KEY, what: 'marked as deleted', versionId });
const removed = (versionId: string): Change => ({ key: KEY, what: 'removed', versionId });

describe('what must be shown of a key', () => {
  it.each<[string, Change[], (string | undefined)[], string | undefined]>([
    ['the newest version', [put('1', good), put('2', good)], ['2'], undefined],
    ['the last good one, where the newest is of no use', [put('1', good), put('2', bad)], ['1'], '2'],
    ['nothing, where it is deleted', [put('1', good), marked('2')], [undefined], undefined],
    ['what comes after a deletion alone', [put('1', good), marked('2'), put('3', bad)], [undefined], '3'],
    [
      'what was before, where the newest was removed',
      [put('1', good), put('2', good), removed('2')],
      ['1'],
      undefined,
    ],
    [
      'what was before a marker that was removed',
      [put('1', good), marked('2'), removed('2')],
      ['1'],
      undefined,
    ],
    ['nothing, where nothing is left', [put('1', good), removed('1')], [undefined], undefined],
    [
      'the last good one or nothing, where what took its place for a while was removed',
      [put('1', good), put('2', bad), put('3', good), removed('3')],
      ['1', undefined],
      '2',
    ],
  ])('is %s', (_, changes, shown, rejected) => {
    const outcome = outcomeOf(changes);
    expect(outcome.shown.map((each) => each?.versionId)).toEqual(shown);
    expect(outcome.rejected?.versionId).toBe(rejected);
  });
});

describe('the judge', () => {
  const shown = (rows: readonly string[], filtered = {}) => ({
    ...nothing(),
    entry: {
      dataset: 'recipes',
      key: KEY,
      current: { type: 'created', sequencer: '1', versionId: '1' } as const,
      attempts: [],
      superseded: [],
    },
    lake: [...rows],
    archive: [...rows],
    mysql: [...rows],
    rejects: ['3 empty'],
    filtered: new Map([['1', filtered]]),
    versions: new Set(['1']),
  });
  const { rows: old } = contentOf(good, 'old');
  const { rows: fresh, filtered } = contentOf(good, 'new');
  const judged = (found: ReturnType<typeof shown>, allowed = codes) =>
    judge(new Map([[hashOf(KEY), found]]), [put('1', good)], allowed);

  it('finds nothing where all rows are of one of the codes, in all sinks', () => {
    expect(judged(shown(old))).toEqual([]);
    expect(judged(shown(fresh, filtered))).toEqual([]);
  });

  it.each([
    ['rows of both codes, in one part', shown([...old, ...fresh])],
    ['half of each code, in one part', shown([fresh[0] ?? '', old[1] ?? ''])],
    ['a row that lacks in one sink', { ...shown(old), mysql: old.slice(1) }],
    ['a row twice', { ...shown(old), lake: [...old, ...old] }],
    ['other rows in one sink', { ...shown(old), archive: [...fresh] }],
    ['a filtered record that nobody counted', shown(fresh)],
    ['a reject too many', { ...shown(old), rejects: ['3 empty', '1 empty'] }],
    ['a fault', { ...shown(old), faults: ['truncated'] }],
    ['things of another version', { ...shown(old), versions: new Set(['1', '0']) }],
    ['another version', { ...shown(old), entry: { ...shown(old).entry, current: undefined } }],
  ])('finds %s', (_, found) => {
    expect(judged(found as ReturnType<typeof shown>)).not.toEqual([]);
  });

  it('finds rows of the code before, once all was done anew', () => {
    expect(judged(shown(old), ['new'])).not.toEqual([]);
    expect(judged(shown(fresh, filtered), ['new'])).toEqual([]);
  });

  it('finds what nobody put', () => {
    expect(judge(new Map([['0', nothing()]]), [], codes)).toHaveLength(1);
  });
});
