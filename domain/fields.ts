/**
 * The types of fields: for the `record` and the `row` of a dataset, whether its objects are JSON or CSV.
 * docs/datasets/types.md has a table of what each one accepts and becomes.
 *
 * A field of CSV that is empty counts as missing, which `.optional()` allows. White space around numbers,
 * booleans and times is ignored.
 */
export { binary } from './fields/binary.ts';
export { date } from './fields/date.ts';
export { decimal } from './fields/decimal.ts';
export { json } from './fields/json.ts';
export { double, int32, int64 } from './fields/numbers.ts';
export { flag, text, yesNo } from './fields/texts.ts';
export { time } from './fields/time.ts';
export { timestamp } from './fields/timestamp.ts';
