import { countStates, drainStates } from '../../domain/operations/workflow-states.ts';
import { stages } from '../../domain/stage.ts';
import { addWarning, backoff, catchAndContinue, defaultRetry, type State } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

const attributes = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];

/**
 * Waits until the queues of all stages are empty and stay so for a while: SQS's counts are accurate a minute
 * after the last message (API reference, GetQueueAttributes), and one stage's output takes a moment to reach
 * the next.
 */
export function drain(
  next: string,
  { queues, drainTimeout }: WorkflowParts,
): Readonly<Record<string, State>> {
  const tooLate = addWarning(
    `The stages were still processing after ${drainTimeout} s. See: npx sluice status`,
    next,
  );
  return {
    [drainStates.begin]: {
      Type: 'Pass',
      Assign: { looks: 0, emptySince: 0, until: `{% $millis() + ${drainTimeout * 1000} %}` },
      Output: {},
      Next: drainStates.count,
    },
    [drainStates.count]: {
      Type: 'Parallel',
      Branches: stages.map((stage) => ({
        StartAt: countStates.count(stage),
        States: {
          [countStates.count(stage)]: {
            Type: 'Task',
            Resource: 'arn:aws:states:::aws-sdk:sqs:getQueueAttributes',
            Arguments: { QueueUrl: queues[stage], AttributeNames: attributes },
            TimeoutSeconds: 60,
            Output: `{% $sum([${attributes.map((name) => `$number($states.result.Attributes.${name})`).join(', ')}]) %}`,
            Retry: [defaultRetry],
            // A queue that can't be counted does not count as empty.
            Catch: [{ ErrorEquals: ['States.ALL'], Output: 1, Next: countStates.failed(stage) }],
            End: true,
          },
          [countStates.failed(stage)]: { Type: 'Pass', End: true },
        },
      })),
      Assign: {
        looks: '{% $looks + 1 %}',
        pending: '{% $sum($states.result) %}',
        emptySince: '{% $sum($states.result) > 0 ? 0 : ($emptySince > 0 ? $emptySince : $millis()) %}',
      },
      Output: {},
      Catch: [catchAndContinue('the messages in the queues could not be counted', next)],
      Next: drainStates.isDone,
    },
    [drainStates.isDone]: {
      Type: 'Choice',
      Choices: [
        {
          Condition: '{% $emptySince > 0 and $millis() - $emptySince >= $settleSeconds * 1000 %}',
          Next: next,
        },
        { Condition: '{% $millis() > $until %}', Next: drainStates.tooLong },
        { Condition: '{% $emptySince > 0 %}', Next: 'Wait for late messages' },
      ],
      Default: drainStates.wait,
    },
    [drainStates.wait]: { Type: 'Wait', Seconds: backoff('$looks'), Next: drainStates.count },
    'Wait for late messages': { Type: 'Wait', Seconds: '{% $settleSeconds %}', Next: drainStates.count },
    [drainStates.tooLong]: tooLate,
  };
}
