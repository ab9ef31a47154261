import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { parseJson } from '../core/parse-json.ts';
import { ServiceError } from '../core/service-error.ts';
import { jsonError } from './error-response.ts';
import { type InvalidInput, invalidInputOf, validationMessage } from './invalid-input.ts';
import { type Input, parseInput } from './parameters.ts';
import type { DescribedService, Service, WireRequest, WireResponse } from './service.ts';

/** An operation: what it takes, and what it does with it. Gives the output document. */
export interface Operation {
  readonly input: Input;
  readonly run: (input: unknown, request: WireRequest) => Promise<object>;
}

export function operation<Schema extends Input>(
  input: Schema,
  run: (input: z.output<Schema>, request: WireRequest) => Promise<object>,
): Operation {
  // The service hands it what `input` made.
  return { input, run: run as Operation['run'] };
}

export interface JsonServiceOptions {
  /** What stands before the dot in `X-Amz-Target`, e.g. `AmazonSQS`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly operations: Readonly<Record<string, Operation>>;
  /** How the service words input that doesn't fit; `ValidationException` when absent. */
  readonly invalidInput?: (invalid: InvalidInput) => ServiceError;
  /** How the service renders an error where it differs from `jsonError`. */
  readonly renderError?: (error: ServiceError) => WireResponse;
}

/** A service that speaks AWS JSON ("Smithy: AWS JSON 1.0 and 1.1 protocols"). What is not in `operations` is answered 501. */
export function jsonService(options: JsonServiceOptions): DescribedService {
  const { invalidInput = validationError, renderError = jsonError } = options;
  const contentType = `application/x-amz-json-${options.version}`;
  const serve: Service = async (request) => {
    try {
      const body = JSON.stringify(await run(options, request));
      return { status: 200, headers: { 'content-type': contentType }, body };
    } catch (cause) {
      const error = cause instanceof z.ZodError ? invalidInput(invalidInputOf(cause)) : cause;
      if (!(error instanceof ServiceError)) throw error;
      const response = renderError(error);
      return { ...response, headers: { ...response.headers, 'content-type': contentType } };
    }
  };
  const inputs = Object.entries(options.operations).map(([name, { input }]) => [name, input] as const);
  return Object.assign(serve, { inputs: Object.fromEntries(inputs) });
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
  return known.run(parseInput(name, known.input, parse(await text(request.body))), request);
}

function parse(body: string): unknown {
  try {
    return body === '' ? {} : parseJson(body);
  } catch (error) {
    const why = (error as SyntaxError).message;
    throw new ServiceError(
      'SerializationException',
      400,
      `The request body is not JSON that can be read: ${why}.`,
    );
  }
}

const validationError = (invalid: InvalidInput) =>
  new ServiceError('ValidationException', 400, validationMessage(invalid));

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
