import * as z from 'zod';
import { parseStatements } from '../iam/documents.ts';
import type { Registered } from './check.ts';

/** The value at a path such as `scalingConfig.maximumConcurrency` or `rules.0.days`. */
export function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((from, step) => (isRecord(from) ? from[step] : undefined), value);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** A number, or AWS's default if the program sets none. */
export const number = (value: unknown, otherwise: number) => (typeof value === 'number' ? value : otherwise);

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Parses JSON text; returns other values unchanged. */
export function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/**
 * The statements of a policy document's text; undefined if it can't be read. Callers must not take that as a
 * pass.
 */
export const statements = (policy: unknown) => parseStatements(parsed(policy));

/** Whether a policy denies every call without TLS. */
export const deniesWithoutTls = (policy: unknown): boolean =>
  (statements(policy) ?? []).some(
    (each) =>
      each.Effect === 'Deny' &&
      each.Principal.includes('*') &&
      each.Condition['Bool']?.['aws:SecureTransport'] === 'false',
  );

const queue = 'aws:sqs/queue:Queue';

/** The queue that a mapping reads from. */
export const sourceOf = ({ inputs }: Registered, all: readonly Registered[]) =>
  all.find((each) => each.type === queue && each.outputs['arn'] === inputs['eventSourceArn']);

/** The alias that a mapping calls. */
export const aliasOf = ({ inputs }: Pick<Registered, 'inputs'>, all: readonly Registered[]) =>
  all.find(({ type, outputs }) => type === aliasType && outputs['arn'] === inputs['functionName']);

export const aliasType = 'aws:lambda/alias:Alias';

/** The function that a mapping, an invocation or an alias names. */
export const functionOf = (
  { inputs }: Pick<Registered, 'inputs'>,
  all: readonly Registered[],
): Registered | undefined => {
  const named = aliasOf({ inputs }, all)?.inputs['functionName'] ?? inputs['functionName'];
  return all.find(
    ({ type, outputs }) => type === 'aws:lambda/function:Function' && Object.values(outputs).includes(named),
  );
};

/** Whether a resource waits for another one, directly or through others. */
export function waitsFor(resource: Registered, awaited: Registered, all: readonly Registered[]): boolean {
  const known = new Map(all.map((each) => [each.urn, each]));
  const seen = new Set<string>();
  const waits = (urn: string): boolean => {
    if (urn === awaited.urn) return true;
    if (seen.has(urn)) return false;
    seen.add(urn);
    return known.get(urn)?.dependencies.some(waits) ?? false;
  };
  return resource.dependencies.some(waits);
}

const redrive = z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number() });

export const redriveOf = (source: Registered | undefined) =>
  redrive.safeParse(parsed(source?.inputs['redrivePolicy'])).data;

export const deadLettersOf = (source: Registered | undefined, all: readonly Registered[]) =>
  all.find((each) => each.type === queue && each.outputs['arn'] === redriveOf(source)?.deadLetterTargetArn);

/** The resource of this type that configures a bucket. */
export const besides = (type: string, bucket: Registered, all: readonly Registered[]) =>
  all.find((each) => each.type === type && each.inputs['bucket'] === bucket.outputs['bucket']);

/** The policy text of the policy resource whose `key` is `value`. */
export const policyOf = (type: string, key: string, value: unknown, all: readonly Registered[]) =>
  all.find((each) => each.type === type && each.inputs[key] === value)?.inputs['policy'];
