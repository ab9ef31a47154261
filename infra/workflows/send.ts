import { type DistributedMap, type Flow, goOn, invoke, pause, tryAgain } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

/** Objects a batch: one call of the function. */
const BATCH = 100;
/** A state's input may have 262,144 bytes (Step Functions guide, service-quotas). */
const BATCH_BYTES = 200_000;
/** Looks at the queue before a batch is given up: most of a day. */
const LOOKS = 1_000;

/**
 * Sends all objects of a source, batch by batch. A batch waits for as long as too many messages wait for the extraction, so that
 * new files need not queue behind all that is old.
 *
 * @param label tells the states from those of another source
 */
export function sendAll(
  label: string,
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
      // Variables don't reach into child executions (Step Functions guide, workflow-variables).
      BatchInput: {
        machine: '{% $machine %}',
        execution: '{% $states.context.Execution.Name %}',
        dryRun: '{% $dryRun %}',
        since: '{% $since %}',
        until: '{% $until %}',
        codes: '{% $codes %}',
        force: '{% $force %}',
      },
    },
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      ...sendBatch(label, parts),
    },
    MaxConcurrency: parts.concurrency,
    // Where one batch in ten can't be sent, something is wrong that the others would run into too.
    ToleratedFailurePercentage: 10,
    Retry: [{ ...tryAgain, ErrorEquals: ['States.ItemReaderFailed'], MaxAttempts: 2 }],
    Catch: [goOn('not everything was sent', next)],
    Output: {},
    Next: next,
  };
}

function sendBatch(label: string, { sending, reporting, queues, queueDepth }: WorkflowParts): Flow {
  const of = (name: string) => `${name} (${label})`;
  const giveUp = (reason: string) => ({ reason, looks: '{% $looks %}' });
  const caught = {
    ErrorEquals: ['States.ALL'],
    Assign: { reason: "{% $states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause) %}" },
    Output: '{% $states.input %}',
    Next: of('Write down what was not sent'),
  };
  return {
    StartAt: of('Begin'),
    States: {
      [of('Begin')]: {
        Type: 'Pass',
        Assign: { looks: 0, reason: 'none' },
        Next: of('Is it only to be counted?'),
      },
      [of('Is it only to be counted?')]: {
        Type: 'Choice',
        Choices: [{ Condition: '{% $states.input.BatchInput.dryRun %}', Next: of('Send') }],
        Default: of('Look at the queue'),
      },
      [of('Look at the queue')]: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:sqs:getQueueAttributes',
        Arguments: { QueueUrl: queues.extraction, AttributeNames: ['ApproximateNumberOfMessages'] },
        TimeoutSeconds: 60,
        Assign: {
          looks: '{% $looks + 1 %}',
          waiting: '{% $number($states.result.Attributes.ApproximateNumberOfMessages) %}',
        },
        Output: '{% $states.input %}',
        Retry: [tryAgain],
        Catch: [caught],
        Next: of('Is there room?'),
      },
      [of('Is there room?')]: {
        Type: 'Choice',
        Choices: [
          { Condition: `{% $waiting < ${queueDepth} %}`, Next: of('Send') },
          {
            Condition: `{% $looks > ${LOOKS} %}`,
            Assign: giveUp('the queue of the extraction stays full'),
            Next: of('Write down what was not sent'),
          },
        ],
        Default: of('Wait for room'),
      },
      [of('Wait for room')]: { Type: 'Wait', Seconds: pause('$looks'), Next: of('Look at the queue') },
      [of('Send')]: {
        ...invoke(sending, '{% $states.input %}'),
        Output: {},
        Catch: [caught],
        End: true,
      },
      [of('Write down what was not sent')]: {
        ...invoke(reporting, { task: 'give-up', batch: '{% $states.input %}', reason: '{% $reason %}' }),
        Output: {},
        Catch: [{ ErrorEquals: ['States.ALL'], Next: of('A batch was not sent') }],
        Next: of('A batch was not sent'),
      },
      [of('A batch was not sent')]: { Type: 'Fail', Error: 'NotSent', Cause: '{% $reason %}' },
    },
  };
}
