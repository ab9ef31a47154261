import { isBase64 } from '../base64.ts';
import { field, notA } from './field.ts';

/** Bytes, as text in base64 (RFC 4648, section 4), with its padding. */
export const binary = () =>
  field<string>({
    column: { kind: 'binary' },
    expected: 'string',
    isRead: isBase64,
    read(input, refuse) {
      if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'string', input });
      const text = input.trim();
      return isBase64(text) ? text : refuse(notA('text in base64', input));
    },
  });
