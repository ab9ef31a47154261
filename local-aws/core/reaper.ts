import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * Tracks living processes by `+ pid` and `- pid`; when its input ends for any reason, it kills those that are
 * left.
 */
const script = `
live=
while read -r change pid; do
  if [ "$change" = + ]; then live="$live $pid"; continue; fi
  kept=
  for other in $live; do [ "$other" = "$pid" ] || kept="$kept $other"; done
  live=$kept
done
[ -z "$live" ] || kill -9 $live
`;

/**
 * Kills the functions' processes if this process is killed (kill -9): a function in an endless loop would not
 * notice that its channel is closed.
 */
export class Reaper {
  #shell: ChildProcessByStdio<Writable, null, null> | undefined;

  watch(pid: number): void {
    if (!this.#shell) {
      // Detached, so that Ctrl-C in the terminal does not end it before this process.
      this.#shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
      this.#shell.on('error', () => {});
      this.#shell.stdin.on('error', () => {});
      this.#shell.unref();
    }
    this.#shell.stdin.write(`+ ${pid}\n`);
  }

  forget(pid: number): void {
    this.#shell?.stdin.write(`- ${pid}\n`);
  }

  close(): void {
    this.#shell?.stdin.end();
    this.#shell = undefined;
  }
}
