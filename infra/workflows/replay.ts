import { drainStates } from '../../domain/versions/workflow-states.ts';
import { crawl, crawlBegins } from './crawl.ts';
import { drain } from './drain.ts';
import { checkBegins, end, reportBegins } from './report-states.ts';
import { sendAll } from './send.ts';
import type { Workflow } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

/**
 * Has the versions done anew that have rejects or faults, by the code that is deployed now; waits until that is done, and reports.
 *
 * Its input: `dataset`, `codes` (any, when there are none), `since` in milliseconds since the epoch, `force` for what the
 * deployed code has done already, `dryRun` and `settleSeconds` as for a backfill.
 */
export function replayWorkflow(parts: WorkflowParts): Workflow {
  const send = (label: string, kind: string, next: string) =>
    sendAll(
      label,
      {
        Resource: 'arn:aws:states:::s3:listObjectsV2',
        Arguments: { Bucket: parts.failed, Prefix: `{% '${kind}/' & $folder %}` },
      },
      next,
      parts,
    );
  return {
    Comment: 'Has what was rejected done anew.',
    QueryLanguage: 'JSONata',
    TimeoutSeconds: 1_209_600,
    StartAt: 'Read the input',
    States: {
      'Read the input': {
        Type: 'Pass',
        Assign: {
          machine: 'replay',
          folder: "{% $exists($states.input.dataset) ? $states.input.dataset & '/' : '' %}",
          codes: '{% $exists($states.input.codes) ? [$states.input.codes] : [] %}',
          since: '{% $exists($states.input.since) ? $states.input.since : 0 %}',
          // What this replay itself leaves in the failed bucket comes later.
          until: '{% $toMillis($states.context.Execution.StartTime) %}',
          force: '{% $states.input.force = true %}',
          dryRun: '{% $states.input.dryRun = true %}',
          settleSeconds: '{% $exists($states.input.settleSeconds) ? $states.input.settleSeconds : 60 %}',
          troubles: [],
        },
        Next: 'Send the objects with rejects',
      },
      'Send the objects with rejects': send('Rejects', 'rejects', 'Send the objects with faults'),
      'Send the objects with faults': send('Faults', 'faults', 'Is dry run?'),
      'Is dry run?': {
        Type: 'Choice',
        Choices: [{ Condition: '{% $dryRun %}', Next: reportBegins }],
        Default: drainStates.begin,
      },
      ...drain(crawlBegins, parts),
      ...crawl(checkBegins, parts),
      ...end('replay', parts),
    },
  };
}
