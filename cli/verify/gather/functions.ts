import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  GetAliasCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  paginateListEventSourceMappings,
  paginateListVersionsByFunction,
} from '@aws-sdk/client-lambda';
import { liveAlias } from '../../../domain/environment.ts';
import type { Target } from '../../target/target.ts';
import type { FunctionFacts, LogGroupFacts, MappingFacts } from '../facts.ts';

export async function mappingsOf({ lambda }: Target, EventSourceArn: string): Promise<MappingFacts[]> {
  const found: MappingFacts[] = [];
  for await (const page of paginateListEventSourceMappings({ client: lambda }, { EventSourceArn }))
    for (const each of page.EventSourceMappings ?? [])
      found.push({
        uuid: each.UUID ?? '',
        functionArn: each.FunctionArn ?? '',
        state: each.State ?? 'Unknown',
        lastResult: each.LastProcessingResult ?? '',
        reportsItemFailures: each.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
        maximumConcurrency: each.ScalingConfig?.MaximumConcurrency,
      });
  return found;
}

export async function functionFacts({ lambda }: Target, FunctionName: string): Promise<FunctionFacts> {
  const [alias, live, latest, concurrency, newest] = await Promise.all([
    lambda.send(new GetAliasCommand({ FunctionName, Name: liveAlias })),
    lambda.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier: liveAlias })),
    lambda.send(new GetFunctionConfigurationCommand({ FunctionName })),
    lambda.send(new GetFunctionConcurrencyCommand({ FunctionName })),
    newestVersion(lambda, FunctionName),
  ]);
  const variables = live.Environment?.Variables ?? {};
  const receives = variables['MAXIMUM_RECEIVES'];
  return {
    arn: latest.FunctionArn ?? '',
    version: alias.FunctionVersion ?? '',
    otherVersions: Object.keys(alias.RoutingConfig?.AdditionalVersionWeights ?? {}),
    newest,
    code: variables['CODE_VERSION'],
    deployedCode: latest.Environment?.Variables?.['CODE_VERSION'],
    state: live.State ?? 'Active',
    stateReason: live.StateReason ?? live.LastUpdateStatusReason,
    timeoutSeconds: live.Timeout ?? 0,
    maximumReceives: receives === undefined ? undefined : Number(receives),
    reserved: concurrency.ReservedConcurrentExecutions,
    logGroup: live.LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`,
  };
}

async function newestVersion(client: Target['lambda'], FunctionName: string): Promise<string> {
  let newest = 0;
  for await (const { Versions = [] } of paginateListVersionsByFunction({ client }, { FunctionName }))
    for (const { Version } of Versions) if (Version !== '$LATEST') newest = Math.max(newest, Number(Version));
  return newest === 0 ? '$LATEST' : String(newest);
}

/** @throws {Error} `ResourceNotFoundException` when there is none */
export async function logGroupFacts({ logs }: Target, name: string): Promise<LogGroupFacts> {
  const { logGroups = [] } = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name }));
  // "DescribeLogGroups: The results are ASCII-sorted by log group name": it comes before longer names.
  const found = logGroups.find(({ logGroupName }) => logGroupName === name);
  if (found !== undefined) return { retentionDays: found.retentionInDays };
  throw Object.assign(new Error(`There is no log group ${name}.`), { name: 'ResourceNotFoundException' });
}
