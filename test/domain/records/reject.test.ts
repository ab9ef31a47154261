import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Reject, recordText, rejectCodes, renderReject } from '../../../domain/records/reject.ts';

const text = fc.oneof(fc.string(), fc.constantFrom(',"record":', '","record":{}', '\\","record":', '}'));
const problem = { path: text, code: fc.constantFrom(...rejectCodes), message: text };

test('the record of a line is exactly what was sent, whatever its messages and numbers say', () => {
  const json = fc.oneof(
    fc.json(),
    fc.constantFrom('12345678901234567890.10', '{"a":1e400}', '{"x":1,"record":{"record":2}}'),
  );
  const rejects: fc.Arbitrary<Reject> = fc.record(
    { ...problem, recordNumber: fc.nat(), further: fc.array(fc.record(problem)), json, excerpt: text },
    { requiredKeys: ['recordNumber', 'path', 'code', 'message', 'json'] },
  );
  fc.assert(
    fc.property(rejects, (reject) => {
      expect(recordText(renderReject(reject))).toBe(reject.json);
    }),
  );
});

test('a line whose record was no text has none', () => {
  fc.assert(
    fc.property(fc.record({ ...problem, recordNumber: fc.nat(), excerpt: text }), (reject) => {
      expect(recordText(renderReject(reject))).toBeUndefined();
    }),
  );
});
