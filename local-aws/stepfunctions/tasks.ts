import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Caller } from '../core/call.ts';
import type { Service, WireRequest } from '../http/service.ts';
import { type Json, json, StatesError } from './json.ts';

/** The services that tasks call, as the HTTP server knows them. */
export interface TaskServices {
  readonly lambda: Service;
  readonly sqs: Service;
  readonly glue: Service;
}

/**
 * The names of a service's errors in AWS's SDK integrations, and the target of its JSON protocol ("Step
 * Functions guide: SDK integrations").
 */
const sdk = {
  sqs: { prefix: 'Sqs', target: 'AmazonSQS', version: '1.0' },
  glue: { prefix: 'Glue', target: 'AWSGlue', version: '1.1' },
} as const;

const functionAsked = z.strictObject({ FunctionName: z.string() });

const invocation = z.strictObject({ FunctionName: z.string(), Payload: json.default({}) });
const functionError = z.object({ errorType: z.string().default('Lambda.Unknown') });

/**
 * Calls the resources of tasks. A call goes to the service as over HTTP, and is authorized with the state
 * machine's role.
 */
export function taskCalls(services: TaskServices, caller: Caller) {
  return async (resource: string, input: Json): Promise<Json> => {
    if (resource === 'arn:aws:states:::lambda:invoke') return invoke(services.lambda, caller, input);
    if (resource === 'arn:aws:states:::aws-sdk:lambda:getFunctionConfiguration')
      return getFunctionConfiguration(services.lambda, caller, input);
    const [, name = '', operation = ''] = /^arn:aws:states:::aws-sdk:(\w+):(\w+)$/.exec(resource) ?? [];
    if (name !== 'sqs' && name !== 'glue')
      throw new StatesError('States.Runtime', `The local cloud does not support ${resource}.`);
    const { prefix, target, version } = sdk[name];
    const response = await send(services[name], caller, {
      method: 'POST',
      path: '/',
      headers: {
        'content-type': `application/x-amz-json-${version}`,
        'x-amz-target': `${target}.${operation.charAt(0).toUpperCase()}${operation.slice(1)}`,
      },
      body: JSON.stringify(input),
    });
    if (response.status === 200) return response.body;
    const { __type = 'Exception', message = '' } = z
      .object({ __type: z.string().optional(), message: z.string().optional() })
      .parse(response.body);
    const code = __type.slice(__type.lastIndexOf('#') + 1);
    throw new StatesError(`${prefix}.${code.endsWith('Exception') ? code : `${code}Exception`}`, message);
  };
}

/**
 * "Step Functions guide: Invoke an AWS Lambda function". An error that a handler throws keeps its own name.
 */
async function invoke(lambda: Service, caller: Caller, input: Json): Promise<Json> {
  const { FunctionName, Payload } = invocation.parse(input);
  const { status, headers, body } = await send(lambda, caller, {
    method: 'POST',
    path: `/2015-03-31/functions/${encodeURIComponent(FunctionName)}/invocations`,
    headers: {},
    body: JSON.stringify(Payload),
  });
  if (status !== 200)
    throw new StatesError(`Lambda.${headers['x-amzn-errortype'] ?? 'Unknown'}`, JSON.stringify(body));
  if (headers['x-amz-function-error'] !== undefined)
    throw new StatesError(functionError.parse(body).errorType, JSON.stringify(body));
  const ExecutedVersion = headers['x-amz-executed-version'] ?? '$LATEST';
  return { ExecutedVersion, Payload: body, StatusCode: 200 };
}

/** Lambda's API is REST, so its tasks have paths of their own. */
async function getFunctionConfiguration(lambda: Service, caller: Caller, input: Json): Promise<Json> {
  const { FunctionName } = functionAsked.parse(input);
  const { status, headers, body } = await send(lambda, caller, {
    method: 'GET',
    path: `/2015-03-31/functions/${encodeURIComponent(FunctionName)}/configuration`,
    headers: {},
    body: '',
  });
  if (status === 200) return body;
  throw new StatesError(`Lambda.${headers['x-amzn-errortype'] ?? 'Unknown'}`, JSON.stringify(body));
}

async function send(
  service: Service,
  caller: Caller,
  {
    method,
    path,
    headers,
    body,
  }: Pick<WireRequest, 'method' | 'path' | 'headers'> & { readonly body: string },
) {
  const requestId = randomUUID();
  const response = await service({
    method,
    path,
    query: new URLSearchParams(),
    headers,
    body: Readable.from([Buffer.from(body)]),
    caller: { ...caller, request: requestId },
    requestId,
    sourceIp: '127.0.0.1',
    endpoint: 'http://127.0.0.1',
    signal: new AbortController().signal,
  });
  const answer =
    response.body instanceof Readable
      ? await text(response.body)
      : Buffer.from(response.body ?? '').toString();
  return {
    status: response.status,
    headers: response.headers ?? {},
    body: json.parse(answer === '' ? {} : JSON.parse(answer)),
  };
}
