import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DisableRuleCommand, EnableRuleCommand } from '@aws-sdk/client-eventbridge';
import { UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Facts } from '../../../cli/verify/facts.ts';
import { gatherFacts } from '../../../cli/verify/gather/gather.ts';
import { inspect } from '../../../cli/verify/inspect.ts';
import type { Verified } from '../../../cli/verify/report.ts';
import { startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';
import { sluice } from '../sluice.ts';
import { broken, changed } from './broken-deployments.ts';
import { leftBehind } from './left-behind.ts';

const checks = join(import.meta.dirname, '../../../cli/verify/checks');

let pipeline: TestPipeline;
/** What AWS says of a deployment that is well, but for its schedule, which tests disable. */
let healthy: Facts;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  const facts = await gatherFacts(pipeline.target);
  healthy = changed(facts, 'catalog.schedule.value.enabled', true);
});

afterEach(async () => {
  await pipeline.target.control?.clearFaults();
});

afterAll(() => pipeline.close());

/** How long a probe takes that passes. */
let seconds = 0;

const found = (facts: Facts) => inspect(facts).flatMap(({ findings }) => findings);

async function verify(...args: readonly string[]): Promise<Verified & { readonly status: number }> {
  const { status, stdout, stderr } = await sluice(pipeline.directory, ['verify', '--json', ...args]);
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Verified), status };
}

const codesOf = ({ inspected, probe }: Verified) =>
  [...inspected, ...(probe?.steps ?? [])].flatMap(({ findings }) =>
    findings
      .filter(({ level }) => level === 'failed')
      // Which alarm it is tells why, on a machine that was too slow.
      .map(({ code, message }) => (code === 'alarm_rings' ? `${code}: ${message}` : code)),
  );

describe('the inspection', () => {
  test('finds nothing wrong with a deployment that is well', () => {
    expect(found(healthy)).toEqual([]);
    for (const { area, looked } of inspect(healthy)) expect(looked, area).toBeGreaterThan(0);
  });

  test.each(broken.map((each) => [each.what, each] as const))('names %s', (_, each) => {
    const findings = found(changed(healthy, each.at, each.value));
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set([each.code]));
    const [first] = findings;
    expect(first).toMatchObject({ level: each.level, blocking: each.blocking });
    expect(`${first?.message} ${first?.cure}`).toMatch(each.says);
  });

  test('has a broken deployment for each of its findings', () => {
    const codes = new Set(broken.map(({ code }) => code));
    const source = readdirSync(checks).map((file) => readFileSync(join(checks, file), 'utf8'));
    const named = source.flatMap((text) =>
      [...text.matchAll(/'([a-z]+(?:_[a-z]+)+)',/g)].map(([, code = '']) => code),
    );
    expect(named.length).toBeGreaterThan(35);
    // Whatever the account is, its quota can be asked for: there is no deployment that lacks it.
    expect([...new Set(named)].filter((code) => !codes.has(code))).toEqual(['quota_unknown']);
  });
});

describe('npx sluice verify', () => {
  test('passes on a pipeline that is well, and leaves nothing behind', async () => {
    const begunAt = performance.now();
    const verified = await verify();
    seconds = (performance.now() - begunAt) / 1000;
    const { status, ok, probe } = verified;
    expect(codesOf(verified)).toEqual([]);
    expect(probe?.steps.map(({ step, result }) => `${step} ${result}`)).toEqual([
      'records passed',
      'rejects passed',
      'overwrite passed',
      'deletion passed',
      'duplicate passed',
      'poison passed',
      'sinks passed',
      'query passed',
      'mysql skipped',
      'crawl passed',
      'cleanup passed',
    ]);
    expect({ status, ok }).toEqual({ status: 0, ok: true });
    expect(await leftBehind(pipeline.target)).toEqual([]);
  });

  test('prints what it looked at, and writes nothing with --no-probe', async () => {
    const { status, stdout } = await sluice(pipeline.directory, ['verify', '--no-probe']);
    expect(status).toBe(0);
    expect(stdout).toContain('✓ rules: 5 things looked at');
    expect(stdout).toContain('! catalog');
    expect(stdout).toContain('What was looked at is well, 1 warning.');
    expect(await leftBehind(pipeline.target)).toEqual([]);
  });

  test('names a rule that was disabled, and sends no probe objects', async () => {
    const { events } = pipeline.target;
    const [rule] = 'value' in healthy.stages.extraction.rules ? healthy.stages.extraction.rules.value : [];
    await events.send(new DisableRuleCommand({ Name: rule?.name }));
    const verified = await verify().finally(() => events.send(new EnableRuleCommand({ Name: rule?.name })));
    expect(codesOf(verified)).toEqual(['rule_disabled']);
    expect(verified).toMatchObject({ status: 1, ok: false, probe: null });
    expect(await leftBehind(pipeline.target)).toEqual([]);
  });

  test('names a mapping that was disabled', async () => {
    const { lambda } = pipeline.target;
    const [mapping] = 'value' in healthy.stages.loading.mappings ? healthy.stages.loading.mappings.value : [];
    const set = (Enabled: boolean) =>
      lambda.send(new UpdateEventSourceMappingCommand({ UUID: mapping?.uuid, Enabled }));
    await set(false);
    const verified = await verify().finally(() => set(true));
    expect(codesOf(verified)).toEqual(['mapping_disabled']);
    expect(verified.status).toBe(1);
  });

  test.each([
    ['commit', "the lake's table still shows its rows"],
    ['loading', 'MySQL or the archive may still have its rows'],
  ] as const)('names the %s when a deletion is published and does not get there', async (stage, says) => {
    const { control, outputs } = pipeline.target;
    const queue = outputs.queues[stage].split('/').at(-1);
    await control?.addFault({
      kind: 'delay',
      of: 'events',
      delayMs: 600_000,
      resource: `arn:aws:sqs:${outputs.region}:000000000000:${queue}`,
      // The publications of the versions that the steps before have put.
      skip: 4,
      times: null,
    });
    // A step that fails takes all of the time, and those before it must have enough on a busy machine.
    const verified = await verify('--timeout', `${Math.max(10, Math.ceil(4 * seconds))}`);
    expect(codesOf(verified)).toEqual(['deletion_unfinished']);
    const finding = verified.probe?.steps.find(({ step }) => step === 'deletion')?.findings[0];
    expect(finding?.message).toContain(says);
    expect(finding?.cure).toContain(`npx sluice logs ${stage}`);
    expect(await leftBehind(pipeline.target)).toEqual([]);
  });

  test('tells of a crawl that does not register the partition of the archive', async () => {
    const { control, outputs } = pipeline.target;
    const queue = outputs.catalog.crawlQueue.split('/').at(-1);
    await control?.addFault({
      kind: 'delay',
      of: 'messages',
      delayMs: 600_000,
      resource: `arn:aws:sqs:${outputs.region}:000000000000:${queue}`,
      times: null,
    });
    const verified = await verify();
    expect(codesOf(verified)).toEqual(['partition_missing']);
    expect(await leftBehind(pipeline.target)).toEqual([]);
  });

  test('tells of a crawl that fails, after all the rest has passed', async () => {
    const { control, outputs } = pipeline.target;
    const queue = outputs.catalog.crawlQueue.split('/').at(-1);
    await control?.addFault({
      kind: 'answer',
      status: 403,
      operation: 'ReceiveMessage',
      resource: `arn:aws:sqs:${outputs.region}:000000000000:${queue}`,
      times: null,
    });
    const verified = await verify();
    expect(codesOf(verified)).toEqual(['crawl_failed']);
    expect(verified.probe?.steps.filter(({ result }) => result === 'failed')).toMatchObject([
      { step: 'crawl', findings: [{ cure: expect.stringContaining('npx sluice catalog') }] },
    ]);
    expect(await leftBehind(pipeline.target)).toEqual([]);
  });

  test.each([
    ['extraction', 'PutObject', 'temp', 's3:PutObject'],
    ['transformation', 'GetObject', 'temp', 's3:GetObjectVersion'],
    ['commit', 'PutObject', 'processed', 's3:PutObject'],
    ['loading', 'CopyObject', 'archive', 's3:PutObject'],
  ] as const)('names the call that the %s may not make', async (stage, operation, bucket, action) => {
    const { control, outputs } = pipeline.target;
    const name = outputs.buckets[bucket];
    await control?.addFault({
      kind: 'answer',
      status: 403,
      operation,
      function: outputs.functions[stage],
      resource: `arn:aws:s3:::${name}`,
      times: null,
    });
    const verified = await verify();
    expect(codesOf(verified)).toContain('denied');
    const [finding] = verified.probe?.steps[0]?.findings ?? [];
    expect(finding?.message).toContain(`The ${stage} may not ${action} on arn:aws:s3:::${name}/`);
    expect(finding?.message).toContain(`because no identity-based policy allows the ${action} action`);
    expect(finding?.cure).toContain('/aws/lambda/');
    expect(verified.status).toBe(1);
  });
});
