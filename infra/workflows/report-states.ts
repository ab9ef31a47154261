import { CHECK_LABEL, type Machine } from '../../domain/operations/backfill.ts';
import { catchAndContinue, defaultRetry, invoke, type State } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

export const checkBegins = 'Check how each object ended';
export const reportBegins = 'Write the report';

/** Batches per call of the function, each of about a hundred objects. */
const BATCHES = 2;

/** Checks how each object ended and writes the report. */
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
      Retry: [{ ...defaultRetry, ErrorEquals: ['States.ItemReaderFailed'], MaxAttempts: 2 }],
      Catch: [catchAndContinue('not all objects were checked', reportBegins)],
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
          Next: 'The report was not written',
        },
      ],
      Next: 'Did it fail?',
    },
    'Did it fail?': {
      Type: 'Choice',
      Choices: [{ Condition: "{% $states.input.status = 'failed' %}", Next: 'Nothing was processed' }],
      Default: 'Done',
    },
    Done: { Type: 'Succeed' },
    'Nothing was processed': {
      Type: 'Fail',
      Error: 'NothingDone',
      Cause: "{% 'Nothing was processed. See ' & $states.input.report %}",
    },
    'The report was not written': { Type: 'Fail', Error: 'NoReport', Cause: '{% $reason %}' },
  };
}
