import type { Call } from '../core/call.ts';
import { forbidden, type ServiceError } from '../core/service-error.ts';

/**
 * The answer to a call that is not allowed (IAM guide, "Access denied message format").
 *
 * @param reason `because no identity-based policy allows the s3:PutObject action`
 */
export function denied(call: Call, reason: string): ServiceError {
  const { caller, action, resource } = call;
  return forbidden(
    errorCode(call),
    `User: ${caller.principal} is not authorized to perform: ${action} on resource: ${resource} ${reason}`,
  );
}

function errorCode({ action, operation }: Call): string {
  if (/^(s3|sqs):/.test(action)) return 'AccessDenied';
  // S3 or SQS calls KMS on behalf of the caller, who gets the error of S3 or SQS.
  if (action.startsWith('kms:')) return /Message/.test(operation) ? 'KmsAccessDenied' : 'AccessDenied';
  return 'AccessDeniedException';
}
