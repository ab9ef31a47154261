import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Activity, type Step } from '../../../domain/activity/activity.ts';
import {
  type OutcomeLine,
  parseStageLine,
  type RetryLine,
  type StageLine,
} from '../../../domain/activity/stage-line.ts';
import { partKey, publicationKey, versionPath } from '../../../domain/versions/key-layout.ts';

const datasetOf = () => 'recipes';

interface Part {
  readonly written: number;
  readonly filtered: number;
  readonly rejected: number;
}

interface Sent {
  readonly name: string;
  readonly rejected: number;
  readonly parts: readonly Part[];
}

const part3: Part = { written: 3, filtered: 2, rejected: 1 };
const small = fc.nat({ max: 20 });
const part = fc.record({ written: small, filtered: small, rejected: small });
const sentObject = fc.record({
  name: fc.constantFrom('a', 'b', 'ü/c'),
  rejected: small,
  parts: fc.array(part, { maxLength: 4 }),
});
const sentObjects = fc.uniqueArray(sentObject, { selector: ({ name }) => name, minLength: 1 });

const objectOf = ({ name }: Pick<Sent, 'name'>, versionId = 'v1!0001') => ({
  key: `recipes/${name}.ndjson`,
  versionId,
});

const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

function totalsOf({ rejected, parts }: Sent) {
  const of = (name: 'written' | 'filtered' | 'rejected') => sum(parts.map((each) => each[name]));
  const totals = { written: of('written'), filtered: of('filtered'), rejected: rejected + of('rejected') };
  return { read: sum(Object.values(totals)), ...totals };
}

function line(service: OutcomeLine['service'], changes: Partial<OutcomeLine>): OutcomeLine {
  const { result = 'done' } = changes;
  const counts = { read: 0, written: 0, filtered: {}, rejected: {} };
  const rest = { key: '', versionId: 'v', dataset: 'recipes', sentAt: new Date(1000).toISOString() };
  return { service, message: `The object is ${result}`, ...rest, ...counts, ...changes, result };
}

/** The lines of all functions of an object. */
function linesOf(sent: Sent): OutcomeLine[] {
  const object = objectOf(sent);
  const path = versionPath({ dataset: 'recipes', ...object });
  const { read } = totalsOf(sent);
  const valid = read - sent.rejected;
  const rejected = { missing_field: sent.rejected };
  const outputs = sent.parts.length;
  const published = (number: number) => ({ key: publicationKey(path, number, outputs), object });
  const isPublished = totalsOf(sent).written > 0;
  return [
    line('extraction', { key: object.key, versionId: 'v1', object, read, written: valid, rejected, outputs }),
    ...sent.parts.flatMap((each, number) => [
      line('transformation', {
        key: partKey(path, number),
        object,
        read: each.written + each.filtered + each.rejected,
        written: each.written,
        filtered: { left_out: each.filtered },
        rejected: { invalid_row: each.rejected },
        outputs: each.written > 0 ? 1 : 0,
      }),
      // These are records of the transformation, which must not be counted twice.
      ...(isPublished
        ? [line('loading', { ...published(number), read: 7, written: 7, rejected: { database: 3 } })]
        : []),
    ]),
    ...(isPublished ? [line('commit', published(outputs - 1))] : []),
  ];
}

const retry = (attempt: number, body: string): RetryLine => ({
  service: 'extraction',
  message: 'The message goes back to the queue',
  body,
  attempt,
  of: 5,
  error: { message: 'SlowDown', code: 'storage' },
});

const ends = (steps: readonly Step[]) => steps.filter(({ ended }) => ended !== undefined);

describe('the activity of the pipeline', () => {
  it('tells the end of each object once, with its last line, whatever the order of the lines', () => {
    const any = sentObjects.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all.flatMap(linesOf), { minLength: 0 }), fc.context()),
    );
    const whole = sentObjects.chain((all) => {
      const lines = all.flatMap(linesOf);
      return fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length }),
      );
    });
    fc.assert(
      fc.property(whole, ([all, lines]) => {
        const activity = new Activity(datasetOf);
        const steps = lines.map((each, i) => activity.add(each, 2000 + i));
        expect(ends(steps)).toHaveLength(all.length);
        for (const sent of all) {
          const { key } = objectOf(sent);
          const last = lines.findLastIndex((each) => each.object?.key === key);
          const totals = totalsOf(sent);
          const isRejected = totals.read > 0 && totals.rejected === totals.read;
          expect(steps[last]).toMatchObject({
            ...objectOf(sent),
            dataset: 'recipes',
            ended: { ...totals, outcome: isRejected ? 'rejected' : 'done', tookMs: 1000 + last },
          });
        }
        expect(activity.unsure(Infinity, 10)).toEqual([]);
      }),
    );
    fc.assert(
      fc.property(any, ([all, lines]) => {
        const activity = new Activity(datasetOf);
        const told = ends(lines.map((each) => activity.add(each, 2000))).map(({ key }) => key);
        const isWhole = (sent: Sent) =>
          lines.filter((each) => each.object?.key === objectOf(sent).key).length === linesOf(sent).length;
        expect(told.sort()).toEqual(
          all
            .filter(isWhole)
            .map((sent) => objectOf(sent).key)
            .sort(),
        );
      }),
    );
  });

  it('tells nothing twice when copies of messages come again, before and after the end', () => {
    const mixed = sentObject.chain((sent) => {
      const copies = linesOf(sent).map(
        ({ service, key, dataset, object, versionId }): OutcomeLine =>
          line(service, {
            key,
            versionId: service === 'extraction' ? 'v1!0001' : versionId,
            dataset,
            result: 'duplicate',
            ...(service === 'extraction' && object && { object }),
          }),
      );
      const lines = [...linesOf(sent), ...copies];
      return fc.tuple(
        fc.constant(sent),
        fc.shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length }),
      );
    });
    fc.assert(
      fc.property(mixed, ([sent, lines]) => {
        const activity = new Activity(datasetOf);
        const told = ends(lines.map((each) => activity.add(each, 2000)));
        expect(told.map(({ ended }) => ended)).toMatchObject([totalsOf(sent)]);
        expect(activity.unsure(Infinity, 10)).toEqual([]);
      }),
    );
  });

  it('asks for an object when a function died before its line, and takes the answer once', () => {
    const lost = sentObject
      .filter(({ parts }) => parts.length > 0)
      .chain((sent) => fc.tuple(fc.constant(sent), fc.nat({ max: linesOf(sent).length - 1 })));
    fc.assert(
      fc.property(lost, ([sent, at]) => {
        const activity = new Activity(datasetOf);
        const lines: StageLine[] = linesOf(sent).map((each, i) =>
          i === at
            ? line(each.service, {
                key: each.key,
                result: 'duplicate',
                ...(each.service === 'extraction' && { object: objectOf(sent) }),
              })
            : each,
        );
        const steps = lines.map((each) => activity.add(each, 2000));
        expect(ends(steps)).toEqual([]);
        expect(activity.unsure(2000, 10)).toEqual([]);
        const asked = activity.unsure(8000, 10);
        const path = versionPath({ dataset: 'recipes', ...objectOf(sent) });
        expect(asked).toMatchObject([{ path }]);
        expect(activity.unsure(8000, 10)).toEqual([]);
        const answer = { outcome: 'done', ...totalsOf(sent), code: undefined } as const;
        const step = activity.end(path, objectOf(sent), answer);
        expect(step).toMatchObject({ at: 2000, ...objectOf(sent), ended: totalsOf(sent) });
        expect(activity.end(path, objectOf(sent), answer)).toBeUndefined();
        expect(activity.unsure(Infinity, 10)).toEqual([]);
      }),
    );
  });

  it('asks for an object whose first lines it has not seen, each time after twice as long', () => {
    const sent = { name: 'a', rejected: 0, parts: [{ written: 1, filtered: 0, rejected: 0 }] };
    const activity = new Activity(datasetOf);
    for (const each of linesOf(sent).slice(1)) activity.add(each, 0);
    const times = Array.from({ length: 60 }, (_, second) => second * 1000);
    const asked = times.filter((now) => activity.unsure(now, 10).length > 0);
    expect(asked).toEqual([5000, 10_000, 20_000, 40_000]);
  });

  it.each([
    { result: 'stale', outcome: 'superseded' },
    { result: 'retracted', outcome: 'retracted' },
    { result: 'kept', outcome: 'kept' },
    { result: 'ignored', outcome: 'ignored' },
  ] as const)('tells of an event that is $result at once', ({ result, outcome }) => {
    const activity = new Activity(datasetOf);
    const object = objectOf({ name: 'a' });
    const step = activity.add(line('extraction', { key: object.key, object, result }), 3000);
    expect(step.ended).toEqual({
      outcome,
      read: 0,
      written: 0,
      filtered: 0,
      rejected: 0,
      code: undefined,
      tookMs: 2000,
    });
  });

  it('tells of a fault at once if no record before it is used, and else at the end', () => {
    const object = objectOf({ name: 'a' });
    const fault = { code: 'truncated', message: 'It ends within a record.' };
    const failed = { key: object.key, object, result: 'failed', fault } as const;
    const nothing = new Activity(datasetOf).add(line('extraction', { ...failed, outputs: 0 }), 3000);
    expect(nothing).toMatchObject({
      result: 'failed',
      ...fault,
      ended: { outcome: 'failed', code: 'truncated' },
    });
    const activity = new Activity(datasetOf);
    const sent = { name: 'a', rejected: 0, parts: [{ written: 2, filtered: 0, rejected: 0 }] };
    const [, ...others] = linesOf(sent);
    const first = activity.add(line('extraction', { ...failed, read: 2, outputs: 1 }), 3000);
    expect(first.ended).toBeUndefined();
    const [end] = ends(others.map((each) => activity.add(each, 3000)));
    expect(end?.ended).toMatchObject({ outcome: 'done', code: 'truncated', read: 2, written: 2 });
  });

  it('tells that an object failed whose version was rejected when it was whole, whichever line comes first', () => {
    const sent = { name: 'a', rejected: 1, parts: [part3, part3] };
    const isOurs = ({ service }: OutcomeLine) => service === 'extraction' || service === 'transformation';
    const [extraction, first, second] = linesOf(sent).filter(isOurs);
    if (extraction === undefined || first === undefined || second === undefined) throw new Error('no lines');
    const fault = { code: 'too_many_rejects', message: 'm' };
    const last: OutcomeLine = { ...second, result: 'failed', fault };
    for (const lines of [
      [extraction, first, last],
      [last, first, extraction],
    ]) {
      const activity = new Activity(datasetOf);
      const ended = lines.map((each, at) => activity.add(each, at).ended);
      expect(ended.slice(0, 2)).toEqual([undefined, undefined]);
      expect(ended[2]).toMatchObject({
        ...{ outcome: 'failed', code: 'too_many_rejects' },
        ...{ read: 13, written: 0, filtered: 4, rejected: 9 },
      });
    }
  });

  it('tells that an object failed when a part of it can not be read', () => {
    const sent = { name: 'a', rejected: 0, parts: [{ written: 2, filtered: 0, rejected: 0 }] };
    const [extraction, transformation] = linesOf(sent);
    const activity = new Activity(datasetOf);
    activity.add(extraction as OutcomeLine, 2000);
    const fault = { code: 'unreadable_part', message: 'It is not ours.' };
    const { key = '' } = transformation ?? {};
    const step = activity.add(line('transformation', { key, result: 'failed', fault }), 2500);
    expect(step).toMatchObject({
      ...objectOf(sent),
      ended: { outcome: 'failed', code: 'unreadable_part', read: 2 },
    });
  });

  it('names the object of a message that is retried, and says when it was the last attempt', () => {
    const body = JSON.stringify({
      source: 'aws.s3',
      'detail-type': 'Object Created',
      time: '2026-01-01T00:00:00Z',
      detail: {
        bucket: { name: 'raw' },
        object: { key: 'recipes/a.json', 'version-id': 'v1', sequencer: '0A' },
        reason: 'PutObject',
        edition: 2,
      },
    });
    const activity = new Activity(datasetOf);
    const about = { key: 'recipes/a.json', versionId: 'v1!0002', dataset: 'recipes', code: 'storage' };
    expect(activity.add(retry(4, body), 1)).toMatchObject({ ...about, result: 'retried', attempt: 4, of: 5 });
    expect(activity.add(retry(5, body), 2)).toMatchObject({ ...about, result: 'dead_lettered' });
    expect(activity.add(retry(1, 'poison'), 3)).toMatchObject({ key: 'poison', result: 'retried' });
    expect(activity.size).toBe(0);
  });

  it('knows no more versions than it may, and forgets those that are quiet for an hour', () => {
    const activity = new Activity(datasetOf, { most: 3 });
    const first = (name: string) => linesOf({ name, rejected: 1, parts: [] })[0] as OutcomeLine;
    const begun = (name: string): OutcomeLine => ({ ...first(name), outputs: 1 });
    for (let n = 0; n < 20; n += 1) {
      activity.add(begun(`open-${n}`), n);
      activity.add(first(`ended-${n}`), n);
    }
    expect(activity.size).toBe(6);
    activity.forget(3_600_018);
    expect(activity.size).toBe(4);
    activity.forget(3_600_100);
    expect(activity.size).toBe(0);
  });
});

describe('a line of a log', () => {
  it('that tells of no message is no line of a stage', () => {
    for (const text of ['START RequestId: 1', '{', '{"level":"INFO","message":"The object is done"}', 'null'])
      expect(parseStageLine(text)).toBeUndefined();
  });

  it('is read with the fields that later code may add', () => {
    const known = line('loading', { key: 'k' });
    expect(parseStageLine(JSON.stringify({ ...known, more: 1, level: 'INFO' }))).toEqual(known);
  });
});
