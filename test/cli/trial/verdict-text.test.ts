import { expect, it } from 'vitest';
import { verdictText } from '../../../cli/trial/verdict-text.ts';

const whole = { takesEffect: true, usable: true, read: 9 };
const cut = { ...whole, fault: { code: 'truncated', message: 'It ends too early.' } };
const shrunk = { ...whole, takesEffect: false, fault: { code: 'shrunk', message: 'It has 9 records.' } };
const keep = { onReject: 'keep', maxShrink: 0.5 } as const;
const open = ', unless maxShrink forbids it: --before says how many records the active version has.';

it.each([
  [whole, keep, undefined, `It would take effect${open}`],
  [whole, keep, 10, 'It would take effect.'],
  [whole, { onReject: 'keep' } as const, undefined, 'It would take effect.'],
  [whole, { ...keep, onReject: 'replace' } as const, undefined, 'It would take effect.'],
  [cut, keep, undefined, `It would take effect with the records before the fault${open}`],
  [cut, keep, 10, 'It would take effect with the records before the fault.'],
  [{ ...whole, usable: false, read: 0 }, keep, undefined, `It would take effect${open}`],
  [shrunk, keep, 100, /^It would take no effect: .* maxShrink does not allow it, .* stay active\.$/],
])('a trial says of maxShrink only what it knows: %j, %j, before %j', (trial, dataset, before, text) => {
  expect(verdictText(trial, dataset, before)).toEqual(
    typeof text === 'string' ? text : expect.stringMatching(text),
  );
});
