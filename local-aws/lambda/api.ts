import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Caller } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { ServiceContext } from '../core/cloud-service.ts';
import { ServiceError } from '../core/service-error.ts';
import { page } from '../http/json.ts';
import { type Asked, type DescribedService, operationOf } from '../http/operation.ts';
import { harmless, notServed } from '../http/parameters.ts';
import { jsonAnswer, type Place, parsePayload, type Route, restJsonService } from '../http/rest-json.ts';
import type { WireResponse } from '../http/service.ts';
import { type LambdaFunction, versionOf } from './function.ts';
import type { EventSourceMapping } from './mapping.ts';
import {
  changedInTheProgram,
  configuration,
  functionName,
  mappingConfiguration,
  paging,
  qualified,
  qualifiedArn,
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
/** "Lambda quotas": an account's concurrent executions, by default. A machine never reaches it. */
const concurrencyQuota = 1_000;
const retryDelaysMs = [60_000, 120_000];
/** Time for invocations to finish after a mapping is disabled; later ones are no longer waited for. */
const disableGraceMs = 900_000;

/** Lambda's API: the part of its REST API for invoking, inspecting and pausing. */
export const lambdaService = (service: LambdaServiceOptions): DescribedService<Route<LambdaServiceOptions>> =>
  restJsonService('Lambda', operations, service);

const route = operationOf<LambdaServiceOptions, WireResponse, Place>();
const onFunction = {
  find: ({ service, input }: Asked<LambdaServiceOptions, z.infer<typeof qualified>>) =>
    functionOf(service, input.FunctionName, input.Qualifier),
  // Lambda treats an unqualified ARN differently from a qualified one, even one of `$LATEST` (Lambda guide,
  // configuration-versions).
  resource: ({ target: { lambda, qualifier } }: { readonly target: Qualified }) =>
    qualifiedArn(lambda.settings.arn, qualifier),
};

const onUnqualified = {
  find: ({ service, input }: Asked<LambdaServiceOptions, z.infer<typeof functionName>>) =>
    functionOf(service, input.FunctionName),
  resource: ({ target: { lambda } }: { readonly target: Qualified }) => lambda.settings.arn,
};

const operations = {
  Invoke: route({
    ...onFunction,
    at: 'POST /2015-03-31/functions/{FunctionName}/invocations',
    payload: true,
    input: qualified.extend({
      InvocationType: z.enum(['RequestResponse', 'Event', 'DryRun']).default('RequestResponse'),
      LogType: z.enum(['None', 'Tail']).default('None'),
      ClientContext: notServed,
      DurableExecutionName: notServed,
      TenantId: notServed,
    }),
    action: 'lambda:InvokeFunction',
    async run({ service, target: { lambda }, input: { InvocationType, LogType }, request }) {
      const payload = (await text(request.body)) || '{}';
      checkPayload(payload, InvocationType === 'Event' ? asynchronousLimit : synchronousLimit);
      if (InvocationType === 'DryRun') return { status: 204 };
      if (InvocationType === 'Event') {
        void invokeLater(lambda, payload, service.clock);
        return { status: 202 };
      }
      const { payload: body, functionError, logTail = '' } = await lambda.invoke(payload).result;
      const headers = {
        'content-type': 'application/json',
        'x-amz-executed-version': versionOf(lambda.settings),
        ...(functionError ? { 'x-amz-function-error': functionError } : {}),
        ...(LogType === 'Tail' ? { 'x-amz-log-result': Buffer.from(logTail).toString('base64') } : {}),
      };
      return { status: 200, headers, body };
    },
  }),

  GetFunction: route({
    ...onFunction,
    at: 'GET /2015-03-31/functions/{FunctionName}',
    input: qualified,
    action: 'lambda:GetFunction',
    async run({ target: { lambda, qualifier } }) {
      const Code = { RepositoryType: 'S3', Location: `file://${lambda.settings.modulePath}` };
      return jsonAnswer({ Configuration: await configuration(lambda, qualifier), Code });
    },
  }),

  GetFunctionConfiguration: route({
    ...onFunction,
    at: 'GET /2015-03-31/functions/{FunctionName}/configuration',
    input: qualified,
    action: 'lambda:GetFunctionConfiguration',
    run: async ({ target: { lambda, qualifier } }) => jsonAnswer(await configuration(lambda, qualifier)),
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
      const { Functions, NextToken } = page('Functions', all, (each) => configuration(each), asked);
      return jsonAnswer({ Functions: await Promise.all(Functions), NextMarker: NextToken });
    },
  }),

  ListVersionsByFunction: route({
    ...onUnqualified,
    at: 'GET /2015-03-31/functions/{FunctionName}/versions',
    input: functionName.extend(paging),
    action: 'lambda:ListVersionsByFunction',
    async run({ target: { lambda }, input: { Marker, MaxItems } }) {
      const all = [...new Set(['$LATEST', versionOf(lambda.settings)])];
      const asked = { MaxResults: Math.min(MaxItems, 50), NextToken: Marker };
      const { Versions, NextToken } = page('Versions', all, (each) => configuration(lambda, each), asked);
      return jsonAnswer({ Versions: await Promise.all(Versions), NextMarker: NextToken });
    },
  }),

  GetAlias: route({
    ...onUnqualified,
    at: 'GET /2015-03-31/functions/{FunctionName}/aliases/{Name}',
    input: functionName.extend({ Name: z.string() }),
    action: 'lambda:GetAlias',
    run({ target: { lambda }, input: { Name } }) {
      const AliasArn = qualifiedArn(lambda.settings.arn, Name);
      if (lambda.settings.aliases?.includes(Name))
        return jsonAnswer({ AliasArn, Name, FunctionVersion: versionOf(lambda.settings), Description: '' });
      throw new ServiceError('ResourceNotFoundException', 404, `Cannot find alias arn: ${AliasArn}`);
    },
  }),

  GetFunctionConcurrency: route({
    ...onUnqualified,
    at: 'GET /2019-09-30/functions/{FunctionName}/concurrency',
    input: functionName,
    action: 'lambda:GetFunctionConcurrency',
    run: ({ target: { lambda } }) =>
      jsonAnswer({ ReservedConcurrentExecutions: lambda.settings.reservedConcurrency }),
  }),

  GetAccountSettings: route({
    at: 'GET /2016-08-19/account-settings',
    input: z.object({}),
    action: 'lambda:GetAccountSettings',
    resource: () => '*',
    run({ service: { functions } }) {
      const reserved = [...functions.values()].map(({ settings }) => settings.reservedConcurrency ?? 0);
      return jsonAnswer({
        AccountLimit: {
          ConcurrentExecutions: concurrencyQuota,
          UnreservedConcurrentExecutions: reserved.reduce((left, each) => left - each, concurrencyQuota),
        },
        AccountUsage: { FunctionCount: functions.size },
      });
    },
  }),

  ListEventSourceMappings: route({
    at: 'GET /2015-03-31/event-source-mappings/',
    input: functionName.partial().extend({ ...paging, EventSourceArn: z.string().optional() }),
    action: 'lambda:ListEventSourceMappings',
    resource: () => '*',
    run({ service, input: { FunctionName, EventSourceArn, Marker, MaxItems } }) {
      const asked = FunctionName === undefined ? undefined : functionOf(service, FunctionName);
      const found = [...service.mappings.values()].filter(
        ({ settings }) =>
          (asked === undefined ||
            (settings.functionArn === asked.lambda.settings.arn && settings.qualifier === asked.qualifier)) &&
          (EventSourceArn === undefined || settings.queueArn === EventSourceArn),
      );
      const paging = { MaxResults: Math.min(MaxItems, 100), NextToken: Marker };
      const { NextToken, ...listed } = page('EventSourceMappings', found, mappingConfiguration, paging);
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

/** A function, and the version or alias of it that a call names. */
interface Qualified {
  readonly lambda: LambdaFunction;
  readonly qualifier: string | undefined;
}

/**
 * Finds a function by name, ARN or partial ARN, with or without a version or an alias.
 *
 * @throws ServiceError ResourceNotFoundException; InvalidParameterValueException for two qualifiers that
 * differ
 */
function functionOf({ functions }: LambdaServiceOptions, asked: string, parameter?: string): Qualified {
  const [name = '', inName] = asked.replace(/^.*function:/, '').split(':');
  const lambda = functions.get(name);
  const qualifier = inName ?? parameter;
  if (parameter !== undefined && parameter !== qualifier)
    throw new ServiceError(
      'InvalidParameterValueException',
      400,
      'The derived qualifier from the function name does not match the specified qualifier.',
    );
  const known = lambda && [
    undefined,
    '$LATEST',
    versionOf(lambda.settings),
    ...(lambda.settings.aliases ?? []),
  ];
  if (lambda && known?.includes(qualifier)) return { lambda, qualifier };
  throw new ServiceError(
    'ResourceNotFoundException',
    404,
    `Function not found: ${qualifiedArn(asked, inName === undefined ? qualifier : undefined)}`,
  );
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

/** Invokes a function asynchronously, as another service does on behalf of a role. @throws {ServiceError} */
export async function invokeAs(
  service: LambdaServiceOptions,
  caller: Caller,
  arn: string,
  payload: string,
): Promise<void> {
  const { lambda } = functionOf(service, arn);
  await service.authorize({ caller, operation: 'Invoke', action: 'lambda:InvokeFunction', resource: arn });
  checkPayload(payload, asynchronousLimit);
  void invokeLater(lambda, payload, service.clock);
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
