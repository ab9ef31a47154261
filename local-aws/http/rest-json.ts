import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { parseJson } from '../core/parse-json.ts';
import { badRequest, ServiceError, unsupported } from '../core/service-error.ts';
import { jsonError } from './error-response.ts';
import { invalidInputOf, validationMessage } from './invalid-input.ts';
import { type DescribedService, type Operation, perform } from './operation.ts';
import type { Service, WireRequest, WireResponse } from './service.ts';

/** Identifies an operation by its request. */
export interface Place {
  /** `GET /functions/{FunctionName}`; a trailing slash may be omitted. */
  readonly at: string;
  /** Whether the operation works on the raw body, not on a document of parameters. */
  readonly payload?: boolean;
}

export type Route<State> = Operation<State, WireResponse> & Place;

/** A service with REST and JSON ("Smithy: AWS restJson1 protocol"), such as Lambda. */
export function restJsonService<State extends { readonly authorize: Authorize }>(
  name: string,
  operations: Readonly<Record<string, Route<State>>>,
  service: State,
): DescribedService<Route<State>> {
  const routes = Object.entries(operations).map(
    ([each, route]) => [each, route, patternOf(route.at)] as const,
  );
  const serve: Service = async (request) => {
    const place = `${request.method} ${request.path}`;
    try {
      for (const [operation, route, pattern] of routes) {
        const found = pattern.exec(place);
        if (!found) continue;
        const input = { ...(await parameters(request, route.payload ?? false)), ...labels(found) };
        return await perform(operation, route, { service, request, input });
      }
      throw unsupported(`${place} of ${name}`);
    } catch (cause) {
      const error = cause instanceof z.ZodError ? invalid(cause) : cause;
      if (!(error instanceof ServiceError)) throw error;
      return jsonError(error);
    }
  };
  return Object.assign(serve, { operations });
}

const patternOf = (place: string) =>
  new RegExp(`^${place.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)').replace(/\/$/, '/?')}$`);

const invalid = (cause: z.ZodError) =>
  badRequest('InvalidParameterValueException', validationMessage(invalidInputOf(cause)));

/** Parameters by their API names: `x-amz-log-type` is LogType. */
async function parameters({ headers, query, body }: WireRequest, payload: boolean): Promise<object> {
  const named = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('x-amz-') ? [[pascal(name.slice('x-amz-'.length)), value]] : [],
  );
  return {
    ...Object.fromEntries(named),
    ...Object.fromEntries(query),
    ...(payload ? {} : Object(parsePayload((await text(body)) || '{}'))),
  };
}

const pascal = (name: string) => name.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());

/** @throws ServiceError InvalidRequestContentException */
export function parsePayload(payload: string): unknown {
  try {
    return parseJson(payload);
  } catch (error) {
    throw badRequest('InvalidRequestContentException', `Could not parse request body into json: ${error}`);
  }
}

function labels({ groups = {} }: RegExpExecArray): object {
  return Object.fromEntries(
    Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)] as const),
  );
}

export function jsonAnswer(body: object, status = 200): WireResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
