import * as z from 'zod';

/** What can be wrong with a single record. Stable: alarms, replays and people rely on them. */
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

/** One thing that is wrong with a record. */
export interface Problem {
  /** Where in the record, e.g. `ingredients[2]`; empty for the record as a whole. */
  readonly path: string;
  readonly code: RejectCode;
  readonly message: string;
}

/** A record that could not become a row. */
export interface Reject extends Problem {
  /** Position in the object, from 1. */
  readonly recordNumber: number;
  /** What else is wrong with it. */
  readonly further?: readonly Problem[];
  /** The record as it stood in the input, as JSON text; a line of CSV is one JSON string. Absent when it is no text. */
  readonly json?: string;
  /** The beginning of what stood in the input, where it is no JSON or too much. */
  readonly excerpt?: string;
}

/** Codes come and go, and lines stay. */
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
 * Renders a reject as a line of NDJSON. The record goes in as the text that came, not parsed and printed anew: so it
 * is exactly what the sender sent, however deep or odd. White space is all that a line feed can be in JSON text.
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
