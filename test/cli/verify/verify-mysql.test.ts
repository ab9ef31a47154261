// @module-tag mysql
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mysqlUrl } from '../../../cli/mysql/mysql.ts';
import { queryMysql } from '../../../cli/mysql/query-mysql.ts';
import type { Verified } from '../../../cli/verify/report.ts';
import { startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';
import { sluice } from '../sluice.ts';

let pipeline: TestPipeline;

beforeAll(async () => {
  pipeline = await startTestPipeline({ mysql: true });
});

afterAll(() => pipeline.close());

test('npx sluice verify finds its rows in MySQL as well, and leaves none there', async () => {
  const { status, stdout, stderr } = await sluice(pipeline.directory, ['verify', '--json']);
  expect(stderr).not.toContain('Error');
  const { probe }: Verified = JSON.parse(stdout);
  const details = Object.fromEntries((probe?.steps ?? []).map(({ step, detail }) => [step, detail]));
  expect(details).toMatchObject({
    sinks: '2 rows in the lake and the archive and MySQL, and nothing else',
    mysql: 'MySQL answers 2 rows, each as it was sent',
  });
  expect(status).toBe(0);
  const url = mysqlUrl({ directory: pipeline.directory }, 'read');
  const { rows } = await queryMysql(url, 'select count(*) from sluice_verification');
  expect(rows).toEqual([[0]]);
});
