import { expect, it } from 'vitest';
import { isCounting, isDraining } from '../../../domain/operations/workflow-states.ts';

it.each(['Wait for the stages', 'Look at the queues', 'Are the stages done?'])(
  'an execution that began under an older program waits for the stages in "%s"',
  (state) => {
    expect(isDraining(state)).toBe(true);
    expect(isCounting(state)).toBe(false);
  },
);

it.each(['Messages for the loading', 'No answer for the extraction'])(
  'an execution that began under an older program is in "%s" beside other states',
  (state) => {
    expect(isCounting(state)).toBe(true);
    expect(isDraining(state)).toBe(false);
  },
);

it.each(['Write the report', 'Start the crawler', 'Wait for late messages'])(
  'an execution does not wait for messages in "%s"',
  (state) => {
    expect(isCounting(state)).toBe(false);
    expect(isDraining(state)).toBe(false);
  },
);
