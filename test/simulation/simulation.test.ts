import { hash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../store/object-store.ts';
import type { Sabotage } from './pipeline.ts';
import { type Run, runSeed } from './run.ts';
import { readSystem, type System } from './system.ts';

const SEEDS = 200;

let system: System;
const failures: string[] = [];
/** The first runs. All together hold a hundred megabytes, which each collection of garbage would visit. */
const some: Run[] = [];
const digests = new Set<string>();
/** What no trace has told of yet. */
const unmet = new Set([
  '→ 503',
  'answer lost',
  'crashed before',
  'crashed after',
  'lost with its sender',
  "after its sender's death",
  'timed out',
  'the body broke off',
  'poison for',
  'redrive of',
  'deploy of code 2',
  'its clock is set anew',
  'is deleted for good',
  'is expired',
  'somebody takes away temp/',
  'somebody takes away processed/',
  'purge of',
  'nobody looks after the DLQs',
  'the sweep finds',
  'SQL COMMIT → done, answer lost',
  'UpdateTable',
  'snapshots, 3 files went',
  'kind=__HIVE_DEFAULT_PARTITION__/',
  'transformation-00000-00001~',
  '.csv → ok',
  '/segment-00003.json → ok',
]);

/** A run without what is random in the names of a table's own files. */
const withoutIds = ({ trace, ...run }: Run) => ({
  ...run,
  trace: trace.map((line) =>
    line.replaceAll(/(\/metadata\/|\/compacted\/(?:[^ ]*\/)?rows-)[\w-]+(?=\.)/g, '$1…'),
  ),
});

beforeAll(async () => {
  system = await readSystem();
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const run = await runSeed(system, seed);
    const [finding] = run.findings;
    if (finding !== undefined) failures.push(`npm run simulate -- --seed ${seed} --trace: ${finding}`);
    if (some.length < 5) some.push(run);
    const trace = run.trace.join('\n');
    digests.add(hash('sha256', trace));
    for (const each of unmet) if (trace.includes(each)) unmet.delete(each);
  }
}, 1_800_000);

describe('the simulated pipeline', () => {
  it('ends as the model says, whatever faults it meets', () => {
    expect(failures).toEqual([]);
  });

  it('does the same under the same seed, to the last byte', async () => {
    for (const run of some) expect(withoutIds(await runSeed(system, run.seed))).toEqual(withoutIds(run));
  });

  it('does something else under another seed', () => {
    expect(digests.size).toBe(SEEDS);
  });

  it('meets every kind of fault and of data within its first seeds', () => {
    expect([...unmet]).toEqual([]);
  });
});

const nothingWritten = { etag: '', versionId: '' };

/** Each changes one method of the stages' store. */
const defects: [string, (store: ObjectStore, random: () => number) => Partial<ObjectStore>, RegExp][] = [
  [
    'acknowledges before its write is done',
    (store) => ({
      write: async (object) => {
        store.write(object).catch(() => {});
        return nothingWritten;
      },
    }),
    /answered with \d+ calls under way/,
  ],
  [
    'takes a failed write for a written one',
    (store) => ({ write: (object) => store.write(object).catch(() => nothingWritten) }),
    /lack|rejects of|rows of|unfinished/,
  ],
  [
    'gives its outputs names by chance',
    (store, random) => ({
      write: (object) =>
        store.write({
          ...object,
          key: object.key.replace('/part-0', `/part-${Math.floor(random() * 1e9)}0`),
        }),
    }),
    /unaccounted keys/,
  ],
  [
    'writes its receipts over those that are there',
    (store) => ({
      create: async (object) => {
        return store.write(object);
      },
    }),
    /a receipt was written twice/,
  ],
  [
    'takes a receipt for written that was not',
    (store, random) => ({
      create: async (object) =>
        object.key.startsWith('receipts/') && random() < 0.2 ? undefined : store.create(object),
    }),
    /receipts of the extraction|files loaded|parts transformed/,
  ],
  [
    'stores its files after the receipt',
    (store) => {
      const late: (() => Promise<unknown>)[] = [];
      return {
        write: async (object) => {
          late.push(() => store.write(object));
          return nothingWritten;
        },
        create: async (object) => {
          const created = await store.create(object);
          await Promise.all(late.splice(0).map((write) => write()));
          return created;
        },
      };
    },
    /lack|reader of the table does not find/,
  ],
  [
    'asks for the same thing without end',
    (store) => ({
      find: async (bucket, key) => {
        for (;;) await store.find(bucket, key);
      },
    }),
    /^no end after 20000 steps; of the last 100 calls and answers \d+ are: .*GetObject .*-ledger-.*\/heads\//,
  ],
];

describe('the simulation catches a stage that', () => {
  it.each(defects)('%s', async (_, defect, expected) => {
    const sabotage: Sabotage = (store, random) => ({ ...store, ...defect(store, random) });
    const findings: string[] = [];
    for (let seed = 1; seed <= 60 && !findings.some((each) => expected.test(each)); seed += 1) {
      findings.push(...(await runSeed(system, seed, { sabotage })).findings);
    }
    expect(findings).toContainEqual(expect.stringMatching(expected));
  });
});
