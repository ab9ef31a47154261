import * as z from 'zod';
import { whole } from './whole.ts';

/** A policy of IAM that limits what a role may do, whatever its own policies allow. */
export const permissionsBoundary = z
  .string()
  .regex(
    /^arn:aws:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+$/,
    'must be the ARN of an IAM policy, such as arn:aws:iam::123456789012:policy/boundary',
  )
  .optional();

/** Roles, users and whole accounts that may upload, besides those that IAM policies of this account allow. */
export const uploaders = z
  .array(
    z
      .string()
      .regex(
        /^arn:aws:iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+)$/,
        'must be the ARN of a role, a user or an account, such as arn:aws:iam::123456789012:role/exporter',
      ),
  )
  .max(20)
  .refine((arns) => new Set(arns).size === arns.length, 'must not name the same one twice')
  .default([]);

/** S3's own log of the requests to the stack's buckets. */
export const accessLogs = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** A bucket that exists, in the same account and region. Without it, the stack has one of its own. */
    bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket')
      .optional(),
    /** Days for which the stack's own bucket keeps them. */
    expiry: whole(15, 3_650).default(90),
  })
  .prefault({});

/** CloudTrail's record of the requests to the objects of the stack's buckets. */
export const dataEvents = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** Days for which they are kept. */
    expiry: whole(15, 3_650).default(90),
  })
  .prefault({});
