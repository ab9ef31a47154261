import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ledgerOf } from '../../../cli/ledger/ledger.ts';
import type { Target } from '../../../cli/target/target.ts';
import {
  dataPrefix,
  ledgerEntryKey,
  transformationReceiptKey,
  type VersionPath,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import { revisionName } from '../../../domain/versions/revision.ts';
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

async function keysOf(Bucket: string, Prefix: string): Promise<string[]> {
  const { Contents = [] } = await target.s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
  return Contents.flatMap(({ Key }) => Key ?? []);
}

async function textOf(Bucket: string, Key: string): Promise<string> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? '';
}

/** Receipts can't be overwritten, so they are deleted first. */
async function overwrite(Key: string, Body: string): Promise<void> {
  const at = { Bucket: target.outputs.buckets.ledger, Key };
  await target.s3.send(new DeleteObjectCommand(at));
  await target.s3.send(new PutObjectCommand({ ...at, Body, IfNoneMatch: '*' }));
}

/** Expects each command that reads the damaged document to name it, and to show the other object as usual. */
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

test('reconcile names the rows that an interrupted extraction has prepared, and status says that it was interrupted', async () => {
  const key = 'recipes/given-up.json';
  const path = await put(key, recipe('given up 1') + recipe('given up 2'));
  const { current, ...known } = (await ledgerOf(target).known(path))?.entry ?? {};
  const versionId = revisionName(current?.versionId ?? '', 1);
  const dead = versionPath({ dataset: 'recipes', key, versionId });
  // The attempt at its replay, of a function that was killed when one part was transformed.
  const { ledger, processed } = target.outputs.buckets;
  const move = (text: string) => text.replaceAll(path.version, dead.version);
  for (const file of await keysOf(processed, dataPrefix(path)))
    await target.s3.send(
      new CopyObjectCommand({ Bucket: processed, Key: move(file), CopySource: `${processed}/${file}` }),
    );
  const receipt = transformationReceiptKey(path, 0);
  await overwrite(move(receipt), move(await textOf(ledger, receipt)));
  const attempt = {
    ...{ status: 'extracting', message: 'm', invocation: 'i', codeVersion: 'c', leaseUntil: 1, parts: 0 },
    ...{ versionId, sequencer: current?.sequencer },
  };
  await overwrite(ledgerEntryKey(path), JSON.stringify({ ...known, current, attempts: [attempt] }));

  const reconciled = await run('reconcile', key);
  expect(reconciled.status).toBe(1);
  expect(reconciled.stdout).toContain(
    `${key}: its extraction was interrupted and has left 2 rows in the lake, which no table shows. It continues when its message reappears; if that was dead-lettered: npx sluice sweep --enqueue`,
  );
  expect((await run('status', key)).stdout).toContain(
    `${key}: the extraction of a newer version was interrupted.`,
  );
  const json = documents(await run('reconcile', key, '--json'));
  expect(json.slice(0, 2)).toMatchObject([
    { key, standing: 'current', found: { lake: 2, archive: 2 }, differences: [] },
    { key, versionId, standing: 'interrupted', found: { lake: 2, archive: 0 } },
  ]);
});
