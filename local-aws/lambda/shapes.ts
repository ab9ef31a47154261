import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import * as z from 'zod';
import { notServed, only } from '../http/parameters.ts';
import type { LambdaFunction } from './function.ts';
import type { EventSourceMapping } from './mapping.ts';

export const latest = { Qualifier: only('$LATEST') };
export const paging = {
  Marker: z.string().optional(),
  MaxItems: z.coerce.number().int().min(1).max(10_000).default(50),
};
export const functionName = z.object({ FunctionName: z.string() });
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

export async function configuration({ settings }: LambdaFunction) {
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

export function mappingConfiguration({ settings, state, lastResult }: EventSourceMapping) {
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
