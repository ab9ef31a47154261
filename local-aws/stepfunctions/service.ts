import type { ServedService } from '../core/cloud-service.ts';
import type { DescribedService } from '../http/operation.ts';
import { stepFunctionsService } from './api.ts';
import { StepFunctions, type StepFunctionsOptions } from './stepfunctions.ts';

/**
 * Makes the state machines and their API.
 *
 * @throws {Error} when a definition says what the local cloud can't do
 */
export function createStepFunctions(
  options: StepFunctionsOptions,
): StepFunctions & ServedService<DescribedService> {
  const stepFunctions = new StepFunctions(options);
  const handle = stepFunctionsService({ stepFunctions, authorize: options.authorize });
  return Object.assign(stepFunctions, { name: 'states', handle });
}
