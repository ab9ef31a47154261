import { type Stage, stages } from '../stage.ts';

/** The states in which an execution waits for the stages: the state machines are made of them, and commands tell where one is. */
export const drainStates = {
  begin: 'Start waiting for the stages',
  count: 'Count waiting messages',
  isDone: 'Are the stages done?',
  wait: 'Wait for the stages',
  tooLong: 'The stages took too long',
} as const;

/** The states within `drainStates.count`, which stand beside one another. */
export const countStates = {
  count: (stage: Stage) => `Count messages for ${stage}`,
  failed: (stage: Stage) => `Could not count messages for ${stage}`,
} as const;

/** What executions call them that began under a program of before December 2026; they keep their names until they end. */
const formerDrainStates = [
  'Begin to wait for the stages',
  'Look at the queues',
  'The stages take too long',
] as const;
const formerCountStates = {
  count: (stage: Stage) => `Messages for the ${stage}`,
  failed: (stage: Stage) => `No answer for the ${stage}`,
} as const;

const draining = new Set<string>([...Object.values(drainStates), ...formerDrainStates]);
const counting = new Set<string>(
  [countStates, formerCountStates].flatMap((names) => Object.values(names).flatMap((of) => stages.map(of))),
);

/** Whether an execution in this state waits for the stages. */
export const isDraining = (state: string): boolean => draining.has(state);

/** Whether a state is one of several that an execution is in at once. */
export const isCounting = (state: string): boolean => counting.has(state);
