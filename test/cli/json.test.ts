import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTarget, type Target } from '../../cli/target/target.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { ledgerEntryKey, objectId, parseDataKey } from '../../domain/versions/key-layout.ts';
import { forgetFiles } from '../../lake/forget-files.ts';
import { glueCatalog } from '../../lake/glue-catalog.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import { eventually, padding } from '../pipeline/running-pipeline.ts';
import { leavePlain } from './ledger/plain-lake.ts';
import { documentTypes, headings, misfits, unseenFields } from './shapes.ts';
import { documents, finished, sluice, startSluice } from './sluice.ts';

/** What the commands printed, by the name of its type on the page. */
const printed = new Map<string, unknown[]>();

const directory = mkdtempSync(join(tmpdir(), 'sluice-json-'));
const environment = { SLUICE_NO_MYSQL: '1' };
const server = startSluice(directory, ['start', '--ephemeral', '--json'], { environment });
const ended = finished(server);
let target: Target;

beforeAll(async () => {
  await new Promise((resolve) => server.stdout?.once('data', resolve));
  target = await findTarget(undefined, directory);
});

afterAll(() => {
  server.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

function keep(type: string, ...found: readonly unknown[]): void {
  printed.set(type, [...(printed.get(type) ?? []), ...found]);
}

/** Runs a command that prints one document of this type. */
async function one(type: string, ...args: readonly string[]): Promise<void> {
  const { stdout, stderr } = await sluice(directory, [...args, '--json']);
  expect(stdout, stderr).not.toBe('');
  keep(type, JSON.parse(stdout));
}

/** Runs a command that prints a document per line: of the first type, and the last line of the second. */
async function lines(types: readonly [string, string?], ...args: readonly string[]): Promise<void> {
  const run = await sluice(directory, [...args, '--json']);
  const found = documents(run);
  expect(found, run.stderr).not.toEqual([]);
  const [type, last] = types;
  if (last !== undefined) keep(last, found.pop());
  for (const each of found) keep('orphan' in each ? 'Orphaned' : type, each);
}

/** Runs a command until Ctrl-C, which it gets when it has printed this. */
async function until(type: string, words: string, ...args: readonly string[]): Promise<void> {
  const run = await finished(startSluice(directory, [...args, '--json']), words);
  keep(type, ...documents(run));
}

const soup = JSON.stringify({ title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] });

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

async function putObject(bucket: 'raw' | 'processed' | 'ledger', Key: string, Body: string): Promise<string> {
  const Bucket = target.outputs.buckets[bucket];
  const { VersionId = '' } = await target.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  return VersionId;
}

/** An object whose event lies in the DLQ, and nowhere else. */
async function deadLetter(key: string): Promise<void> {
  const versionId = await putObject('raw', key, soup);
  const event = { type: 'created', key, versionId, revision: 0, sequencer: '10', size: 1, permanent: false };
  const MessageBody = toQueueMessage(target.outputs.buckets.raw, event as never, 'Sweep');
  const QueueUrl = target.outputs.deadLetterQueues.extraction;
  await target.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}

/** An object whose ledger entry is lost, so that its table shows files of no active version. */
async function forgetEntry(key: string): Promise<void> {
  const Bucket = target.outputs.buckets.ledger;
  const Key = ledgerEntryKey({ dataset: 'recipes', objectId: objectId(key) });
  await target.s3.send(new DeleteObjectCommand({ Bucket, Key }));
}

/** Takes the files of an object out of its table, behind the ledger's back. */
async function hide(key: string): Promise<void> {
  const store = s3ObjectStore(target.s3);
  const catalog = glueCatalog(target.outputs.catalog.database, target.glue);
  const isForgotten = (file: string) => parseDataKey(file)?.objectId === objectId(key);
  const bucket = target.outputs.buckets.processed;
  const rows = { isForgotten, isGone: () => false };
  await forgetFiles({ table: 'recipes', bucket, store, catalog, now: Date.now, ...rows });
}

async function damageArchive(): Promise<void> {
  const Bucket = target.outputs.buckets.archive;
  const { Contents: [first] = [] } = await target.s3.send(new ListObjectsV2Command({ Bucket }));
  await target.s3.send(new DeleteObjectCommand({ Bucket, Key: first?.Key }));
}

test('each command prints with --json the documents that the page describes', async () => {
  const key = 'recipes/soup.ndjson';
  const soups = file('soup.ndjson', `${soup}\n{}\n{"title\n`);
  await one('Put', 'put', '-d', 'recipes', soups);
  await one('Put', 'put', '-d', 'recipes', soups, file('page.json', '<html>'), '--wait');
  await one('Put', 'put', 'examples/passengers/with-mistakes.csv', '--wait');
  await one('Tried', 'try', '-d', 'recipes', soups);
  await one('Tried', 'try', 'examples/recipes/not-json.json');
  await one('Tried', 'try', 'examples/passengers/with-mistakes.csv');
  await one('Crawl', 'crawl');
  await one('Crawl', 'crawl', '--wait');
  await one('Query', 'query', 'select * from recipes');
  await one('Status', 'status');
  await one('History', 'explain', key);
  for (const record of ['1', '2', '3']) await one('Trace', 'explain', key, '--record', record);
  expect(printed.get('Trace')?.[0]).toMatchObject({ stored: { row: { _record: 1 } } });
  await lines(['Reject', 'RejectTotals'], 'rejects');
  await lines(['Reject', 'RejectTotals'], 'rejects', '--record');
  await lines(['LogEvent'], 'logs', 'extraction');
  await lines(['Execution'], 'backfill', 'recipes/');
  await lines(['Execution'], 'backfill', 'recipes/', '--detach');
  await lines(['Execution'], 'executions');
  const [execution] = printed.get('Execution') as { name: string }[];
  await one('Execution', 'executions', execution?.name ?? '');
  await one('Alarms', 'alarms');
  await one('Outputs', 'outputs');
  await one('Checked', 'check');
  await one('Permissions', 'iam');
  await one('Cost', 'cost', '--objects', '1000');
  await one('Cost', 'cost', '--actual');
  await one('Verified', 'verify', '--no-probe');
  await one('Verified', 'verify');
  await one('Cleaned', 'verify', '--clean');
  for (const store of ['mysql', 'glue', 'redshift', 'parquet'])
    await one(`${store[0]?.toUpperCase()}${store.slice(1)}Schema`, 'schema', 'recipes', `--${store}`);
  await one('GlueSchema', 'schema', 'passengers', '--glue');
  await one('NewText', 'new', 'more', '--from', soups, '--dry-run');
  await one('Planned', 'migrate', '--plan');
  await until('Ui', '\n', 'ui', '--port', '0');

  const fault = (...args: readonly string[]) => one('Fault', 'fault', 'add', ...args);
  await fault('delay', 'events', '--bucket', 'raw', '--by', '15m', '--always');
  await fault('kill', 'PutObject', '--function', 'extraction', '--nth', '1000');
  await fault('duplicate', 'messages', '--queue', 'loading', '--nth', '1000');
  await deadLetter('recipes/late.json');
  await lines(['DeadLetter', 'DeadLetterTotals'], 'dlq');
  await one('Status', 'status');
  await lines(['Swept', 'SweepTotals'], 'sweep', '--older-than', '0s');
  const plain = await putObject('raw', 'recipes/plain.ndjson', soup);
  await leavePlain(target, 'recipes/plain.ndjson', plain);
  await one('Status', 'status', 'recipes/plain.ndjson');
  const stale = { dataset: 'recipes', objectId: objectId('recipes/stale.json') };
  await putObject('ledger', ledgerEntryKey(stale), '{');
  await lines(['TakenOver', 'TakeoverTotals'], 'takeover', '--dry-run');
  await lines(['TakenOver', 'TakeoverTotals'], 'takeover');
  await forgetEntry('recipes/stale.json');
  await lines(['DeadLetter', 'RedriveTotals'], 'redrive', '--dry-run');
  await lines(['Redriven', 'RedriveTotals'], 'redrive', '--wait');
  await deadLetter('recipes/bygone.json');
  await lines(['DeadLetter', 'RedriveTotals'], 'redrive', '--discard', '--reason', 'a test');
  await one('Faults', 'fault', 'clear');

  await until('Frame', '\n', 'status', '--watch');
  await lines(['Execution'], 'replay', '--dataset', 'recipes', '--dry-run');
  await lines(['Replayed', 'ReplayTotals'], 'replay', '--force', '--dry-run', key);
  await lines(['Replayed', 'ReplayTotals'], 'replay', '--force', '--wait', key);
  await lines(['Replayed', 'ReplayTotals'], 'replay', '--code', 'missing_field', '--dry-run');

  await putObject('processed', 'recipes/difficulty=easy/foreign.parquet', 'foreign');
  await damageArchive();
  await one('Catalog', 'catalog');
  await lines(['FileDifference', 'CheckTotals'], 'catalog', '--check');
  await lines(['ListedSnapshot'], 'snapshots');
  await lines(['MaintainedTable'], 'maintain', '--dry-run');
  await lines(['CompactedTable'], 'compact', '--dry-run');
  await lines(['Published'], 'catalog', '--publish');
  await one('Catalog', 'catalog');
  await one('Put', 'put', '--key', 'recipes/lost.ndjson', soups, '--wait');
  await forgetEntry('recipes/lost.ndjson');
  await one('Put', 'put', '--key', 'recipes/hidden.ndjson', soups, '--wait');
  await hide('recipes/hidden.ndjson');
  await lines(['Reconciled', 'ReconcileTotals'], 'reconcile');
  expect(JSON.stringify(printed.get('Reconciled'))).toContain('"kind":"not_shown"');
  await lines(['ErasedBucket', 'EraseTotals'], 'erase', key);
  await lines(['ErasedBucket', 'EraseTotals'], 'erase', key, '--yes');

  // Last, since its message is in flight for minutes, and erase waits for such.
  await fault('answer', 'GetObject', '503', '--function', 'transformation', '--always');
  const large = file('large.ndjson', JSON.stringify({ ...JSON.parse(soup), ...padding }));
  await one('Put', 'put', '--key', 'recipes/slow.ndjson', large);
  await eventually(async () => {
    await one('Status', 'status', 'recipes/slow.ndjson');
    return unseenFields(printed).includes('next') ? undefined : true;
  }, 'a failed attempt');
  await one('Faults', 'fault', 'list');
  await one('Faults', 'fault', 'clear');

  server.kill('SIGINT');
  const [started, ...steps] = documents(await ended);
  keep('Started', started);
  keep('Step', ...steps);
  expect(misfits(printed)).toEqual([]);
  // These need a stack on AWS, something that fails or dies, or a message that waits while CloudWatch looks.
  const rare = ['error', 'lastFailure', 'lastMessage', 'underWaySince', 'warehouse', 'oldestAgeSeconds'];
  expect(unseenFields(printed).filter((name) => !rare.includes(name))).toEqual([]);
  // One needs MySQL (test/mysql/migrations.test.ts), the others write into the project (test/cli/new/).
  const elsewhere = ['NewDataset', 'NewFixture', 'Migrated'];
  expect(documentTypes().filter((type) => !printed.has(type))).toEqual(elsewhere);
});

test('the page has a heading for each command that knows --json', async () => {
  const { stdout } = await sluice(directory, ['completion', 'bash']);
  const commands = [...stdout.matchAll(/^ +"\/([\w/]+)"\) words=".*--json/gm)].map(([, path = '']) =>
    path.split('/').slice(0, 2).join(' '),
  );
  expect(commands.length).toBeGreaterThan(20);
  const missing = commands.filter((name) => !headings.some((each) => new RegExp(`\\b${name}\\b`).test(each)));
  expect(missing).toEqual([]);
});
