type Details = Record<string, string>;

/** An API's refusal as AWS words it: error code, HTTP status and message. The wire layer of each service renders it. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: string;
  readonly status: number;
  /** Further elements of the error document, e.g. `{ BucketName: 'raw' }`. */
  readonly details: Readonly<Details>;

  constructor(code: string, status: number, message: string, details: Details = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

/** The message of whatever was thrown. */
export const errorText = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

export const badRequest = (code: string, message: string, details?: Details) =>
  new ServiceError(code, 400, message, details);

export const forbidden = (code: string, message: string, details?: Details) =>
  new ServiceError(code, 403, message, details);

export const unsupported = (what: string, details?: Details) =>
  new ServiceError('NotImplemented', 501, `The local cloud does not serve ${what}.`, details);
