import { alarmPolicies } from './alarms.ts';
import { bucketPolicies } from './buckets.ts';
import { catalogPolicies } from './catalog.ts';
import { functionPolicies } from './functions.ts';
import { mysqlPolicies } from './mysql.ts';
import { networkPolicies } from './network.ts';
import { queuePolicies } from './queues.ts';
import { at, parsed } from './resource.ts';
import { workflowPolicies } from './workflows.ts';

/** A resource as the program registered it. In a policy pack, inputs and outputs are the same `props`. */
export interface Registered {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** A rule that the whole stack obeys, why, and who says so. */
export interface Policy {
  readonly name: string;
  readonly rule: string;
  readonly reason: string;
  readonly source: string;
  /** The type, or types, of the resources that it is asked about. */
  readonly type: string | readonly string[];
  /** Whether this resource keeps the rule. */
  readonly keeps: (resource: Registered, all: readonly Registered[]) => boolean;
}

export interface Violation {
  readonly urn: string;
  readonly policy: string;
  /** Rule, reason and source in one sentence each. */
  readonly message: string;
}

export const policies: readonly Policy[] = [
  ...queuePolicies,
  ...bucketPolicies,
  ...functionPolicies,
  ...alarmPolicies,
  ...catalogPolicies,
  ...networkPolicies,
  ...mysqlPolicies,
  ...workflowPolicies,
  {
    name: 'default-tags',
    rule: 'The provider tags everything with project, stack and owner.',
    reason: 'Costs and questions find their way. No dataset: each resource serves them all.',
    source: 'AWS tagging best practices',
    type: 'pulumi:providers:aws',
    keeps: ({ inputs }) => {
      const tags = at(parsed(inputs['defaultTags']), 'tags');
      return ['project', 'stack', 'owner'].every((name) => at(tags, name) !== undefined);
    },
  },
];

/** What breaks which policy. Empty for a stack that obeys them all. */
export function violations(resources: readonly Registered[]): Violation[] {
  return policies.flatMap(({ name, rule, reason, source, type, keeps }) =>
    resources
      .filter((resource) => [type].flat().includes(resource.type) && !keeps(resource, resources))
      .map(({ urn }) => ({ urn, policy: name, message: `${rule} ${reason} (${source})` })),
  );
}
