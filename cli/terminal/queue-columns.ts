import type { QueueState } from '../target/queue-state.ts';
import { duration, integer, type TableColumn } from './terminal.ts';

const red = (messages: number) => (messages > 0 ? ('red' as const) : undefined);

/** The columns of a table of queues: `status` shows them all, `status --watch` some. */
export const queueColumns = {
  stage: { title: 'STAGE', value: ({ stage }) => stage },
  waiting: { title: 'WAITING', value: ({ waiting }) => integer(waiting), align: 'right' },
  inFlight: { title: 'IN FLIGHT', value: ({ inFlight }) => integer(inFlight), align: 'right' },
  dead: {
    title: 'DLQ',
    value: ({ dead }) => integer(dead),
    align: 'right',
    style: ({ dead }) => red(dead),
  },
  undelivered: {
    title: 'UNDELIVERED',
    value: ({ undelivered }) => integer(undelivered),
    align: 'right',
    style: ({ undelivered }) => red(undelivered),
  },
  oldest: {
    title: 'OLDEST',
    value: ({ oldestAgeSeconds: age }) => (age === undefined ? '–' : duration(age * 1000)),
    align: 'right',
  },
} as const satisfies Readonly<Record<string, TableColumn<QueueState>>>;
