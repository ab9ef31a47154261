import type { Context, SQSEvent } from 'aws-lambda';
import type { StageDependencies, StageOptions } from '../../handlers/sqs-handler.ts';
import type { FunctionSettings } from '../../local-aws/lambda/function.ts';
import type { InvocationResult } from '../../local-aws/lambda/mapping.ts';
import type { Witness } from './checks/witness.ts';
import { type Network, type Party, ServiceUnavailable } from './network.ts';

/** A stage's code, as the function's module has it. */
export interface StageCode {
  readonly stage: StageOptions;
  readonly stageHandler: (
    options: StageOptions,
    dependencies: StageDependencies,
  ) => (event: SQSEvent, context: Context) => Promise<unknown>;
}

type Code = (event: SQSEvent, context: Context) => Promise<unknown>;

/** One execution environment: runs one invocation at a time, and is reused until it dies. */
class Environment implements Party {
  readonly name: string;
  alive = true;
  overSince: number | undefined;
  readonly #network: Network;
  readonly run: Code;
  readonly deployment: number;
  whenDead: (reason: string) => void = () => {};

  constructor(
    name: string,
    deployment: number,
    network: Network,
    code: (environment: Party, deployment: number) => Code,
  ) {
    this.name = name;
    this.deployment = deployment;
    this.#network = network;
    this.run = code(this, deployment);
  }

  die(reason: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.overSince ??= this.#network.clock.now();
    this.#network.note(`${this.name}: ${reason}`);
    this.whenDead(reason);
  }
}

/** A Lambda function: time-outs, crashes, and environments that live on between invocations. */
export class SimulatedFunction {
  readonly #settings: FunctionSettings;
  readonly #stage: StageOptions;
  readonly #network: Network;
  readonly #witness: Witness;
  readonly #code: (environment: Party, deployment: number) => Code;
  readonly #idle: Environment[] = [];
  #started = 0;
  #invocations = 0;
  /** How often other code was deployed. */
  deployment = 0;
  #running = 0;

  constructor(
    settings: FunctionSettings,
    stage: StageOptions,
    network: Network,
    witness: Witness,
    code: (environment: Party, deployment: number) => Code,
  ) {
    this.#settings = settings;
    this.#stage = stage;
    this.#network = network;
    this.#witness = witness;
    this.#code = code;
  }

  get running(): number {
    return this.#running;
  }

  /** What comes from now on goes to new environments; what is under way ends in its own. */
  deploy(): void {
    this.deployment += 1;
  }

  /** As Lambda's Invoke answers a poller. */
  async invoke(payload: string): Promise<InvocationResult> {
    if (this.#network.happens('refuse')) throw new ServiceUnavailable(`Invoke ${this.#stage.stage}`);
    this.#running += 1;
    try {
      const result = await this.#run(JSON.parse(payload) as SQSEvent);
      if (this.#network.happens('loseAnswer')) throw new ServiceUnavailable(`Invoke ${this.#stage.stage}`);
      return result;
    } finally {
      this.#running -= 1;
    }
  }

  #run(event: SQSEvent): Promise<InvocationResult> {
    const { clock, random } = this.#network;
    const environment = this.#take();
    const { timeoutSeconds } = this.#settings;
    environment.overSince = undefined;
    this.#witness.began(environment, event, timeoutSeconds);
    this.#invocations += 1;
    const invocation = this.#invocations;
    this.#network.note(`${environment.name}: invoked with ${event.Records.length} messages`);
    return new Promise((resolve) => {
      const failed = (reason: string) =>
        resolve({ payload: JSON.stringify({ reason }), functionError: 'Unhandled' });
      const cancel = clock.schedule(timeoutSeconds * 1000, () => {
        this.#witness.ended(environment);
        environment.overSince = clock.now();
        // An environment that is not killed but frozen may be thawed, and do later what it had not done yet.
        if (random.chance(0.5)) environment.die('timed out');
        else {
          this.#network.note(`${environment.name}: timed out, and is thawed later`);
          failed('timed out');
        }
      });
      environment.whenDead = (reason) => {
        this.#witness.ended(environment);
        cancel();
        failed(reason);
      };
      const deadline = clock.now() + timeoutSeconds * 1000;
      environment
        .run(
          event,
          contextOf(this.#settings, String(invocation), () => deadline - clock.now()),
        )
        .then(
          (answer) => {
            cancel();
            this.#network.note(`${environment.name}: answered ${JSON.stringify(answer)}`);
            const { maximumReceives } = this.#stage;
            this.#witness.answered(environment, answer, { maximumReceives, timeoutSeconds });
            this.#settle(environment);
            resolve({ payload: JSON.stringify(answer) });
          },
          (error: unknown) => {
            cancel();
            this.#settle(environment);
            failed(String(error));
          },
        );
    });
  }

  /** What an environment leaves undone when it answers is frozen with it, and maybe gone. */
  #settle(environment: Environment): void {
    const left = this.#network.underWay(environment);
    if (left > 0) this.#network.violations.push(`${environment.name} answered with ${left} calls under way`);
    if (left > 0 && this.#network.random.chance(0.5)) environment.die('was reaped');
    else this.#idle.push(environment);
  }

  #take(): Environment {
    let environment = this.#idle.pop();
    while (environment?.alive === false || (environment?.deployment ?? this.deployment) < this.deployment)
      environment = this.#idle.pop();
    if (environment !== undefined) return environment;
    this.#started += 1;
    const name = `${this.#stage.stage}#${this.#started}`;
    return new Environment(name, this.deployment, this.#network, this.#code);
  }
}

function contextOf(
  { name, arn, memoryMb }: FunctionSettings,
  awsRequestId: string,
  remainingMs: () => number,
): Context {
  const context: Omit<Context, 'done' | 'fail' | 'succeed'> = {
    getRemainingTimeInMillis: remainingMs,
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: arn,
    memoryLimitInMB: String(memoryMb),
    awsRequestId,
    logGroupName: name,
    logStreamName: name,
  };
  return context as Context;
}
