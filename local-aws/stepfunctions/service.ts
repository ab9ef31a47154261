import { stepFunctionsService } from './api.ts';
import { StepFunctions, type StepFunctionsOptions } from './stepfunctions.ts';

/**
 * Makes the state machines and their API.
 *
 * @throws {Error} when a definition says what the local cloud can't do
 */
export function createStepFunctions(options: StepFunctionsOptions) {
  const stepFunctions = new StepFunctions(options);
  const handle = stepFunctionsService({ stepFunctions, admit: options.admit });
  return Object.assign(stepFunctions, { name: 'states', handle });
}
