import type { Check } from './check.ts';
import { at, parsed } from './resource.ts';
import { alarmChecks } from './rules/alarms.ts';
import { bucketChecks } from './rules/buckets.ts';
import { catalogChecks } from './rules/catalog.ts';
import { dashboardChecks } from './rules/dashboard.ts';
import { functionChecks } from './rules/functions.ts';
import { mysqlChecks } from './rules/mysql.ts';
import { networkChecks } from './rules/network.ts';
import { queueChecks } from './rules/queues.ts';
import { trailChecks } from './rules/trail.ts';
import { workflowChecks } from './rules/workflows.ts';

/** All checks. Put your own check in a file of this folder and add it here. */
export const checks: readonly Check[] = [
  ...queueChecks,
  ...bucketChecks,
  ...trailChecks,
  ...functionChecks,
  ...alarmChecks,
  ...dashboardChecks,
  ...catalogChecks,
  ...networkChecks,
  ...mysqlChecks,
  ...workflowChecks,
  {
    name: 'default-tags',
    rule: 'The provider tags everything with project, stack and owner.',
    reason:
      'Tags assign costs and say whom to ask. There is no dataset tag, because each resource serves all datasets.',
    source: 'AWS tagging best practices',
    type: 'pulumi:providers:aws',
    passes: ({ inputs }) => {
      const tags = at(parsed(inputs['defaultTags']), 'tags');
      return ['project', 'stack', 'owner'].every((name) => at(tags, name) !== undefined);
    },
  },
];
