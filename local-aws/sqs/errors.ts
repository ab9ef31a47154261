import { badRequest, type ServiceError } from '../core/service-error.ts';
import type { InvalidInput } from '../http/invalid-input.ts';
import type { WireResponse } from '../http/service.ts';
import { invalid } from './message.ts';

export const invalidInput = ({ path, constraint, missing }: InvalidInput): ServiceError =>
  missing
    ? badRequest('MissingParameter', `The request must contain the parameter ${path}.`)
    : invalid(`Value for parameter ${path} is invalid. Reason: ${constraint}.`);

/**
 * Codes that differ in the query protocol, which older clients expect ("Smithy: AWS query-compatible trait").
 */
const queryCodes: Readonly<Record<string, string>> = Object.fromEntries([
  ['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'],
  ...[
    'BatchEntryIdsNotDistinct',
    'BatchRequestTooLong',
    'EmptyBatchRequest',
    'InvalidBatchEntryId',
    'MessageNotInflight',
    'PurgeQueueInProgress',
    'TooManyEntriesInBatchRequest',
    'UnsupportedOperation',
  ].map((code) => [code, `AWS.SimpleQueueService.${code}`]),
]);

export function renderError({ code, status, message }: ServiceError): WireResponse {
  return {
    status,
    headers: {
      'x-amzn-query-error': `${queryCodes[code] ?? code};${status < 500 ? 'Sender' : 'Receiver'}`,
    },
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }),
  };
}
