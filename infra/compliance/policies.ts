import type { Policies, ResourceValidationPolicy, StackValidationPolicy } from '@pulumi/policy';
import { type Check, findings } from './check.ts';

/**
 * The checks as policies for `pulumi preview` and `pulumi up`, for one run of either. Pulumi shows resources one by one with their
 * inputs while the program registers them, and all together with their outputs in the end.
 */
export function policiesOf(checks: readonly Check[]): Policies {
  const inputs = new Map<string, Readonly<Record<string, unknown>>>();
  const register: ResourceValidationPolicy = {
    name: 'inputs',
    description:
      'Notes the inputs of each resource, which the other policies compare with what AWS made of them.',
    enforcementLevel: 'advisory',
    validateResource: ({ urn, props }) => void inputs.set(urn, props),
  };
  const policies = checks.map(
    (check): StackValidationPolicy => ({
      name: check.name,
      description: check.rule,
      enforcementLevel: 'mandatory',
      validateStack({ resources }, report) {
        const stack = resources.map(({ urn, type, name, props }) => ({
          urn,
          type,
          name,
          inputs: inputs.get(urn) ?? props,
          outputs: props,
        }));
        for (const { urn, message } of findings([check], stack)) report(message, urn);
      },
    }),
  );
  return [register, ...policies];
}
