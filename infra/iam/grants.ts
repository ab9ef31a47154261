import * as pulumi from '@pulumi/pulumi';
import { EVENT_SOURCE } from '../../domain/versions/announcement.ts';
import type { Bucket } from '../base/bucket.ts';
import { allow, type Statement } from './documents.ts';

/** A bucket and the permissions of a function in it. */
export interface Grant {
  readonly bucket: Bucket;
  readonly statements: readonly Statement[];
}

/**
 * Reading objects at the version that an event names. `s3:GetObject` is neither needed nor sufficient for
 * that. With the permission to list, a missing object gives 404 instead of 403 (S3 API reference, GetObject).
 */
export function reads(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [
      allow(sid('Read', bucket), ['s3:GetObjectVersion'], objects(bucket)),
      allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn),
    ],
  };
}

/**
 * Reading tables and partitions of the Glue Data Catalog. @param arns of the catalog, databases and tables
 */
export function readsCatalog(arns: readonly pulumi.Input<string>[]): Statement {
  return allow(
    'ReadCatalog',
    [
      'glue:BatchGetPartition',
      'glue:GetDatabase',
      'glue:GetPartition',
      'glue:GetPartitions',
      'glue:GetTable',
      'glue:GetTables',
    ],
    arns,
  );
}

/** Making Iceberg tables, and moving their pointers. @param arns as of `readsCatalog` */
export function changesTables(arns: readonly pulumi.Input<string>[]): Statement {
  return allow('ChangeTables', ['glue:CreateTable', 'glue:GetTable', 'glue:UpdateTable'], arns);
}

/** Registering partitions of tables. @param arns as of `readsCatalog`; none without such tables */
export function registersPartitions(arns: readonly pulumi.Input<string>[]): Statement[] {
  if (arns.length === 0) return [];
  return [allow('RegisterPartitions', ['glue:BatchCreatePartition', 'glue:GetTable'], arns)];
}

/**
 * Telling the pipeline's own events on the default bus (EventBridge guide, eb-use-conditions).
 *
 * @param neighbour the ARN of a queue of the same account and region
 */
export function announces(neighbour: pulumi.Output<string>): Statement {
  const bus = neighbour.apply((arn) => arn.replace(/:sqs:([^:]*:[^:]*):.*$/, ':events:$1:event-bus/default'));
  return {
    ...allow('Announce', ['events:PutEvents'], bus),
    Condition: { StringEquals: { 'events:source': EVENT_SOURCE } },
  };
}

/** Moving the pointers of Iceberg tables. @param arns as of `readsCatalog` */
export function movesTables(arns: readonly pulumi.Input<string>[]): Statement {
  return allow('MoveTables', ['glue:GetTable', 'glue:UpdateTable'], arns);
}

/** Writing whole objects. */
export function writes(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [allow(sid('Write', bucket), ['s3:PutObject'], objects(bucket))],
  };
}

/** Deleting objects. In a versioned bucket, a deletion adds a delete marker. */
export function removes(bucket: Bucket): Grant {
  return { bucket, statements: [allow(sid('Remove', bucket), ['s3:DeleteObject'], objects(bucket))] };
}

/** Finding objects under a prefix and deleting them. */
export function clears(bucket: Bucket): Grant {
  return all(removes(bucket), {
    bucket,
    statements: [allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn)],
  });
}

/** Combines several grants for one bucket, without duplicates. */
export function all(first: Grant, ...further: readonly Grant[]): Grant {
  const statements = [first, ...further].flatMap((grant) => grant.statements);
  return { ...first, statements: [...new Map(statements.map((each) => [each.Sid, each])).values()] };
}

/**
 * Compare-and-swap on small objects. A PUT with `If-Match` also needs `s3:GetObject` (S3 guide,
 * conditional-writes).
 */
export function updates(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [
      allow(sid('Update', bucket), ['s3:GetObject', 's3:PutObject'], objects(bucket)),
      allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn),
    ],
  };
}

/** Reading the newest versions of all objects, found by listing. */
export function readsAll(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [
      allow(sid('Read', bucket), ['s3:GetObject'], objects(bucket)),
      allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn),
    ],
  };
}

/** Reading the objects under a prefix, found by listing it. Everything else in the bucket stays hidden. */
export function readsUnder(bucket: Bucket, prefix: string): Statement[] {
  return [
    allow(`${sid('Read', bucket)}Under`, ['s3:GetObject'], pulumi.interpolate`${bucket.arn}/${prefix}*`),
    {
      ...allow(`${sid('List', bucket)}Under`, ['s3:ListBucket'], bucket.arn),
      Condition: { StringLike: { 's3:prefix': `${prefix}*` } },
    },
  ];
}

const objects = (bucket: Bucket) => pulumi.interpolate`${bucket.arn}/*`;
const sid = (verb: string, bucket: Bucket) =>
  verb + bucket.purpose[0]?.toUpperCase() + bucket.purpose.slice(1);
