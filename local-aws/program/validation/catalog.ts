import { parseSchedule } from '../../events/schedule.ts';
import type { Resource } from '../program.ts';
import {
  type Check,
  json,
  matches,
  type OfType,
  oneOf,
  parses,
  physicalName,
  property,
  range,
  refersTo,
  required,
  valueAt,
} from './checks.ts';
import { queueType, roleType } from './types.ts';

const databaseType = 'aws:glue/catalogDatabase:CatalogDatabase';
const tableType = 'aws:glue/catalogTable:CatalogTable';
const crawlerType = 'aws:glue/crawler:Crawler';
const namespaceType = 'aws:redshiftserverless/namespace:Namespace';
const workgroupType = 'aws:redshiftserverless/workgroup:Workgroup';

const lowerCase = /^[a-z0-9_-]+$/;
const lowerCaseWords = 'lower-case letters, digits, hyphens and underscores';

/** The rules of the provider and AWS for the catalog, schedules and Redshift Serverless. */
export const catalogChecks: Readonly<Record<string, readonly Check[]>> = {
  // Glue web API reference: DatabaseInput, TableInput, StorageDescriptor; Athena guide:
  // tables-databases-columns-names.
  [databaseType]: [physicalName('name', lowerCase, 255, lowerCaseWords)],
  [tableType]: [
    physicalName('name', lowerCase, 255, lowerCaseWords),
    required('databaseName'),
    refersTo('databaseName', [databaseType, 'name']),
    columnType('storageDescriptor.columns.*.type'),
    columnType('partitionKeys.*.type'),
  ],
  // Glue guide: crawler-s3-event-notifications; Glue web API reference: CreateCrawler.
  [crawlerType]: [
    physicalName('name', /^\P{Cc}+$/u, 255, 'printable'),
    required('role'),
    refersTo('role', [roleType, 'arn'], [roleType, 'name']),
    refersTo('databaseName', [databaseType, 'name']),
    oneOf('recrawlPolicy.recrawlBehavior', [
      'CRAWL_EVERYTHING',
      'CRAWL_NEW_FOLDERS_ONLY',
      'CRAWL_EVENT_MODE',
    ]),
    oneOf('schemaChangePolicy.updateBehavior', ['LOG', 'UPDATE_IN_DATABASE']),
    oneOf('schemaChangePolicy.deleteBehavior', ['LOG', 'DELETE_FROM_DATABASE', 'DEPRECATE_IN_DATABASE']),
    json('configuration'),
    refersTo('catalogTargets.*.eventQueueArn', [queueType, 'arn']),
    refersTo('catalogTargets.*.dlqEventQueueArn', [queueType, 'arn']),
    refersTo('catalogTargets.*.tables', [tableType, 'name']),
    catalogTargets,
  ],
  // EventBridge Scheduler API reference: CreateScheduleGroup, CreateSchedule, RetryPolicy.
  'aws:scheduler/scheduleGroup:ScheduleGroup': [
    physicalName('name', /^[0-9a-zA-Z-_.]+$/, 64, 'letters, digits and -_.'),
  ],
  'aws:scheduler/schedule:Schedule': [
    physicalName('name', /^[0-9a-zA-Z-_.]+$/, 64, 'letters, digits and -_.'),
    refersTo('groupName', ['aws:scheduler/scheduleGroup:ScheduleGroup', 'name']),
    oneOf('state', ['ENABLED', 'DISABLED']),
    required('target.arn'),
    required('target.roleArn'),
    refersTo('target.roleArn', [roleType, 'arn']),
    json('target.input'),
    range('target.retryPolicy.maximumEventAgeInSeconds', 60, 86_400),
    range('target.retryPolicy.maximumRetryAttempts', 0, 185),
    parses('scheduleExpression', (text) => parseSchedule(text, 0), 'rate(…) or cron(…)'),
  ],
  // Redshift Serverless API reference: CreateNamespace, CreateWorkgroup, CreateUsageLimit.
  [namespaceType]: [
    ...redshiftName('namespaceName'),
    oneOf('logExports', ['userlog', 'connectionlog', 'useractivitylog']),
  ],
  [workgroupType]: [
    ...redshiftName('workgroupName'),
    refersTo('namespaceName', [namespaceType, 'namespaceName']),
    range('baseCapacity', 4, 1_024),
    range('maxCapacity', 4, 5_632),
  ],
  'aws:redshiftserverless/usageLimit:UsageLimit': [
    refersTo('resourceArn', [workgroupType, 'arn']),
    oneOf('usageType', ['serverless-compute', 'cross-region-datasharing']),
    oneOf('period', ['daily', 'weekly', 'monthly']),
    oneOf('breachAction', ['log', 'emit-metric', 'deactivate']),
    range('amount', 1, 100_000_000),
  ],
  // Redshift Data API reference: ExecuteStatement.
  'aws:redshiftdata/statement:Statement': [
    refersTo('workgroupName', [workgroupType, 'workgroupName']),
    required('database'),
    required('sql'),
    function* shortEnough({ inputs }) {
      const size = Buffer.byteLength(String(inputs['sql']));
      if (size > 100_000) yield ['sql', `must have at most 100,000 bytes, not ${size}`];
    },
  ],
};

function redshiftName(path: string): Check[] {
  return [
    required(path),
    matches(path, /^[a-z0-9-]{3,64}$/, '3 to 64 lower-case letters, digits and hyphens'),
  ];
}

function columnType(path: string): Check {
  return property(path, (type) =>
    isHiveType(String(type)) ? undefined : `must be a type of the catalog, not ${JSON.stringify(type)}`,
  );
}

/**
 * Whether it is a type such as `struct<a:int,b:array<string>>` (Hive language manual: Types); nested types
 * are resolved from the inside out.
 */
function isHiveType(text: string): boolean {
  const type = String.raw`(?:[A-Za-z]\w*(?:\([\d,]+\))?|<>)`;
  const field = `[^<>,:()]+:${type}`;
  const nested = new RegExp(`array<${type}>|map<${type},${type}>|struct<${field}(?:,${field})*>`, 'g');
  let left = text.replaceAll(/\s*([<>,:()])\s*/g, '$1').replaceAll('<>', '?');
  for (let inner = ''; inner !== left; ) {
    inner = left;
    left = inner.replaceAll(nested, '<>');
  }
  return new RegExp(`^${type}$`).test(left);
}

/**
 * "Only a single target is supported by the crawler", which has a queue and at least one table, and "all
 * catalog tables should point to same Amazon S3 bucket"; deletions can only be logged.
 */
function* catalogTargets({ inputs }: Resource, ofType: OfType): ReturnType<Check> {
  const targets = [inputs['catalogTargets'] ?? []].flat();
  if (targets.length === 0) return;
  const eventMode = valueAt(inputs, 'recrawlPolicy.recrawlBehavior') === 'CRAWL_EVENT_MODE';
  if (eventMode && targets.length > 1)
    yield ['catalogTargets', `must be one target in event mode, not ${targets.length}`];
  if (eventMode && valueAt(targets[0], 'eventQueueArn') === undefined)
    yield ['catalogTargets.0.eventQueueArn', 'is required in event mode'];
  const names = [valueAt(targets[0], 'tables') ?? []].flat();
  if (names.length === 0) yield ['catalogTargets.0.tables', 'must name at least one table'];
  const buckets = ofType(tableType)
    .filter(({ outputs }) => names.some((name) => name === outputs['name']))
    .map(({ inputs: table }) => String(valueAt(table, 'storageDescriptor.location')).split('/')[2]);
  if (eventMode && new Set(buckets).size > 1)
    yield [
      'catalogTargets.0.tables',
      `must lie in one bucket in event mode, not in ${[...new Set(buckets)].join(', ')}`,
    ];
  if (valueAt(inputs, 'schemaChangePolicy.deleteBehavior') !== 'LOG')
    yield ['schemaChangePolicy.deleteBehavior', 'must be LOG when the targets are tables of the catalog'];
}
