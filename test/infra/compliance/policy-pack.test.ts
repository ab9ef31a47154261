import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

  it('has a policy for each check, besides the one that notes inputs', async () => {
    expect(await pack.policies()).toEqual(['inputs', ...checks.map(({ name }) => name)]);
  });

  it('finds nothing wrong with a stack that has everything', async () => {
    expect(await pack.analyze(resources())).toEqual([]);
  });

  it('stops a deployment that breaks a rule, and says which resource breaks it and why', async () => {
    const broken = resources();
    const [changed] = broken.filter(({ type }) => type === lambda);
    set(changed?.inputs ?? {}, 'tracingConfig.mode', 'PassThrough');

    const found = await pack.analyze(broken);

    expect(found).toEqual([
      {
        policy: 'function-explicit',
        urn: changed?.urn,
        message: expect.stringContaining('A function says its memory and time-out'),
        isMandatory: true,
      },
    ]);
  });

  it('judges by what the program asks for, not by what AWS fills in', async () => {
    const filled = resources();
    for (const { outputs } of filled.filter(({ type }) => type === role))
      Object.assign(outputs, { managedPolicyArns: [], inlinePolicies: [] });
    expect(await pack.analyze(filled)).toEqual([]);
  });

  it('says of a preview which rules can be checked only once ARNs are known, and stops nothing', async () => {
    const first = resources();
    for (const { type, outputs } of first) if (type === 'aws:sqs/queue:Queue') set(outputs, 'arn', UNKNOWN);

    const found = await pack.analyze(first);

    expect(found.map(({ policy }) => policy)).toContain('queue-receives');
    expect(found.filter(({ isMandatory }) => isMandatory)).toEqual([]);
    expect(found[0]?.message).toMatch(/can't run policy .* during preview/);
  });
});
