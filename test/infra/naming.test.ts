import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stages } from '../../domain/stage.ts';
import { naming } from '../../infra/naming.ts';
import { bucketPurposes } from '../../infra/outputs.ts';

const stackName = fc.stringMatching(/^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$/);

test('every accepted stack name leaves room for Pulumi’s suffix in buckets, roles and rules', () => {
  fc.assert(
    fc.property(stackName, (stack) => {
      const name = naming('sluice', stack);
      for (const purpose of bucketPurposes) expect(`${name(purpose)}-0123456`.length).toBeLessThanOrEqual(63);
      for (const stage of stages) expect(`${name(stage)}-0123456`.length).toBeLessThanOrEqual(64);
    }),
  );
});

test.each(['Dev', 'a_b', '1st', 'dev-', 'a.b', 'x'.repeat(25), ''])(
  'the stack name "%s" is refused',
  (stack) => {
    expect(() => naming('sluice', stack)).toThrow(/pulumi stack rename/);
  },
);
