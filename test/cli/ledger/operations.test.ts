// @module-tag mysql
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  ListRulesCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  RestoreObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ledgerOf } from '../../../cli/ledger/ledger.ts';
import { sweep as sweepTarget } from '../../../cli/ledger/sweep.ts';
import { mysqlUrl, withMysql } from '../../../cli/mysql/mysql.ts';
import { localCredentials, type Target } from '../../../cli/target/target.ts';
import { registry } from '../../../datasets/index.ts';
import type { Stage } from '../../../domain/stage.ts';
import { objectHash } from '../../../domain/tables/row-identity.ts';
import {
  archiveKey,
  csvTableKey,
  dataKey,
  extractionReceiptKey,
  failedPrefixes,
  ledgerEntryKey,
  loadingReceiptKey,
  transformationReceiptKey,
  UNKNOWN_DATASET,
  versionPath,
  versionSegment,
} from '../../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import { forgetFiles } from '../../../lake/forget-files.ts';
import { glueCatalog } from '../../../lake/glue-catalog.ts';
import { IcebergTable } from '../../../lake/iceberg-table.ts';
import { recordedSchemas } from '../../../lake/table-schema.ts';
import layouts from '../../../mysql/migrations/lake.json' with { type: 'json' };
import { listObjects, readText } from '../../../store/listing.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
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
let events: EventBridgeClient;

beforeAll(async () => {
  pipeline = await startTestPipeline({ mysql: true });
  target = pipeline.target;
  const { endpoint, outputs } = pipeline.running;
  events = new EventBridgeClient({ endpoint, region: outputs.region, credentials: localCredentials });
});

afterAll(async () => {
  await pipeline.close();
});

const run = (...args: string[]): Promise<Run> => sluice(pipeline.directory, args);

const recipe = (title: string) => ({ title, ingredients: ['water'], directions: ['Boil for 10 minutes.'] });
const ndjson = (...records: unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

async function put(key: string, body: string, bucket = target.outputs.buckets.raw): Promise<string> {
  // A receipt can be created, but never overwritten.
  const once = key.startsWith('receipts/') ? ({ IfNoneMatch: '*' } as const) : {};
  const { VersionId = '' } = await target.s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...once }),
  );
  return VersionId;
}

async function remove(key: string, bucket = target.outputs.buckets.raw): Promise<string> {
  const { VersionId = '' } = await target.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  return VersionId;
}

async function putAndWait(key: string, body: string): Promise<string> {
  const versionId = await put(key, body);
  await settledState(target, key, versionId);
  return versionId;
}

/** Runs `work` while all events to a stage are lost. */
async function unheard<Result>(stage: Stage, work: () => Promise<Result>): Promise<Result> {
  const { Rules = [] } = await events.send(new ListRulesCommand({}));
  const rule = Rules.find(({ Name = '' }) => Name.includes(stage));
  expect(rule).toBeDefined();
  await events.send(new DisableRuleCommand({ Name: rule?.Name }));
  try {
    return await work();
  } finally {
    await events.send(new EnableRuleCommand({ Name: rule?.Name }));
  }
}

const sweep = (...args: string[]) => run('sweep', '--older-than', '0s', '--json', ...args);

function amissOf(swept: Run, key: string): unknown[] {
  return documents(swept)
    .filter((each) => each['key'] === key)
    .map((each) => each['amiss']);
}

/** Waits until a sweep finds no problem under a prefix. */
async function swept(prefix: string): Promise<void> {
  await eventually(async () => {
    for await (const { findings } of sweepTarget(target, { prefix, before: Date.now() }))
      if (findings.length > 0) return undefined;
    return true;
  }, `the end of ${prefix}`);
  await quiet(target);
}

async function titles(prefix: string): Promise<unknown> {
  const { stdout } = await run(
    'query',
    '--mysql',
    '--json',
    `select title from recipes where title like '${prefix}%' order by 1`,
  );
  return (JSON.parse(stdout) as { title: string }[]).map(({ title }) => title);
}

async function fileOf(place: 'processed' | 'archive', key: string): Promise<string> {
  const state = await ledgerOf(target).known(versionPath({ dataset: 'recipes', key, versionId: '' }));
  const version = versionSegment(state?.entry.current?.versionId ?? '');
  for await (const { Key } of listObjects(target, target.outputs.buckets[place], 'recipes/'))
    if (Key.includes(version)) return Key;
  throw new Error(`${key} has no file in ${place}.`);
}

/** The first file of the active version, as its publication names it. */
async function activeFile(key: string): Promise<StoredObject> {
  const place = versionPath({ dataset: 'recipes', key, versionId: '' });
  const versionId = (await ledgerOf(target).entry(place))?.current?.versionId ?? '';
  const [part] = await ledgerOf(target).publishedParts(versionPath({ dataset: 'recipes', key, versionId }));
  return part?.files[0] ?? expect.fail(`${key} has no file that is published.`);
}

describe('sweep', () => {
  const key = 'recipes/lost/a b+ü\u0001.json';

  test('sweep finds objects without an event, and sends their events with --enqueue', async () => {
    await unheard('extraction', () => put(key, ndjson(recipe('lost 1'), {})));
    const found = await sweep('--prefix', 'recipes/lost/');
    expect(found).toMatchObject({ status: 1 });
    expect(amissOf(found, key)).toEqual(['never_seen']);
    expect((await run('sweep', '--older-than', '0s')).stdout).toContain(
      'never seen     recipes/lost/a b+ü\\u0001.json: no event of it has arrived',
    );

    expect(documents(await sweep('--enqueue')).at(-1)).toMatchObject({ findings: 1, sent: 1 });
    await swept('recipes/lost/');
    expect(await titles('lost')).toEqual(['lost 1']);
  });

  test('sweep finds a newer version, a deletion and a revoked deletion that had no event', async () => {
    await unheard('extraction', () => put(key, ndjson(recipe('lost 2'))));
    expect(amissOf(await sweep('--enqueue'), key)).toEqual(['missed']);
    await swept('recipes/lost/');
    expect(await titles('lost')).toEqual(['lost 2']);

    const marker = await unheard('extraction', () => remove(key));
    expect(amissOf(await sweep('--enqueue'), key)).toEqual(['not_retracted']);
    await swept('recipes/lost/');
    expect(await titles('lost')).toEqual([]);

    await target.s3.send(
      new DeleteObjectCommand({ Bucket: target.outputs.buckets.raw, Key: key, VersionId: marker }),
    );
    await quiet(target);
    expect(amissOf(await sweep('--enqueue'), key)).toEqual(['missed']);
    await swept('recipes/lost/');
    expect(await titles('lost')).toEqual(['lost 2']);
    expect((await run('reconcile', key)).status).toBe(0);
  });

  test.each(['transformation', 'loading'] as const)(
    'sweep finds a work item that had no event to %s',
    async (stage) => {
      const unfinished = `recipes/lost/${stage}.json`;
      await unheard(stage, async () => {
        await put(unfinished, ndjson({ ...recipe(stage), ...padding }));
        await eventually(async () => {
          const { stdout } = await run('status', unfinished, '--json');
          return JSON.parse(stdout).objects[0].stage === stage ? true : undefined;
        }, `the stage before ${stage}`);
        await quiet(target);
      });
      expect(amissOf(await sweep('--enqueue'), unfinished)).toEqual(['unfinished']);
      await swept('recipes/lost/');
      expect(await titles(stage)).toEqual([stage]);
    },
  );

  test('sweep reprocesses a version whose part is gone before its transformation', async () => {
    const unfinished = 'recipes/lost/part.json';
    await unheard('transformation', async () => {
      await put(unfinished, ndjson({ ...recipe('part gone'), ...padding }));
      const part = await eventually(async () => {
        for await (const { Key } of listObjects(target, target.outputs.buckets.temp, 'recipes/'))
          if (Key.includes('part.json~')) return Key;
        return undefined;
      }, 'the part');
      await quiet(target);
      await remove(part, target.outputs.buckets.temp);
    });
    const found = await run('sweep', '--older-than', '0s', '--enqueue');
    expect(found.stdout).toContain(
      '1 work item is missing and its input is gone; the object must be reprocessed',
    );
    expect(found.status).toBe(0);
    await swept('recipes/lost/');
    expect(await titles('part gone')).toEqual(['part gone']);
  });

  test('sweep finds what is left of older versions of a key without a dataset, and has it removed', async () => {
    const key = 'elsewhere/left-over.json';
    const versionId = await putAndWait(key, 'of nobody');
    // The extraction removes what is superseded after the object's end.
    await quiet(target);
    // As if it had died before it removed the older version.
    const place = versionPath({ dataset: UNKNOWN_DATASET, key, versionId });
    await ledgerOf(target).change(place, (entry) => entry && { ...entry, superseded: ['older'] });
    expect(amissOf(await sweep('--prefix', key, '--enqueue'), key)).toEqual(['left_over']);
    await swept(key);
    expect((await ledgerOf(target).entry(place))?.superseded).toEqual([]);
  });

  test('sweep finds what is left of a version that was deleted for good, beneath a deletion', async () => {
    const key = 'recipes/left-over.json';
    const versionId = await putAndWait(key, ndjson(recipe('left over')));
    await remove(key);
    await expect.poll(() => titles('left over')).toEqual([]);
    await quiet(target);
    const place = versionPath({ dataset: 'recipes', key, versionId });
    // As if only another one had been known, and who forgot it had died before its output was removed.
    await ledgerOf(target).change(
      place,
      (entry) => entry && { ...entry, current: undefined, attempts: [], superseded: ['older'] },
    );
    expect(amissOf(await sweep('--prefix', key, '--enqueue'), key)).toEqual(['left_over']);
    await swept(key);
    expect((await ledgerOf(target).entry(place))?.superseded).toEqual([]);
  });

  test('sweep skips recently changed objects, and counts them', async () => {
    await unheard('extraction', () => put('recipes/young.json', ndjson(recipe('young'))));
    await putAndWait('recipes/younger.json', ndjson(recipe('younger')));
    const prefix = ['--prefix', 'recipes/young', '--older-than'];
    const left = await run('sweep', ...prefix, '1h');
    expect(left.status).toBe(0);
    expect(left.stdout).toContain('Swept 2 objects: no problems found.');
    expect(left.stdout).toContain('Skipped 2 objects that changed in the last 1 h 0 min.');
    expect(documents(await run('sweep', '--json', ...prefix, '1h')).at(-1)).toMatchObject({ young: 2 });
    expect(documents(await run('sweep', '--json', ...prefix, '0s')).at(-1)).toMatchObject({ young: 0 });
  });

  test('sweep takes the time from S3, so a slow clock hides no problem', async () => {
    const behind = `Date.now = (now => () => now() - 600_000)(Date.now)`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(behind)}`;
    const args = ['sweep', '--prefix', 'recipes/young', '--older-than', '0s'];
    const command = startSluice(pipeline.directory, args, { environment: { NODE_OPTIONS } });
    const { status, stdout } = await finished(command);
    expect(stdout).toContain('never seen     recipes/young.json: no event of it has arrived (for ');
    expect(stdout).not.toContain('Skipped');
    expect(status).toBe(1);
    expect((await sweep('--prefix', 'recipes/young', '--enqueue')).status).toBe(0);
    await swept('recipes/young');
  });
});

describe('reconcile', () => {
  const key = 'recipes/books.json';

  test('reconcile counts the records of every object, and finds as many in each sink', async () => {
    await putAndWait(key, ndjson(recipe('books 1'), recipe('books 2'), {}));
    await putAndWait(
      'passengers/few.csv',
      'PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked\r\n' +
        '1,0,3,"Braund, Mr. Owen",male,22,1,0,A/5 21171,7.25,,S\r\n' +
        '2,1,1,"Cumings, ""Mrs."" John",female,38,1,0,PC 17599,71.2833,C85,C\r\n',
    );
    await quiet(target);
    const all = await run('reconcile', '--json');
    expect(all).toMatchObject({ status: 0 });
    expect(documents(all)).toContainEqual(
      expect.objectContaining({
        key,
        standing: 'current',
        read: 3,
        written: 2,
        rejected: { missing_field: 1 },
        found: { lake: 2, archive: 2, tables: 2 },
        differences: [],
      }),
    );
    expect(documents(all)).toContainEqual(
      expect.objectContaining({
        key: 'passengers/few.csv',
        read: 2,
        written: 1,
        found: { lake: 1, archive: 1, tables: 1 },
      }),
    );
    expect((await run('reconcile', key)).stdout).toContain(
      'recipes/books.json: 3 read, 2 written, 0 filtered, 1 rejected (missing_field 1); 2 in the lake, 2 in the archive, 2 in MySQL',
    );
  });

  test('reconcile reports missing, changed and orphaned files and rows', async () => {
    const { processed, archive, failed } = target.outputs.buckets;
    const lakeFile = await fileOf('processed', key);
    const archived = archiveKey(lakeFile);
    const stray = archived.replace('part-00000', 'part-00009');
    await target.s3.send(
      new CopyObjectCommand({ Bucket: archive, Key: stray, CopySource: encodeURI(`${archive}/${archived}`) }),
    );
    await put(archived, 'no Parquet', archive);
    let rejects = '';
    for await (const { Key } of listObjects(target, failed, 'rejects/recipes/'))
      if (Key.includes('books.json~')) rejects = Key;
    const line = await readText(target, failed, rejects);
    await put(rejects, line + line.replace('missing_field', 'empty'), failed);
    await withMysql(mysqlUrl({ directory: pipeline.directory }, 'write'), (connection) =>
      connection.query("update recipes set _sequencer = '0' where title = 'books 1'"),
    );
    await remove(lakeFile, processed);

    const { status, stdout } = await run('reconcile', key);
    expect(status).toBe(1);
    expect(stdout).toContain(`the lake’s ${lakeFile} is missing, with 2 records`);
    expect(stdout).toContain(`the archive’s ${archived} can’t be read`);
    expect(stdout).toContain(`the failed bucket’s ${rejects} has 2 records; its receipt says 1`);
    expect(stdout).toContain('rows in MySQL: 1, expected 2');
    expect(stdout).toContain(`${stray}: orphaned file, no active version references it`);
    expect(stdout).toContain('1 row in MySQL of a version that is not active');
    expect(stdout).toContain('6 differences');

    await remove(stray, archive);
    await remove(archived, archive);
    const replayed = await run('replay', key, '--force', '--wait');
    expect(replayed).toMatchObject({ status: 0 });
    await quiet(target);
    expect(await run('reconcile', key)).toMatchObject({ status: 0 });
    expect(await titles('books')).toEqual(['books 1', 'books 2']);
  });

  test('reconcile counts what is left of a version that is gone, and names what nobody will remove', async () => {
    const { processed } = target.outputs.buckets;
    const passengers = 'passengers/few.csv';
    const path = versionPath({ dataset: 'passengers', key: passengers, versionId: 'older' });
    const stray = dataKey(path, 0, '', { codeVersion: 'x', extension: 'csv' });
    const copy = csvTableKey(stray);
    await put(stray, 'name\r\n', processed);
    const left = await run('reconcile', passengers);
    expect(left).toMatchObject({ status: 0 });
    expect(left.stdout).toContain('1 file is left of what was replaced or given up');
    await put(copy, 'name\r\n', processed);
    const { status, stdout } = await run('reconcile', passengers);
    expect(status).toBe(1);
    expect(stdout).toContain(`${copy}: orphaned file, no active version references it`);
    for (const key of [stray, copy]) await remove(key, processed);
  });

  test('reconcile reports a file that its table lacks, and one that a table shows of a version that is not active', async () => {
    const { processed } = target.outputs.buckets;
    const lakeFile = await fileOf('processed', key);
    const store = s3ObjectStore(target.s3);
    const catalog = glueCatalog(target.outputs.catalog.database, target.glue);
    const now = Date.now;
    const table = 'recipes';
    const isForgotten = (each: string) => each === lakeFile;
    const bucket = target.outputs.buckets.processed;
    const freed = await forgetFiles({ table, bucket, store, catalog, now, isForgotten, isGone: () => false });
    expect(freed).toContain(lakeFile);
    const lacking = await run('reconcile', key);
    expect(lacking).toMatchObject({ status: 1 });
    expect(lacking.stdout).toContain(
      `the lake’s ${lakeFile} is not in the current snapshot of its table, with 2 records`,
    );
    expect(lacking.stdout).toContain('1 difference.');
    await store.remove(processed, freed);
    expect(await run('replay', key, '--force', '--wait')).toMatchObject({ status: 0 });
    await quiet(target);
    expect(await run('reconcile', key)).toMatchObject({ status: 0 });

    const dataset = registry.named(table) ?? expect.fail();
    const schema = recordedSchemas(layouts)(dataset);
    const iceberg = new IcebergTable({ dataset, schema, bucket: processed, store, catalog, now });
    const path = versionPath({ dataset: table, key, versionId: 'older' });
    const strayFile = dataKey(path, 0, 'difficulty=easy/', { codeVersion: 'x', extension: 'parquet' });
    const named = await activeFile(key);
    await store.copy(
      { bucket: processed, key: named.key, versionId: named.versionId ?? '' },
      { bucket: processed, key: strayFile },
    );
    const added = [{ ...named, key: strayFile }];
    const made = await iceberg.commit(await iceberg.read(), { added, removed: [], summary: {} });
    expect(made).toBeTypeOf('object');
    const shown = await run('reconcile', key);
    expect(shown.stdout).toContain(`${strayFile}: table recipes shows it, though its version is not active`);
    expect(shown.stdout).toContain('npx sluice erase KEY --old-versions');
    expect(shown.stdout).toContain('1 difference.');
    expect(await run('erase', key, '--old-versions', '--yes')).toMatchObject({ status: 0 });
    expect(await run('reconcile', key)).toMatchObject({ status: 0 });
  });

  test.each(['processed', 'archive'] as const)(
    'reconcile reports a file of the %s bucket with other data in as many rows, until the object is reprocessed',
    async (place) => {
      const bucket = target.outputs.buckets[place];
      const file = await fileOf(place, key);
      const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: file }));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      // A second attempt at the same work writes the same file again.
      await target.s3.send(new PutObjectCommand({ Bucket: bucket, Key: file, Body: bytes }));
      expect(await run('reconcile', key)).toMatchObject({ status: 0 });
      // Changes the data pages, not the footer at the end, which has the number of rows.
      bytes.fill(0, 4, 40);
      await target.s3.send(new PutObjectCommand({ Bucket: bucket, Key: file, Body: bytes }));
      const { status, stdout } = await run('reconcile', key);
      expect(stdout).toContain(`${file} was changed after it was written`);
      expect(stdout).toContain('1 difference.');
      expect(status).toBe(1);
      expect(await run('replay', key, '--force', '--wait')).toMatchObject({ status: 0 });
      await quiet(target);
      expect(await run('reconcile', key)).toMatchObject({ status: 0 });
    },
  );

  test('reconcile goes on past files of the archive in Glacier, and names those that it did not read', async () => {
    const bucket = target.outputs.buckets.archive;
    const file = await fileOf('archive', key);
    const CopySource = encodeURI(`${bucket}/${file}`);
    const move = { Bucket: bucket, Key: file, CopySource, StorageClass: 'GLACIER' as const };
    await target.s3.send(new CopyObjectCommand(move));
    const ofKey = await run('reconcile', key);
    expect(ofKey.stdout).toContain(
      `${key}: the archive’s ${file}, with 2 records, is in GLACIER and was not read`,
    );
    expect(ofKey.stdout).toContain('1 version: everything agrees.');
    expect(ofKey.status).toBe(0);
    const all = await run('reconcile', '--json');
    expect(all.status).toBe(0);
    expect(documents(all)).toContainEqual(
      expect.objectContaining({
        key,
        found: { lake: 2, archive: 0, tables: 2 },
        unread: [{ place: 'archive', file, storageClass: 'GLACIER', records: 2 }],
        differences: [],
      }),
    );
    expect(documents(all).at(-1)).toMatchObject({
      datasets: {
        recipes: { unread: { files: 1, records: 2 } },
        passengers: { unread: { files: 0, records: 0 } },
      },
    });
    expect((await run('reconcile')).stdout).toContain(
      '1 file with 2 records is in an archive class of S3 and was not read',
    );

    const restore = { Bucket: bucket, Key: file, RestoreRequest: { Days: 1 } };
    await target.s3.send(new RestoreObjectCommand(restore));
    expect((await run('reconcile', key)).stdout).toContain('2 in the lake, 2 in the archive, 2 in MySQL');
    // A forced replay removes the archived file and writes another.
    await target.s3.send(new CopyObjectCommand(move));
    expect(await run('replay', key, '--force', '--wait')).toMatchObject({ status: 0 });
    await quiet(target);
    const after = await run('reconcile', key);
    expect(after.stdout).toContain('2 in the lake, 2 in the archive, 2 in MySQL');
    expect(after.stdout).not.toContain('was not read');
    expect(after.status).toBe(0);
  });

  test('reconcile finds rows and list rows in MySQL that were deleted or changed by hand, and a forced replay repairs them', async () => {
    const byHand = 'recipes/by-hand.json';
    const passengers = 'passengers/by-hand.csv';
    await putAndWait(byHand, ndjson(...['a', 'b', 'c', 'd'].map((each) => recipe(`by hand ${each}`))));
    await putAndWait(
      passengers,
      'PassengerId,Survived,Pclass,Name,Sex,Age,Fare\r\n1,1,3,"Braund, Mr. Owen",male,22,7.25\r\n',
    );
    await quiet(target);
    expect(await run('reconcile', byHand, passengers)).toMatchObject({ status: 0 });
    const ofRecipe = (record: number) =>
      `(_object, _record) = (select _object, ${record} from recipes where title = 'by hand d')`;
    await withMysql(mysqlUrl({ directory: pipeline.directory }, 'write'), async (connection) => {
      await connection.query(`delete from recipes_ingredients where ${ofRecipe(1)}`);
      await connection.query(`update recipes_directions set value = 'Burn it.' where ${ofRecipe(2)}`);
      await connection.query("delete from recipes where title = 'by hand c'");
      await connection.query("update passengers set fare = 1 where name like 'Braund%'");
    });
    const { status, stdout } = await run('reconcile', byHand, passengers);
    expect(status).toBe(1);
    expect(stdout).toContain(`${byHand}: rows in MySQL: 3, expected 4`);
    expect(stdout).toContain(
      `${byHand}: 2 rows in MySQL changed since loading, or the lists changed: records 1, 2`,
    );
    expect(stdout).toContain(
      '1 orphaned row of recipes_ingredients in MySQL: the record’s own row is missing',
    );
    expect(stdout).toContain(
      `${passengers}: 1 row in MySQL changed since loading, or the lists changed: record 1`,
    );
    const counted = await run('reconcile', '--no-content', byHand, passengers);
    expect(counted.stdout).toContain(`${byHand}: rows in MySQL: 3, expected 4`);
    expect(counted.stdout).not.toContain('changed since loading');

    expect(await run('replay', byHand, passengers, '--force', '--wait')).toMatchObject({ status: 0 });
    await quiet(target);
    const after = await run('reconcile', byHand, passengers, '--json');
    expect(after).toMatchObject({ status: 0 });
    expect(documents(after)).toContainEqual(
      expect.objectContaining({ key: byHand, found: { lake: 4, archive: 4, tables: 4 }, uncompared: 0 }),
    );
  });

  test('reconcile finds rows in MySQL of versions that are not active, such as a restored backup brings back', async () => {
    const [shown, deleted] = ['recipes/restored.json', 'recipes/deleted.json'];
    await putAndWait(shown, ndjson(recipe('restored 1')));
    await putAndWait(deleted, ndjson(recipe('deleted 1'), recipe('deleted 2')));
    const change = (statement: string) =>
      withMysql(mysqlUrl({ directory: pipeline.directory }, 'write'), (connection) =>
        connection.query(statement),
      );
    await change("create table backup as select * from recipes where title rlike '^(deleted|restored) '");
    await remove(deleted);
    await quiet(target);
    expect(await run('reconcile', shown)).toMatchObject({ status: 0 });
    await change("update backup set _record = 7, _sequencer = '00' where title = 'restored 1'");
    await change('insert into recipes select * from backup');
    await change('drop table backup');
    const { status, stdout } = await run('reconcile', shown, deleted);
    expect(status).toBe(1);
    expect(stdout).toContain(`${shown}: 1 row in MySQL of a version that is not active`);
    expect(stdout).toContain(`${deleted}: 2 rows in MySQL of a version that is not active`);

    expect(await run('replay', shown, '--force', '--wait')).toMatchObject({ status: 0 });
    await change(`delete from recipes where _object = left(unhex(sha2('${deleted}', 256)), 12)`);
    await quiet(target);
    expect(await run('reconcile', shown)).toMatchObject({ status: 0 });
    expect((await run('reconcile', deleted)).stdout).toContain(`${deleted} has no active version.`);
  });

  test('reconcile exits with 1 for a key without an active version', async () => {
    const { status, stdout } = await run('reconcile', 'recipes/never-put.json');
    expect(status).toBe(1);
    expect(stdout).toContain('There is no object recipes/never-put.json in ');
  });
});

describe('replay', () => {
  const key = 'recipes/again.json';

  test('replay skips objects that the deployed code rejected, and those without rejects', async () => {
    await putAndWait(key, ndjson(recipe('again'), {}, { ...recipe('x'), ingredients: 1 }));
    const left = await run('replay', '--code', 'wrong_type', '--json');
    expect(documents(left)).toEqual([
      expect.objectContaining({ key, codes: { wrong_type: 1 }, skipped: 'same_code' }),
      expect.objectContaining({ replayed: 0, skipped: 1 }),
    ]);
    expect((await run('replay', '--code', 'truncated')).stdout).toBe('0 objects sent for reprocessing.\n');
  });

  test('replay reprocesses objects that other code rejected, once, and counts the rejects that are left', async () => {
    const known = await ledgerOf(target).known(versionPath({ dataset: 'recipes', key, versionId: '' }));
    const versionId = known?.entry.current?.versionId ?? '';
    // As if other code had processed it and rejected three more records.
    const receiptKey = transformationReceiptKey(versionPath({ dataset: 'recipes', key, versionId }), 0);
    const receipt = JSON.parse(await readText(target, target.outputs.buckets.ledger, receiptKey));
    // It can't be overwritten.
    await remove(receiptKey, target.outputs.buckets.ledger);
    await target.s3.send(
      new PutObjectCommand({
        Bucket: target.outputs.buckets.ledger,
        Key: receiptKey,
        Body: JSON.stringify({
          ...receipt,
          codeVersion: 'old',
          rejected: { missing_field: 1, wrong_type: 4 },
        }),
        IfNoneMatch: '*',
      }),
    );
    const dry = documents(await run('replay', '--code', 'wrong_type', '--dry-run', '--json'));
    expect(dry.at(-1)).toMatchObject({ replayed: 0, skipped: 0 });
    expect(dry[0]).toMatchObject({ key, event: { revision: 1 } });

    const replayed = await run('replay', '--code', 'wrong_type', '--since', '1h', '--wait');
    expect(replayed.stdout).toContain('recipes/again.json: 4 rejects before, 1 left');
    expect(replayed.stdout).toContain('1 object reprocessed; 3 rejects closed, 1 left.');
    expect((await run('replay', '--code', 'wrong_type')).stdout).toContain('0 objects sent');
    await quiet(target);
    expect((await run('reconcile', key)).status).toBe(0);
    const later = await run('replay', '--code', 'wrong_type', '--force', '--since', '2999-01-01');
    expect(later.stdout).toBe('0 objects sent for reprocessing.\n');
  });

  test.each([
    [[], 1, 'Say what to replay'],
    [['--code', 'empty', '--dataset', 'wines'], 1, 'There is no dataset "wines"'],
    [['--code', 'empty', '--since', 'yesterday'], 2, 'Expected a date'],
  ])('replay %j exits with %i and says why', async (args, status, message) => {
    const { stderr, ...ended } = await run('replay', ...args);
    expect(ended.status).toBe(status);
    expect(stderr).toContain(message);
  });
});

describe('explain', () => {
  const key = 'recipes/story.json';

  test('explain shows the events of an object in order, and its state', async () => {
    const first = await putAndWait(key, ndjson(recipe('story 1'), {}));
    const second = await putAndWait(key, ndjson(recipe('story 2')));
    await remove(key);
    await eventually(
      async () => ((await titles('story')) as unknown[]).length === 0 || undefined,
      'the retraction',
    );
    await quiet(target);
    const life = JSON.parse((await run('explain', `s3://raw/${key}`, '--json')).stdout);
    const told = (life.moments as { versionId?: string; stage?: string; what: string }[]).map(
      ({ versionId, stage = 'raw', what }) => [versionId, stage, what.split(/[ :,(]/)[0]],
    );
    for (const [versionId, what] of [
      [first, 'put'],
      [second, 'put'],
    ])
      expect(told).toContainEqual([versionId, 'raw', what]);
    for (const versionId of [first, second])
      for (const stage of ['extraction', 'transformation', 'loading'])
        expect(told).toContainEqual([versionId, stage, 'done']);
    expect(life.entry.current.type).toBe('deleted');
    expect(life.work).toHaveLength(6);
    const times = (life.moments as { at: number }[]).map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));

    const { stdout } = await run('explain', key);
    expect(stdout).toContain('done: 2 read, transformed in place');
    expect(stdout).toContain('done: 1 written, to 1 file; rejected: missing_field 1');
    expect(stdout).toContain('The object is retracted');
    expect(stdout).toContain('It is deleted, and its rows are retracted.');
  });

  test('explain shows whether a record is a row, a reject or filtered', async () => {
    const recordOf = async (of: string, number: number) =>
      JSON.parse((await run('explain', of, '--record', `${number}`, '--json')).stdout);
    expect(await recordOf('recipes/books.json', 2)).toMatchObject({
      input: JSON.stringify(recipe('books 2')),
      stored: { row: { title: 'books 2', difficulty: 'easy' } },
    });
    expect(await recordOf('recipes/books.json', 3)).toMatchObject({
      input: '{}',
      stored: { reject: { code: 'missing_field', path: 'title' } },
    });
    expect(await recordOf('passengers/few.csv', 2)).toMatchObject({
      stored: { row: { pclass: expect.anything() } },
    });
    const { stdout } = await run('explain', 'passengers/few.csv', '--record', '1');
    expect(stdout).toContain('was filtered: ');
    const none = await run('explain', 'recipes/books.json', '--record', '4');
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/recipes\/books\.json has no record 4: 3 records of version .* were read\./);
  });

  test('explain says that an object never existed', async () => {
    const { status, stderr } = await run('explain', 'recipes/never-put.json');
    expect(status).toBe(1);
    expect(stderr).toContain('There is no history of recipes/never-put.json');
  });
});

describe('status', () => {
  test('status shows the active version, and that a newer one was rejected', async () => {
    await putAndWait('recipes/stands.json', ndjson(recipe('stands')));
    await putAndWait('recipes/stands.json', '<html>');
    // The receipt is there a moment before the ledger's entry.
    await expect
      .poll(async () => (await run('status', 'recipes/stands.json')).stdout)
      .toContain('recipes/stands.json: a newer version was rejected; the last good one stays active.');
    const { stdout } = await run('status', 'recipes/stands.json');
    expect(stdout).toMatch(/recipes\/stands\.json +done +1 +1 +0 +0/);
  });

  test('status shows a deleted object as retracted, and no objects with -n 0', async () => {
    expect((await run('status', 'recipes/story.json')).stdout).toMatch(/story\.json +retracted/);
    const { stdout } = await run('status', '-n', '0');
    expect(stdout).toMatch(/\n\(\d+ objects; --newest shows more\)\n$/);
    expect(stdout).not.toContain('OBJECT');
  });

  test('a version that was overtaken before its extraction is final', async () => {
    const versionId = await unheard('extraction', () => put('recipes/fast.json', ndjson(recipe('fast 1'))));
    await putAndWait('recipes/fast.json', ndjson(recipe('fast 2')));
    expect(await settledState(target, 'recipes/fast.json', versionId)).toMatchObject({ stage: 'superseded' });
  });
});

describe('a dataset that was removed from the code', () => {
  const key = 'readings/a.json';
  const work = (versionId: string) => ({
    dataset: 'readings',
    key,
    versionId,
    sequencer: '0A',
    rejects: [],
    finishedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1,
    codeVersion: 'former',
  });
  const file = { key: 'readings/a.parquet', records: 2, bytes: 1 };
  const counts = { read: 2, rejected: {}, bytes: 1 };

  /** Creates what other code left: an object in raw, its ledger entry and receipts, and its rows in MySQL. */
  async function leftBehind(): Promise<void> {
    const versionId = await unheard('extraction', () => put(key, '{}'));
    const path = versionPath({ dataset: 'readings', key, versionId });
    const rejects = { key: `${failedPrefixes(path)[0]}extraction.ndjson`, records: 1, bytes: 1 };
    await put(rejects.key, '{}', target.outputs.buckets.failed);
    const documentsOf: Readonly<Record<string, unknown>> = {
      [ledgerEntryKey(path)]: {
        dataset: 'readings',
        key,
        current: { type: 'created', sequencer: '0A', versionId },
        attempts: [],
        superseded: [],
      },
      [extractionReceiptKey(path)]: {
        ...work(versionId),
        ...counts,
        stage: 'extraction',
        valid: 2,
        rejected: { not_storable: 1 },
        rejects: [rejects],
        parts: [file],
      },
      [transformationReceiptKey(path, 0)]: {
        ...work(versionId),
        ...counts,
        stage: 'transformation',
        part: 0,
        written: 2,
        filtered: {},
        outputs: [file],
      },
      [loadingReceiptKey(path, 0, '')]: {
        ...work(versionId),
        stage: 'loading',
        part: 0,
        processed: { key: file.key, versionId: 'null' },
        archive: file,
        tables: { written: 2, unchanged: 0, rejected: {} },
      },
    };
    for (const [name, document] of Object.entries(documentsOf))
      await put(name, JSON.stringify(document), target.outputs.buckets.ledger);
    await withMysql(mysqlUrl({ directory: pipeline.directory }, 'write'), async (connection) => {
      await connection.query(
        'create table readings (_object binary(12), _record int unsigned, _sequencer varbinary(64), primary key (_object, _record))',
      );
      await connection.query(
        `insert into readings values (x'${objectHash(key)}', 1, '0A'), (x'${objectHash(key)}', 2, '0A')`,
      );
    });
  }

  test('an object of a removed dataset is reported once, with its number of rows, and is not reprocessed', async () => {
    await leftBehind();
    expect(amissOf(await sweep('--prefix', 'readings/'), key)).toEqual(['dataset_gone']);
    const sent = await sweep('--prefix', 'readings/', '--enqueue');
    expect(sent.status).toBe(1);
    expect(documents(sent).at(-1)).toMatchObject({ findings: 1, sent: 0 });

    for (const keys of [[], [key]]) {
      const { status, stdout } = await run('reconcile', ...keys, '--json');
      expect(status).toBe(1);
      expect(stdout.split('\n').filter((line) => line.includes(key))).toHaveLength(1);
      expect(stdout).toContain('{"kind":"dataset_gone","of":"readings","found":2}');
    }
    const { stdout } = await run('reconcile', key);
    expect(stdout).toContain(`${key}: 2 rows of readings, a dataset that this code does not have`);
    expect(stdout).toContain('docs/operations.md');
    expect(stdout).not.toContain('replay');
    for (const what of [key, '--code=not_storable'])
      expect((await run('replay', what, '--force')).stdout).toContain('0 objects sent for reprocessing');
  });
});

describe('a lost connection or an interruption', () => {
  test('a command reports a lost connection in one line', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-gone-'));
    const server = createServer((request, response) => {
      if (request.url === '/_sluice/health') response.end('ok');
      else request.socket.destroy();
    }).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const instance = { ...pipeline.running, endpoint: `http://127.0.0.1:${port}` };
      writeFileSync(join(directory, 'instance.json'), JSON.stringify(instance));
      const { status, stderr } = await sluice(directory, ['status']);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^Lost the connection to the pipeline \(ECONN\w+\)\. .*\n$/);
    } finally {
      server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('an interrupted upload leaves no parts behind', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-interrupted-'));
    const { s3, outputs } = target;
    try {
      const file = join(directory, 'large.ndjson');
      writeFileSync(file, Buffer.alloc(64 * 1024 * 1024));
      const putting = startSluice(pipeline.directory, ['put', '-d', 'recipes', file]);
      const ended = finished(putting);
      const uploads = async () =>
        (await s3.send(new ListMultipartUploadsCommand({ Bucket: outputs.buckets.raw }))).Uploads ?? [];
      await eventually(async () => ((await uploads()).length > 0 ? true : undefined), 'an upload in parts');
      putting.kill('SIGINT');
      expect(await ended).toMatchObject({ status: 1 });
      expect(await uploads()).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
