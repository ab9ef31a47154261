import * as z from 'zod';
import { stages } from '../domain/stage.ts';
import { machines } from '../domain/versions/backfill.ts';
import { bucketPurposes } from './naming.ts';

const perBucket = z.record(z.enum(bucketPurposes), z.string());
const perStage = z.record(z.enum(stages), z.string());

/**
 * What the stack tells its users: `pulumi stack output --json` on AWS, `npx sluice outputs --json` locally.
 * Apart from the program, so that the command line can read it without loading Pulumi.
 */
export const stackOutputs = z.strictObject({
  /** Bucket names. */
  buckets: perBucket,
  /** Queue URLs. */
  queues: perStage,
  /** Queue URLs of what a stage gave up on after its last attempt. */
  deadLetterQueues: perStage,
  /** Queue URLs of what EventBridge could not deliver to a stage's queue. */
  undeliveredQueues: perStage,
  /** Function names. */
  functions: perStage,
  /** The Glue database and crawler by name; queue URLs of what waits for a crawl, was given up, or was found. */
  catalog: z.strictObject({
    database: z.string(),
    crawler: z.string(),
    crawlQueue: z.string(),
    crawlDeadLetterQueue: z.string(),
    findingsQueue: z.string(),
    findingsUndeliveredQueue: z.string(),
  }),
  /** The address of the CloudWatch dashboard; there is none in the local cloud. */
  dashboard: z.string(),
  /** ARNs of the state machines. */
  stateMachines: z.record(z.enum(machines), z.string()),
  /** The Redshift workgroup and its database; absent where the configuration leaves it off. */
  warehouse: z.strictObject({ workgroup: z.string(), database: z.string() }).optional(),
  /** The MySQL instance, its schema, and the migration function; absent where the configuration leaves it off. */
  mysql: z.strictObject({ host: z.string(), database: z.string(), migration: z.string() }).optional(),
  region: z.string(),
  stack: z.string(),
});

export type StackOutputs = z.infer<typeof stackOutputs>;
