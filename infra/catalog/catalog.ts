import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Dataset } from '../../domain/dataset.ts';
import { glueTable, tableLocation } from '../../domain/tables/glue.ts';
import { checkLayouts, type LakeLayout } from '../../domain/tables/layout.ts';
import { checkForSpectrum } from '../../domain/tables/redshift.ts';
import type { Bucket } from '../base/bucket.ts';
import type { Key } from '../base/key.ts';
import type { CatalogConfiguration } from '../configuration/catalog.ts';
import { allow, policyDocument, type Statement, trust, usesKey } from '../iam/documents.ts';
import { readsAll } from '../iam/grants.ts';
import { CrawlFindings } from './crawl-findings.ts';
import type { CrawlQueue } from './crawl-queue.ts';
import { CrawlSchedule } from './crawl-schedule.ts';

export interface CatalogArgs extends CatalogConfiguration {
  readonly datasets: readonly Dataset[];
  /** As recorded: what files that were written before may be like. */
  readonly layouts: readonly LakeLayout[];
  /** The bucket that holds the tables' files. */
  readonly files: Bucket;
  /** What changes in it. */
  readonly changes: CrawlQueue;
  readonly key: Key;
  readonly alarmTopicArn: string | undefined;
}

/** What a crawler writes into a table's parameters, which `pulumi refresh` would take for a change of ours. */
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
 * The lake's tables in the Glue Data Catalog, with the types of the datasets' rows, and the crawler that adds their
 * partitions.
 */
export class Catalog extends pulumi.ComponentResource {
  readonly database: pulumi.Output<string>;
  readonly crawler: pulumi.Output<string>;
  readonly crawlerArn: pulumi.Output<string>;
  /** The account that the stack is in. */
  readonly accountId: pulumi.Output<string>;
  readonly findings: CrawlFindings;
  /** What reads the catalog must be allowed, and when it is complete. */
  readonly tables: readonly aws.glue.CatalogTable[];
  readonly arns: readonly pulumi.Output<string>[];

  constructor(name: string, args: CatalogArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Catalog', name, {}, options);
    const { files, changes, key, alarmTopicArn } = args;
    checkLayouts(args.layouts, args.datasets);
    const database = new aws.glue.CatalogDatabase(
      name,
      { name: name.replaceAll('-', '_'), description: 'The tables of the lake.' },
      { parent: this },
    );
    this.tables = args.datasets.map((dataset) => {
      const table = checkForSpectrum(glueTable(dataset));
      return new aws.glue.CatalogTable(
        `${name}-${table.name}`,
        {
          databaseName: database.name,
          name: table.name,
          tableType: 'EXTERNAL_TABLE',
          parameters: table.parameters,
          partitionKeys: [...table.partitionKeys],
          storageDescriptor: {
            location: files.name.apply((bucket) => tableLocation(bucket, table)),
            inputFormat: table.inputFormat,
            outputFormat: table.outputFormat,
            columns: [...table.columns],
            serDeInfo: { serializationLibrary: table.serde.library, parameters: table.serde.parameters },
          },
        },
        { parent: this, ignoreChanges: crawlersOwn },
      );
    });
    this.arns = [
      database.arn.apply((arn) => arn.replace(/:database\/.*$/, ':catalog')),
      database.arn,
      ...this.tables.map(({ arn }) => arn),
    ];

    const role = new aws.iam.Role(
      name,
      {
        assumeRolePolicy: trust('glue.amazonaws.com', {
          'aws:SourceAccount': database.catalogId,
        }),
      },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      name,
      { role: role.name, policy: policyDocument(crawlerMay(this.arns, args, database.arn)) },
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
            tables: this.tables.map((table) => table.name),
            eventQueueArn: changes.queue.arn,
            dlqEventQueueArn: changes.deadLetters.arn,
          },
        ],
        recrawlPolicy: { recrawlBehavior: 'CRAWL_EVENT_MODE' },
        // Types are the dataset's, and a crawler that finds others says so (Glue guide, crawler-schema-changes-prevent).
        schemaChangePolicy: { updateBehavior: 'LOG', deleteBehavior: 'LOG' },
        configuration: JSON.stringify({
          Version: 1.0,
          CrawlerOutput: { Partitions: { AddOrUpdateBehavior: 'InheritFromTable' } },
        }),
      },
      { parent: this, dependsOn: [policy] },
    );

    new CrawlSchedule(
      `${name}-schedule`,
      { crawler, schedule: args.schedule, enabled: args.scheduled, alarmTopicArn },
      { parent: this },
    );
    this.findings = new CrawlFindings(`${name}-findings`, { crawler, key, alarmTopicArn }, { parent: this });
    this.database = database.name;
    this.crawler = crawler.name;
    this.crawlerArn = crawler.arn;
    this.accountId = database.catalogId;
    this.registerOutputs({ database: this.database, crawler: this.crawler });
  }
}

/**
 * Reads the tables' files and its queue, adds partitions, and nothing else. What it needs of the queue is what the Glue
 * guide lists (crawler-s3-event-notifications, "Setting up your account"); of the catalog and S3 Glue lists nothing but all of its
 * managed policy AWSGlueServiceRole, of which this is what a crawler of these tables can be expected to call. It may write tables
 * since Glue counts objects in their parameters; that it leaves their types alone is its schema change policy.
 */
function crawlerMay(
  catalog: readonly pulumi.Output<string>[],
  { files, changes, key }: CatalogArgs,
  databaseArn: pulumi.Output<string>,
): Statement[] {
  return [
    ...readsAll(files).statements,
    allow('FindFiles', ['s3:GetBucketLocation'], files.arn),
    allow(
      'ReadCatalog',
      [
        'glue:BatchGetPartition',
        'glue:GetDatabase',
        'glue:GetPartition',
        'glue:GetPartitions',
        'glue:GetTable',
        'glue:GetTables',
      ],
      catalog,
    ),
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
    // Crawlers of all stacks write to this one group, which Glue makes by itself.
    allow(
      'WriteLogs',
      ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
      databaseArn.apply((arn) =>
        arn.replace(':glue:', ':logs:').replace(/:database\/.*$/, ':log-group:/aws-glue/crawlers:*'),
      ),
    ),
  ];
}
