import { badRequest, ServiceError } from '../../core/service-error.ts';

/** An error with headers of its own. */
export class RefusalWithHeaders extends ServiceError {
  readonly headers: Readonly<Record<string, string>>;

  constructor(error: ServiceError, headers: Record<string, string>) {
    super(error.code, error.status, error.message, error.details);
    this.headers = headers;
  }
}

/** S3's errors that several places use ("Amazon S3 API Reference: Error responses"). */

export const invalidArgument = (message: string, name: string, value: string) =>
  badRequest('InvalidArgument', message, { ArgumentName: name, ArgumentValue: value });

export const invalidRequest = (message: string) => badRequest('InvalidRequest', message);

export const malformedXml = () =>
  badRequest(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );

export const noSuchKey = (key: string) =>
  new ServiceError('NoSuchKey', 404, 'The specified key does not exist.', { Key: key });

/** There is no object with this key, or no such version of it. */
export const noSuchObject = (key: string, versionId: string | undefined) =>
  versionId === undefined
    ? noSuchKey(key)
    : new ServiceError('NoSuchVersion', 404, 'The specified version does not exist.', {
        Key: key,
        VersionId: versionId,
      });

export const noSuchUpload = (uploadId: string) =>
  new ServiceError(
    'NoSuchUpload',
    404,
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    { UploadId: uploadId },
  );

export const preconditionFailed = (condition: string) =>
  new ServiceError(
    'PreconditionFailed',
    412,
    'At least one of the pre-conditions you specified did not hold',
    { Condition: condition },
  );

export const entityTooLarge = (size: number, limit: number) =>
  badRequest('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
    ProposedSize: `${size}`,
    MaxSizeAllowed: `${limit}`,
  });

export const notImplemented = (message: string, details: Record<string, string> = {}) =>
  new ServiceError('NotImplemented', 501, message, details);
