import { CHECK_LABEL, type Machine } from '../../domain/versions/backfill.ts';
import { goOn, invoke, type State, tryAgain } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

export const checkBegins = 'See how each object ended';
export const reportBegins = 'Write the report';

/** Batches a call of the function, each of some hundred objects. */
const BATCHES = 2;

/** Finds out how each object ended, and writes the report. */
export function end(machine: Machine, { reporting, failed }: WorkflowParts): Readonly<Record<string, State>> {
  return {
    [checkBegins]: {
      Type: 'Map',
      Label: CHECK_LABEL,
      ItemReader: {
        Resource: 'arn:aws:states:::s3:listObjectsV2',
        Arguments: {
          Bucket: failed,
          Prefix: `{% 'reports/${machine}/' & $states.context.Execution.Name & '/batches/' %}`,
        },
      },
      ItemBatcher: {
        MaxItemsPerBatch: BATCHES,
        MaxInputBytesPerBatch: 200_000,
        BatchInput: { machine, execution: '{% $states.context.Execution.Name %}' },
      },
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Check batches',
        States: {
          'Check batches': {
            ...invoke(reporting, { task: 'check', batch: '{% $states.input %}' }),
            Output: {},
            Catch: [
              {
                ErrorEquals: ['States.ALL'],
                Assign: {
                  reason: "{% $states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause) %}",
                },
                Next: 'Batches were not checked',
              },
            ],
            End: true,
          },
          'Batches were not checked': { Type: 'Fail', Error: 'NotChecked', Cause: '{% $reason %}' },
        },
      },
      MaxConcurrency: 5,
      ToleratedFailurePercentage: 10,
      Retry: [{ ...tryAgain, ErrorEquals: ['States.ItemReaderFailed'], MaxAttempts: 2 }],
      Catch: [goOn('not all objects were looked at', reportBegins)],
      Output: {},
      Next: reportBegins,
    },
    [reportBegins]: {
      ...invoke(reporting, {
        task: 'report',
        machine,
        execution: '{% $states.context.Execution.Name %}',
        executionArn: '{% $states.context.Execution.Id %}',
        startedAt: '{% $states.context.Execution.StartTime %}',
        input: '{% $states.context.Execution.Input %}',
        dryRun: '{% $dryRun %}',
        troubles: '{% $troubles %}',
      }),
      Output: '{% $states.result.Payload %}',
      Catch: [
        {
          ErrorEquals: ['States.ALL'],
          Assign: { reason: "{% $states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause) %}" },
          Next: 'There is no report',
        },
      ],
      Next: 'How did it end?',
    },
    'How did it end?': {
      Type: 'Choice',
      Choices: [{ Condition: "{% $states.input.status = 'failed' %}", Next: 'Nothing was done' }],
      Default: 'Done',
    },
    Done: { Type: 'Succeed' },
    'Nothing was done': {
      Type: 'Fail',
      Error: 'NothingDone',
      Cause: "{% 'Nothing of what was to be done is done. See ' & $states.input.report %}",
    },
    'There is no report': { Type: 'Fail', Error: 'NoReport', Cause: '{% $reason %}' },
  };
}
