import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { parseJson } from '../core/parse-json.ts';
import { badRequest, errorText, ServiceError, unsupported } from '../core/service-error.ts';
import { jsonError } from './error-response.ts';
import { type InvalidInput, invalidInputOf, validationMessage } from './invalid-input.ts';
import { type DescribedService, type Operation, perform } from './operation.ts';
import type { Service, WireRequest, WireResponse } from './service.ts';

export interface JsonServiceOptions<State> {
  /** The prefix in `X-Amz-Target`, e.g. `AmazonSQS`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly operations: Readonly<Record<string, Operation<State, object>>>;
  readonly service: State;
  /** The service's own error for invalid input; by default `ValidationException`. */
  readonly invalidInput?: (invalid: InvalidInput) => ServiceError;
  /** The service's own form of an error; by default `jsonError`. */
  readonly renderError?: (error: ServiceError) => WireResponse;
}

/**
 * A service with the AWS JSON protocol ("Smithy: AWS JSON 1.0 and 1.1 protocols"). Operations that are not in
 * `operations` are answered with 501.
 */
export function jsonService<State extends { readonly authorize: Authorize }>(
  options: JsonServiceOptions<State>,
): DescribedService {
  const { target: prefix, operations, service, renderError = jsonError } = options;
  const { invalidInput = (wrong) => badRequest('ValidationException', validationMessage(wrong)) } = options;
  const contentType = `application/x-amz-json-${options.version}`;
  const run = async (request: WireRequest): Promise<object> => {
    const target = request.headers['x-amz-target'] ?? '';
    const name = target.startsWith(`${prefix}.`) ? target.slice(prefix.length + 1) : '';
    const known = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (known)
      return (await perform(name, known, { service, request, input: parse(await text(request.body)) })) ?? {};
    if (target !== '') throw unsupported(target);
    const message = `The local cloud serves ${prefix} in the AWS JSON protocol only; use a newer client.`;
    throw new ServiceError('NotImplemented', 501, message);
  };
  const serve: Service = async (request) => {
    try {
      const body = JSON.stringify(await run(request));
      return { status: 200, headers: { 'content-type': contentType }, body };
    } catch (cause) {
      const error = cause instanceof z.ZodError ? invalidInput(invalidInputOf(cause)) : cause;
      if (!(error instanceof ServiceError)) throw error;
      const response = renderError(error);
      return { ...response, headers: { ...response.headers, 'content-type': contentType } };
    }
  };
  return Object.assign(serve, { operations });
}

function parse(body: string): unknown {
  try {
    return body === '' ? {} : parseJson(body);
  } catch (error) {
    const message = `The request body is not JSON that can be read: ${errorText(error)}.`;
    throw badRequest('SerializationException', message);
  }
}

/**
 * One page of a list, as part of an answer. The token is the position of the next page; the last page has
 * none.
 * @throws ServiceError for an invalid token
 */
export function page<Name extends string, Item, Described>(
  name: Name,
  items: readonly Item[],
  describe: (item: Item) => Described,
  { MaxResults, NextToken: token }: { readonly MaxResults: number; readonly NextToken?: string | undefined },
) {
  const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64').toString());
  if (!Number.isInteger(start) || start < 0)
    throw badRequest('ValidationException', 'The NextToken is not valid.');
  const end = start + MaxResults;
  const NextToken = end < items.length ? Buffer.from(`${end}`).toString('base64') : undefined;
  const listed = { [name]: items.slice(start, end).map((each) => describe(each)) };
  return { ...(listed as Record<Name, Described[]>), NextToken };
}
