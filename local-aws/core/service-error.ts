type Details = Record<string, string>;

/** An API error in AWS's terms: error code, HTTP status and message. Each service's API renders it. */
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

/** The message of any thrown value. */
export const errorText = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

export const badRequest = (code: string, message: string, details?: Details) =>
  new ServiceError(code, 400, message, details);

export const forbidden = (code: string, message: string, details?: Details) =>
  new ServiceError(code, 403, message, details);

export const unsupported = (what: string, details?: Details) =>
  new ServiceError('NotImplemented', 501, `The local cloud does not serve ${what}.`, details);
