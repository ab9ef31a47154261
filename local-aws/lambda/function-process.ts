import { type ChildProcess, execFile, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Reaper } from '../core/reaper.ts';

/** An error as Lambda reports it to the caller. */
export interface Fault {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** The result of the start or of an invocation; `payload` is JSON, and empty for the start. */
export type Outcome = { readonly payload: string } | { readonly fault: Fault };

export interface ProcessSettings {
  readonly functionArn: string;
  /** Absolute path of the module with the handler. Its directory is the task root. */
  readonly modulePath: string;
  readonly memoryMb: number;
  /** The whole environment; nothing is inherited from this process. */
  readonly environment: Readonly<Record<string, string>>;
}

interface Invocation {
  readonly requestId: string;
  readonly payload: string;
  readonly timeoutMs: number;
  readonly traceId: string;
}

type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly payload: string }
  /** `fatal`: the process ends itself after this. */
  | { readonly type: 'failed'; readonly fatal: boolean; readonly fault: Fault };

const runtime = fileURLToPath(new URL('runtime.mjs', import.meta.url));
/** "Understanding the Lambda execution environment lifecycle": the init phase is limited to ten seconds. */
const initTimeoutMs = 10_000;
const memoryPollMs = process.platform === 'linux' ? 50 : 500;
/** "CloudWatch Logs quotas": longer lines become several events. */
const longestLine = 256 * 1024;
const run = promisify(execFile);

/** One process that runs one function, one invocation at a time. */
export class FunctionProcess {
  readonly settings: ProcessSettings;
  /** Resolves once the handler is loaded, or with the reason why it failed. */
  readonly started: Promise<Outcome>;
  /** Resolves when the process has ended and its output is read. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #onLine: (line: string) => void;
  /** Resolves the running start or invocation. */
  #settle: ((outcome: Outcome) => void) | undefined;
  #requestId: string | undefined;
  /** Why it was killed or ends itself. */
  #doom: Fault | undefined;
  #alive = true;
  #maxMemoryMb = 0;
  /** Marks the end of the handler's output on both streams. */
  #endMark = '';
  #outputRead = Promise.withResolvers<void>();
  #unread = 0;

  constructor(settings: ProcessSettings, reaper: Reaper, onLine: (line: string) => void) {
    this.settings = settings;
    this.#onLine = onLine;
    const { memoryMb, environment, modulePath } = settings;
    // The flags that Lambda's bootstrap passes to Node.
    const youngMb = Math.floor(memoryMb / 10);
    this.#child = fork(runtime, [modulePath], {
      cwd: dirname(modulePath),
      env: environment,
      execArgv: [
        `--max-semi-space-size=${Math.floor(youngMb / 2)}`,
        `--max-old-space-size=${memoryMb - youngMb}`,
      ],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const { pid, stdout, stderr } = this.#child;
    if (pid !== undefined) reaper.watch(pid);
    for (const stream of [stdout, stderr]) if (stream) this.#read(stream);
    this.#child.on('message', (report: Report) => void this.#onReport(report));
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null) => {
        this.#alive = false;
        if (pid !== undefined) reaper.forget(pid);
        this.#settle?.({ fault: this.#doom ?? exitFault(this.#requestId, code, signal) });
        resolve();
      };
      this.#child.on('error', (error) => {
        this.#doom ??= { errorType: 'Runtime.ExitError', errorMessage: error.message };
        if (pid === undefined) end(null, null);
      });
      this.#child.on('close', end);
      // A grandchild may hold the pipes open, so that "close" never comes.
      this.#child.on('exit', (code, signal) => setTimeout(end, 200, code, signal).unref());
    });
    this.started = this.#phase(initTimeoutMs, {
      errorType: 'Sandbox.Timedout',
      errorMessage: `Init phase timed out after ${(initTimeoutMs / 1000).toFixed(2)} seconds`,
    });
  }

  /** Whether it can be invoked again. */
  get alive(): boolean {
    return this.#alive && this.#doom === undefined;
  }

  /** Peak of the resident memory. */
  get maxMemoryMb(): number {
    return Math.ceil(this.#maxMemoryMb);
  }

  /** Invokes the handler. The process must be started and idle. */
  async run({ requestId, payload, timeoutMs, traceId }: Invocation): Promise<Outcome> {
    this.#requestId = requestId;
    this.#endMark = `\0${requestId}`;
    this.#outputRead = Promise.withResolvers();
    this.#unread = 2;
    const outcome = this.#phase(timeoutMs, {
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
    });
    const { functionArn } = this.settings;
    this.#child.send({ requestId, payload, traceId, timeoutMs, functionArn, endMark: `${this.#endMark}\n` });
    const result = await outcome;
    this.#requestId = undefined;
    return result;
  }

  /** Kills the process immediately, like a crash of its machine. */
  kill(fault: Fault = exitFault(this.#requestId, null, 'SIGKILL')): void {
    this.#doom ??= fault;
    this.#child.kill('SIGKILL');
  }

  async #phase(timeoutMs: number, timedOut: Fault): Promise<Outcome> {
    const timeout = setTimeout(() => this.kill(timedOut), timeoutMs);
    const memory = setInterval(() => void this.#checkMemory(), memoryPollMs);
    const outcome = await new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    this.#settle = undefined;
    clearTimeout(timeout);
    clearInterval(memory);
    await this.#checkMemory();
    return this.#doom ? { fault: this.#doom } : outcome;
  }

  async #onReport(report: Report): Promise<void> {
    // "close" follows and settles it.
    if (report.type === 'failed' && report.fatal) this.#doom ??= report.fault;
    else if (report.type === 'ready') this.#settle?.({ payload: '' });
    else {
      await this.#outputRead.promise;
      this.#settle?.(report);
    }
  }

  #read(stream: Readable): void {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > longestLine) lines.push(rest.slice(0, longestLine));
      rest = rest.slice(rest.length > longestLine ? longestLine : 0);
      for (const line of lines) {
        const marked = this.#endMark !== '' && line.endsWith(this.#endMark);
        const written = marked ? line.slice(0, -this.#endMark.length) : line;
        if (written !== '' || !marked) this.#onLine(written);
        if (marked && --this.#unread === 0) this.#outputRead.resolve();
      }
    });
    stream.on('end', () => {
      if (rest !== '') this.#onLine(rest);
    });
  }

  async #checkMemory(): Promise<void> {
    if (!this.alive) return;
    const megabytes = await peakMemoryMb(this.#child.pid);
    this.#maxMemoryMb = Math.max(this.#maxMemoryMb, megabytes);
    if (megabytes <= this.settings.memoryMb) return;
    this.kill({
      errorType: 'Runtime.OutOfMemory',
      errorMessage: `RequestId: ${this.#requestId} Error: Runtime exited with error: signal: killed`,
    });
  }
}

/** Lambda's message for the end of a process. */
function exitFault(requestId: string | undefined, code: number | null, signal: string | null): Fault {
  const signals: Record<string, string> = {
    SIGKILL: 'killed',
    SIGABRT: 'aborted',
    SIGSEGV: 'segmentation fault',
  };
  const how = signal
    ? ` with error: signal: ${signals[signal] ?? signal}`
    : code === 0
      ? ' without providing a reason'
      : ` with error: exit status ${code}`;
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited${how}`,
  };
}

/** Peak of the resident set if the system reports it, else its present size; 0 if the process is gone. */
async function peakMemoryMb(pid: number | undefined): Promise<number> {
  try {
    if (process.platform === 'linux') {
      // The kernel generates it immediately; the thread pool would take several times as long.
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
    }
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', `${pid}`]);
    return Number(stdout) / 1024;
  } catch {
    return 0;
  }
}
