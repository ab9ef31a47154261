import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ledgerOf } from '../../../cli/ledger/ledger.ts';
import type { Target } from '../../../cli/target/target.ts';
import {
  extractionReceiptKey,
  ledgerEntryKey,
  transformationReceiptKey,
  type VersionPath,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import {
  quiet,
  settledState,
  startTestPipeline,
  type TestPipeline,
} from '../../pipeline/running-pipeline.ts';
import { documents, type Run, sluice } from '../sluice.ts';

let pipeline: TestPipeline;
let target: Target;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  target = pipeline.target;
});

afterAll(async () => {
  await pipeline.close();
});

const run = (...args: string[]): Promise<Run> => sluice(pipeline.directory, args);
const recipe = (title: string) =>
  `${JSON.stringify({ title, ingredients: ['water'], directions: ['Boil for 10 minutes.'] })}\n`;

async function put(key: string, body: string): Promise<VersionPath> {
  const { VersionId: versionId = '' } = await target.s3.send(
    new PutObjectCommand({ Bucket: target.outputs.buckets.raw, Key: key, Body: body }),
  );
  await settledState(target, key, versionId);
  return versionPath({ dataset: 'recipes', key, versionId });
}

/** Receipts can't be overwritten, so they are deleted first. */
async function overwrite(Key: string, Body: string): Promise<void> {
  const at = { Bucket: target.outputs.buckets.ledger, Key };
  await target.s3.send(new DeleteObjectCommand(at));
  await target.s3.send(new PutObjectCommand({ ...at, Body, IfNoneMatch: '*' }));
}

/** Expects each command to name the damaged document, and to show the other object as usual. */
async function expectNamed(key: string, document: string): Promise<void> {
  const says = `${document} can’t be read`;
  const status = await run('status');
  expect(status.stdout).toContain(`${key}: s3://`);
  expect(status.stdout).toContain(says);
  expect(status.stdout).toMatch(/recipes\/whole\.json +done/);
  const reconciled = await run('reconcile');
  expect(reconciled.status).toBe(1);
  expect(reconciled.stdout).toContain(says);
  expect(reconciled.stdout).toContain(`${key}: the ledger’s ${says}`);
  expect(reconciled.stdout).toContain('1 difference.');
  const swept = await run('sweep', '--older-than', '0s');
  expect(swept.stdout).toContain(`unreadable     ${key}: s3://`);
  expect(swept.stdout).toContain(says);
  const explained = await run('explain', key);
  expect(explained.stdout).toContain(says);
  expect(explained.stdout).toContain(`To reprocess it: npx sluice replay ${key} --force`);
  expect((await run('replay', '--code', 'missing_field')).status).toBe(0);
}

async function expectMended(key: string): Promise<void> {
  expect(await run('replay', key, '--force', '--wait')).toMatchObject({ status: 0 });
  await quiet(target);
  expect((await run('status', key)).stdout).toMatch(/done/);
  expect(await run('reconcile')).toMatchObject({ status: 0 });
  expect((await run('sweep', '--older-than', '0s')).stdout).toContain('no problems found');
}

describe('an unreadable document', () => {
  test('every command names an unreadable receipt, it stops no other object, and a replay repairs it', async () => {
    await put('recipes/whole.json', recipe('whole'));
    const path = await put('recipes/receipt.json', recipe('receipt'));
    const receipt = transformationReceiptKey(path, 0);
    await overwrite(receipt, '{"stage":"transformation"}');
    await expectNamed('recipes/receipt.json', receipt);
    await expectMended('recipes/receipt.json');
  });

  test('every command names an unreadable ledger entry, it stops no other object, and a replay rebuilds it', async () => {
    const path = await put('recipes/entry.json', `${recipe('entry')}{}\n`);
    const entry = ledgerEntryKey(path);
    await overwrite(entry, '{"dataset":"recipes"');
    await expectNamed('recipes/entry.json', entry);
    await expectMended('recipes/entry.json');
    expect((await ledgerOf(target).known(path))?.entry).toMatchObject({
      current: { versionId: expect.stringMatching(/!0001$/) },
      superseded: [],
    });
  });
});

test('reconcile and status report the rows of an interrupted extraction, in each sink', async () => {
  const key = 'recipes/given-up.json';
  const path = await put(key, recipe('given up 1') + recipe('given up 2'));
  const { current, ...known } = (await ledgerOf(target).known(path))?.entry ?? {};
  expect(current).toBeDefined();
  // The attempt of a function that was killed.
  const attempt = {
    status: 'extracting',
    message: 'm',
    invocation: 'i',
    codeVersion: 'c',
    leaseUntil: 1,
    parts: 0,
  };
  const { type: _, ...version } = current ?? { type: '' };
  await overwrite(ledgerEntryKey(path), JSON.stringify({ ...known, attempts: [{ ...version, ...attempt }] }));
  const receipt = { Bucket: target.outputs.buckets.ledger, Key: extractionReceiptKey(path) };
  await target.s3.send(new DeleteObjectCommand(receipt));

  const reconciled = await run('reconcile', key);
  expect(reconciled.status).toBe(1);
  expect(reconciled.stdout).toContain(
    `${key}: its extraction was interrupted and has left 2 rows in the lake, 2 in the archive. It continues when its message reappears; if that was dead-lettered: npx sluice sweep --enqueue`,
  );
  const status = await run('status', key);
  expect(status.stdout).toContain(`${key}: the extraction of it was interrupted.`);
  expect(status.stdout).toContain(`${key}: 2 rows of the interrupted extraction are in the tables.`);
  const json = documents(await run('reconcile', key, '--json'));
  expect(json[0]).toMatchObject({ key, standing: 'interrupted', found: { lake: 2, archive: 2 } });
});
