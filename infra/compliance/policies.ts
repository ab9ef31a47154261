import type { Policies, ResourceValidationPolicy, StackValidationPolicy } from '@pulumi/policy';
import { type Check, findings } from './check.ts';

/**
 * The checks as policies for one run of `pulumi preview` or `pulumi up`. Pulumi passes each resource with its
 * inputs while the program registers it, and all resources with their outputs at the end.
 */
export function policiesOf(checks: readonly Check[]): Policies {
  const inputs = new Map<string, Readonly<Record<string, unknown>>>();
  const register: ResourceValidationPolicy = {
    name: 'inputs',
    description: 'Records the inputs of each resource, which the other policies compare with the outputs.',
    enforcementLevel: 'advisory',
    validateResource: ({ urn, props }) => void inputs.set(urn, props),
  };
  const policies = checks.map(
    (check): StackValidationPolicy => ({
      name: check.name,
      description: check.rule,
      enforcementLevel: 'mandatory',
      validateStack({ resources }, report) {
        const stack = resources.map(({ urn, type, name, props, dependencies, opts }) => ({
          urn,
          type,
          name,
          inputs: inputs.get(urn) ?? props,
          outputs: props,
          dependencies: dependencies.map((each) => each.urn),
          options: { protect: opts.protect },
        }));
        for (const { urn, message } of findings([check], stack)) report(message, urn);
      },
    }),
  );
  return [register, ...policies];
}
