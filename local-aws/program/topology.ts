import { errorText } from '../core/service-error.ts';
import type { EventRule } from '../events/rule.ts';
import type { CatalogSettings } from '../glue/settings.ts';
import type { DeployedFunction } from '../lambda/code.ts';
import type { MappingSettings } from '../lambda/mapping.ts';
import type { LogGroup } from '../logs/api.ts';
import type { AlarmSettings } from '../metrics/alarms.ts';
import type { Dashboard } from '../metrics/api.ts';
import { Queries } from '../metrics/queries.ts';
import type { BucketSettings, QueueNotification } from '../s3/storage/model.ts';
import type { ScheduleSettings } from '../scheduler/scheduler.ts';
import type { QueueSettings } from '../sqs/queue.ts';
import type { StateMachineSettings } from '../stepfunctions/settings.ts';
import { alarmOf, alarmShape } from './alarm-shape.ts';
import { notSimulated } from './not-simulated.ts';
import type { Program } from './program.ts';
import { ResourceReader } from './resource-reader.ts';
import { catalogShapes, redriveAllowPolicy, redrivePolicy, shapes } from './topology-shapes.ts';

type PolicyText = string;

export interface BucketTopology extends BucketSettings {
  readonly arn: string;
  readonly policy?: PolicyText | undefined;
  /** Queues that S3 itself notifies. */
  readonly notifications: readonly QueueNotification[];
}

export interface QueueTopology extends QueueSettings {
  readonly arn: string;
  readonly url: string;
}

export interface RoleTopology {
  readonly name: string;
  readonly arn: string;
  readonly trust: PolicyText;
  readonly policies: readonly { readonly name: string; readonly document: PolicyText }[];
}

/** The program's system, as the local cloud builds it. */
export interface Topology {
  readonly buckets: readonly BucketTopology[];
  readonly queues: readonly QueueTopology[];
  readonly rules: readonly EventRule[];
  readonly mappings: readonly MappingSettings[];
  readonly functions: readonly DeployedFunction[];
  readonly roles: readonly RoleTopology[];
  readonly keys: readonly { readonly arn: string; readonly policy: PolicyText }[];
  readonly logGroups: readonly LogGroup[];
  readonly catalog: CatalogSettings;
  readonly schedules: readonly ScheduleSettings[];
  readonly stateMachines: readonly StateMachineSettings[];
  readonly alarms: readonly AlarmSettings[];
  readonly dashboards: readonly Dashboard[];
  /** Resources that exist on AWS and make no difference here. */
  readonly notSimulated: readonly { readonly urn: string; readonly type: string }[];
}

/**
 * Reads a program's resources as parts of the local cloud.
 *
 * @throws if the program registers a type or a property that the local cloud does not support, or omits a
 * required one; the message names each resource by its URN
 */
export function readTopology({ resources }: Pick<Program, 'resources'>): Topology {
  const reader = new ResourceReader(resources, notSimulated);
  const topology = {
    buckets: readBuckets(reader),
    queues: readQueues(reader),
    rules: readRules(reader),
    functions: readFunctions(reader),
    mappings: readMappings(reader),
    roles: readRoles(reader),
    keys: reader.all('aws:kms/key:Key', shapes.key).map(({ arn, policy }) => ({ arn, policy })),
    logGroups: reader
      .all('aws:cloudwatch/logGroup:LogGroup', shapes.logGroup)
      .map(({ name, arn, retentionInDays }) => ({ name, arn, retentionDays: retentionInDays || undefined })),
    catalog: readCatalog(reader),
    schedules: readSchedules(reader),
    stateMachines: readStateMachines(reader),
    alarms: readAlarms(reader),
    dashboards: reader
      .all('aws:cloudwatch/dashboard:Dashboard', shapes.dashboard)
      .map(({ dashboardName, dashboardArn, dashboardBody }) => ({
        name: dashboardName,
        arn: dashboardArn,
        body: dashboardBody,
      })),
    notSimulated: resources
      .filter(({ type }) => notSimulated.has(type))
      .map(({ urn, type }) => ({ urn, type })),
  };
  reader.finish();
  return topology;
}

function readBuckets(reader: ResourceReader): BucketTopology[] {
  const versioning = reader.all('aws:s3/bucketVersioning:BucketVersioning', shapes.bucketVersioning);
  const notifications = reader.all('aws:s3/bucketNotification:BucketNotification', shapes.bucketNotification);
  const policies = reader.all('aws:s3/bucketPolicy:BucketPolicy', shapes.bucketPolicy);
  const encryptions = reader.all(
    'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
    shapes.bucketEncryption,
  );
  return reader.all('aws:s3/bucket:Bucket', shapes.bucket).map(({ bucket, arn }) => {
    const own = <Part extends { readonly bucket: string }>(parts: readonly Part[]) =>
      parts.find((part) => part.bucket === bucket);
    const status = own(versioning)?.versioningConfiguration.status;
    return {
      name: bucket,
      arn,
      versioning: status === 'Disabled' ? undefined : status,
      eventBridge: own(notifications)?.eventbridge ?? false,
      notifications:
        own(notifications)?.queues.map(({ id, queueArn, events, filterPrefix, filterSuffix }) => ({
          id,
          queueArn,
          events,
          prefix: filterPrefix,
          suffix: filterSuffix,
        })) ?? [],
      policy: own(policies)?.policy,
      keyArn: own(encryptions)?.rules[0]?.applyServerSideEncryptionByDefault?.kmsMasterKeyId,
    };
  });
}

function readQueues(reader: ResourceReader): QueueTopology[] {
  const policies = reader.all('aws:sqs/queuePolicy:QueuePolicy', shapes.queuePolicy);
  const redrives = reader.all('aws:sqs/redrivePolicy:RedrivePolicy', shapes.redrivePolicy);
  const allowances = reader.all('aws:sqs/redriveAllowPolicy:RedriveAllowPolicy', shapes.redriveAllowPolicy);
  return reader.all('aws:sqs/queue:Queue', shapes.queue).map((queue) => {
    const own = <Part extends { readonly queueUrl: string }>(parts: readonly Part[]) =>
      parts.find((part) => part.queueUrl === queue.url);
    const redrive = reader.json(
      queue.redrivePolicy ?? own(redrives)?.redrivePolicy,
      redrivePolicy,
      queue.arn,
    );
    const allowance = queue.redriveAllowPolicy ?? own(allowances)?.redriveAllowPolicy;
    const redriveAllow = reader.json(allowance, redriveAllowPolicy, queue.arn);
    return {
      name: queue.name,
      arn: queue.arn,
      url: queue.url,
      visibilityTimeoutSeconds: queue.visibilityTimeoutSeconds,
      messageRetentionSeconds: queue.messageRetentionSeconds,
      delaySeconds: queue.delaySeconds,
      receiveWaitSeconds: queue.receiveWaitTimeSeconds,
      maximumMessageBytes: queue.maxMessageSize,
      redrive: redrive && {
        deadLetterQueue: redrive.deadLetterTargetArn.split(':').at(-1) ?? '',
        maxReceiveCount: redrive.maxReceiveCount,
      },
      redriveAllow: redriveAllow && {
        permission: redriveAllow.redrivePermission,
        sourceQueueArns: redriveAllow.sourceQueueArns,
      },
      policy: queue.policy ?? own(policies)?.policy,
      keyArn: queue.kmsMasterKeyId,
    };
  });
}

function readRules(reader: ResourceReader): EventRule[] {
  const targets = reader.all('aws:cloudwatch/eventTarget:EventTarget', shapes.target);
  return reader.all('aws:cloudwatch/eventRule:EventRule', shapes.rule).map((rule) => ({
    name: rule.name,
    arn: rule.arn,
    eventPattern: rule.eventPattern,
    scheduleExpression: rule.scheduleExpression,
    enabled: rule.state !== 'DISABLED',
    targets: targets
      .filter((target) => target.rule === rule.name)
      .map((target) => ({
        id: target.targetId,
        arn: target.arn,
        deadLetterArn: target.deadLetterConfig?.arn,
        maximumEventAgeSeconds: target.retryPolicy.maximumEventAgeInSeconds,
        maximumRetryAttempts: target.retryPolicy.maximumRetryAttempts,
        input: target.input,
      })),
  }));
}

function readFunctions(reader: ResourceReader): DeployedFunction[] {
  const aliases = reader.all('aws:lambda/alias:Alias', shapes.alias);
  return reader.all('aws:lambda/function:Function', shapes.function).map((each) => {
    const { assets } = each.code;
    const module = each.handler.slice(0, each.handler.lastIndexOf('.'));
    const file = ['.mjs', '.js', '.cjs'].map((ending) => assets[module + ending]).find(Boolean);
    if (file === undefined)
      reader.complain(each.arn, `its code holds no module for the handler ${each.handler}`);
    const own = aliases.filter(({ functionName }) => functionName === each.name);
    for (const { arn, functionVersion } of own)
      if (functionVersion !== each.version)
        reader.complain(arn, `the local cloud has only the version ${each.version} of ${each.name}`);
    return {
      name: each.name,
      arn: each.arn,
      version: each.version,
      aliases: own.map(({ name }) => name),
      modulePath: file?.path ?? '',
      files: Object.fromEntries(Object.entries(assets).map(([name, { path }]) => [name, path])),
      handler: each.handler,
      runtime: each.runtime,
      environment: each.environment.variables,
      memoryMb: each.memorySize,
      timeoutSeconds: each.timeout,
      roleArn: each.role,
      reservedConcurrency:
        each.reservedConcurrentExecutions < 0 ? undefined : each.reservedConcurrentExecutions,
      logGroup: each.loggingConfig.logGroup ?? `/aws/lambda/${each.name}`,
      tracing: each.tracingConfig.mode === 'Active',
      inNetwork: each.vpcConfig !== undefined,
    };
  });
}

function readMappings(reader: ResourceReader): MappingSettings[] {
  const functions = reader.all('aws:lambda/function:Function', shapes.function);
  const aliases = reader.all('aws:lambda/alias:Alias', shapes.alias);
  return reader.all('aws:lambda/eventSourceMapping:EventSourceMapping', shapes.mapping).map((mapping) => ({
    uuid: mapping.uuid,
    ...invokedBy(mapping.functionName, functions, aliases),
    queueArn: mapping.eventSourceArn,
    batchSize: mapping.batchSize,
    maximumBatchingWindowSeconds: mapping.maximumBatchingWindowInSeconds,
    maximumConcurrency: mapping.scalingConfig.maximumConcurrency,
    reportBatchItemFailures: mapping.functionResponseTypes.includes('ReportBatchItemFailures'),
    enabled: mapping.enabled,
    countsEvents: mapping.metricsConfig.metrics.includes('EventCount'),
  }));
}

/** The function that a mapping names, by name, ARN or the ARN of an alias. */
function invokedBy(
  asked: string,
  functions: readonly { readonly name: string; readonly arn: string }[],
  aliases: readonly { readonly name: string; readonly arn: string; readonly functionName: string }[],
): Pick<MappingSettings, 'functionArn' | 'qualifier'> {
  const alias = aliases.find(({ arn }) => arn === asked);
  const found = functions.find(({ name }) => name === (alias?.functionName ?? asked));
  return { functionArn: found?.arn ?? asked, qualifier: alias?.name };
}

function readRoles(reader: ResourceReader): RoleTopology[] {
  const inline = reader.all('aws:iam/rolePolicy:RolePolicy', shapes.rolePolicy);
  const managed = reader.all('aws:iam/policy:Policy', shapes.policy);
  const attachments = reader.all('aws:iam/rolePolicyAttachment:RolePolicyAttachment', shapes.attachment);
  return reader.all('aws:iam/role:Role', shapes.role).map((role) => {
    const attached = attachments
      .filter((attachment) => attachment.role === role.name)
      .flatMap(({ policyArn }) => {
        const policy = managed.find(({ arn }) => arn === policyArn);
        if (policy === undefined)
          reader.complain(role.arn, `the local cloud does not know the policy ${policyArn}`);
        return policy === undefined ? [] : [{ name: policy.name, document: policy.policy }];
      });
    return {
      name: role.name,
      arn: role.arn,
      trust: role.assumeRolePolicy,
      policies: [
        ...inline
          .filter((policy) => policy.role === role.name)
          .map(({ id, policy }) => ({ name: id, document: policy })),
        ...attached,
      ],
    };
  });
}

function readCatalog(reader: ResourceReader): CatalogSettings {
  const databases = reader.all('aws:glue/catalogDatabase:CatalogDatabase', catalogShapes.database);
  return {
    databases: databases.map(({ name, arn }) => ({ name, arn })),
    tables: reader.all('aws:glue/catalogTable:CatalogTable', catalogShapes.table).map((table) => ({
      name: table.name,
      database: table.databaseName,
      location: table.storageDescriptor.location,
      columns: table.storageDescriptor.columns,
      partitionKeys: table.partitionKeys,
      inputFormat: table.storageDescriptor.inputFormat,
      outputFormat: table.storageDescriptor.outputFormat,
      serde: table.storageDescriptor.serDeInfo,
      parameters: table.parameters,
    })),
    crawlers: reader.all('aws:glue/crawler:Crawler', catalogShapes.crawler).map((crawler) => {
      const [target] = crawler.catalogTargets;
      return {
        name: crawler.name,
        arn: crawler.arn,
        roleArn: crawler.role,
        database: target.databaseName,
        tables: target.tables,
        queueArn: target.eventQueueArn,
      };
    }),
  };
}

function readSchedules(reader: ResourceReader): ScheduleSettings[] {
  const groups = reader.all('aws:scheduler/scheduleGroup:ScheduleGroup', catalogShapes.scheduleGroup);
  return reader.all('aws:scheduler/schedule:Schedule', catalogShapes.schedule).map((schedule) => ({
    name: schedule.name,
    groupArn:
      groups.find(({ name }) => name === schedule.groupName)?.arn ??
      schedule.arn.replace(/:schedule\/([^/]+)\/.*$/, ':schedule-group/$1'),
    expression: schedule.scheduleExpression,
    arn: schedule.arn,
    enabled: schedule.state === 'ENABLED',
    targetArn: schedule.target.arn,
    roleArn: schedule.target.roleArn,
    input: schedule.target.input,
  }));
}

function readStateMachines(reader: ResourceReader): StateMachineSettings[] {
  return reader.all('aws:sfn/stateMachine:StateMachine', catalogShapes.stateMachine).map((machine) => ({
    name: machine.name,
    arn: machine.arn,
    roleArn: machine.roleArn,
    definition: machine.definition,
    logs: (machine.loggingConfiguration?.level ?? 'OFF') !== 'OFF',
    traces: machine.tracingConfiguration?.enabled ?? false,
  }));
}

function readAlarms(reader: ResourceReader): AlarmSettings[] {
  return reader.all('aws:cloudwatch/metricAlarm:MetricAlarm', alarmShape).map((alarm) => {
    const settings = alarmOf(alarm);
    try {
      new Queries(settings.queries);
    } catch (error) {
      reader.complain(alarm.arn, errorText(error));
    }
    return settings;
  });
}
