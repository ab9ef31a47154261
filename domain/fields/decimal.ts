import { decimalName, isDecimal } from '../decimal.ts';
import { isNumber, plainNumber } from '../records/number-text.ts';
import { fault, field, notA, numberText } from './field.ts';

/** Iceberg, Glue and Redshift have no more. */
const MOST_DIGITS = 38;
/** MySQL has no more ("Fixed-Point Types"). */
const MOST_AFTER_POINT = 30;

export interface DecimalOptions {
  /** Texts have a comma before the fraction: `12,50`. */
  readonly comma?: boolean;
}

/**
 * A decimal number with `precision` digits, `scale` of them after the point, as text: `decimal(12, 2)` makes
 * `12.50` of 12.5. Every digit of the input counts: one that does not fit rejects the record.
 *
 * @throws {Error} if there is no such column
 */
export function decimal(precision: number, scale: number, { comma = false }: DecimalOptions = {}) {
  const type = { kind: 'decimal', precision, scale } as const;
  if (!(precision >= 1 && precision <= MOST_DIGITS && Number.isInteger(precision)))
    throw new Error(`${decimalName(type)}: the precision must be 1 to ${MOST_DIGITS} digits.`);
  const most = Math.min(precision, MOST_AFTER_POINT);
  if (!(scale >= 0 && scale <= most && Number.isInteger(scale)))
    throw new Error(`${decimalName(type)}: the scale must be 0 to ${most} digits.`);
  return field<string>({
    column: type,
    expected: 'number',
    ...(comma && { inRow: `decimal(${precision}, ${scale})` }),
    isRead: (value) => !comma && isDecimal(value, type),
    read(input, refuse) {
      if (!comma && isDecimal(input, type)) return input;
      const written = numberText(input);
      if (written === undefined) return refuse({ code: 'invalid_type', expected: 'number', input });
      const digits = comma && typeof input === 'string' ? withPoint(written) : written;
      if (!isNumber(digits)) return refuse(notA(comma ? 'number with a decimal comma' : 'number', written));
      const { isNegative, whole, fraction } = plainNumber(digits);
      if (fraction.length > scale)
        return refuse(
          fault('inexact_number', input, `${written} has more than ${scale} digits after the point`),
        );
      if (whole.length > precision - scale) {
        const message = `${written} has more than ${precision - scale} digits before the point`;
        return refuse(fault(isNegative ? 'too_small' : 'too_large', input, message));
      }
      const text = `${isNegative ? '-' : ''}${whole || '0'}`;
      return scale === 0 ? text : `${text}.${fraction.padEnd(scale, '0')}`;
    },
  });
}

/** `12,5` as `12.5`; what has a point already is no number then. */
function withPoint(text: string): string {
  return text.includes('.') ? '' : text.replace(',', '.');
}
