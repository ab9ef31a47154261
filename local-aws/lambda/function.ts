import { randomBytes, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Authorize, authorizeAction } from '../core/call.ts';
import { type Metrics, noMetrics } from '../core/metrics.ts';
import type { Reaper } from '../core/reaper.ts';
import { ServiceError } from '../core/service-error.ts';
import type { Credentials } from '../iam/credentials.ts';
import type { FunctionLogs } from '../logs/logs.ts';
import { functionMetrics } from './function-metrics.ts';
import { type Fault, FunctionProcess, type Outcome } from './function-process.ts';
import type { InvocationResult } from './mapping.ts';

export interface FunctionSettings {
  readonly name: string;
  /** Without a version or an alias. */
  readonly arn: string;
  /** The published version, which is all that runs here; `$LATEST` if the program publishes none. */
  readonly version?: string;
  /** The names of its aliases, which all point to that version. */
  readonly aliases?: readonly string[];
  readonly roleArn: string;
  /** Absolute path of the deployed module. Its directory is the task root. */
  readonly modulePath: string;
  /** `index.handler` */
  readonly handler: string;
  /** `nodejs24.x` */
  readonly runtime: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** The configured variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Maximum of concurrent invocations; further ones are refused. 0 refuses all. */
  readonly reservedConcurrency?: number | undefined;
  readonly logGroup: string;
  /** Whether Lambda writes traces with the function's role (`tracingConfig.mode` Active). */
  readonly tracing?: boolean;
  /** Whether Lambda creates network interfaces with the function's role. */
  readonly inNetwork?: boolean;
}

export interface FunctionPorts {
  readonly credentials: Credentials;
  readonly logs: FunctionLogs;
  readonly reaper: Reaper;
  readonly authorize: Authorize;
  readonly metrics?: Metrics | undefined;
  /** `http://127.0.0.1:4566`; read when a process starts. */
  readonly endpoint: () => string;
  /**
   * Changes a process's variables for this machine, when it starts. Only that process sees the result; the
   * API still returns the configured variables.
   */
  readonly variables?:
    | ((configured: Readonly<Record<string, string>>) => Promise<Record<string, string>>)
    | undefined;
  /** Maximum of processes per function; further invocations wait. By default 10. */
  readonly maxProcesses?: number;
  /** Milliseconds after which an idle process ends. By default five minutes. */
  readonly idleMs?: number;
}

/** An invocation under way. */
export interface Invocation {
  readonly requestId: string;
  /** Errors of the handler are results; this never rejects because of them. */
  readonly result: Promise<InvocationResult>;
  /** Kills its process, like a crash. */
  kill(): void;
}

export const versionOf = ({ version = '$LATEST' }: Pick<FunctionSettings, 'version'>) => version;

/** "Invoke, LogType: the last 4 KB of the execution log" */
const logTailLength = 4096;

const SETTLE_POLL_MS = 10;

interface Worker {
  readonly process: FunctionProcess;
  readonly accessKeyId: string;
  readonly log: (line: string) => void;
  /** The last part of the log since the invocation started. */
  logged: string;
  initMs: number | undefined;
  stopIdling: () => void;
}

/** A Lambda function: a pool of processes. Each runs one invocation at a time and is reused while warm. */
export class LambdaFunction {
  readonly settings: FunctionSettings;
  readonly #ports: FunctionPorts;
  readonly #metrics: ReturnType<typeof functionMetrics>;
  readonly #idle: Worker[] = [];
  readonly #workers = new Set<Worker>();
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #closed = false;

  constructor(settings: FunctionSettings, ports: FunctionPorts) {
    this.settings = settings;
    this.#ports = ports;
    this.#metrics = functionMetrics(settings.name, ports.metrics ?? noMetrics);
  }

  /**
   * Starts an invocation. `payload` is JSON.
   *
   * @throws ServiceError TooManyRequestsException above the reserved concurrency
   */
  invoke(payload: string): Invocation {
    const { reservedConcurrency = Infinity } = this.settings;
    if (this.#busy + this.#waiting.length >= reservedConcurrency) {
      this.#metrics.throttled();
      throw new ServiceError('TooManyRequestsException', 429, 'Rate Exceeded.', {
        Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      });
    }
    const requestId = randomUUID();
    let worker: Worker | undefined;
    let killed = false;
    const start = async () => {
      try {
        worker = await this.#acquire();
        if (killed) worker.process.kill();
        return await this.#run(worker, requestId, payload);
      } finally {
        this.#release(worker);
      }
    };
    const kill = () => {
      killed = true;
      worker?.process.kill();
    };
    return { requestId, result: start(), kill };
  }

  /** Kills the process with this session (see `Caller`), if it belongs to this function. */
  kill(session: string): boolean {
    const worker = [...this.#workers].find(({ accessKeyId }) => accessKeyId === session);
    worker?.process.kill();
    return worker !== undefined;
  }

  /** Waits until no invocation runs, at most so long. */
  async settle(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    while (this.#busy > 0 && performance.now() < until) await sleep(SETTLE_POLL_MS);
  }

  /** Ends all processes, including busy ones. */
  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#workers];
    for (const { process } of workers) process.kill();
    await Promise.all(workers.map(({ process }) => process.ended));
  }

  async #acquire(): Promise<Worker> {
    const { maxProcesses = 10 } = this.#ports;
    if (this.#busy >= maxProcesses) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#busy += 1;
    if (this.#closed) throw new ServiceError('ServiceException', 500, 'The local cloud is stopping.');
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      idle.stopIdling();
      if (idle.process.alive) return idle;
    }
    return this.#start();
  }

  #release(worker: Worker | undefined): void {
    if (worker?.process.alive && !this.#closed) {
      const idleMs = this.#ports.idleMs ?? 300_000;
      const timer = setTimeout(() => worker.process.kill(), idleMs);
      worker.stopIdling = () => clearTimeout(timer);
      this.#idle.push(worker);
    }
    const next = this.#waiting.shift();
    if (next) next();
    else this.#busy -= 1;
  }

  async #start(): Promise<Worker> {
    const settings = this.settings;
    const ports = this.#ports;
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const logStream = `${day}/[${versionOf(settings)}]${randomBytes(16).toString('hex')}`;
    const mayLog = await this.#mayLog(logStream);
    const log = (line: string) => {
      worker.logged = `${worker.logged}${line}\n`.slice(-logTailLength);
      if (mayLog) ports.logs.append(settings.name, logStream, line.replaceAll('\r', '\n'));
    };
    const variables = (await ports.variables?.(settings.environment)) ?? settings.environment;
    const { accessKeyId, secretAccessKey, sessionToken } = ports.credentials.issue(settings.roleArn);
    const process = new FunctionProcess(
      {
        functionArn: settings.arn,
        modulePath: settings.modulePath,
        memoryMb: settings.memoryMb,
        environment: {
          ...variables,
          ...lambdaEnvironment(settings, logStream, ports.endpoint()),
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_SESSION_TOKEN: sessionToken,
        },
      },
      ports.reaper,
      log,
    );
    const worker: Worker = {
      process,
      accessKeyId,
      log,
      logged: '',
      initMs: undefined,
      stopIdling: () => {},
    };
    this.#workers.add(worker);
    void process.ended.then(() => {
      worker.stopIdling();
      ports.credentials.revoke(accessKeyId);
      this.#workers.delete(worker);
      const position = this.#idle.indexOf(worker);
      if (position >= 0) this.#idle.splice(position, 1);
    });
    return worker;
  }

  /**
   * Lambda writes logs and traces with the function's role. If the role may not, they are lost; on AWS
   * without any notice ("Sending Lambda function logs to CloudWatch Logs, IAM permissions").
   */
  async #mayLog(logStream: string): Promise<boolean> {
    const { arn, logGroup, roleArn, tracing = false, name } = this.settings;
    const [, partition, , region, account] = arn.split(':');
    const stream = `arn:${partition}:logs:${region}:${account}:log-group:${logGroup}:log-stream:${logStream}`;
    const caller = { kind: 'role', principal: roleArn } as const;
    const may = (action: string, resource: string) =>
      authorizeAction(this.#ports.authorize, caller, action, resource);
    try {
      await may('logs:CreateLogStream', stream);
      await may('logs:PutLogEvents', stream);
      if (tracing) {
        await may('xray:PutTraceSegments', '*');
        await may('xray:PutTelemetryRecords', '*');
      }
      return true;
    } catch (error) {
      console.warn(`The logs or traces of ${name} are lost, as they would be on AWS: ${error}`);
      return false;
    }
  }

  async #run(worker: Worker, requestId: string, payload: string): Promise<InvocationResult> {
    const { process, log } = worker;
    const ended = this.#metrics.begun(this.#busy);
    const cold = worker.initMs === undefined;
    const begun = performance.now();
    let outcome = await process.started;
    if (cold) worker.initMs = performance.now() - begun;
    const started = performance.now();
    worker.logged = '';
    log(`START RequestId: ${requestId} Version: ${versionOf(this.settings)}`);
    if ('payload' in outcome)
      outcome = await process.run({
        requestId,
        payload,
        timeoutMs: this.settings.timeoutSeconds * 1000,
        traceId: traceId(),
      });
    const durationMs = performance.now() - started;
    ended(durationMs, 'fault' in outcome);
    log(`END RequestId: ${requestId}`);
    log(this.#report(worker, requestId, durationMs, cold, outcome));
    const logTail = worker.logged;
    if ('payload' in outcome) return { payload: outcome.payload, logTail };
    return { payload: JSON.stringify(outcome.fault), functionError: 'Unhandled', logTail };
  }

  /** The REPORT line, as in "Viewing CloudWatch logs for Lambda functions". */
  #report(
    { process, initMs = 0 }: Worker,
    requestId: string,
    durationMs: number,
    cold: boolean,
    outcome: Outcome,
  ) {
    const fields = [
      `REPORT RequestId: ${requestId}`,
      `Duration: ${durationMs.toFixed(2)} ms`,
      `Billed Duration: ${Math.ceil(durationMs + (cold ? initMs : 0))} ms`,
      `Memory Size: ${this.settings.memoryMb} MB`,
      `Max Memory Used: ${process.maxMemoryMb} MB`,
    ];
    if (cold) fields.push(`Init Duration: ${initMs.toFixed(2)} ms`);
    if ('fault' in outcome) fields.push(status(outcome.fault));
    return `${fields.join('\t')}\t`;
  }
}

function status({ errorType }: Fault): string {
  return errorType === 'Sandbox.Timedout' ? 'Status: timeout' : `Status: error\tError Type: ${errorType}`;
}

/** "Working with Lambda environment variables, Defined runtime environment variables". */
function lambdaEnvironment(
  settings: FunctionSettings,
  logStream: string,
  endpoint: string,
): Record<string, string> {
  const region = settings.arn.split(':')[3] ?? '';
  return {
    _HANDLER: settings.handler,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${settings.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: settings.name,
    AWS_LAMBDA_FUNCTION_VERSION: versionOf(settings),
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: `${settings.memoryMb}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: settings.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    // There is no X-Ray daemon here; traces are not sampled, see traceId().
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
    LAMBDA_TASK_ROOT: dirname(settings.modulePath),
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: tmpdir(),
  };
}

function traceId(): string {
  const time = Math.floor(Date.now() / 1000).toString(16);
  const parent = randomBytes(8).toString('hex');
  return `Root=1-${time}-${randomBytes(12).toString('hex')};Parent=${parent};Sampled=0`;
}
