import type * as z from 'zod';

/** The error of an operation's input, in AWS's words. */
export interface InvalidInput {
  /** `Entries.0.Id` */
  readonly path: string;
  readonly missing: boolean;
  /** `Member must have length less than or equal to 10` */
  readonly constraint: string;
  readonly value: unknown;
}

export function invalidInputOf({ issues: [issue] }: z.ZodError): InvalidInput {
  const value = issue?.input;
  const missing = issue?.code === 'invalid_type' && value === undefined;
  return {
    path: issue?.path.join('.') ?? '',
    missing,
    constraint: missing || !issue ? 'Member must not be null' : constraintOf(issue),
    value,
  };
}

function constraintOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_big':
      return `Member must have ${measure(issue.origin)} less than or equal to ${issue.maximum}`;
    case 'too_small':
      return `Member must have ${measure(issue.origin)} greater than or equal to ${issue.minimum}`;
    case 'invalid_type':
      return `Member must be of type ${issue.expected}`;
    case 'invalid_value':
      return `Member must satisfy enum value set: [${issue.values.join(', ')}]`;
    case 'invalid_format':
      return `Member must satisfy regular expression pattern: ${issue.pattern ?? issue.format}`;
    default:
      return issue.message;
  }
}

const measure = (origin: string) => (origin === 'number' || origin === 'int' ? 'value' : 'length');

/** "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: …" */
export function validationMessage({ path, value, missing, constraint }: InvalidInput): string {
  const shown = missing
    ? ' null'
    : typeof value === 'object' || value === undefined
      ? ''
      : ` '${String(value)}'`;
  return `1 validation error detected: Value${shown} at '${awsPath(path)}' failed to satisfy constraint: ${constraint}`;
}

/** `entries.1.member.id` for `Entries.0.Id` */
function awsPath(path: string): string {
  return path
    .split('.')
    .map((part) =>
      /^\d+$/.test(part) ? `${Number(part) + 1}.member` : part.charAt(0).toLowerCase() + part.slice(1),
    )
    .join('.');
}
