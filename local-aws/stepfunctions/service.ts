import { stepFunctionsService } from './api.ts';
import { StepFunctions, type StepFunctionsOptions } from './stepfunctions.ts';

/**
 * Creates the state machines and their API.
 *
 * @throws {Error} if a definition contains something that the local cloud does not support
 */
export function createStepFunctions(options: StepFunctionsOptions) {
  const stepFunctions = new StepFunctions(options);
  const handle = stepFunctionsService({ stepFunctions, authorize: options.authorize });
  return Object.assign(stepFunctions, { name: 'states', handle });
}
