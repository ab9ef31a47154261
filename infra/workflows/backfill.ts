import { drainStates } from '../../domain/operations/workflow-states.ts';
import { crawl, crawlBegins } from './crawl.ts';
import { drain } from './drain.ts';
import { checkBegins, end, reportBegins } from './report-states.ts';
import { sendAll, sendPrefix } from './send.ts';
import type { Workflow } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

/**
 * Sends the raw bucket's unprocessed objects to extraction, waits until they are processed, and reports.
 *
 * Input: `prefix`, or `manifest` (the key in the failed bucket of a JSON array of `{ "Key": … }`); `since`
 * and `until` in ms since the epoch; `dryRun`; `settleSeconds`, for which the queues must stay empty.
 */
export function backfillWorkflow(parts: WorkflowParts): Workflow {
  return {
    Comment: 'Sends objects of the raw bucket through the pipeline.',
    QueryLanguage: 'JSONata',
    // Fourteen days, after which SQS deletes any waiting message.
    TimeoutSeconds: 1_209_600,
    StartAt: 'Read the input',
    States: {
      'Read the input': {
        Type: 'Pass',
        Assign: {
          machine: 'backfill',
          dataset: "{% '' %}",
          prefix: "{% $exists($states.input.prefix) ? $states.input.prefix : '' %}",
          since: '{% $exists($states.input.since) ? $states.input.since : 0 %}',
          until: '{% $exists($states.input.until) ? $states.input.until : 8640000000000000 %}',
          dryRun: '{% $states.input.dryRun = true %}',
          settleSeconds: '{% $exists($states.input.settleSeconds) ? $states.input.settleSeconds : 60 %}',
          codes: [],
          force: false,
          deployed: {},
          troubles: [],
        },
        Next: 'Is there a manifest?',
      },
      'Is there a manifest?': {
        Type: 'Choice',
        Choices: [
          { Condition: '{% $exists($states.input.manifest) %}', Next: 'Send the objects in the manifest' },
        ],
        Default: 'Send the objects under the prefix',
      },
      'Send the objects under the prefix': sendPrefix('Is dry run?', parts),
      'Send the objects in the manifest': sendAll(
        'Manifest',
        'objects',
        {
          Resource: 'arn:aws:states:::s3:getObject',
          ReaderConfig: { InputType: 'JSON' },
          Arguments: { Bucket: parts.failed, Key: '{% $states.input.manifest.key %}' },
        },
        'Is dry run?',
        parts,
      ),
      'Is dry run?': {
        Type: 'Choice',
        Choices: [{ Condition: '{% $dryRun %}', Next: reportBegins }],
        Default: drainStates.begin,
      },
      ...drain(crawlBegins, parts),
      ...crawl(checkBegins, parts),
      ...end('backfill', parts),
    },
  };
}
