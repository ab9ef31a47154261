import { stages } from '../../domain/stage.ts';
import { complain, goOn, pause, type State, tryAgain } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

const attributes = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];

export const drainBegins = 'Begin to wait for the stages';

/**
 * Waits until all three queues are empty, and stay so for a while: SQS's counts are true a minute after the last message (API
 * reference, GetQueueAttributes), and what one stage has written takes a moment to be known to the next.
 */
export function drain(
  next: string,
  { queues, drainTimeout }: WorkflowParts,
): Readonly<Record<string, State>> {
  const tooLate = complain(`The stages were still at work after ${drainTimeout} s.`, next);
  return {
    [drainBegins]: {
      Type: 'Pass',
      Assign: { looks: 0, emptySince: 0, until: `{% $millis() + ${drainTimeout * 1000} %}` },
      Output: {},
      Next: 'Look at the queues',
    },
    'Look at the queues': {
      Type: 'Parallel',
      Branches: stages.map((stage) => ({
        StartAt: `Messages for the ${stage}`,
        States: {
          [`Messages for the ${stage}`]: {
            Type: 'Task',
            Resource: 'arn:aws:states:::aws-sdk:sqs:getQueueAttributes',
            Arguments: { QueueUrl: queues[stage], AttributeNames: attributes },
            TimeoutSeconds: 60,
            Output: `{% $sum([${attributes.map((name) => `$number($states.result.Attributes.${name})`).join(', ')}]) %}`,
            Retry: [tryAgain],
            // What can't be counted is not empty.
            Catch: [{ ErrorEquals: ['States.ALL'], Output: 1, Next: `No answer for the ${stage}` }],
            End: true,
          },
          [`No answer for the ${stage}`]: { Type: 'Pass', End: true },
        },
      })),
      Assign: {
        looks: '{% $looks + 1 %}',
        pending: '{% $sum($states.result) %}',
        emptySince: '{% $sum($states.result) > 0 ? 0 : ($emptySince > 0 ? $emptySince : $millis()) %}',
      },
      Output: {},
      Catch: [goOn('the queues could not be looked at', next)],
      Next: 'Are the stages done?',
    },
    'Are the stages done?': {
      Type: 'Choice',
      Choices: [
        {
          Condition: '{% $emptySince > 0 and $millis() - $emptySince >= $settleSeconds * 1000 %}',
          Next: next,
        },
        { Condition: '{% $millis() > $until %}', Next: 'The stages take too long' },
        { Condition: '{% $emptySince > 0 %}', Next: 'See whether more comes' },
      ],
      Default: 'Wait for the stages',
    },
    'Wait for the stages': { Type: 'Wait', Seconds: pause('$looks'), Next: 'Look at the queues' },
    'See whether more comes': { Type: 'Wait', Seconds: '{% $settleSeconds %}', Next: 'Look at the queues' },
    'The stages take too long': tooLate,
  };
}
