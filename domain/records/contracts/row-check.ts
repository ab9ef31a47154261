import { errorText, permanentCodes, transientCodes } from '../../errors.ts';
import { type Problem, rejectCodes } from '../reject.ts';

/** What a dataset demands of a row, beyond the types of its columns. */
export interface RowCheck<Row, Record> {
  /** Lower-case letters, digits and underscores, such as `negative_price`. Rejects are counted under it. */
  readonly code: string;
  /** What is wrong of a row that does not pass, and what helps. */
  readonly message: string;
  /** The column that it is about, for the reject's path. */
  readonly column?: keyof Row & string;
  /** Whether the row passes. Pure, as the transform is. */
  check(row: Row, record: Record): boolean;
}

type AnyCheck = RowCheck<Readonly<Record<string, unknown>>, unknown>;

const CODE = /^[a-z][a-z0-9_]{2,49}$/;
const taken: ReadonlySet<string> = new Set([...rejectCodes, ...permanentCodes, ...transientCodes]);

/** Why a dataset can't have these checks: a sentence. `undefined` if it can. */
export function whyNoChecks(
  checks: readonly Pick<AnyCheck, 'code' | 'message' | 'column'>[],
  columns: ReadonlyMap<string, unknown>,
): string | undefined {
  const codes = new Set<string>();
  for (const { code, message, column } of checks) {
    const name = `the code ${JSON.stringify(code)} of a check`;
    if (!CODE.test(code))
      return `${name} must be lower-case letters, digits and underscores, begin with a letter, and have 3 to 50 characters.`;
    if (taken.has(code)) return `${name} is one of the pipeline’s own: choose another one.`;
    if (codes.has(code)) return `${name} is there twice.`;
    codes.add(code);
    if (message.trim() === '') return `the check ${code} has no message.`;
    if (column !== undefined && !columns.has(column))
      return `the check ${code} is about ${column}, which is not a column of its row.`;
  }
  return undefined;
}

/** What is wrong of a row by the dataset's own checks. */
export function failedChecks(
  checks: readonly AnyCheck[],
  row: Readonly<Record<string, unknown>>,
  record: unknown,
): Problem[] {
  const problems: Problem[] = [];
  for (const each of checks) {
    const { code, message, column: path = '' } = each;
    try {
      if (!each.check(row, record)) problems.push({ path, code, message });
    } catch (error) {
      const failure = `The check ${code} failed: ${errorText(error)}`;
      problems.push({ path, code: 'transform_failed', message: failure });
    }
  }
  return problems;
}
