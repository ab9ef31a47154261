import { errorText } from '../errors.ts';
import { fault, field } from './field.ts';

/**
 * JSON of any kind, as its text: exactly the characters of the input, with all digits of its numbers. In CSV
 * it is the text of the field. `null` counts as missing, as in every other field.
 */
export const json = () =>
  field<string>({
    column: { kind: 'string', json: true },
    expected: 'string',
    isRead: (value) => typeof value === 'string' && faultOf(value) === undefined && value.trim() === value,
    read(input, refuse) {
      if (typeof input !== 'string') return refuse(fault('wrong_type', input, 'is not a text of JSON'));
      const text = input.trim();
      const why = faultOf(text);
      return why === undefined ? text : refuse(fault('invalid_value', input, why));
    },
  });

function faultOf(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Only half of a pair is written as an escape ("Well-formed JSON.stringify").
    const hasHalf = /\\ud[89a-f]/i.test(text) && /(?<!\\)(?:\\\\)*\\ud/.test(JSON.stringify(value));
    return hasHalf ? 'has half of a surrogate pair, which is not valid in UTF-8' : undefined;
  } catch (error) {
    return `is not JSON: ${errorText(error)}`;
  }
}
