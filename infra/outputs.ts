import * as z from 'zod';
import { billed } from '../domain/cost/at-rest.ts';
import { machines } from '../domain/operations/backfill.ts';
import { stages } from '../domain/stage.ts';

/** The buckets, in the order of the data flow. */
export const bucketPurposes = ['raw', 'temp', 'failed', 'processed', 'archive', 'ledger'] as const;
export type BucketPurpose = (typeof bucketPurposes)[number];

const perBucket = z.record(z.enum(bucketPurposes), z.string());
const perStage = z.record(z.enum(stages), z.string());

/**
 * The stack's outputs: `pulumi stack output --json` on AWS, `npx sluice outputs --json` locally. A file of
 * its own, so that the command line reads it without loading Pulumi.
 */
export const stackOutputs = z.strictObject({
  /** Bucket names. */
  buckets: perBucket,
  /** The KMS key of buckets and queues, which an uploader needs too. */
  keyArn: z.string(),
  /** Queue URLs. */
  queues: perStage,
  /** URLs of the stages' DLQs, which hold messages whose last attempt failed. */
  deadLetterQueues: perStage,
  /** URLs of the queues with events that EventBridge could not deliver to a stage's queue. */
  undeliveredQueues: perStage,
  /** Function names. */
  functions: perStage,
  /**
   * The Glue database's and crawler's names, the crawl schedule's as `GROUP/NAME`, and the URLs of the crawl
   * queue, its DLQ and the queue of findings.
   */
  catalog: z.strictObject({
    database: z.string(),
    crawler: z.string(),
    schedule: z.string(),
    crawlQueue: z.string(),
    crawlDeadLetterQueue: z.string(),
    findingsQueue: z.string(),
    findingsUndeliveredQueue: z.string(),
  }),
  /** The name of the function that maintains the lake's tables, and its schedule's as `GROUP/NAME`. */
  maintenance: z.strictObject({ function: z.string(), schedule: z.string() }),
  /** The address of the CloudWatch dashboard, which ends with its name. The local cloud has only its body. */
  dashboard: z.string(),
  /** The alarms' names, each by its name within the stack, such as `extraction-age`. */
  alarmNames: z.record(z.string(), z.string()),
  /** ARNs of the state machines. */
  stateMachines: z.record(z.enum(machines), z.string()),
  /** The Redshift workgroup and its database; missing if the configuration disables it. */
  warehouse: z.strictObject({ workgroup: z.string(), database: z.string() }).optional(),
  /** The MySQL instance, its schema, and the migration function; missing if the configuration disables it. */
  mysql: z.strictObject({ host: z.string(), database: z.string(), migration: z.string() }).optional(),
  /** What the bill depends on, for `npx sluice cost`. */
  billed,
  /** The version of each dataset's own code, for `npx sluice check`. Older programs have no such output. */
  datasets: z.record(z.string(), z.string()).optional(),
  region: z.string(),
  stack: z.string(),
});

export type StackOutputs = z.infer<typeof stackOutputs>;
