import * as z from 'zod';
import type { Registered } from './policies.ts';

/** The value at a path such as `scalingConfig.maximumConcurrency` or `rules.0.days`. */
export function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((from, step) => (isRecord(from) ? from[step] : undefined), value);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** A number, or what AWS takes when the program says nothing. */
export const number = (value: unknown, otherwise: number) => (typeof value === 'number' ? value : otherwise);

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** JSON that may come as text. */
export function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

const words = z.union([z.string().transform((word) => [word]), z.array(z.string())]);
const document = z.object({
  Statement: z.array(
    z.object({
      Effect: z.string(),
      /** Only the one service or account that our policies name each time. */
      Principal: z
        .union([z.string(), z.record(z.string(), z.string()).transform((by) => Object.values(by).join())])
        .optional(),
      Action: words.default([]),
      Resource: words.default([]),
      Condition: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
    }),
  ),
});

/** The statements of a policy document's text; none when it is no such document. */
export function statements(policy: unknown) {
  return document.safeParse(parsed(policy)).data?.Statement ?? [];
}

/** A statement that refuses everybody who comes without TLS. */
export const deniesWithoutTls = (policy: unknown): boolean =>
  statements(policy).some(
    (each) =>
      each.Effect === 'Deny' &&
      each.Principal === '*' &&
      each.Condition['Bool']?.['aws:SecureTransport'] === 'false',
  );

const queue = 'aws:sqs/queue:Queue';

/** The queue that a mapping takes from. */
export const sourceOf = ({ inputs }: Registered, all: readonly Registered[]) =>
  all.find((each) => each.type === queue && each.outputs['arn'] === inputs['eventSourceArn']);

/** The function that a mapping calls. */
export const functionOf = ({ inputs }: Registered, all: readonly Registered[]) =>
  all.find(
    (each) =>
      each.type === 'aws:lambda/function:Function' &&
      Object.values(each.outputs).includes(inputs['functionName']),
  );

const redrive = z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number() });

export const redriveOf = (source: Registered | undefined) =>
  redrive.safeParse(parsed(source?.inputs['redrivePolicy'])).data;

export const deadLettersOf = (source: Registered | undefined, all: readonly Registered[]) =>
  all.find((each) => each.type === queue && each.outputs['arn'] === redriveOf(source)?.deadLetterTargetArn);

/** The resource of this type that configures a bucket. */
export const besides = (type: string, bucket: Registered, all: readonly Registered[]) =>
  all.find((each) => each.type === type && each.inputs['bucket'] === bucket.outputs['bucket']);

/** The text of the policy resource whose `key` is `value`. */
export const policyOf = (type: string, key: string, value: unknown, all: readonly Registered[]) =>
  all.find((each) => each.type === type && each.inputs[key] === value)?.inputs['policy'];
