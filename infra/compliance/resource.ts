import * as z from 'zod';
import { parseStatements } from '../iam/documents.ts';
import type { Registered } from './check.ts';

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

/** The statements of a policy document's text; undefined when it can't be read, which is no sign of innocence. */
export const statements = (policy: unknown) => parseStatements(parsed(policy));

/** A statement that refuses everybody who comes without TLS. */
export const deniesWithoutTls = (policy: unknown): boolean =>
  (statements(policy) ?? []).some(
    (each) =>
      each.Effect === 'Deny' &&
      each.Principal.includes('*') &&
      each.Condition['Bool']?.['aws:SecureTransport'] === 'false',
  );

const queue = 'aws:sqs/queue:Queue';

/** The queue that a mapping takes from. */
export const sourceOf = ({ inputs }: Registered, all: readonly Registered[]) =>
  all.find((each) => each.type === queue && each.outputs['arn'] === inputs['eventSourceArn']);

/** The function that a mapping or an invocation calls. */
export const functionOf = ({ inputs }: Pick<Registered, 'inputs'>, all: readonly Registered[]) =>
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
