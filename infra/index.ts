import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { datasets, deployedDatasets } from '../datasets/index.ts';
import type { BucketVariable, FunctionName, VariableOf } from '../domain/environment.ts';
import { type StageInput, type Stage as StageName, stageInputs, stages } from '../domain/stage.ts';
import { lakeLayouts } from '../domain/tables/layout.ts';
import layouts from '../mysql/migrations/lake.json' with { type: 'json' };
import { AccessLogBucket } from './base/access-logs.ts';
import { Arrivals } from './base/arrivals.ts';
import { Bucket, type BucketArgs } from './base/bucket.ts';
import { DataEvents } from './base/data-events.ts';
import type { FunctionEnvironment } from './base/function.ts';
import { Key } from './base/key.ts';
import { sourceRetention } from './base/queue.ts';
import { StackAlarms } from './base/stack-alarms.ts';
import { stackWide } from './base/stack-wide.ts';
import { billedOf } from './billed.ts';
import { bundle } from './build/bundle.ts';
import { datasetCode } from './build/dataset-code.ts';
import { Catalog } from './catalog/catalog.ts';
import { CrawlQueue } from './catalog/crawl-queue.ts';
import { Maintenance } from './catalog/maintenance.ts';
import { Warehouse } from './catalog/warehouse.ts';
import { readConfiguration } from './configuration/configuration.ts';
import { providerArgs } from './configuration/provider.ts';
import { Dashboard } from './dashboard/dashboard.ts';
import {
  all,
  changesTables,
  clears,
  type Grant,
  reads,
  registersPartitions,
  removes,
  updates,
  writes,
} from './iam/grants.ts';
import { MySql } from './mysql/mysql.ts';
import { naming } from './naming.ts';
import type { BucketPurpose } from './outputs.ts';
import { Stage, type StageArgs } from './stage.ts';
import { Workflows } from './workflows/workflows.ts';

const project = pulumi.getProject();
const stack = pulumi.getStack();
const configuration = readConfiguration(pulumi.runtime.allConfig(), { project, stack });
const { region } = configuration.aws;
const name = naming(project, stack);

const ownCode = pulumi.output(datasetCode());
const code = pulumi.output(
  bundle({
    extraction: 'handlers/extraction.ts',
    transformation: 'handlers/transformation.ts',
    commit: 'handlers/commit.ts',
    loading: 'handlers/loading.ts',
    maintenance: 'handlers/maintenance.ts',
    migration: 'handlers/migration.ts',
    backfillSending: 'handlers/backfill-sending.ts',
    backfillReporting: 'handlers/backfill-reporting.ts',
  }),
);

const provider = new aws.Provider(
  'aws',
  providerArgs(configuration.aws, { project, stack, owner: configuration.owner }),
);
const { forceDestroy, retain } = configuration;
const alarms = new StackAlarms({
  prefix: name(),
  topicArn: configuration.alarmTopicArn,
  runbooks: configuration.runbooks,
});
const { accessLogs, dataEvents, encryptLogs, permissionsBoundary, uploaders } = configuration;
const key = new Key(
  name('key'),
  { forceDestroy, retain, uploaders, forLogs: encryptLogs, forTrail: dataEvents.enabled, prefix: name() },
  { provider },
);
const here = {
  provider,
  transformations: stackWide({ permissionsBoundary, logKey: encryptLogs ? key.arn : undefined }),
};

// Buckets. Each sends every creation and deletion of an object to EventBridge.
const logBucket = accessLogs.enabled ? (accessLogs.bucket ?? accessLogBucket()) : undefined;
const raw = bucket('raw', { uploaders });
const temp = bucket('temp', { expiry: configuration.tempExpiry });
const failed = bucket('failed');
// Without a schedule, in time before the queue forgets.
const crawlAlarmAge = configuration.catalog.scheduled
  ? configuration.catalog.alarmAge
  : sourceRetention - 172_800;
const crawlQueue = new CrawlQueue(
  name('crawl'),
  {
    key,
    alarmAge: crawlAlarmAge,
    alarms,
  },
  here,
);
const processed = bucket('processed');
const archive = bucket('archive', {
  glacierAfter: configuration.glacierAfter,
  changes: crawlQueue.queue,
});
const ledger = bucket('ledger', { createdOnce: 'receipts/' });
if (dataEvents.enabled) recordEvents([raw, temp, failed, processed, archive, ledger]);

// raw ⇒ extraction ─▶ temp, or ─▶ processed: it transforms small objects itself. The stage gets all keys: a
// file with an unknown prefix is recorded as failed, never ignored.
// Each stage also cleans up after a superseded version: the stage that completes the new version removes the
// older output.
const extraction = stage('extraction', {
  announces: true,
  handsOver: true,
  uses: {
    RAW_BUCKET: reads(raw),
    TEMP_BUCKET: all(updates(temp), clears(temp)),
    FAILED_BUCKET: all(writes(failed), clears(failed)),
    PROCESSED_BUCKET: all(writes(processed), clears(processed)),
    LEDGER_BUCKET: updates(ledger),
  },
});

// temp ⇒ transformation ─▶ processed
const transformation = stage('transformation', {
  announces: true,
  uses: {
    RAW_BUCKET: reads(raw),
    TEMP_BUCKET: all(reads(temp), clears(temp)),
    PROCESSED_BUCKET: all(writes(processed), clears(processed)),
    FAILED_BUCKET: all(writes(failed), clears(failed)),
    LEDGER_BUCKET: updates(ledger),
  },
});

// The tables that loading writes, in a private network. Only if the configuration enables MySQL.
const tables = configuration.mysql ? mySql() : undefined;

// ledger ⇒ loading ─▶ archive, MySQL. From here on, a stage writes to the failed bucket only if it can't read
// one of the pipeline's own files, so `npx sluice iam` reports that permission as unused while all is well.
const loading = stage('loading', {
  ...tables?.loading,
  uses: {
    PROCESSED_BUCKET: all(reads(processed), clears(processed)),
    ARCHIVE_BUCKET: all(writes(archive), removes(archive)),
    TEMP_BUCKET: clears(temp),
    FAILED_BUCKET: all(writes(failed), clears(failed)),
    LEDGER_BUCKET: updates(ledger),
  },
});

// archive ─▶ crawl queue ─▶ crawler ─▶ the catalog's tables ─▶ Redshift Spectrum
const glue = new Catalog(
  name('catalog'),
  {
    ...configuration.catalog,
    datasets: deployedDatasets,
    layouts: lakeLayouts.parse(layouts),
    files: processed,
    archive,
    ledgerFiles: { failed, ledger },
    changes: crawlQueue,
    key,
    alarms,
  },
  here,
);

// What does not arrive. Only for datasets that expect something.
if (deployedDatasets.some(({ expectedEvery }) => expectedEvery !== undefined))
  new Arrivals(name('arrivals'), { stack, datasets: deployedDatasets, alarms }, here);

// ledger ⇒ commit ─▶ the lake's tables
const commit = stage('commit', {
  announces: true,
  environment: { CATALOG_DATABASE: glue.database },
  permissions: [changesTables(glue.tableArns), ...registersPartitions(glue.partitionedArns)],
  uses: {
    PROCESSED_BUCKET: all(reads(processed), updates(processed), removes(processed)),
    ARCHIVE_BUCKET: removes(archive),
    TEMP_BUCKET: clears(temp),
    FAILED_BUCKET: all(writes(failed), clears(failed)),
    LEDGER_BUCKET: updates(ledger),
  },
});

// The lake's tables ─▶ the same without old snapshots and garbage, on a schedule.
const maintenance = new Maintenance(
  name('maintenance'),
  {
    ...configuration.maintenance,
    snapshotDays: configuration.snapshotDays,
    files: processed,
    ledger,
    failed,
    catalog: glue,
    key,
    bundle: code.maintenance,
    environment: environmentOf('maintenance'),
    logRetention: configuration.logRetention,
    alarms,
  },
  here,
);

const redshift = configuration.warehouse.enabled
  ? new Warehouse(
      name('warehouse'),
      {
        ...configuration.warehouse,
        datasets: deployedDatasets,
        files: [processed, archive],
        ledgerFiles: { failed, ledger },
        catalog: glue,
        key,
        region,
      },
      here,
    )
  : undefined;

// raw ─▶ extraction's queue; failed bucket ─▶ extraction's queue: backfill and replay, on demand.
const workflows = new Workflows(
  name('workflows'),
  {
    ...configuration.workflows,
    raw,
    failed,
    ledger,
    stages: { extraction, transformation, commit, loading },
    catalog: glue,
    key,
    code,
    environmentOf,
    logRetention: configuration.logRetention,
    alarms,
  },
  here,
);

const board = new Dashboard(
  name('dashboard'),
  {
    project,
    stack,
    region,
    alarms,
    stages: stages.map((each) => ({
      name: each,
      configuration: configuration[each],
      stage: { extraction, transformation, commit, loading }[each],
    })),
    datasets,
    crawl: {
      queue: crawlQueue.queue,
      deadLetters: crawlQueue.deadLetters,
      findings: glue.findings.queue,
      undelivered: glue.findings.undelivered,
      alarmAge: crawlAlarmAge,
    },
    functions: {
      maintenance: maintenance.lambda,
      ...workflows.functions,
      ...(tables && { migration: tables.migration }),
    },
    database: tables?.database,
  },
  here,
);

// The stack's outputs, as infra/outputs.ts types them. Pulumi warns of one that is undefined.
export default {
  buckets: {
    raw: raw.name,
    temp: temp.name,
    failed: failed.name,
    processed: processed.name,
    archive: archive.name,
    ledger: ledger.name,
  },
  queues: perStage((each) => each.queueUrl),
  deadLetterQueues: perStage((each) => each.deadLetters.url),
  undeliveredQueues: perStage((each) => each.undelivered.url),
  functions: perStage((each) => each.functionName),
  catalog: {
    database: glue.database,
    crawler: glue.crawler,
    schedule: glue.schedule,
    crawlQueue: crawlQueue.queue.url,
    crawlDeadLetterQueue: crawlQueue.deadLetters.url,
    findingsQueue: glue.findings.queue.url,
    findingsUndeliveredQueue: glue.findings.undelivered.url,
  },
  keyArn: key.arn,
  dashboard: board.url,
  alarmNames: alarms.names,
  stateMachines: workflows.stateMachines,
  maintenance: { function: maintenance.lambda.name, schedule: maintenance.schedule },
  ...(tables && { mysql: tables.outputs }),
  ...(redshift && { warehouse: { workgroup: redshift.workgroup, database: redshift.database } }),
  billed: billedOf(configuration, alarms.metrics),
  datasets: ownCode,
  region,
  stack,
};

function bucket(
  purpose: BucketPurpose,
  more: Pick<BucketArgs, 'expiry' | 'glacierAfter' | 'changes' | 'createdOnce' | 'uploaders'> = {},
): Bucket {
  const { oldVersionExpiry } = configuration;
  return new Bucket(
    name(purpose),
    { purpose, key, forceDestroy, retain, oldVersionExpiry, accessLogs: logBucket, ...more },
    here,
  );
}

function accessLogBucket(): pulumi.Output<string> {
  const { oldVersionExpiry } = configuration;
  return new AccessLogBucket(
    name('access'),
    { prefix: name(), expiry: accessLogs.expiry, oldVersionExpiry, forceDestroy, retain },
    here,
  ).name;
}

function recordEvents(buckets: readonly Bucket[]): void {
  const { expiry } = dataEvents;
  const { oldVersionExpiry } = configuration;
  new DataEvents(
    name('trail'),
    { prefix: name(), buckets, key, expiry, oldVersionExpiry, forceDestroy, retain },
    here,
  );
}

function mySql(): MySql {
  const { database, logRetention } = configuration;
  return new MySql(
    name('mysql'),
    {
      configuration: database,
      buckets: [temp, failed, processed, archive, ledger],
      key,
      bundle: code.migration,
      environment: environmentOf('migration'),
      logRetention,
      alarms,
    },
    here,
  );
}

function stage<Name extends StageName>(
  stageName: Name,
  args: Partial<
    Pick<StageArgs, 'announces' | 'handsOver' | 'environment' | 'permissions' | 'placement' | 'after'>
  > & {
    readonly uses: Readonly<Record<BucketVariable<VariableOf<Name>>, Grant>>;
  },
): Stage {
  const { bucket: source, changes, keys }: StageInput = stageInputs[stageName];
  return new Stage(
    name(stageName),
    {
      ...configuration[stageName],
      ...args,
      source: { raw, temp, ledger }[source],
      changes,
      keys,
      key,
      bundle: code[stageName],
      logRetention: configuration.logRetention,
      alarms,
      environment: { ...environmentOf(stageName), ...args.environment },
    },
    here,
  );
}

function environmentOf(service: FunctionName): FunctionEnvironment {
  return {
    POWERTOOLS_SERVICE_NAME: service,
    POWERTOOLS_METRICS_NAMESPACE: 'Sluice',
    LOG_LEVEL: configuration.logLevel,
    STACK: stack,
  };
}

function perStage<Value>(of: (each: Stage) => Value): Record<StageName, Value> {
  return {
    extraction: of(extraction),
    transformation: of(transformation),
    commit: of(commit),
    loading: of(loading),
  };
}
