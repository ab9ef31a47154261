import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTarget } from '../../cli/target/target.ts';
import { announcements } from '../../domain/versions/announcement.ts';
import { copyOfCheckout } from '../cli/checkout.ts';
import { finished, npmStart, type Started, startSluice } from '../cli/sluice.ts';
import { applyDiff, blocksOf } from '../fenced-blocks.ts';

let checkout: string;
let started: Started | undefined;

beforeAll(() => {
  checkout = copyOfCheckout();
});
afterAll(async () => {
  await started?.stop();
  rmSync(checkout, { recursive: true, force: true });
});

test('the rule of the page on events brings each published version of the dataset to its queue', {
  timeout: 600_000,
}, async () => {
  for (const block of blocksOf('docs/maintenance/events.md'))
    if (block.language === 'diff') applyDiff(block, checkout);
    else writeFileSync(join(checkout, block.file), block.content);
  const local = join(checkout, '.local');
  started = await npmStart(local, { checkout });
  const run = (...args: string[]) => finished(startSluice(local, args, { checkout }));
  const put = await run(
    ...['put', '--wait', 'examples/recipes/soups.ndjson', 'examples/passengers/titanic.csv'],
  );
  expect(put.status, put.stderr).toBe(0);

  const target = await findTarget(undefined, local);
  const { QueueUrl = '' } = await target.sqs.send(
    new GetQueueUrlCommand({ QueueName: 'sluice-dev-recipes-published' }),
  );
  const { Messages = [] } = await target.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 10 }),
  );
  expect(Messages).toHaveLength(1);
  const event = JSON.parse(Messages[0]?.Body ?? '') as Record<string, unknown>;
  expect(event).toMatchObject({ source: 'sluice', 'detail-type': 'Version Published' });
  const detail = announcements['Version Published'].parse(event['detail']);
  expect(detail).toMatchObject({ stack: 'dev', dataset: 'recipes', key: 'recipes/soups.ndjson' });
  const query = await run('query', '--at', detail.snapshot ?? '', 'select count(*) as rows from recipes');
  expect(query.stdout).toContain(String(detail.rows));
  expect(detail.rows).toBeGreaterThan(0);
});
