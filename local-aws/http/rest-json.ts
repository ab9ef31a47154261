import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { ServiceError } from '../core/service-error.ts';
import { jsonError } from './error-response.ts';
import { invalidInputOf, validationMessage } from './invalid-input.ts';
import { type Input, parseInput } from './parameters.ts';
import type { DescribedService, Service, WireRequest, WireResponse } from './service.ts';

interface Route {
  readonly method: string;
  /** With a group for each parameter in it. */
  readonly path: RegExp;
  /** Whether the body is no document of parameters, but what the operation works on. */
  readonly payload?: boolean;
  readonly input: Input;
  readonly run: (input: unknown, request: WireRequest) => Promise<WireResponse>;
}

export function route<Schema extends Input>(
  made: Omit<Route, 'input' | 'run'> & {
    readonly input: Schema;
    readonly run: (input: z.output<Schema>, request: WireRequest) => Promise<WireResponse>;
  },
): Route {
  // The service hands it what `input` made.
  return { ...made, run: made.run as Route['run'] };
}

/** A service that speaks REST and JSON ("Smithy: AWS restJson1 protocol"), as Lambda does. */
export function restJsonService(name: string, routes: Readonly<Record<string, Route>>): DescribedService {
  const serve: Service = async (request) => {
    try {
      for (const [operation, { method, path, input, payload = false, run }] of Object.entries(routes)) {
        const found = request.method === method ? path.exec(request.path) : null;
        if (!found) continue;
        const given = { ...(await parameters(request, payload)), ...labels(found) };
        return await run(parseInput(operation, input, given), request);
      }
      const what = `${request.method} ${request.path} of ${name}`;
      throw new ServiceError('NotImplemented', 501, `The local cloud does not serve ${what}.`);
    } catch (cause) {
      const error = cause instanceof z.ZodError ? invalid(cause) : cause;
      if (!(error instanceof ServiceError)) throw error;
      return jsonError(error);
    }
  };
  const inputs = Object.entries(routes).map(([operation, { input }]) => [operation, input] as const);
  return Object.assign(serve, { inputs: Object.fromEntries(inputs) });
}

const invalid = (cause: z.ZodError) =>
  new ServiceError('InvalidParameterValueException', 400, validationMessage(invalidInputOf(cause)));

/** Parameters by their names in the API: `x-amz-log-type` is LogType. */
async function parameters({ headers, query, body }: WireRequest, payload: boolean): Promise<object> {
  const named = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('x-amz-') ? [[pascal(name.slice('x-amz-'.length)), value]] : [],
  );
  return {
    ...Object.fromEntries(named),
    ...Object.fromEntries(query),
    ...(payload ? {} : document(await text(body))),
  };
}

const pascal = (name: string) => name.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());

function document(body: string): object {
  if (body === '') return {};
  try {
    return Object(JSON.parse(body)) as object;
  } catch (error) {
    throw new ServiceError(
      'InvalidRequestContentException',
      400,
      `Could not parse request body into json: ${error}`,
    );
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
