import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { ServiceError } from '../service-error.ts';
import { jsonError } from './error-response.ts';
import type { Service, WireRequest, WireResponse } from './service.ts';

/** An operation: checks its input, takes effect, gives the output document. */
export type Operation = (input: unknown, request: WireRequest) => Promise<object>;

/** An operation whose input is parsed by a schema; keys that the schema doesn't name are passed over, as AWS does. */
export function operation<Schema extends z.ZodType>(
  schema: Schema,
  run: (input: z.infer<Schema>, request: WireRequest) => Promise<object>,
): Operation {
  return (input, request) => run(schema.parse(input), request);
}

export interface JsonServiceOptions {
  /** What stands before the dot in `X-Amz-Target`, e.g. `AmazonSQS`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly operations: Readonly<Record<string, Operation>>;
  /** How the service words input that doesn't fit; `ValidationException` when absent. */
  readonly invalidInput?: (path: string, message: string, missing: boolean) => ServiceError;
  /** How the service renders an error where it differs from `jsonError`. */
  readonly renderError?: (error: ServiceError) => WireResponse;
}

/** A service that speaks AWS JSON ("Smithy: AWS JSON 1.0 and 1.1 protocols"). What is not in `operations` is answered 501. */
export function jsonService(options: JsonServiceOptions): Service {
  const { invalidInput = validationError, renderError = jsonError } = options;
  const contentType = `application/x-amz-json-${options.version}`;
  return async (request) => {
    try {
      const body = JSON.stringify(await run(options, request));
      return { status: 200, headers: { 'content-type': contentType }, body };
    } catch (cause) {
      const error = cause instanceof z.ZodError ? inputError(cause, invalidInput) : cause;
      if (!(error instanceof ServiceError)) throw error;
      const response = renderError(error);
      return { ...response, headers: { ...response.headers, 'content-type': contentType } };
    }
  };
}

async function run(options: JsonServiceOptions, request: WireRequest): Promise<object> {
  const target = request.headers['x-amz-target'] ?? '';
  const name = target.startsWith(`${options.target}.`) ? target.slice(options.target.length + 1) : '';
  const known = Object.hasOwn(options.operations, name) ? options.operations[name] : undefined;
  if (!known)
    throw new ServiceError(
      'NotImplemented',
      501,
      target === ''
        ? `The local cloud serves ${options.target} in the AWS JSON protocol only; use a newer client.`
        : `The local cloud does not serve ${target}.`,
    );
  return known(parse(await text(request.body)), request);
}

function parse(body: string): unknown {
  try {
    return body === '' ? {} : JSON.parse(body);
  } catch {
    throw new ServiceError('SerializationException', 400, 'The request body is not JSON.');
  }
}

function inputError(
  { issues }: z.ZodError,
  invalidInput: NonNullable<JsonServiceOptions['invalidInput']>,
): ServiceError {
  const issue = issues[0];
  const missing = issue?.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return invalidInput(issue?.path.join('.') ?? '', issue?.message ?? 'Invalid input', missing);
}

function validationError(path: string, message: string): ServiceError {
  return new ServiceError('ValidationException', 400, `${path}: ${message}`);
}

/**
 * One page of a list. The token is where the next page starts; there is none after the last.
 * @throws ServiceError for a token that isn't one
 */
export function page<Item>(
  items: readonly Item[],
  limit: number,
  token: string | undefined,
): { items: readonly Item[]; next: { NextToken: string } | undefined } {
  const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64').toString());
  if (!Number.isInteger(start) || start < 0)
    throw new ServiceError('ValidationException', 400, 'The NextToken is not valid.');
  const end = start + limit;
  return {
    items: items.slice(start, end),
    next: end < items.length ? { NextToken: Buffer.from(`${end}`).toString('base64') } : undefined,
  };
}
