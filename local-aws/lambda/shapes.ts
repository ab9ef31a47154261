import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import * as z from 'zod';
import { notServed } from '../http/parameters.ts';
import { type LambdaFunction, versionOf } from './function.ts';
import type { EventSourceMapping } from './mapping.ts';

export const paging = {
  Marker: z.string().optional(),
  MaxItems: z.coerce.number().int().min(1).max(10_000).default(50),
};
export const functionName = z.object({ FunctionName: z.string() });
export const qualified = functionName.extend({ Qualifier: z.string().optional() });
export const changedInTheProgram = {
  FunctionName: notServed,
  BatchSize: notServed,
  FilterCriteria: notServed,
  KMSKeyArn: notServed,
  MetricsConfig: notServed,
  LoggingConfig: notServed,
  ScalingConfig: notServed,
  MaximumBatchingWindowInSeconds: notServed,
  ParallelizationFactor: notServed,
  DestinationConfig: notServed,
  MaximumRecordAgeInSeconds: notServed,
  BisectBatchOnFunctionError: notServed,
  MaximumRetryAttempts: notServed,
  TumblingWindowInSeconds: notServed,
  SourceAccessConfigurations: notServed,
  FunctionResponseTypes: notServed,
  AmazonManagedKafkaEventSourceConfig: notServed,
  SelfManagedKafkaEventSourceConfig: notServed,
  DocumentDBEventSourceConfig: notServed,
  ProvisionedPollerConfig: notServed,
};

/** @param qualifier the version or alias that was asked for */
export async function configuration({ settings }: LambdaFunction, qualifier?: string) {
  const code = await readFile(settings.modulePath);
  const { mtime } = await stat(settings.modulePath);
  return {
    FunctionName: settings.name,
    FunctionArn: qualifiedArn(settings.arn, qualifier),
    Runtime: settings.runtime,
    Role: settings.roleArn,
    Handler: settings.handler,
    CodeSize: code.length,
    CodeSha256: createHash('sha256').update(code).digest('base64'),
    Timeout: settings.timeoutSeconds,
    MemorySize: settings.memoryMb,
    LastModified: mtime.toISOString().replace('Z', '+0000'),
    Version: qualifier === undefined ? '$LATEST' : versionOf(settings),
    Environment: { Variables: settings.environment },
    PackageType: 'Zip',
    State: 'Active',
    LastUpdateStatus: 'Successful',
    LoggingConfig: { LogFormat: 'Text', LogGroup: settings.logGroup },
  };
}

export const qualifiedArn = (arn: string, qualifier: string | undefined) =>
  qualifier === undefined ? arn : `${arn}:${qualifier}`;

export function mappingConfiguration({ settings, state, lastResult }: EventSourceMapping) {
  return {
    UUID: settings.uuid,
    FunctionArn: qualifiedArn(settings.functionArn, settings.qualifier),
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
