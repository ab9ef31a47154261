import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checks } from '../../../infra/compliance/checks.ts';
import { everything, set } from '../the-program.ts';
import { PackProcess, UNKNOWN } from './pack-process.ts';

const role = 'aws:iam/role:Role';
const lambda = 'aws:lambda/function:Function';
const resources = () => structuredClone(everything.resources);

describe('the policy pack, run by Pulumi', () => {
  let pack: PackProcess;
  beforeAll(async () => {
    pack = await PackProcess.start();
  });
  afterAll(() => pack.stop());

  test('has a policy for each check, and one that records inputs', async () => {
    expect(await pack.policies()).toEqual(['inputs', ...checks.map(({ name }) => name)]);
  });

  test('passes a stack with every feature enabled', async () => {
    expect(await pack.analyze(resources())).toEqual([]);
  });

  test('stops a deployment that breaks a rule, and names the resource and the reason', async () => {
    const broken = resources();
    const [changed] = broken.filter(({ type }) => type === lambda);
    set(changed?.inputs ?? {}, 'tracingConfig.mode', 'PassThrough');

    const found = await pack.analyze(broken);

    expect(found).toEqual([
      {
        policy: 'function-explicit',
        urn: changed?.urn,
        message: expect.stringContaining('A function sets its memory and timeout'),
        isMandatory: true,
      },
    ]);
  });

  test('checks the program’s inputs, not AWS’s defaults', async () => {
    const filled = resources();
    for (const { outputs } of filled.filter(({ type }) => type === role))
      Object.assign(outputs, { managedPolicyArns: [], inlinePolicies: [] });
    expect(await pack.analyze(filled)).toEqual([]);
  });

  test('lets a preview pass, and names the rules that can be checked only once ARNs are known', async () => {
    const first = resources();
    for (const { type, outputs } of first) if (type === 'aws:sqs/queue:Queue') set(outputs, 'arn', UNKNOWN);

    const found = await pack.analyze(first);

    expect(found.map(({ policy }) => policy)).toContain('queue-receives');
    expect(found.filter(({ isMandatory }) => isMandatory)).toEqual([]);
    expect(found[0]?.message).toMatch(/can't run policy .* during preview/);
  });
});
