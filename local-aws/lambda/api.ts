import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import type { ServiceContext } from '../core/cloud-service.ts';
import { ServiceError } from '../core/service-error.ts';
import { page } from '../http/json.ts';
import { type Asked, type DescribedService, operationOf } from '../http/operation.ts';
import { harmless, notServed } from '../http/parameters.ts';
import { jsonAnswer, type Place, parsePayload, type Route, restJsonService } from '../http/rest-json.ts';
import type { WireResponse } from '../http/service.ts';
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

export interface LambdaServiceOptions extends Pick<ServiceContext, 'authorize' | 'clock'> {
  /** By name. */
  readonly functions: ReadonlyMap<string, LambdaFunction>;
  /** By UUID. */
  readonly mappings: ReadonlyMap<string, EventSourceMapping>;
}

/**
 * "Lambda quotas": payload limits in bytes, and the number and times of retries of asynchronous invocations.
 */
const synchronousLimit = 6 * 1024 * 1024;
const asynchronousLimit = 1024 * 1024;
const retryDelaysMs = [60_000, 120_000];
/** Time for invocations to finish after a mapping is disabled; later ones are no longer waited for. */
const disableGraceMs = 900_000;

/** Lambda's API: the part of its REST API for invoking, inspecting and pausing. */
export const lambdaService = (service: LambdaServiceOptions): DescribedService<Route<LambdaServiceOptions>> =>
  restJsonService('Lambda', operations, service);

const route = operationOf<LambdaServiceOptions, WireResponse, Place>();
const onFunction = {
  find: ({ service, input }: Asked<LambdaServiceOptions, { FunctionName: string }>) =>
    functionOf(service, input.FunctionName),
  resource: ({ target }: { readonly target: LambdaFunction }) => target.settings.arn,
};

const operations = {
  Invoke: route({
    ...onFunction,
    at: 'POST /2015-03-31/functions/{FunctionName}/invocations',
    payload: true,
    input: functionName.extend({
      ...latest,
      InvocationType: z.enum(['RequestResponse', 'Event', 'DryRun']).default('RequestResponse'),
      LogType: z.enum(['None', 'Tail']).default('None'),
      ClientContext: notServed,
      DurableExecutionName: notServed,
      TenantId: notServed,
    }),
    action: 'lambda:InvokeFunction',
    async run({ service, target, input: { InvocationType, LogType }, request }) {
      const payload = (await text(request.body)) || '{}';
      checkPayload(payload, InvocationType === 'Event' ? asynchronousLimit : synchronousLimit);
      if (InvocationType === 'DryRun') return { status: 204 };
      if (InvocationType === 'Event') {
        void invokeLater(target, payload, service.clock);
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
    ...onFunction,
    at: 'GET /2015-03-31/functions/{FunctionName}',
    input: functionName.extend(latest),
    action: 'lambda:GetFunction',
    async run({ target }) {
      const Code = { RepositoryType: 'S3', Location: `file://${target.settings.modulePath}` };
      return jsonAnswer({ Configuration: await configuration(target), Code });
    },
  }),

  GetFunctionConfiguration: route({
    ...onFunction,
    at: 'GET /2015-03-31/functions/{FunctionName}/configuration',
    input: functionName.extend(latest),
    action: 'lambda:GetFunctionConfiguration',
    run: async ({ target }) => jsonAnswer(await configuration(target)),
  }),

  ListFunctions: route({
    at: 'GET /2015-03-31/functions/',
    input: z.object({
      ...paging,
      MasterRegion: notServed,
      FunctionVersion: harmless('There is one version of each.'),
    }),
    action: 'lambda:ListFunctions',
    resource: () => '*',
    async run({ service, input: { Marker, MaxItems } }) {
      const all = [...service.functions.values()];
      const asked = { MaxResults: Math.min(MaxItems, 50), NextToken: Marker };
      const { Functions, NextToken } = page('Functions', all, configuration, asked);
      return jsonAnswer({ Functions: await Promise.all(Functions), NextMarker: NextToken });
    },
  }),

  ListEventSourceMappings: route({
    at: 'GET /2015-03-31/event-source-mappings/',
    input: functionName.partial().extend({ ...paging, EventSourceArn: z.string().optional() }),
    action: 'lambda:ListEventSourceMappings',
    resource: () => '*',
    run({ service, input: { FunctionName, EventSourceArn, Marker, MaxItems } }) {
      const functionArn =
        FunctionName === undefined ? undefined : functionOf(service, FunctionName).settings.arn;
      const found = [...service.mappings.values()].filter(
        ({ settings }) =>
          (functionArn === undefined || settings.functionArn === functionArn) &&
          (EventSourceArn === undefined || settings.queueArn === EventSourceArn),
      );
      const asked = { MaxResults: Math.min(MaxItems, 100), NextToken: Marker };
      const { NextToken, ...listed } = page('EventSourceMappings', found, mappingConfiguration, asked);
      return jsonAnswer({ ...listed, NextMarker: NextToken });
    },
  }),

  UpdateEventSourceMapping: route({
    at: 'PUT /2015-03-31/event-source-mappings/{UUID}',
    input: z.object({ UUID: z.string(), Enabled: z.boolean().optional(), ...changedInTheProgram }),
    find({ service, input: { UUID } }) {
      const mapping = service.mappings.get(UUID);
      if (mapping) return mapping;
      throw new ServiceError('ResourceNotFoundException', 404, 'The resource you requested does not exist.');
    },
    action: 'lambda:UpdateEventSourceMapping',
    resource({ target: { settings } }) {
      const [, , , region, account] = settings.functionArn.split(':');
      return `arn:aws:lambda:${region}:${account}:event-source-mapping:${settings.uuid}`;
    },
    run({ target, input: { Enabled } }) {
      if (Enabled === true) target.enable();
      else if (Enabled === false) void target.disable(disableGraceMs);
      return jsonAnswer(mappingConfiguration(target), 202);
    },
  }),
};

/**
 * Finds a function by name, ARN or partial ARN, with or without a version. @throws ServiceError
 * ResourceNotFoundException
 */
function functionOf({ functions }: LambdaServiceOptions, name: string): LambdaFunction {
  const found = functions.get(name.replace(/^.*function:/, '').replace(/:\$LATEST$/, ''));
  if (found) return found;
  throw new ServiceError('ResourceNotFoundException', 404, `Function not found: ${name}`);
}

function checkPayload(payload: string, limit: number): void {
  const size = Buffer.byteLength(payload);
  if (size > limit)
    throw new ServiceError(
      'RequestTooLargeException',
      413,
      `${size} byte payload is too large for the limit of ${limit} bytes`,
    );
  parsePayload(payload);
}

/**
 * "How Lambda handles errors and retries with asynchronous invocation": two retries, one minute and then two
 * minutes later.
 */
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
