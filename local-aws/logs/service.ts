import type { ServedService } from '../core/cloud-service.ts';
import type { Disk } from '../core/disk.ts';
import { type LogsServiceOptions, logsService } from './api.ts';
import { FunctionLogs } from './logs.ts';

export interface LogsOptions extends Omit<LogsServiceOptions, 'logs'> {
  readonly directory: string;
  readonly disk: Disk;
  /** Gets each message that a function logs. */
  readonly onEvent?: (message: string) => void;
}

/** Creates the functions' logs and their API. */
export function createLogs(options: LogsOptions): ServedService & { readonly files: FunctionLogs } {
  const logs = new FunctionLogs(options.directory, { disk: options.disk, onEvent: options.onEvent });
  return {
    name: 'logs',
    handle: logsService({ ...options, logs }),
    files: logs,
    start: async () => {},
    close: () => logs.close(),
  };
}
