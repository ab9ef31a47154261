import { badRequest, type ServiceError } from '../core/service-error.ts';
import { queryCompatibleError } from '../http/error-response.ts';
import type { InvalidInput } from '../http/invalid-input.ts';
import { invalid } from './message.ts';

export const invalidInput = ({ path, constraint, missing }: InvalidInput): ServiceError =>
  missing
    ? badRequest('MissingParameter', `The request must contain the parameter ${path}.`)
    : invalid(`Value for parameter ${path} is invalid. Reason: ${constraint}.`);

const codes = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  ...Object.fromEntries(
    [
      'BatchEntryIdsNotDistinct',
      'BatchRequestTooLong',
      'EmptyBatchRequest',
      'InvalidBatchEntryId',
      'MessageNotInflight',
      'PurgeQueueInProgress',
      'TooManyEntriesInBatchRequest',
      'UnsupportedOperation',
    ].map((code) => [code, `AWS.SimpleQueueService.${code}`]),
  ),
};

export const renderError = queryCompatibleError('com.amazonaws.sqs', codes);
