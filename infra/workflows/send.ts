import { backoff, catchAndContinue, type DistributedMap, defaultRetry, type Flow, invoke } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

/** Objects per batch; each batch is one call of the function. */
const BATCH = 100;
/** A state's input may have 262,144 bytes (Step Functions guide, service-quotas). */
const BATCH_BYTES = 200_000;
/** Checks of the queue before a batch is given up: most of a day. */
const LOOKS = 1_000;

/**
 * Sends all objects of a source in batches. A batch waits while too many messages wait for extraction, so new
 * files don't queue behind all the old ones.
 *
 * @param label distinguishes the states from those of another source @param of what the source lists: objects
 * of the raw bucket, or documents of the failed bucket
 */
export function sendAll(
  label: string,
  of: 'objects' | 'documents',
  ItemReader: DistributedMap['ItemReader'],
  next: string,
  parts: WorkflowParts,
): DistributedMap {
  return {
    Type: 'Map',
    Label: label,
    ItemReader,
    ItemBatcher: {
      MaxItemsPerBatch: BATCH,
      MaxInputBytesPerBatch: BATCH_BYTES,
      // Child executions can't read variables (Step Functions guide, workflow-variables).
      BatchInput: {
        machine: '{% $machine %}',
        of,
        dataset: '{% $dataset %}',
        execution: '{% $states.context.Execution.Name %}',
        dryRun: '{% $dryRun %}',
        since: '{% $since %}',
        until: '{% $until %}',
        codes: '{% $codes %}',
        force: '{% $force %}',
        deployed: '{% $deployed %}',
      },
    },
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      ...sendBatch(label, parts),
    },
    MaxConcurrency: parts.concurrency,
    // If one batch in ten can't be sent, the cause probably affects the others too.
    ToleratedFailurePercentage: 10,
    Retry: [{ ...defaultRetry, ErrorEquals: ['States.ItemReaderFailed'], MaxAttempts: 2 }],
    Catch: [catchAndContinue('not everything was sent', next)],
    Output: {},
    Next: next,
  };
}

/** The same, of all objects of the raw bucket whose keys begin with `$prefix`. */
export function sendPrefix(next: string, parts: WorkflowParts): DistributedMap {
  const Arguments = { Bucket: parts.raw, Prefix: '{% $prefix %}' };
  return sendAll(
    'Prefix',
    'objects',
    { Resource: 'arn:aws:states:::s3:listObjectsV2', Arguments },
    next,
    parts,
  );
}

function sendBatch(label: string, { sending, reporting, queues, queueDepth }: WorkflowParts): Flow {
  const of = (name: string) => `${name} (${label})`;
  const giveUp = (reason: string) => ({ reason, looks: '{% $looks %}' });
  const caught = {
    ErrorEquals: ['States.ALL'],
    Assign: { reason: "{% $states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause) %}" },
    Output: '{% $states.input %}',
    Next: of('Record the batch that was not sent'),
  };
  return {
    StartAt: of('Start'),
    States: {
      [of('Start')]: {
        Type: 'Pass',
        Assign: { looks: 0, reason: 'none' },
        Next: of('Is dry run?'),
      },
      [of('Is dry run?')]: {
        Type: 'Choice',
        Choices: [{ Condition: '{% $states.input.BatchInput.dryRun %}', Next: of('Send the batch') }],
        Default: of('Count waiting messages'),
      },
      [of('Count waiting messages')]: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:sqs:getQueueAttributes',
        Arguments: { QueueUrl: queues.extraction, AttributeNames: ['ApproximateNumberOfMessages'] },
        TimeoutSeconds: 60,
        Assign: {
          looks: '{% $looks + 1 %}',
          waiting: '{% $number($states.result.Attributes.ApproximateNumberOfMessages) %}',
        },
        Output: '{% $states.input %}',
        Retry: [defaultRetry],
        Catch: [caught],
        Next: of('Is there room?'),
      },
      [of('Is there room?')]: {
        Type: 'Choice',
        Choices: [
          { Condition: `{% $waiting < ${queueDepth} %}`, Next: of('Send the batch') },
          {
            Condition: `{% $looks > ${LOOKS} %}`,
            Assign: giveUp('the extraction queue stayed full'),
            Next: of('Record the batch that was not sent'),
          },
        ],
        Default: of('Wait for room'),
      },
      [of('Wait for room')]: { Type: 'Wait', Seconds: backoff('$looks'), Next: of('Count waiting messages') },
      [of('Send the batch')]: {
        ...invoke(sending, '{% $states.input %}'),
        Output: {},
        Catch: [caught],
        End: true,
      },
      [of('Record the batch that was not sent')]: {
        ...invoke(reporting, { task: 'give-up', batch: '{% $states.input %}', reason: '{% $reason %}' }),
        Output: {},
        Catch: [{ ErrorEquals: ['States.ALL'], Next: of('The batch was not sent') }],
        Next: of('The batch was not sent'),
      },
      [of('The batch was not sent')]: { Type: 'Fail', Error: 'NotSent', Cause: '{% $reason %}' },
    },
  };
}
