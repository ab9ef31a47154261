import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Dataset } from '../../domain/dataset.ts';
import {
  archiveGlueTable,
  archiveLocation,
  type GlueTable,
  glueTable,
  ledgerGlueTable,
  ledgerTableLocation,
  tableLocation,
} from '../../domain/tables/glue.ts';
import { checkLayouts, type LakeLayout, LayoutRefused } from '../../domain/tables/layout.ts';
import { type LedgerTable, ledgerTables } from '../../domain/tables/ledger-tables.ts';
import { checkForSpectrum } from '../../domain/tables/redshift.ts';
import type { Bucket } from '../base/bucket.ts';
import type { Key } from '../base/key.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';
import type { CatalogConfiguration } from '../configuration/catalog.ts';
import { allow, crawlerTrust, policyDocument, type Statement, usesKey } from '../iam/documents.ts';
import { readsAll, readsCatalog } from '../iam/grants.ts';
import { CrawlFindings } from './crawl-findings.ts';
import type { CrawlQueue } from './crawl-queue.ts';
import { CrawlSchedule } from './crawl-schedule.ts';

export interface CatalogArgs extends CatalogConfiguration {
  readonly datasets: readonly Dataset[];
  /** The recorded layouts of older files. */
  readonly layouts: readonly LakeLayout[];
  /** The bucket with the files of the datasets' tables. */
  readonly files: Bucket;
  readonly archive: Bucket;
  /** The buckets with the files of the tables about the pipeline's own work. */
  readonly ledgerFiles: Readonly<Record<LedgerTable['bucket'], Bucket>>;
  /** The queue of the archive's changes. */
  readonly changes: CrawlQueue;
  readonly key: Key;
  readonly alarms: StackAlarms;
}

/** Table parameters that crawlers write; `pulumi refresh` would otherwise report them as changes. */
const crawlersOwn = [
  'CrawlerSchemaDeserializerVersion',
  'CrawlerSchemaSerializerVersion',
  'UPDATED_BY_CRAWLER',
  'averageRecordSize',
  'objectCount',
  'recordCount',
  'sizeKey',
].map((name) => `parameters["${name}"]`);

/**
 * The tables of the Glue Data Catalog, with column types from the datasets' rows: of CSV datasets, of every
 * dataset's archive, and about the pipeline's own work; and the crawler, which adds the archive's partitions.
 * All tables of a crawler in event mode must be in one bucket (Glue guide, crawler-s3-event-notifications),
 * so commits themselves add the partitions of CSV tables.
 */
export class Catalog extends pulumi.ComponentResource {
  readonly database: pulumi.Output<string>;
  readonly crawler: pulumi.Output<string>;
  /** The schedule that starts the crawler: `GROUP/NAME`. */
  readonly schedule: pulumi.Output<string>;
  readonly crawlerArn: pulumi.Output<string>;
  /** The stack's AWS account. */
  readonly accountId: pulumi.Output<string>;
  readonly findings: CrawlFindings;
  /** The tables, so that readers of the catalog can be granted access and wait for them. */
  readonly tables: readonly aws.glue.CatalogTable[];
  readonly arns: readonly pulumi.Output<string>[];
  /** Of the Iceberg tables, which the commit function makes, and of what is above them. */
  readonly tableArns: readonly pulumi.Output<string>[];
  /** Of the CSV tables with partitions, which commits register, and of what is above them; or none. */
  readonly partitionedArns: readonly pulumi.Output<string>[];

  constructor(name: string, args: CatalogArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Catalog', name, {}, options);
    const { files, archive, changes, key, alarms } = args;
    refuseLayouts(args);
    const database = new aws.glue.CatalogDatabase(
      name,
      { name: name.replaceAll('-', '_'), description: 'The tables of the lake.' },
      { parent: this, deleteBeforeReplace: true },
    );
    const newTable = (table: GlueTable, location: pulumi.Output<string>) =>
      new aws.glue.CatalogTable(
        `${name}-${table.name}`,
        {
          databaseName: database.name,
          name: table.name,
          tableType: 'EXTERNAL_TABLE',
          parameters: table.parameters,
          partitionKeys: [...table.partitionKeys],
          storageDescriptor: {
            location,
            inputFormat: table.inputFormat,
            outputFormat: table.outputFormat,
            columns: [...table.columns],
            serDeInfo: { serializationLibrary: table.serde.library, parameters: table.serde.parameters },
          },
        },
        { parent: this, ignoreChanges: crawlersOwn, deleteBeforeReplace: true },
      );
    const ofCsv = args.datasets.flatMap((dataset) => {
      const table = checkForSpectrum(glueTable(dataset));
      // The commit function makes the others, and changes them.
      if (dataset.processedAs !== 'csv') return [];
      return newTable(
        table,
        files.name.apply((bucket) => tableLocation(bucket, table)),
      );
    });
    const crawled = args.datasets.map((dataset) =>
      newTable(
        checkForSpectrum(archiveGlueTable(dataset)),
        archive.name.apply((bucket) => archiveLocation(bucket, dataset)),
      ),
    );
    const ofLedger = Object.values(ledgerTables).map((table) =>
      newTable(
        ledgerGlueTable(table),
        args.ledgerFiles[table.bucket].name.apply((bucket) => ledgerTableLocation(bucket, table)),
      ),
    );
    this.tables = [...ofCsv, ...crawled, ...ofLedger];
    const arnsOf = (tables: readonly aws.glue.CatalogTable[]) => [
      database.arn.apply((arn) => arn.replace(/:database\/.*$/, ':catalog')),
      database.arn,
      ...tables.map(({ arn }) => arn),
    ];
    this.arns = arnsOf(this.tables);
    const arnsNamed = (datasets: readonly Dataset[]) => [
      ...arnsOf([]),
      ...datasets.map(({ name: table }) =>
        database.arn.apply((arn) => `${arn.replace(':database/', ':table/')}/${table}`),
      ),
    ];
    this.tableArns = arnsNamed(args.datasets.filter(({ processedAs }) => processedAs !== 'csv'));
    const partitioned = args.datasets.filter(
      ({ processedAs, partitionBy }) => processedAs === 'csv' && partitionBy.length > 0,
    );
    this.partitionedArns = partitioned.length === 0 ? [] : arnsNamed(partitioned);

    const role = new aws.iam.Role(name, { assumeRolePolicy: crawlerTrust }, { parent: this });
    const policy = new aws.iam.RolePolicy(
      name,
      { role: role.name, policy: policyDocument(crawlerMay(arnsOf(crawled), args, database.arn)) },
      { parent: this },
    );
    const crawler = new aws.glue.Crawler(
      name,
      {
        databaseName: database.name,
        role: role.arn,
        catalogTargets: [
          {
            databaseName: database.name,
            tables: crawled.map((table) => table.name),
            eventQueueArn: changes.queue.arn,
            dlqEventQueueArn: changes.deadLetters.arn,
          },
        ],
        recrawlPolicy: { recrawlBehavior: 'CRAWL_EVENT_MODE' },
        // The dataset decides types; the crawler only logs different ones (Glue guide,
        // crawler-schema-changes-prevent).
        schemaChangePolicy: { updateBehavior: 'LOG', deleteBehavior: 'LOG' },
        configuration: JSON.stringify({
          Version: 1.0,
          CrawlerOutput: { Partitions: { AddOrUpdateBehavior: 'InheritFromTable' } },
        }),
      },
      { parent: this, dependsOn: [policy] },
    );

    this.schedule = new CrawlSchedule(
      `${name}-schedule`,
      { crawler, schedule: args.schedule, enabled: args.scheduled, alarmAge: args.alarmAge, alarms },
      { parent: this },
    ).id;
    this.findings = new CrawlFindings(`${name}-findings`, { crawler, key, alarms }, { parent: this });
    this.database = database.name;
    this.crawler = crawler.name;
    this.crawlerArn = crawler.arn;
    this.accountId = database.catalogId;
    this.registerOutputs({ database: this.database, crawler: this.crawler });
  }
}

/** @throws {pulumi.RunError} if the datasets no longer have the layouts of files that are in the lake */
function refuseLayouts({ layouts, datasets }: CatalogArgs): void {
  try {
    checkLayouts(layouts, datasets);
  } catch (error) {
    if (error instanceof LayoutRefused) throw new pulumi.RunError(error.message);
    throw error;
  }
}

/**
 * Lets the crawler read the archive's files and its queue, and add partitions. The queue's permissions are
 * those in the Glue guide (crawler-s3-event-notifications, "Setting up your account"). For the catalog and
 * S3, Glue documents only the managed policy AWSGlueServiceRole; these are the calls of it that a crawler of
 * these tables needs. The crawler may update tables, because Glue stores object counts in their parameters;
 * its schema change policy keeps it from changing types.
 */
function crawlerMay(
  catalog: readonly pulumi.Output<string>[],
  { archive, changes, key }: CatalogArgs,
  databaseArn: pulumi.Output<string>,
): Statement[] {
  return [
    ...readsAll(archive).statements,
    allow('FindFiles', ['s3:GetBucketLocation'], archive.arn),
    readsCatalog(catalog),
    allow(
      'RegisterPartitions',
      [
        'glue:BatchCreatePartition',
        'glue:BatchUpdatePartition',
        'glue:CreatePartition',
        'glue:UpdatePartition',
        'glue:UpdateTable',
      ],
      catalog,
    ),
    allow(
      'ReceiveChanges',
      [
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
        'sqs:ListDeadLetterSourceQueues',
        'sqs:ListQueueTags',
        'sqs:PurgeQueue',
        'sqs:ReceiveMessage',
        'sqs:SetQueueAttributes',
      ],
      [changes.queue.arn, changes.deadLetters.arn],
    ),
    usesKey(key.arn, ['Decrypt'], ['s3', 'sqs']),
    // Crawlers of all stacks write to this log group, which Glue creates itself.
    allow(
      'WriteLogs',
      ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
      databaseArn.apply((arn) =>
        arn.replace(':glue:', ':logs:').replace(/:database\/.*$/, ':log-group:/aws-glue/crawlers:*'),
      ),
    ),
  ];
}
