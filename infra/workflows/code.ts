import { type Stage, stages } from '../../domain/stage.ts';
import { catchAndContinue, defaultRetry, type Task } from './states.ts';
import type { WorkflowParts } from './workflow-inputs.ts';

const nameOf = (stage: Stage) => `Look up the code of ${stage}`;

export const lookUpCodeBegins = nameOf(stages[0]);

/**
 * Asks Lambda once for the code that each stage runs now, and assigns the versions to `deployed`. A copy of
 * them in another function's variables would change at another moment than the stages do.
 *
 * @param otherwise the state to go on with if one can't be found out: without them, a replay would reprocess
 * everything
 */
export function lookUpCode(next: string, otherwise: string, parts: WorkflowParts): Record<string, Task> {
  return Object.fromEntries(
    stages.map((stage, index): [string, Task] => {
      const following = stages[index + 1];
      return [
        nameOf(stage),
        {
          Type: 'Task',
          Resource: 'arn:aws:states:::aws-sdk:lambda:getFunctionConfiguration',
          Arguments: { FunctionName: parts.functions[stage] },
          TimeoutSeconds: 60,
          Assign: {
            deployed: `{% $merge([$deployed, { '${stage}': $states.result.Environment.Variables.CODE_VERSION }]) %}`,
          },
          Output: {},
          Retry: [defaultRetry],
          Catch: [catchAndContinue(`the code of ${stage} is not known, so nothing was sent`, otherwise)],
          Next: following === undefined ? next : nameOf(following),
        },
      ];
    }),
  );
}
