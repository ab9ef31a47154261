import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Admit } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { parseJson } from '../core/parse-json.ts';
import { ServiceError } from '../core/service-error.ts';
import { page } from '../http/json.ts';
import { harmless, notServed } from '../http/parameters.ts';
import { jsonAnswer, restJsonService, route } from '../http/rest-json.ts';
import type { DescribedService, WireRequest } from '../http/service.ts';
import type { LambdaFunction } from './function.ts';
import type { EventSourceMapping } from './mapping.ts';
import {
  changedInTheProgram,
  configuration,
  functionName,
  latest,
  mappingConfiguration,
  paging,
} from './shapes.ts';

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

/** Lambda on the wire: the part of its REST API that invoking, looking and pausing need. */
export function lambdaService(options: LambdaServiceOptions): DescribedService {
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

  return restJsonService('Lambda', {
    Invoke: route({
      method: 'POST',
      payload: true,
      path: /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/invocations$/,
      input: functionName.extend({
        ...latest,
        InvocationType: z.enum(['RequestResponse', 'Event', 'DryRun']).default('RequestResponse'),
        LogType: z.enum(['None', 'Tail']).default('None'),
        ClientContext: notServed,
        DurableExecutionName: notServed,
        TenantId: notServed,
      }),
      async run({ FunctionName, InvocationType, LogType }, request) {
        const target = find(FunctionName);
        await admit(request, 'Invoke', target.settings.arn, 'InvokeFunction');
        const payload = (await text(request.body)) || '{}';
        checkPayload(payload, InvocationType === 'Event' ? asynchronousLimit : synchronousLimit);
        if (InvocationType === 'DryRun') return { status: 204 };
        if (InvocationType === 'Event') {
          void invokeLater(target, payload, options.clock);
          return { status: 202 };
        }
        const { payload: body, functionError, logTail = '' } = await target.invoke(payload).result;
        const headers = {
          'content-type': 'application/json',
          'x-amz-executed-version': '$LATEST',
          ...(functionError ? { 'x-amz-function-error': functionError } : {}),
          ...(LogType === 'Tail' ? { 'x-amz-log-result': Buffer.from(logTail).toString('base64') } : {}),
        };
        return { status: 200, headers, body };
      },
    }),

    GetFunction: route({
      method: 'GET',
      path: /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)$/,
      input: functionName.extend(latest),
      async run({ FunctionName }, request) {
        const target = find(FunctionName);
        await admit(request, 'GetFunction', target.settings.arn);
        const Code = { RepositoryType: 'S3', Location: `file://${target.settings.modulePath}` };
        return jsonAnswer({ Configuration: await configuration(target), Code });
      },
    }),

    GetFunctionConfiguration: route({
      method: 'GET',
      path: /^\/2015-03-31\/functions\/(?<FunctionName>[^/]+)\/configuration$/,
      input: functionName.extend(latest),
      async run({ FunctionName }, request) {
        const target = find(FunctionName);
        await admit(request, 'GetFunctionConfiguration', target.settings.arn);
        return jsonAnswer(await configuration(target));
      },
    }),

    ListFunctions: route({
      method: 'GET',
      path: /^\/2015-03-31\/functions\/?$/,
      input: z.object({
        ...paging,
        MasterRegion: notServed,
        FunctionVersion: harmless('There is one version of each.'),
      }),
      async run({ Marker, MaxItems }, request) {
        await admit(request, 'ListFunctions', '*');
        const { items, next } = page([...functions.values()], Math.min(MaxItems, 50), Marker);
        return jsonAnswer({
          Functions: await Promise.all(items.map(configuration)),
          NextMarker: next?.NextToken,
        });
      },
    }),

    ListEventSourceMappings: route({
      method: 'GET',
      path: /^\/2015-03-31\/event-source-mappings\/?$/,
      input: functionName.partial().extend({ ...paging, EventSourceArn: z.string().optional() }),
      async run({ FunctionName, EventSourceArn, Marker, MaxItems }, request) {
        await admit(request, 'ListEventSourceMappings', '*');
        const functionArn = FunctionName === undefined ? undefined : find(FunctionName).settings.arn;
        const found = [...mappings.values()].filter(
          ({ settings }) =>
            (functionArn === undefined || settings.functionArn === functionArn) &&
            (EventSourceArn === undefined || settings.queueArn === EventSourceArn),
        );
        const { items, next } = page(found, Math.min(MaxItems, 100), Marker);
        return jsonAnswer({
          EventSourceMappings: items.map(mappingConfiguration),
          NextMarker: next?.NextToken,
        });
      },
    }),

    UpdateEventSourceMapping: route({
      method: 'PUT',
      path: /^\/2015-03-31\/event-source-mappings\/(?<UUID>[^/]+)$/,
      input: z.object({ UUID: z.string(), Enabled: z.boolean().optional(), ...changedInTheProgram }),
      async run({ UUID, Enabled }, request) {
        const mapping = mappings.get(UUID);
        if (!mapping)
          throw new ServiceError(
            'ResourceNotFoundException',
            404,
            'The resource you requested does not exist.',
          );
        const [, , , region, account] = mapping.settings.functionArn.split(':');
        const arn = `arn:aws:lambda:${region}:${account}:event-source-mapping:${UUID}`;
        await admit(request, 'UpdateEventSourceMapping', arn);
        if (Enabled === true) mapping.enable();
        else if (Enabled === false) void mapping.disable(disableGraceMs);
        return jsonAnswer(mappingConfiguration(mapping), 202);
      },
    }),
  });
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
    parseJson(payload);
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
