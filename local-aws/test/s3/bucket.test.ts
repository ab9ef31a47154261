import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listObjects, listVersions, type Position } from '../../s3/api/listing.ts';
import { Bucket } from '../../s3/storage/bucket.ts';
import { type ChecksumAlgorithm, hasher, joinChecksums } from '../../s3/storage/checksum.ts';
import { Sequencers } from '../../s3/storage/events.ts';
import type { BucketSettings, Change, CommandResult, Stamp } from '../../s3/storage/model.ts';

const settings = (versioning?: BucketSettings['versioning']): BucketSettings => ({
  name: 'b',
  versioning,
  eventBridge: true,
});

/** Stamps as the store makes them, but from a counter. */
function stamps(): () => Stamp {
  const sequencers = new Sequencers();
  let count = 0;
  return () => {
    count += 1;
    return { now: count, id: `v${count}`, sequencer: sequencers.next(count) };
  };
}

const objectOf = (blob: string, size = 1) => ({
  size,
  etag: blob,
  slices: [{ blob, size }],
  multipart: false,
  headers: {},
});

const partOf = (number: number, blob: string) => ({ number, etag: 'aa', size: 9, lastModified: 0, blob });

type Step = {
  do: 'put' | 'delete' | 'delete version' | 'upload' | 'part' | 'complete' | 'abort';
  key: string;
  pick: number;
};
const steps = fc.array(
  fc.record<Step>({
    do: fc.constantFrom('put', 'delete', 'delete version', 'upload', 'part', 'complete', 'abort'),
    key: fc.constantFrom('a', 'b', 'c/d'),
    pick: fc.nat(3),
  }),
  { maxLength: 60 },
);
const versionings = fc.constantFrom<BucketSettings['versioning']>(undefined, 'Enabled', 'Suspended');

/** Runs the steps that are possible; returns what they did and the blobs that they brought. */
function run(bucket: Bucket, all: readonly Step[]): { done: CommandResult[]; brought: string[] } {
  const stamp = stamps();
  const done: CommandResult[] = [];
  const brought: string[] = [];
  const newBlob = () => {
    brought.push(`blob${brought.length}`);
    return brought.at(-1) ?? '';
  };
  for (const { do: what, key, pick } of all) {
    const upload = [...bucket.uploads.values()].find((each) => each.key === key);
    if (what === 'put') done.push(bucket.put(key, objectOf(newBlob()), 'PutObject', stamp()));
    else if (what === 'delete' || what === 'delete version') {
      const versionId = what === 'delete' ? undefined : bucket.versions(key)[pick]?.versionId;
      const removed = bucket.remove(key, versionId, stamp());
      if (removed.done) done.push(removed.done);
    } else if (what === 'upload') done.push(bucket.createUpload(key, { headers: {} }, stamp()));
    else if (!upload) continue;
    else if (what === 'part') done.push(bucket.putPart(key, upload.uploadId, partOf(pick + 1, newBlob())));
    else if (what === 'abort') done.push(bucket.abort(key, upload.uploadId));
    else {
      const [first] = [...upload.parts.keys()];
      if (first === undefined) continue;
      done.push(bucket.complete(key, upload.uploadId, [{ number: first, etag: 'aa' }], {}, stamp()));
    }
  }
  return { done, brought };
}

const contentOf = (bucket: Bucket) => ({ changes: [...bucket.changes()], keys: [...bucket.keys] });

describe('a bucket', () => {
  test('is rebuilt by applying its changes, or its snapshot, to an empty one', () => {
    fc.assert(
      fc.property(versionings, steps, (versioning, all) => {
        const bucket = new Bucket(settings(versioning));
        const { done } = run(bucket, all);
        const replayed = new Bucket(settings(versioning));
        for (const { change } of done) replayed.apply(JSON.parse(JSON.stringify(change)) as Change);
        const restored = new Bucket(settings(versioning));
        for (const change of bucket.changes()) restored.apply(change);
        expect(contentOf(replayed)).toEqual(contentOf(bucket));
        expect(contentOf(restored)).toEqual(contentOf(bucket));
      }),
    );
  });

  test('is read from a journal of 0.1, which stores the completed upload’s id next to the version', () => {
    const bucket = new Bucket(settings(undefined));
    const { uploadId } = bucket.createUpload('a', { headers: {} }, stamps()());
    bucket.putPart('a', uploadId, partOf(1, 'blob'));
    const version = { ...objectOf('blob'), marker: false, versionId: 'null', lastModified: 1 } as const;
    expect(bucket.apply({ type: 'put', key: 'a', version, uploadId })).toEqual([]);
    expect(bucket.uploads.size).toBe(0);
  });

  test('reports each unreferenced blob as garbage once', () => {
    fc.assert(
      fc.property(versionings, steps, (versioning, all) => {
        const bucket = new Bucket(settings(versioning));
        const { done, brought } = run(bucket, all);
        const garbage = done.flatMap((each) => each.garbage);
        expect([...bucket.blobs(), ...garbage].sort()).toEqual(brought.toSorted());
      }),
    );
  });

  test('sends events with increasing sequencers for each key', () => {
    fc.assert(
      fc.property(versionings, steps, (versioning, all) => {
        const { done } = run(new Bucket(settings(versioning)), all);
        const sequencers = done.flatMap(({ detail }) => detail?.sequencer ?? []);
        expect(sequencers).toEqual([...new Set(sequencers)].sort());
      }),
    );
  });

  test('keeps one null version while versioning is suspended, in addition to earlier versions', () => {
    const enabled = new Bucket(settings('Enabled'));
    const stamp = stamps();
    enabled.put('k', objectOf('one'), 'PutObject', stamp());
    const suspended = new Bucket(settings('Suspended'));
    for (const change of enabled.changes()) suspended.apply(change);
    suspended.put('k', objectOf('two'), 'PutObject', stamp());
    expect(suspended.put('k', objectOf('three'), 'PutObject', stamp()).garbage).toEqual(['two']);
    expect(suspended.versions('k').map(({ versionId }) => versionId)).toEqual(['null', 'v1']);
    expect(suspended.remove('k', undefined, stamp())).toMatchObject({
      marker: 'null',
      done: { garbage: ['three'] },
    });
    expect(suspended.versions('k').map(({ marker }) => marker)).toEqual([true, false]);
  });
});

describe('a conditional write', () => {
  const bucketWith = (key: string) => {
    const bucket = new Bucket(settings('Enabled'));
    const stamp = stamps();
    bucket.put(key, objectOf('first'), 'PutObject', stamp());
    return { bucket, stamp };
  };

  test('is refused before its body is sent if its condition does not hold', () => {
    const { bucket } = bucketWith('k');
    expect(() => bucket.begin('k', { ifNoneMatch: '*' })).toThrow(expect.objectContaining({ status: 412 }));
    expect(() => bucket.begin('k', { ifMatch: 'else' })).toThrow(expect.objectContaining({ status: 412 }));
    expect(() => bucket.begin('other', { ifMatch: 'first' })).toThrow(
      expect.objectContaining({ status: 404 }),
    );
  });

  test.each([
    ['another write', (bucket: Bucket, stamp: Stamp) => bucket.put('k', objectOf('x'), 'PutObject', stamp)],
    ['a delete', (bucket: Bucket, stamp: Stamp) => bucket.remove('k', undefined, stamp)],
  ])('conflicts with %s of the key in the meantime', (_name, meanwhile) => {
    const { bucket, stamp } = bucketWith('k');
    const attempt = bucket.begin('k', { ifMatch: 'first' });
    meanwhile(bucket, stamp());
    expect(() => bucket.put('k', objectOf('mine'), 'PutObject', stamp(), attempt)).toThrow(
      expect.objectContaining({ code: 'ConditionalRequestConflict', status: 409 }),
    );
  });

  test('does not conflict with other keys, or with open uploads of its key', () => {
    const { bucket, stamp } = bucketWith('k');
    const attempt = bucket.begin('k', { ifMatch: 'first' });
    bucket.put('other', objectOf('x'), 'PutObject', stamp());
    bucket.createUpload('k', { headers: {} }, stamp());
    bucket.put('k', objectOf('mine'), 'PutObject', stamp(), attempt);
    expect(bucket.current('k')?.etag).toBe('mine');
  });
});

describe('sequencers', () => {
  test('increase when the clock stops or goes back, and after a restart', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 41)), (times) => {
        let sequencers = new Sequencers();
        let last = '';
        for (const time of times) {
          const next = sequencers.next(time);
          expect(next > last).toBe(true);
          expect(next).toMatch(/^[0-9A-F]{18}$/);
          last = next;
          sequencers = new Sequencers();
          sequencers.seen(last);
        }
      }),
    );
  });
});

describe('listings', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', 'é', '\uff5e', '🍲'),
    minLength: 1,
    maxLength: 6,
  });
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

  test('return the same in pages as for all keys at once, grouped by the delimiter', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 30 }),
        fc.constantFrom('', 'a', 'b/', '🍲'),
        fc.constantFrom('', '/', 'ab'),
        fc.integer({ min: 1, max: 7 }),
        fc.nat(5),
        (keys, prefix, delimiter, limit, deleted) => {
          const bucket = new Bucket(settings('Enabled'));
          const stamp = stamps();
          for (const each of keys) bucket.put(each, objectOf(each), 'PutObject', stamp());
          for (const each of keys.slice(0, deleted)) bucket.remove(each, undefined, stamp());
          const rolled = keys
            .slice(deleted)
            .filter((each) => each.startsWith(prefix))
            .map((each) => {
              const end = delimiter === '' ? -1 : each.indexOf(delimiter, prefix.length);
              return end < 0 ? each : `${each.slice(0, end + delimiter.length)}…`;
            });
          const listed: string[] = [];
          let after: Position | undefined;
          do {
            const page = listObjects(bucket, { prefix, delimiter, limit, after });
            const all = [
              ...page.entries.map((entry) => entry.key),
              ...page.commonPrefixes.map((each) => `${each}…`),
            ];
            expect(all.length).toBeLessThanOrEqual(limit);
            listed.push(...all.sort(byBytes));
            after = page.next;
          } while (after);
          expect(listed.map((each) => each.replace('…', ''))).toEqual(
            [...new Set(rolled)].sort(byBytes).map((each) => each.replace('…', '')),
          );
        },
      ),
    );
  });

  test('of versions return each version once across pages, newest first', () => {
    fc.assert(
      fc.property(versionings, steps, fc.integer({ min: 1, max: 5 }), (versioning, all, limit) => {
        const bucket = new Bucket(settings(versioning));
        run(bucket, all);
        const listed: string[] = [];
        let after: Position | undefined;
        do {
          const page = listVersions(bucket, { prefix: '', delimiter: '', limit, after });
          listed.push(...page.entries.map((entry) => `${entry.key} ${entry.version.versionId}`));
          after = page.next;
        } while (after);
        expect(listed).toEqual(
          [...bucket.keys].flatMap((each) =>
            bucket.versions(each).map(({ versionId }) => `${each} ${versionId}`),
          ),
        );
      }),
    );
  });
});

describe('joined checksums', () => {
  test.each<ChecksumAlgorithm>(['CRC32', 'CRC32C', 'CRC64NVME'])(
    'of parts as a full-object %s equal that of the whole object',
    async (algorithm) => {
      const checksum = async (bytes: Uint8Array) => {
        const sum = hasher(algorithm);
        sum.update(bytes);
        return Buffer.from(await sum.digest()).toString('base64');
      };
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
          async (parts) => {
            const sums = await Promise.all(
              parts.map(async (part) => ({ checksum: await checksum(part), size: part.length })),
            );
            expect(joinChecksums(algorithm, 'FULL_OBJECT', sums)).toBe(await checksum(Buffer.concat(parts)));
            const digests = Buffer.concat(sums.map((sum) => Buffer.from(sum.checksum, 'base64')));
            if (algorithm !== 'CRC64NVME') {
              expect(joinChecksums(algorithm, 'COMPOSITE', sums)).toBe(
                `${await checksum(digests)}-${parts.length}`,
              );
            }
          },
        ),
      );
    },
  );
});
