import type { Check, Registered } from '../check.ts';
import { at, list, number, parsed, statements } from '../resource.ts';

const table = 'aws:glue/catalogTable:CatalogTable';
const crawler = 'aws:glue/crawler:Crawler';
const schedule = 'aws:scheduler/schedule:Schedule';
const workgroup = 'aws:redshiftserverless/workgroup:Workgroup';
const queue = 'aws:sqs/queue:Queue';

/** The lake's tables, the crawler that adds their partitions, and the warehouse that queries them. */
export const catalogChecks: readonly Check[] = [
  {
    name: 'table-columns',
    rule: 'A table declares its columns with types, without the partition columns, and the format of its files.',
    reason: 'Redshift Spectrum rejects duplicate columns, and Glue guesses whatever is not declared.',
    source: 'Redshift database guide, r_CREATE_EXTERNAL_TABLE',
    type: table,
    passes: ({ inputs }) => {
      const columns = list(at(inputs, 'storageDescriptor.columns'));
      const partitions = list(inputs['partitionKeys']).map((key) => at(key, 'name'));
      return (
        columns.length > 0 &&
        columns.every(
          (column) => at(column, 'type') !== undefined && !partitions.includes(at(column, 'name')),
        ) &&
        at(inputs, 'parameters.classification') !== undefined
      );
    },
  },
  {
    name: 'crawler-types',
    rule: 'A crawler crawls existing tables, only logs differences, and lets partitions inherit from the table.',
    reason: 'The dataset decides types; a crawler’s guess would change them from one file to the next.',
    source: 'Glue guide, crawler-schema-changes-prevent',
    type: crawler,
    passes: ({ inputs }) =>
      list(inputs['catalogTargets']).length > 0 &&
      inputs['s3Targets'] === undefined &&
      at(inputs, 'schemaChangePolicy.updateBehavior') === 'LOG' &&
      at(inputs, 'schemaChangePolicy.deleteBehavior') === 'LOG' &&
      at(parsed(inputs['configuration']), 'CrawlerOutput.Partitions.AddOrUpdateBehavior') ===
        'InheritFromTable',
  },
  {
    name: 'crawler-on-change',
    rule: 'A crawler uses S3 event mode, with a queue that has a DLQ and receives a bucket’s creations and deletions.',
    reason: 'AWS bills each crawl for at least 10 minutes, and an unchanged lake must cost nothing.',
    source: 'Glue guide, crawler-s3-event-notifications',
    type: crawler,
    passes: ({ inputs }, all) => {
      const arn = at(inputs, 'catalogTargets.0.eventQueueArn');
      const source = all.find((each) => each.type === queue && each.outputs['arn'] === arn);
      const events = all
        .filter(({ type }) => type === 'aws:s3/bucketNotification:BucketNotification')
        .flatMap((each) => list(each.inputs['queues']))
        .filter((each) => at(each, 'queueArn') === arn)
        .flatMap((each) => list(at(each, 'events')));
      return (
        at(inputs, 'recrawlPolicy.recrawlBehavior') === 'CRAWL_EVENT_MODE' &&
        source?.inputs['redrivePolicy'] !== undefined &&
        ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'].every((event) => events.includes(event))
      );
    },
  },
  {
    name: 'crawler-role',
    rule: 'A crawler’s role may read objects, use queues and logs, and add to the catalog, but not change objects.',
    reason: 'A crawler only reads the lake, so a faulty one must not be able to damage it.',
    source: 'Glue guide, crawler-prereqs',
    type: crawler,
    passes: ({ inputs }, all) =>
      actionsOf(inputs['role'], all).every((action) =>
        /^(s3:(Get|List)\w*|sqs:(?!SendMessage)\w+|logs:\w+|kms:Decrypt|glue:(?!Delete|BatchDelete|Start)\w+)$/.test(
          action,
        ),
      ),
  },
  {
    name: 'crawler-schedule',
    rule: 'EventBridge Scheduler starts a crawler, with a role that may do nothing else.',
    reason: 'One service holds all schedules, and a schedule’s role is used unattended.',
    source: 'Scheduler guide, setting-up-execution-role',
    type: crawler,
    passes: ({ inputs, outputs }, all) =>
      inputs['schedule'] === undefined &&
      all.some(
        (each) =>
          each.type === schedule &&
          at(parsed(at(each.inputs, 'target.input')), 'Name') === outputs['name'] &&
          at(each.inputs, 'target.retryPolicy') !== undefined &&
          statementsOf(at(each.inputs, 'target.roleArn'), all).every(
            ({ Action, Resource }) =>
              Action.join() === 'glue:StartCrawler' && Resource.join() === outputs['arn'],
          ),
      ),
  },
  {
    name: 'function-schedule',
    rule: 'A schedule that calls a function calls its alias, with a role that may do nothing else.',
    reason: 'The alias has code and variables of one deployment, and the role is used unattended.',
    source: 'Scheduler guide, setting-up-execution-role; Lambda guide, configuration-aliases',
    type: schedule,
    passes: ({ inputs }, all) => {
      const called = at(inputs, 'target.arn');
      if (!String(called).includes(':lambda:')) return true;
      return (
        all.some((each) => each.type === 'aws:lambda/alias:Alias' && each.outputs['arn'] === called) &&
        at(inputs, 'target.retryPolicy') !== undefined &&
        statementsOf(at(inputs, 'target.roleArn'), all).every(
          ({ Action, Resource }) => Action.join() === 'lambda:InvokeFunction' && Resource.join() === called,
        )
      );
    },
  },
  {
    name: 'crawler-findings',
    rule: 'An EventBridge rule sends failed crawls and crawls that found drift to a queue.',
    reason: 'A table that misses its newest partitions looks as if no new data had arrived.',
    source: 'EventBridge reference, events-ref-glue',
    type: crawler,
    passes: ({ outputs }, all) =>
      all.some(({ type, inputs, outputs: rule }) => {
        if (type !== 'aws:cloudwatch/eventRule:EventRule') return false;
        const pattern = parsed(inputs['eventPattern']);
        const alternatives = JSON.stringify(at(pattern, 'detail.$or') ?? '');
        return (
          list(at(pattern, 'detail.crawlerName')).includes(outputs['name']) &&
          ['"Failed"', 'warningMessage', 'tablesUpdated'].every((word) => alternatives.includes(word)) &&
          all.some(
            (each) =>
              each.type === 'aws:cloudwatch/eventTarget:EventTarget' && each.inputs['rule'] === rule['name'],
          )
        );
      }),
  },
  {
    name: 'warehouse-private',
    rule: 'A workgroup is not publicly accessible, and requires TLS.',
    reason: 'Clients query it through the Data API, which needs no network access.',
    source: 'Security Hub RedshiftServerless.3, RedshiftServerless.2',
    type: workgroup,
    passes: ({ inputs }) =>
      inputs['publiclyAccessible'] === false &&
      list(inputs['configParameters']).some(
        (each) => at(each, 'parameterKey') === 'require_ssl' && at(each, 'parameterValue') === 'true',
      ),
  },
  {
    name: 'warehouse-limit',
    rule: 'A workgroup has a maximum capacity, a query timeout, and a usage limit that stops it.',
    reason: 'A query over the whole lake must not cost an unlimited amount.',
    source: 'Redshift guide, serverless-workgroup-max-rpu',
    type: workgroup,
    passes: ({ inputs, outputs }, all) =>
      number(inputs['maxCapacity'], Number.POSITIVE_INFINITY) <= 1_024 &&
      list(inputs['configParameters']).some(
        (each) => at(each, 'parameterKey') === 'max_query_execution_time',
      ) &&
      all.some(
        (each) =>
          each.type === 'aws:redshiftserverless/usageLimit:UsageLimit' &&
          each.inputs['resourceArn'] === outputs['arn'] &&
          each.inputs['breachAction'] === 'deactivate',
      ),
  },
  {
    name: 'warehouse-role',
    rule: 'A Redshift namespace’s roles may only read.',
    reason: 'UNLOAD and CREATE EXTERNAL TABLE AS write with this role.',
    source: 'Redshift database guide, c-spectrum-iam-policies',
    type: 'aws:redshiftserverless/namespace:Namespace',
    passes: ({ inputs }, all) =>
      list(inputs['iamRoles']).length > 0 &&
      list(inputs['iamRoles'])
        .flatMap((role) => actionsOf(role, all))
        .every((action) => /^(s3:(Get|List)|glue:(Get|BatchGet)|kms:Decrypt$)/.test(action)),
  },
];

/**
 * The statements that apply to a role of the stack. An unreadable role or policy counts as one that allows
 * everything.
 */
function statementsOf(arn: unknown, all: readonly Registered[]) {
  const everything = [{ Action: ['*'], Resource: ['*'] }];
  const role = all.find(({ type, outputs }) => type === 'aws:iam/role:Role' && outputs['arn'] === arn);
  if (role === undefined) return everything;
  return all
    .filter(
      ({ type, inputs }) =>
        type === 'aws:iam/rolePolicy:RolePolicy' && inputs['role'] === role.outputs['name'],
    )
    .flatMap(
      ({ inputs }) => statements(inputs['policy'])?.filter(({ Effect }) => Effect === 'Allow') ?? everything,
    );
}

const actionsOf = (arn: unknown, all: readonly Registered[]): readonly string[] =>
  statementsOf(arn, all).flatMap(({ Action }) => Action);
