import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import Papa from 'papaparse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rejects } from '../../../../cli/ledger/rejects/rejects.ts';
import type { Target } from '../../../../cli/target/target.ts';
import {
  extractionReceiptKey,
  ledgerEntryKey,
  loadingReceiptKey,
  rejectsPrefix,
  versionPath,
} from '../../../../domain/versions/key-layout.ts';
import { listObjects, readText } from '../../../../store/listing.ts';
import { settledState, startTestPipeline, type TestPipeline } from '../../../pipeline/running-pipeline.ts';
import { documents, type Run, sluice } from '../../sluice.ts';

let pipeline: TestPipeline;
let target: Target;

const hostile = 'recipes/a\u001b[2J.ndjson';
const kept = 'recipes/kept.ndjson';
const many = 'recipes/many.ndjson';
const csv = 'passengers/few.csv';

const recipe = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] };
const good = JSON.stringify(recipe);
const lines = (...records: string[]) => records.map((record) => `${record}\n`).join('');
const number = '{"title":12345678901234567890.10}';

beforeAll(async () => {
  pipeline = await startTestPipeline();
  target = pipeline.target;
  await put(many, lines(good, ...Array(9).fill('{}')));
  // Its rejects go with the version.
  await put(many, lines(good, ...Array(120).fill('{}'), '{"title":" "}'));
  await put(hostile, lines(good, '=1+1 \u001b[2J', number));
  await put(kept, lines(good, '{}'));
  await put(kept, lines('{}', '[]'));
  await put(
    csv,
    'PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked\r\n' +
      '1,0,3,"Braund, Mr. Owen",male,22,1,0,A/5 21171,7.25,,S\r\n' +
      '2,maybe,1,"Cumings, ""Mrs."" John",female,38,1,0,PC 17599,71.2833,C85,C\r\n',
  );
});

afterAll(async () => {
  await pipeline.close();
});

const run = (...args: string[]): Promise<Run> => sluice(pipeline.directory, args);

async function put(key: string, body: string): Promise<void> {
  const { VersionId } = await target.s3.send(
    new PutObjectCommand({ Bucket: target.outputs.buckets.raw, Key: key, Body: body }),
  );
  await settledState(target, key, VersionId);
}

const totalOf = (result: Run) => documents(result).at(-1) as Record<string, unknown>;
const listedOf = (result: Run) => documents(result).slice(0, -1);

describe('rejects', () => {
  test('every reject of active and rejected versions is listed, and the counts are those of reconcile', async () => {
    const result = await run('rejects', '--json');
    expect(result).toMatchObject({ status: 0 });
    const found = listedOf(result);
    expect(totalOf(result)).toMatchObject({ records: 127, listed: 127, objects: 4, problems: [] });
    expect(found).toHaveLength(127);
    expect(found).toContainEqual(
      expect.objectContaining({
        key: csv,
        dataset: 'passengers',
        stage: 'transformation',
        recordNumber: 2,
        code: 'wrong_type',
        path: 'Survived',
      }),
    );
    expect(
      found.filter(({ key }) => key === kept).map(({ standing, recordNumber }) => [standing, recordNumber]),
    ).toEqual(
      expect.arrayContaining([
        ['active', 2],
        ['rejected', 1],
        ['rejected', 2],
      ]),
    );
    const byCode: Record<string, number> = {};
    for (const { rejected } of documents(await run('reconcile', '--json')))
      for (const [code, n] of Object.entries((rejected ?? {}) as Record<string, number>))
        byCode[code] = (byCode[code] ?? 0) + n;
    const codes = totalOf(result)['codes'] as { code: string; records: number }[];
    expect(Object.fromEntries(codes.map(({ code, records }) => [code, records]))).toEqual(byCode);
    expect(codes.reduce((sum, { records }) => sum + records, 0)).toBe(found.length);
  });

  test('a table lists the first 100, counts all, fits 80 columns and obeys no escape of the data', async () => {
    const { status, stdout } = await run('rejects', hostile, many);
    expect(status).toBe(0);
    expect(stdout).toContain('recipes/a\\u001b[2J.ndjson');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/missing_field +transformation +120 +1\n/);
    expect(stdout).toContain('123 rejected records of 2 objects.');
    expect(stdout).toContain('23 more are not listed: --limit lists more');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect((await run('rejects', many, '--limit', '0')).stdout).not.toContain('RECORD ');
    expect((await run('rejects', many, '--limit', '200')).stdout).not.toContain('not listed');
  });

  test('rejects are chosen by code, dataset, object and time', async () => {
    const of = async (...args: string[]) => totalOf(await run('rejects', '--json', ...args));
    expect(await of('--code', 'empty', '--code', 'malformed_json')).toMatchObject({
      records: 2,
      listed: 2,
      objects: 2,
      codes: [
        { code: 'malformed_json', stage: 'transformation', records: 1, objects: 1 },
        { code: 'empty', stage: 'transformation', records: 1, objects: 1 },
      ],
    });
    expect(await of('--dataset', 'passengers')).toMatchObject({ records: 1, listed: 1 });
    expect(await of(many, '--dataset', 'passengers')).toMatchObject({ records: 0, listed: 0 });
    expect(await of(many, '--limit', '5')).toMatchObject({ records: 121, listed: 5 });
    expect(await of('--since', '1h')).toMatchObject({ records: 127 });
    expect(await of(many, '--since', '2099-01-01')).toMatchObject({ records: 0, listed: 0 });
    expect(await of('--since', '2099-01-01')).toMatchObject({ records: 0 });
    expect((await run('rejects', '--since', '2099-01-01')).stdout).toBe('No record is rejected.\n');
  });

  test('a record is shown as it was sent, to its last digit', async () => {
    expect((await run('rejects', hostile, '--record')).stdout).toContain(`\n  ${number}\n`);
    const json = await run('rejects', hostile, '--record', '--json');
    expect(json.stdout).toContain(`"record":${number}}\n`);
    expect(listedOf(json)).toContainEqual(
      expect.objectContaining({ code: 'malformed_json', excerpt: '=1+1 \u001b[2J' }),
    );
    expect((await run('rejects', hostile, '--json')).stdout).not.toContain('"record":');
  });

  test('CSV has one record a reject, in which neither a terminal nor a spreadsheet obeys the data', async () => {
    const { status, stdout } = await run('rejects', '--csv', '--record');
    expect(status).toBe(0);
    expect(stdout).not.toContain('\u001b');
    const { data, errors } = Papa.parse<Record<string, string>>(stdout, {
      header: true,
      newline: '\r\n',
      skipEmptyLines: true,
    });
    expect(errors).toEqual([]);
    expect(data).toHaveLength(127);
    expect(data).toContainEqual(
      expect.objectContaining({ object: 'recipes/a\\u001b[2J.ndjson', record_number: '3', record: number }),
    );
    expect(data.find(({ code }) => code === 'malformed_json')?.['excerpt']).toBe('"=1+1 \\u001b[2J"');
    expect(data.find(({ object }) => object === csv)?.['record']).toContain('Cumings');
  });

  test('explain shows the first ten rejects of an object, and the command that shows all', async () => {
    const { stdout } = await run('explain', many);
    expect(stdout).toContain('121 rejected records, the first 10 listed here:');
    expect(stdout.match(/^ +\d+ +transformation +missing_field/gm)).toHaveLength(10);
    expect(stdout).toContain(`npx sluice rejects ${many} --record`);
    expect(JSON.parse((await run('explain', csv, '--json')).stdout).rejects).toMatchObject({
      records: 1,
      first: [{ recordNumber: 2, code: 'wrong_type' }],
    });
  });

  test('an unknown code, dataset or object is named, with what to do', async () => {
    const unknown = await run('rejects', '--code', 'mising_field');
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('There is no such code. The codes of records are empty, ');
    const fault = await run('rejects', '--code', 'unknown_format');
    expect(fault.status).toBe(2);
    expect(fault.stderr).toContain('code of a fault of a whole object. To see faults: npx sluice status');
    const dataset = await run('rejects', '--dataset', 'recipe');
    expect(dataset.status).toBe(1);
    expect(dataset.stderr).toContain('There is no dataset "recipe". The datasets are recipes, passengers');
    const key = await run('rejects', 'recipes/none.json');
    expect(key.status).toBe(1);
    expect(key.stderr).toContain('The ledger does not know recipes/none.json');
    expect(key.stderr).toContain('npx sluice status recipes/none.json');
    expect(await run('rejects', '--csv', '--json')).toMatchObject({ status: 1 });
  });

  test('records of a version that was refused, and of rows that MySQL refused, are counted and explained', async () => {
    const { ledger, failed } = target.outputs.buckets;
    const key = 'readings/former.json';
    const path = versionPath({ dataset: 'readings', key, versionId: 'v1' });
    const fileOf = (stage: string) => ({
      key: `${rejectsPrefix(path)}${stage}.ndjson`,
      records: 1,
      bytes: 1,
    });
    const work = {
      dataset: 'readings',
      key,
      versionId: 'v1',
      sequencer: '0A',
      finishedAt: '2026-01-01T00:00:00.000Z',
      durationMs: 1,
      codeVersion: 'former',
    };
    const file = { key: 'readings/a.parquet', records: 2, bytes: 1 };
    const extraction = {
      ...work,
      stage: 'extraction',
      bytes: 1,
      read: 3,
      valid: 1,
      rejected: { wrong_type: 1, too_many_rejects: 1 },
      rejects: [fileOf('extraction')],
      parts: [file],
    };
    const loading = {
      ...work,
      stage: 'loading',
      part: 0,
      processed: { key: file.key, versionId: 'null' },
      archive: file,
      tables: { written: 0, unchanged: 0, rejected: { not_storable: 1 } },
      rejects: [fileOf('loading')],
    };
    const current = { type: 'created', sequencer: '0A', versionId: 'v1' };
    const store = (Bucket: string, Key: string, body: unknown) =>
      target.s3.send(
        new PutObjectCommand({
          Bucket,
          Key,
          Body: JSON.stringify(body),
          ...(Key.startsWith('receipts/') && { IfNoneMatch: '*' }),
        }),
      );
    const reject = { recordNumber: 1, path: 'a', code: 'wrong_type', message: 'is none' };
    await store(failed, fileOf('extraction').key, reject);
    await store(failed, fileOf('loading').key, { ...reject, recordNumber: 2, code: 'not_storable' });
    await store(ledger, extractionReceiptKey(path), extraction);
    await store(ledger, loadingReceiptKey(path, 0, ''), loading);
    const entry = { dataset: 'readings', key, current, attempts: [], superseded: [] };
    await store(ledger, ledgerEntryKey(path), entry);

    const { status, stdout } = await run('rejects', key);
    expect(status).toBe(0);
    expect(stdout).toMatch(/1 +extraction +wrong_type +a: is none\n +2 +loading +not_storable +a: is none\n/);
    expect(stdout).toContain('3 rejected records of 1 object.\n1 of them is valid; its version was refused');
    expect(stdout).toContain(
      'Records that loading rejected are in the lake and the archive, but not in MySQL.',
    );
    expect(stdout).not.toContain('not listed:');
    for (const Key of [ledgerEntryKey(path), fileOf('extraction').key, fileOf('loading').key])
      await target.s3.send(
        new DeleteObjectCommand({ Bucket: Key.startsWith('heads/') ? ledger : failed, Key }),
      );
  });

  test('no file is read beyond the limit, however many there are', async () => {
    let read = 0;
    const counting = {
      ...target,
      s3: Object.assign(Object.create(target.s3), {
        send: (command: { input: { Bucket?: string } }) => {
          if (
            command.constructor.name === 'GetObjectCommand' &&
            command.input.Bucket === target.outputs.buckets.failed
          )
            read += 1;
          return target.s3.send(command as never);
        },
      }),
    };
    const request = { keys: [], codes: [], since: 0, limit: 0, withRecord: false };
    for await (const step of rejects(counting, request)) expect(step).toHaveProperty('work');
    expect(read).toBe(0);
    let listed = 0;
    for await (const step of rejects(counting, { ...request, limit: 200 })) if ('reject' in step) listed += 1;
    expect({ listed, read }).toEqual({ listed: 127, read: 5 });
  });

  test('a file of rejects that is damaged or missing is named, and the others are listed', async () => {
    const { failed } = target.outputs.buckets;
    const files: string[] = [];
    for await (const { Key } of listObjects(target, failed, 'rejects/recipes/')) files.push(Key);
    const file = files.find((each) => each.includes('many.ndjson~')) ?? '';
    const text = await readText(target, failed, file);
    await target.s3.send(new PutObjectCommand({ Bucket: failed, Key: file, Body: `${text}{` }));
    const damaged = await run('rejects', '--json');
    expect(damaged.status).toBe(1);
    expect(totalOf(damaged)).toMatchObject({
      records: 127,
      listed: 127,
      problems: [expect.stringContaining(`${file} can’t be read: `)],
    });
    await target.s3.send(new DeleteObjectCommand({ Bucket: failed, Key: file }));
    const missing = await run('rejects', many);
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain(
      `${file} is missing, with 121 rejects. To reprocess its object: npx sluice replay ${many} --force`,
    );
    expect(await run('replay', many, '--force', '--wait')).toMatchObject({ status: 0 });
    expect(await run('rejects', many)).toMatchObject({ status: 0 });
  });
});
