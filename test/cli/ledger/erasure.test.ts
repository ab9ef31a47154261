// @module-tag mysql
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  ListRulesCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publish } from '../../../cli/lake/publish.ts';
import { publishedFilesWith } from '../../../cli/lake/published-files.ts';
import { cutOut, recordToErase } from '../../../cli/ledger/erasure/cut-out.ts';
import { Erasure } from '../../../cli/ledger/erasure/erase.ts';
import { type Inventory, visitMessages } from '../../../cli/ledger/erasure/inventory.ts';
import { RowsOfObjects } from '../../../cli/ledger/erasure/rows.ts';
import { reconcile } from '../../../cli/ledger/reconcile/reconcile.ts';
import { withTables } from '../../../cli/mysql/look-in-tables.ts';
import { mysqlUrl, withMysql } from '../../../cli/mysql/mysql.ts';
import { localCredentials, type Target } from '../../../cli/target/target.ts';
import { ErasureScope } from '../../../domain/operations/erasure.ts';
import { ledgerTables } from '../../../domain/tables/ledger-tables.ts';
import { objectHash } from '../../../domain/tables/row-identity.ts';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import { objectId, versionSegment } from '../../../domain/versions/key-layout.ts';
import { filesNamedIn } from '../../../lake/forget-files.ts';
import { readText } from '../../../store/listing.ts';
import {
  eventually,
  padding,
  quiet,
  settledState,
  startTestPipeline,
  type TestPipeline,
} from '../../pipeline/running-pipeline.ts';
import { documents, finished, type Run, sluice, startSluice } from '../sluice.ts';

let pipeline: TestPipeline;
let target: Target;

beforeAll(async () => {
  pipeline = await startTestPipeline({ mysql: true });
  target = pipeline.target;
});

afterAll(async () => {
  await pipeline.close();
});

const run = (...args: string[]): Promise<Run> => sluice(pipeline.directory, args);
const raw = () => target.outputs.buckets.raw;
const never = new AbortController().signal;

const recipe = (title: string, steps = 1) => ({
  title,
  ingredients: ['water'],
  directions: Array.from({ length: steps }, () => 'Boil for 10 minutes.'),
});
const ndjson = (...items: readonly unknown[]) => items.map((each) => `${JSON.stringify(each)}\n`).join('');

async function put(Key: string, Body: string | Buffer, more: object = {}): Promise<string> {
  const { VersionId = '' } = await target.s3.send(
    new PutObjectCommand({ Bucket: raw(), Key, Body, ...more }),
  );
  return VersionId;
}

/** Puts an object and waits until it is in every sink. */
async function putAndWait(key: string, body: string | Buffer, more: object = {}): Promise<string> {
  const versionId = await put(key, body, more);
  await settledState(target, key, versionId);
  await quiet(target);
  return versionId;
}

/**
 * Every version and delete marker of every bucket that belongs to a key, by another way than the command's.
 */
async function tracesOf(key: string): Promise<string[]> {
  const traces: string[] = [];
  for (const [place, Bucket] of Object.entries(target.outputs.buckets)) {
    let marker: object | undefined = {};
    while (marker !== undefined) {
      const page: ListObjectVersionsCommandOutput = await target.s3.send(
        new ListObjectVersionsCommand({ Bucket, EncodingType: 'url', ...marker }),
      );
      const { Versions = [], DeleteMarkers = [] } = page;
      for (const each of [...Versions, ...DeleteMarkers]) {
        const { Key = '', VersionId } = each;
        const name = decodeURIComponent(Key.replaceAll('+', ' '));
        const isIts = place === 'raw' ? name === key : name.includes(objectId(key));
        const named = isIts || !('Size' in each) ? [] : await namedIn(Bucket, name, VersionId, key);
        if (isIts || named.length > 0) traces.push([`${place}/${name}`, ...named, VersionId].join(' '));
      }
      const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page;
      marker = IsTruncated ? { KeyMarker: NextKeyMarker, VersionIdMarker: NextVersionIdMarker } : undefined;
    }
  }
  return traces.sort();
}

/** The files of a key that a manifest names. */
async function namedIn(Bucket: string, Key: string, VersionId: string | undefined, key: string) {
  if (!/\/metadata\/.*-m\d+\.avro$/.test(Key)) return [];
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  const manifest = Buffer.from((await Body?.transformToByteArray()) ?? []);
  return filesNamedIn(manifest).filter((uri) => uri.includes(objectId(key)));
}

/** Whether a trace is of a version: in raw it has the version's id, elsewhere the segment of it. */
const isOf = (versionId: string, trace: string) =>
  trace.endsWith(` ${versionId}`) || trace.includes(versionSegment(versionId));

async function rowsOf(key: string, table = 'recipes'): Promise<number> {
  return withMysql(mysqlUrl({ directory: pipeline.directory }, 'read'), async (connection) => {
    const [rows] = await connection.query(`select 1 from ${table} where _object = x'${objectHash(key)}'`);
    return (rows as unknown[]).length;
  });
}

const placesOf = (traces: readonly string[]) => [...new Set(traces.map((each) => each.split('/')[0]))].sort();

async function recordOf(totals: Record<string, unknown> | undefined): Promise<string> {
  const { failed } = target.outputs.buckets;
  return readText(target, failed, String(totals?.['record']).slice(`s3://${failed}/`.length));
}

/**
 * Erases an object as the command does.
 *
 * @param stopAfter so many deletions; what they erased stays erased
 * @returns what is left
 */
function eraseHere(key: string, stopAfter = Number.POSITIVE_INFINITY): Promise<Inventory | 'stopped'> {
  const stop = new AbortController();
  let deletions = 0;
  const progress = (text: string) => {
    if (text.startsWith('Erased ') && ++deletions >= stopAfter) stop.abort();
  };
  return withMysql(mysqlUrl({ directory: pipeline.directory }, 'write'), async (connection) => {
    const rows = new RowsOfObjects(connection);
    const scope = new ErasureScope([key]);
    const erasure = new Erasure({ target, scope, rows, signal: stop.signal, progress });
    try {
      return await erasure.erase(await erasure.inventory());
    } catch (error) {
      if (error !== stop.signal.reason) throw error;
      return 'stopped';
    }
  });
}

/** What reconcile finds. */
function differences(...keys: string[]): Promise<unknown[]> {
  return withTables(mysqlUrl({ directory: pipeline.directory }, 'read'), true, async (lookInTables) => {
    const found: unknown[] = [];
    for await (const step of reconcile(target, keys, lookInTables)) {
      if ('version' in step) found.push(...step.version.differences);
      if ('orphan' in step) found.push(step.orphan);
    }
    return found;
  });
}

async function unheard<Result>(work: () => Promise<Result>): Promise<Result> {
  const { endpoint, outputs } = pipeline.running;
  const events = new EventBridgeClient({ endpoint, region: outputs.region, credentials: localCredentials });
  const { Rules = [] } = await events.send(new ListRulesCommand({}));
  const rules = Rules.filter(({ Name = '' }) => Name.includes('extraction'));
  for (const { Name } of rules) await events.send(new DisableRuleCommand({ Name }));
  try {
    return await work();
  } finally {
    for (const { Name } of rules) await events.send(new EnableRuleCommand({ Name }));
  }
}

describe('erase KEY', () => {
  const person = 'recipes/people/Jane Dœ+\u0001%2F.json';
  const neighbours = [
    `${person}.bak`,
    'recipes/people/Jane Dœ+\u0001/.json',
    'recipes/people/Jane D',
    'recipes/people_Jane_D_2F.json',
  ];

  async function everythingOfPerson(): Promise<void> {
    await putAndWait(person, ndjson({ ...recipe('Jane 1'), ...padding }, { title: 'Jane rejected' }));
    await putAndWait(person, ndjson(recipe('Jane 2'), recipe('Jane 3', 8), { title: 'Jane rejected, too' }));
  }

  test('lists everything without --yes, and changes nothing', async () => {
    await Promise.all(neighbours.map((key) => putAndWait(key, ndjson(recipe(key), {}))));
    await everythingOfPerson();
    const before = await tracesOf(person);
    const listed = await run('erase', person, '--json');
    expect(listed).toMatchObject({ status: 0 });
    const places = documents(listed);
    expect(places.pop()).toMatchObject({ erased: false, messages: 0, uploads: 0, rows: { recipes: 2 } });
    expect(before).toHaveLength(places.reduce((sum, each) => sum + Number(each['versions']), 0));
    expect(placesOf(before)).toEqual(['archive', 'failed', 'ledger', 'processed', 'raw', 'temp']);
    expect(await tracesOf(person)).toEqual(before);
  });

  test('erases it from every bucket in every version, from MySQL, the queues, copies and this machine', async () => {
    for (const table of Object.values(ledgerTables)) await publish(target, table, () => {});
    const copies = join(pipeline.directory, 'lake', 'recipes');
    mkdirSync(copies, { recursive: true });
    writeFileSync(join(copies, `${'0'.repeat(32)}.parquet`), 'Jane');
    const { UploadId } = await target.s3.send(
      new CreateMultipartUploadCommand({ Bucket: raw(), Key: person }),
    );
    await target.s3.send(
      new UploadPartCommand({ Bucket: raw(), Key: person, UploadId, PartNumber: 1, Body: 'Jane' }),
    );
    for (const key of [person, neighbours[0] ?? '']) {
      const event = {
        type: 'created',
        key,
        versionId: 'v',
        revision: 0,
        sequencer: '1',
        size: 1,
        permanent: false,
      };
      const body = toQueueMessage(raw(), event as Parameters<typeof toQueueMessage>[1], 'Sweep');
      const QueueUrl = target.outputs.deadLetterQueues.extraction;
      await target.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    }
    const others = await Promise.all(neighbours.map(tracesOf));

    const erased = await run('erase', person, '--yes', '--json', '--reason', 'request 17');
    expect(erased).toMatchObject({ status: 0 });
    const totals = documents(erased).at(-1);
    expect(totals).toMatchObject({ erased: true, complete: true, messages: 1, uploads: 1, refused: [] });
    expect(Number(totals?.['published'])).toBeGreaterThan(0);

    expect(await tracesOf(person)).toEqual([]);
    expect(await rowsOf(person)).toBe(0);
    expect(await rowsOf(person, 'recipes_ingredients')).toBe(0);
    expect(readdirSync(copies)).toEqual([]);
    const { Uploads } = await target.s3.send(new ListMultipartUploadsCommand({ Bucket: raw() }));
    expect(Uploads ?? []).toEqual([]);
    expect(await Promise.all(neighbours.map(tracesOf))).toEqual(others);
    expect(await visitMessages(target, new ErasureScope(neighbours), never, true)).toBe(1);
    expect(await differences()).toEqual([]);
    const record = await recordOf(totals);
    expect(JSON.parse(record)).toMatchObject({
      what: 'objects',
      reason: 'request 17',
      complete: true,
      keyHashes: [objectHash(person)],
    });
    expect(record).not.toContain('Jane');
    const isPublished = (of: string) => publishedFilesWith(target, (key) => key === of);
    expect(await isPublished(person)).toEqual([]);
    expect(await isPublished(neighbours[0] ?? '')).not.toEqual([]);
  });

  test('says so when there is nothing, as after a run that finished', async () => {
    const again = await run('erase', person, '--yes');
    expect(again).toMatchObject({ status: 0 });
    expect(again.stdout).toContain('There is nothing of ');
    expect(again.stdout).toContain('nothing is left');
  });

  test('removes the rows also when no deletion reaches the pipeline, as of a dataset that keeps them', async () => {
    const key = 'recipes/people/kept.json';
    await putAndWait(key, ndjson(recipe('kept')));
    await unheard(async () => {
      await target.s3.send(new DeleteObjectCommand({ Bucket: raw(), Key: key }));
      expect(await rowsOf(key)).toBe(1);
      await eraseHere(key);
    });
    expect(await tracesOf(key)).toEqual([]);
    expect(await rowsOf(key)).toBe(0);
  });

  test('waits for the work that has begun, and leaves nothing of an object that is under way', async () => {
    const key = 'recipes/people/under way.json';
    const queue = target.outputs.queues.loading.split('/').at(-1);
    const resource = `arn:aws:sqs:${target.outputs.region}:000000000000:${queue}`;
    await target.control?.addFault({ kind: 'delay', of: 'messages', delayMs: 4000, resource, times: null });
    await put(key, ndjson(recipe('under way 1'), recipe('under way 2', 9), {}));
    await eventually(async () => {
      const places = placesOf(await tracesOf(key));
      return places.includes('processed') && !places.includes('archive') ? true : undefined;
    }, 'files that are not loaded');
    await eraseHere(key);
    await target.control?.clearFaults();
    await quiet(target);
    expect(await tracesOf(key)).toEqual([]);
    expect(await rowsOf(key)).toBe(0);
  });

  test('a run that is killed in the middle is finished by the next one, which says the same', async () => {
    const key = 'recipes/people/killed.json';
    await putAndWait(key, ndjson(recipe('killed 1'), {}));
    await putAndWait(key, ndjson(recipe('killed 2')));
    await target.control?.addFault({
      kind: 'close',
      operation: 'DeleteObject',
      when: 'before',
      resource: `arn:aws:s3:::${target.outputs.buckets.archive}`,
      times: null,
    });
    const child = startSluice(pipeline.directory, ['erase', key, '--yes']);
    const ended = finished(child);
    await eventually(
      async () => ((await tracesOf(key)).some((each) => each.startsWith('raw/')) ? undefined : true),
      'raw',
    );
    child.kill('SIGKILL');
    await ended;
    await target.control?.clearFaults();
    expect(await tracesOf(key)).not.toEqual([]);
    const again = await run('erase', key, '--yes');
    expect(again.status).toBe(0);
    expect(again.stdout).toContain('nothing is left');
    expect(await tracesOf(key)).toEqual([]);
    expect(await rowsOf(key)).toBe(0);
  });

  test('a run that is stopped again and again comes to the same end', async () => {
    const key = 'recipes/people/stopped.json';
    await putAndWait(key, ndjson(recipe('stopped 1'), {}));
    await putAndWait(key, ndjson(recipe('stopped 2')));
    let runs = 1;
    while ((await eraseHere(key, 5)) === 'stopped') runs += 1;
    expect(runs).toBeGreaterThan(3);
    expect(await tracesOf(key)).toEqual([]);
    expect(await rowsOf(key)).toBe(0);
    expect(await differences()).toEqual([]);
  });

  test('names what S3 refuses to delete, and fails', async () => {
    const key = 'recipes/people/locked.json';
    await putAndWait(key, ndjson(recipe('locked')));
    await target.control?.addFault({
      kind: 'answer',
      operation: 'DeleteObject',
      status: 409,
      resource: `arn:aws:s3:::${target.outputs.buckets.archive}`,
      times: null,
    });
    const refused = await run('erase', key, '--yes');
    await target.control?.clearFaults();
    expect(refused).toMatchObject({ status: 1 });
    const left = await tracesOf(key);
    expect(placesOf(left)).toEqual(['archive']);
    for (const each of left) {
      const [, name = '', version] = /^archive\/(.*) (.*)$/.exec(each) ?? [];
      expect(refused.stderr).toContain(`${name}, version ${version}, was not deleted`);
    }
    expect(refused.stdout).toContain('This is left:');
    await eraseHere(key);
    expect(await tracesOf(key)).toEqual([]);
  });
});

describe('erase KEY --record N', () => {
  test('cuts a record out of gzipped NDJSON, and erases every version that had it', async () => {
    const key = 'recipes/people/three.ndjson';
    const more = { ContentType: 'application/x-ndjson', Metadata: { owner: 'kitchen' } };
    await putAndWait(key, ndjson(recipe('Jane'), recipe('older')));
    const body = ndjson(recipe('one'), recipe('Jane', 8), { title: 'Jane rejected' }, recipe('four'));
    const versionId = await putAndWait(key, gzipSync(body), more);
    const args = ['erase', key, '--record', '2'];
    const dry = await run(...args);
    expect(dry).toMatchObject({ status: 0 });
    expect(dry.stdout).toContain(`--record 2 --version-id ${versionId} --yes`);
    expect(await run(...args, '--yes')).toMatchObject({ status: 1 });
    const yes = ['--version-id', versionId, '--yes'];
    expect(await run(...args, ...yes)).toMatchObject({ status: 0 });

    const { Body, ContentType, Metadata, VersionId } = await target.s3.send(
      new GetObjectCommand({ Bucket: raw(), Key: key }),
    );
    expect(gunzipSync((await Body?.transformToByteArray()) ?? '').toString()).toBe(
      ndjson(recipe('one'), { title: 'Jane rejected' }, recipe('four')),
    );
    expect({ ContentType, owner: Metadata?.['owner'] }).toEqual({
      ContentType: 'application/x-ndjson',
      owner: 'kitchen',
    });
    const traces = await tracesOf(key);
    const heads = traces.filter((each) => each.startsWith('ledger/heads/'));
    expect(traces.filter((each) => !isOf(VersionId ?? '', each) && !heads.includes(each))).toEqual([]);
    expect(await rowsOf(key)).toBe(2);
    expect(await differences(key)).toEqual([]);

    // The same again neither cuts another record out, nor fails.
    expect(await run(...args, ...yes)).toMatchObject({ status: 0 });
    const { VersionId: after } = await target.s3.send(new HeadObjectCommand({ Bucket: raw(), Key: key }));
    expect(after).toBe(VersionId);
  });

  test('cuts a record out of CSV, and removes its row', async () => {
    const key = 'passengers/people.csv';
    const lines = [
      'PassengerId,Survived,Pclass,Name,Sex,Age',
      '1,1,1,"Doe, ""Jane""\nof York",female,30',
      '2,1,2,Other,male,31',
    ];
    const versionId = await putAndWait(key, lines.join('\r\n'));
    expect(await rowsOf(key, 'passengers')).toBe(2);
    const args = ['--record', '1', '--version-id', versionId, '--yes'];
    expect(await run('erase', key, ...args)).toMatchObject({ status: 0 });
    expect(await readText(target, raw(), key)).toBe([lines[0], lines[2]].join('\r\n'));
    expect(await rowsOf(key, 'passengers')).toBe(1);
    expect((await tracesOf(key)).filter((each) => isOf(versionId, each))).toEqual([]);
  });

  test('refuses what would not leave the other records as they are, and erases nothing', async () => {
    const key = 'recipes/people/damaged.json';
    await putAndWait(key, `[${JSON.stringify(recipe('one'))},${JSON.stringify(recipe('Jane'))},{"tit`);
    const before = await tracesOf(key);
    const damaged = await run('erase', key, '--record', '2');
    expect(damaged).toMatchObject({ status: 1 });
    expect(damaged.stderr).toContain('be read to its end (truncated');
    expect(damaged.stderr).toContain('--old-versions');
    expect(await tracesOf(key)).toEqual(before);
    const single = 'recipes/people/single.json';
    const versionId = await putAndWait(single, ndjson(recipe('Jane')));
    const refusal = (record: number, version?: string) =>
      expect(recordToErase(target, single, record, version)).rejects;
    await refusal(1).toThrow('is the only one');
    await refusal(1, 'other').toThrow('other is not the latest version');
    await refusal(2, versionId).toThrow('has 1 record');
  });

  test('never writes over a version that was uploaded meanwhile', async () => {
    const key = 'recipes/people/meanwhile.json';
    await putAndWait(key, ndjson(recipe('one'), recipe('Jane')));
    const found = await recordToErase(target, key, 2, undefined);
    const newer = await putAndWait(key, ndjson(recipe('newer'), recipe('Jane')));
    await expect(cutOut(target, found, never)).rejects.toThrow('was uploaded meanwhile');
    const { VersionId } = await target.s3.send(new HeadObjectCommand({ Bucket: raw(), Key: key }));
    expect(VersionId).toBe(newer);
  });

  test('--old-versions erases them after a corrected upload, but not while the tables need them', async () => {
    const key = 'recipes/people/damaged.json';
    const bad = await putAndWait(key, ndjson({ title: 'unusable' }));
    const before = await tracesOf(key);
    const refused = await run('erase', key, '--old-versions', '--yes');
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain(`Version ${bad} of ${key} took no effect (rejected)`);
    expect(await tracesOf(key)).toEqual(before);
    const good = await putAndWait(key, ndjson(recipe('one')));
    expect(await run('erase', key, '--old-versions', '--yes')).toMatchObject({ status: 0 });
    const left = (await tracesOf(key)).filter((each) => !each.startsWith('ledger/heads/'));
    expect(left.filter((each) => !isOf(good, each))).toEqual([]);
    expect(await rowsOf(key)).toBe(1);
    expect(await differences()).toEqual([]);
  });
});
