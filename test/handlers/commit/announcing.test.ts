import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { describe, expect, it } from 'vitest';
import type { Announce, Announcement } from '../../../domain/versions/announcement.ts';
import { isShownBy } from '../../../domain/versions/ledger.ts';
import { eventBridge } from '../../../handlers/stages/announce.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import {
  commit,
  extract,
  headsOf,
  metadataOf,
  ndjson,
  putRaw,
  recipe,
  transform,
  wholePublications,
} from '../flow.ts';

const RECIPES = 'recipes/a.ndjson';
const PASSENGERS = 'passengers/titanic.csv';
const CSV = 'PassengerId,Survived,Pclass,Name,Sex,Age,Cabin\r\n1,1,3,a,female,30,\r\n';
const noEntry = { dataset: '', key: '', attempts: [], superseded: [] };

/** A listener, and a pipeline that tells it. */
function listened() {
  const store = new MemoryStore();
  const told: Announcement[] = [];
  const announce: Announce = async (events) => {
    told.push(...events);
  };
  const take = () => told.splice(0);
  const put = async (
    key: string,
    body: string,
    versionId = 'v1',
    sequencer = '10',
    onCommit: Announce = announce,
  ) => {
    putRaw(store, key, body);
    await extract(store, key, { announce }, { versionId, sequencer });
    for (const part of store.keys('temp')) await transform(store, part, { announce });
    await commitAll({ announce: onCommit });
  };
  const remove = async (key: string) => {
    await extract(store, key, { announce }, { type: 'deleted', versionId: 'marker', sequencer: '20' });
    await commitAll();
  };
  const commitAll = async (changes: Partial<StageContext> = {}) => {
    for (const key of wholePublications(store)) await commit(store, key, { announce, ...changes });
  };
  return { store, announce, take, put, remove, commitAll };
}

describe('a listener on the bus', () => {
  it('is told of a version when the table shows it, with its rows and the snapshot', async () => {
    const { store, take, put, remove } = listened();
    await put(RECIPES, ndjson([recipe(1), recipe(2, 8)]));
    const snapshotOf = () => String(metadataOf(store)?.snapshots.at(-1)?.['snapshot-id']);
    const of = { dataset: 'recipes', key: RECIPES };
    expect(take()).toEqual([
      {
        type: 'Version Published',
        detail: { ...of, versionId: 'v1', sequencer: '10', snapshot: snapshotOf(), rows: 2, files: 2 },
      },
    ]);
    await remove(RECIPES);
    expect(take()).toEqual([
      {
        type: 'Version Deleted',
        detail: { ...of, versionId: 'marker', sequencer: '20', snapshot: snapshotOf() },
      },
    ]);
  });

  it('is told of a version of CSV without a snapshot, when its copies are made', async () => {
    const { take, put } = listened();
    await put(PASSENGERS, CSV);
    expect(take()).toMatchObject([
      { type: 'Version Published', detail: { key: PASSENGERS, snapshot: undefined, rows: 1, files: 1 } },
    ]);
  });

  it.each([
    [RECIPES, ndjson([recipe(1)])],
    [PASSENGERS, CSV],
  ])(
    'is told of %s again if the attempt dies before the ledger notes the commit, and not later',
    async (key, body) => {
      const { store, announce, take, put, commitAll } = listened();
      const dies = async (events: readonly Announcement[]) => {
        await announce(events);
        throw new Error('The function was killed.');
      };
      await expect(put(key, body, 'v1', '10', dies)).rejects.toThrow('killed');
      const [first] = take();
      expect(first?.type).toBe('Version Published');
      await commitAll();
      expect(take()).toEqual([first]);
      for (const receives of [1, 2]) await commitAll({ receives });
      expect(take()).toEqual([]);
      expect(isShownBy('committed', headsOf(store)[0] ?? noEntry)).toBe(true);
    },
  );

  it('is told why a version failed, and whether its good records are used', async () => {
    const { take, put } = listened();
    await put('recipes/broken.json', `[${JSON.stringify(recipe(1))},`);
    expect(take()).toMatchObject([
      {
        type: 'Version Failed',
        detail: {
          key: 'recipes/broken.json',
          versionId: 'v1',
          takesEffect: true,
          read: 1,
          fault: { code: 'truncated' },
        },
      },
      { type: 'Version Published', detail: { rows: 1 } },
    ]);
    await put('recipes/useless.ndjson', ndjson([{ title: 'no more' }]));
    expect(take()).toEqual([
      {
        type: 'Version Failed',
        detail: {
          ...{ dataset: 'recipes', key: 'recipes/useless.ndjson', versionId: 'v1', sequencer: '10' },
          ...{ takesEffect: false, read: 1, rejected: { missing_field: 1 } },
        },
      },
    ]);
  });
});

describe('the bus', () => {
  const event = (n: number): Announcement => ({
    type: 'Version Deleted',
    detail: { dataset: 'recipes', key: `recipes/${n}`, versionId: 'v', sequencer: '0A' },
  });

  /** A client whose requests are kept, and answered by the result of `answer`. */
  function clientOf(answer: (entries: readonly unknown[]) => object) {
    const requests: { Source: string; DetailType: string; Detail: string }[][] = [];
    const client = Object.create(EventBridgeClient.prototype) as EventBridgeClient;
    client.send = (async ({ input }: { input: { Entries: never[] } }) => {
      requests.push(input.Entries);
      return answer(input.Entries);
    }) as never;
    return { client, requests };
  }

  it('takes ten events a request, each with the stack and the version of its schema', async () => {
    const { client, requests } = clientOf((entries) => ({ Entries: entries.map(() => ({ EventId: '1' })) }));
    await eventBridge('prod', client)(Array.from({ length: 25 }, (_, n) => event(n)));
    expect(requests.map(({ length }) => length)).toEqual([10, 10, 5]);
    const [[first] = []] = requests;
    expect(first).toMatchObject({ Source: 'sluice', DetailType: 'Version Deleted' });
    expect(JSON.parse(first?.Detail ?? '')).toEqual({ schema: 1, stack: 'prod', ...event(0).detail });
  });

  it('that refuses one of the events fails the whole', async () => {
    const { client } = clientOf((entries) => ({
      Entries: entries.map((_, i) =>
        i === 1 ? { ErrorCode: 'ThrottlingException', ErrorMessage: 'Slow down.' } : {},
      ),
    }));
    await expect(eventBridge('prod', client)([event(1), event(2)])).rejects.toThrow(
      'EventBridge did not take an event: ThrottlingException Slow down.',
    );
  });
});
