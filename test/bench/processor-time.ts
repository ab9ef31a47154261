import { readdirSync, readFileSync } from 'node:fs';

/**
 * The clock of /proc/PID/stat: Linux tells of it in hundredths of a second, whatever the kernel counts in.
 */
const TICK_MS = 10;

/** User and system time of a process so far (proc_pid_stat(5), fields 14 and 15). */
export function processorMs(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** A process of a function, which the local cloud of this process has started. */
export interface FunctionProcess {
  readonly pid: number;
  readonly functionName: string;
}

/** The processes of all functions as they are now; Linux tells of them. */
export function functionProcesses(): FunctionProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const pid = Number(name);
      try {
        if (Number(statOf(pid)[1]) !== process.pid) return [];
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        const own = environment.find((each) => each.startsWith('AWS_LAMBDA_FUNCTION_NAME='));
        return own === undefined ? [] : [{ pid, functionName: own.slice(own.indexOf('=') + 1) }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** The fields of /proc/PID/stat from the third one on; the second may contain spaces. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
