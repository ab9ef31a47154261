import { drainStates } from '../../domain/operations/workflow-states.ts';
import { lookUpCode, lookUpCodeBegins } from './code.ts';
import { crawl, crawlBegins } from './crawl.ts';
import { drain } from './drain.ts';
import { checkBegins, end, reportBegins } from './report-states.ts';
import { sendAll, sendPrefix } from './send.ts';
import type { Workflow } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

/**
 * Reprocesses, by the code that is deployed now, the versions with rejects or faults; or with a `prefix` all
 * objects of the raw bucket under it. Waits until that is done, and reports.
 *
 * Input: `prefix`; `dataset`; `codes` (of rejects and faults; empty for all); `since` in ms since the epoch;
 * `force`, to include versions that the deployed code has already processed; `dryRun` and `settleSeconds` as
 * in a backfill.
 */
export function replayWorkflow(parts: WorkflowParts): Workflow {
  const send = (label: string, kind: string, next: string) =>
    sendAll(
      label,
      'documents',
      {
        Resource: 'arn:aws:states:::s3:listObjectsV2',
        Arguments: { Bucket: parts.failed, Prefix: `{% '${kind}/' & $folder %}` },
      },
      next,
      parts,
    );
  return {
    Comment: 'Reprocesses objects, or only those with rejects.',
    QueryLanguage: 'JSONata',
    TimeoutSeconds: 1_209_600,
    StartAt: 'Read the input',
    States: {
      'Read the input': {
        Type: 'Pass',
        Assign: {
          machine: 'replay',
          dataset: "{% $exists($states.input.dataset) ? $states.input.dataset : '' %}",
          prefix: "{% $exists($states.input.prefix) ? $states.input.prefix : '' %}",
          isWhole: '{% $exists($states.input.prefix) %}',
          folder: "{% $exists($states.input.dataset) ? $states.input.dataset & '/' : '' %}",
          codes: '{% $exists($states.input.codes) ? [$states.input.codes] : [] %}',
          since: '{% $exists($states.input.since) ? $states.input.since : 0 %}',
          // This replay's own rejects and faults are newer. Newer objects are processed by the deployed code.
          until: '{% $toMillis($states.context.Execution.StartTime) %}',
          force: '{% $states.input.force = true %}',
          deployed: {},
          dryRun: '{% $states.input.dryRun = true %}',
          settleSeconds: '{% $exists($states.input.settleSeconds) ? $states.input.settleSeconds : 60 %}',
          troubles: [],
        },
        Next: lookUpCodeBegins,
      },
      ...lookUpCode('Is there a prefix?', reportBegins, parts),
      'Is there a prefix?': {
        Type: 'Choice',
        Choices: [{ Condition: '{% $isWhole %}', Next: 'Send the objects under the prefix' }],
        Default: 'Send the objects with rejects',
      },
      'Send the objects under the prefix': sendPrefix('Is dry run?', parts),
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
