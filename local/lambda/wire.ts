import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Admit } from '../call.ts';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../service-error.ts';
import { jsonError } from '../wire/error-response.ts';
import type { Service, WireRequest, WireResponse } from '../wire/service.ts';
import type { LambdaFunction } from './function.ts';
import type { EventSourceMapping } from './mapping.ts';

export interface LambdaServiceOptions {
  /** By name. */
  readonly functions: ReadonlyMap<string, LambdaFunction>;
  /** By UUID. */
  readonly mappings: ReadonlyMap<string, EventSourceMapping>;
  readonly admit: Admit;
  readonly clock: Clock;
}

/** "Lambda quotas": payloads in bytes, and how often and when asynchronous invocations are tried again. */
const synchronousLimit = 6 * 1024 * 1024;
const asynchronousLimit = 1024 * 1024;
const retryDelaysMs = [60_000, 120_000];
/** Invocations that still run after this are left to themselves when a mapping is disabled. */
const disableGraceMs = 900_000;

type Run = (request: WireRequest, name: string) => Promise<WireResponse>;

/** Lambda on the wire: the part of its REST API that invoking, looking and pausing need. */
export function lambdaService(options: LambdaServiceOptions): Service {
  const { functions, mappings } = options;

  const admit = ({ caller }: WireRequest, operation: string, resource: string, action = operation) =>
    options.admit({ caller, operation, action: `lambda:${action}`, resource });

  const find = (name: string): LambdaFunction => {
    // A name, an ARN or a part of one, with or without a version.
    const short = name.replace(/^.*function:/, '').replace(/:\$LATEST$/, '');
    const found = functions.get(short);
    if (!found) throw new ServiceError('ResourceNotFoundException', 404, `Function not found: ${name}`);
    return found;
  };

  const invoke: Run = async (request, name) => {
    const target = find(name);
    await admit(request, 'Invoke', target.settings.arn, 'InvokeFunction');
    const payload = (await text(request.body)) || '{}';
    const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    checkPayload(payload, type === 'Event' ? asynchronousLimit : synchronousLimit);
    if (type === 'DryRun') return { status: 204 };
    if (type === 'Event') {
      void invokeLater(target, payload, options.clock);
      return { status: 202 };
    }
    const { payload: body, functionError } = await target.invoke(payload).result;
    const headers = {
      'content-type': 'application/json',
      'x-amz-executed-version': '$LATEST',
      ...(functionError ? { 'x-amz-function-error': functionError } : {}),
    };
    return { status: 200, headers, body };
  };

  const getFunction: Run = async (request, name) => {
    const target = find(name);
    await admit(request, 'GetFunction', target.settings.arn);
    const Code = { RepositoryType: 'S3', Location: `file://${target.settings.modulePath}` };
    return json({ Configuration: await configuration(target), Code });
  };

  const getFunctionConfiguration: Run = async (request, name) => {
    const target = find(name);
    await admit(request, 'GetFunctionConfiguration', target.settings.arn);
    return json(await configuration(target));
  };

  const listFunctions: Run = async (request) => {
    await admit(request, 'ListFunctions', '*');
    return json({ Functions: await Promise.all([...functions.values()].map(configuration)) });
  };

  const listMappings: Run = async (request) => {
    await admit(request, 'ListEventSourceMappings', '*');
    const name = request.query.get('FunctionName');
    const functionArn = name === null ? undefined : find(name).settings.arn;
    const queueArn = request.query.get('EventSourceArn');
    const found = [...mappings.values()].filter(
      ({ settings }) =>
        (functionArn === undefined || settings.functionArn === functionArn) &&
        (queueArn === null || settings.queueArn === queueArn),
    );
    return json({ EventSourceMappings: found.map(mappingConfiguration) });
  };

  const updateMapping: Run = async (request, uuid) => {
    const mapping = mappings.get(uuid);
    if (!mapping)
      throw new ServiceError('ResourceNotFoundException', 404, 'The resource you requested does not exist.');
    const [, , , region, account] = mapping.settings.functionArn.split(':');
    const arn = `arn:aws:lambda:${region}:${account}:event-source-mapping:${uuid}`;
    await admit(request, 'UpdateEventSourceMapping', arn);
    const body = await text(request.body);
    checkPayload(body, asynchronousLimit);
    const update = z.strictObject({ Enabled: z.boolean() }).safeParse(JSON.parse(body));
    if (!update.success)
      throw notServed('UpdateEventSourceMapping with anything but Enabled; change the program instead');
    if (update.data.Enabled) mapping.enable();
    else void mapping.disable(disableGraceMs);
    return { ...json(mappingConfiguration(mapping)), status: 202 };
  };

  const routes: readonly (readonly [method: string, path: RegExp, run: Run])[] = [
    ['POST', /^\/2015-03-31\/functions\/([^/]+)\/invocations$/, invoke],
    ['GET', /^\/2015-03-31\/functions\/?$/, listFunctions],
    ['GET', /^\/2015-03-31\/functions\/([^/]+)$/, getFunction],
    ['GET', /^\/2015-03-31\/functions\/([^/]+)\/configuration$/, getFunctionConfiguration],
    ['GET', /^\/2015-03-31\/event-source-mappings\/?$/, listMappings],
    ['PUT', /^\/2015-03-31\/event-source-mappings\/([^/]+)$/, updateMapping],
  ];

  return async (request) => {
    try {
      for (const [method, path, run] of routes) {
        const found = request.method === method ? path.exec(request.path) : null;
        if (found) return await run(request, decodeURIComponent(found[1] ?? ''));
      }
      throw notServed(`${request.method} ${request.path} of Lambda`);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return jsonError(error);
    }
  };
}

function notServed(what: string): ServiceError {
  return new ServiceError('NotImplemented', 501, `The local cloud does not serve ${what}.`);
}

function checkPayload(payload: string, limit: number): void {
  const size = Buffer.byteLength(payload);
  if (size > limit)
    throw new ServiceError(
      'RequestTooLargeException',
      413,
      `${size} byte payload is too large for the limit of ${limit} bytes`,
    );
  try {
    JSON.parse(payload);
  } catch (error) {
    throw new ServiceError(
      'InvalidRequestContentException',
      400,
      `Could not parse request body into json: ${error}`,
    );
  }
}

/** "How Lambda handles errors and retries with asynchronous invocation": two more attempts, a minute and two later. */
async function invokeLater(
  target: LambdaFunction,
  payload: string,
  clock: Clock,
  attempt = 0,
): Promise<void> {
  try {
    const { functionError } = await target.invoke(payload).result;
    if (functionError === undefined) return;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
  }
  const delay = retryDelaysMs[attempt];
  if (delay !== undefined) clock.schedule(delay, () => void invokeLater(target, payload, clock, attempt + 1));
}

async function configuration({ settings }: LambdaFunction) {
  const code = await readFile(settings.modulePath);
  const { mtime } = await stat(settings.modulePath);
  return {
    FunctionName: settings.name,
    FunctionArn: settings.arn,
    Runtime: settings.runtime,
    Role: settings.roleArn,
    Handler: settings.handler,
    CodeSize: code.length,
    CodeSha256: createHash('sha256').update(code).digest('base64'),
    Timeout: settings.timeoutSeconds,
    MemorySize: settings.memoryMb,
    LastModified: mtime.toISOString().replace('Z', '+0000'),
    Version: '$LATEST',
    Environment: { Variables: settings.environment },
    PackageType: 'Zip',
    State: 'Active',
    LastUpdateStatus: 'Successful',
    LoggingConfig: { LogFormat: 'Text', LogGroup: settings.logGroup },
  };
}

function mappingConfiguration({ settings, state, lastResult }: EventSourceMapping) {
  return {
    UUID: settings.uuid,
    FunctionArn: settings.functionArn,
    EventSourceArn: settings.queueArn,
    BatchSize: settings.batchSize,
    MaximumBatchingWindowInSeconds: settings.maximumBatchingWindowSeconds,
    ScalingConfig: { MaximumConcurrency: settings.maximumConcurrency },
    FunctionResponseTypes: settings.reportBatchItemFailures ? ['ReportBatchItemFailures'] : [],
    State: state,
    StateTransitionReason: 'USER_INITIATED',
    LastProcessingResult: lastResult,
  };
}

function json(body: object): WireResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
