import { type Stage, stages } from '../stage.ts';

/**
 * The states in which an execution waits for the stages. The state machines use these names, and commands
 * recognise them.
 */
export const drainStates = {
  begin: 'Start waiting for the stages',
  count: 'Count waiting messages',
  isDone: 'Are the stages done?',
  wait: 'Wait for the stages',
  tooLong: 'The stages took too long',
} as const;

/** The parallel states within `drainStates.count`. */
export const countStates = {
  count: (stage: Stage) => `Count messages for ${stage}`,
  failed: (stage: Stage) => `Could not count messages for ${stage}`,
} as const;

/**
 * Their names in executions that started before December 2026: an execution keeps its names until it ends.
 */
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

/** Whether a state is one of several parallel ones. */
export const isCounting = (state: string): boolean => counting.has(state);
