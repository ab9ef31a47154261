import * as z from 'zod';

/** The possible faults of a single record. Stable, since alarms, replays and people rely on these codes. */
export const rejectCodes = [
  'malformed_json',
  'malformed_csv',
  'ragged_row',
  'nul_byte',
  'invalid_utf8',
  'unpaired_surrogate',
  'record_too_large',
  'truncated',
  'missing_field',
  'wrong_type',
  'unknown_field',
  'inexact_number',
  'empty',
  'too_small',
  'too_large',
  'invalid_value',
  'transform_failed',
  'invalid_row',
  'not_storable',
] as const;
export type RejectCode = (typeof rejectCodes)[number];

/** The code of a dataset's own check. */
export type OwnCode = string & {};

/** One fault of a record. */
export interface Problem {
  /** The place in the record, e.g. `ingredients[2]`; empty for the record as a whole. */
  readonly path: string;
  readonly code: RejectCode | OwnCode;
  readonly message: string;
}

/** A record that could not become a row. */
export interface Reject extends Problem {
  /** Position in the object, from 1. */
  readonly recordNumber: number;
  /** Its other faults. */
  readonly further?: readonly Problem[];
  /**
   * The record exactly as in the input, as JSON text; a line of CSV is one JSON string. Absent if it is not
   * text.
   */
  readonly json?: string;
  /** The beginning of the record, if it is not JSON or too large. */
  readonly excerpt?: string;
}

/** Any code, since the set of codes changes and stored lines don't. */
const problem = z.object({ path: z.string(), code: z.string(), message: z.string() });

/** A line of a rejects file in the failed bucket. */
export const rejectLine = problem.extend({
  recordNumber: z.int().positive(),
  further: z.array(problem).optional(),
  record: z.unknown().optional(),
  excerpt: z.string().optional(),
});
export type RejectLine = z.infer<typeof rejectLine>;

/**
 * Renders a reject as a line of NDJSON. The record is inserted as its original text, not parsed and printed
 * again, so that it is exactly what was sent, however deep or odd. A line feed in JSON text can only be white
 * space.
 */
export function renderReject(reject: Reject): string {
  const { json, ...rest } = reject;
  const line = JSON.stringify(rest);
  return json === undefined ? line : `${line.slice(0, -1)},"record":${json.replace(/[\r\n]/g, ' ')}}`;
}

const RECORD = ',"record":';

/** The record of a line that `renderReject` wrote, as JSON text: parsed, its numbers could lose digits. */
export function recordText(line: string): string | undefined {
  // A quote within a JSON string is escaped, so these characters are a key, and the record is the last value.
  const at = line.indexOf(RECORD);
  return at < 0 ? undefined : line.slice(at + RECORD.length, -1);
}
