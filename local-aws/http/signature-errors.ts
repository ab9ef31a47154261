import { badRequest, forbidden } from '../core/service-error.ts';

/** S3's errors of signatures ("Amazon S3 API Reference: Error responses"). */
export const s3Errors = {
  notSigned: () => forbidden('AccessDenied', 'Access Denied: the request is not signed'),
  malformed: (what: string) => badRequest('AuthorizationHeaderMalformed', what),
  /** A wrong session token with a known key is another error. */
  unknownKey: (AWSAccessKeyId: string, isKnown: boolean) =>
    isKnown
      ? badRequest('InvalidToken', 'The provided token is malformed or otherwise invalid.')
      : forbidden(
          'InvalidAccessKeyId',
          'The AWS Access Key Id you provided does not exist in our records. The local cloud knows test (with the secret test).',
          { AWSAccessKeyId },
        ),
  wrongDate: (message: string) => forbidden('AccessDenied', message),
  skewed: (_time: string, details: Record<string, string>) =>
    forbidden(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      details,
    ),
  headersNotSigned: (message: string) => forbidden('AccessDenied', message),
  mismatch: (AWSAccessKeyId: string, message: string, details: Record<string, string>) =>
    forbidden('SignatureDoesNotMatch', message, { AWSAccessKeyId, ...details }),
};

export type SignatureErrors = typeof s3Errors;

/** "Common Errors" of the other services' API references. */
export const commonErrors: SignatureErrors = {
  notSigned: () => forbidden('MissingAuthenticationTokenException', 'Missing Authentication Token'),
  malformed: (what) => badRequest('IncompleteSignatureException', what),
  unknownKey: () =>
    forbidden('UnrecognizedClientException', 'The security token included in the request is invalid.'),
  wrongDate: (message) => badRequest('IncompleteSignatureException', message),
  skewed: (time, details) =>
    forbidden(
      'InvalidSignatureException',
      `Signature expired: ${time} differs from the current time by more than 15 min.`,
      details,
    ),
  headersNotSigned: (message) => forbidden('InvalidSignatureException', message),
  mismatch: (_accessKeyId, message, details) => forbidden('InvalidSignatureException', message, details),
};
