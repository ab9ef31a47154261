import type * as pulumi from '@pulumi/pulumi';

/**
 * The part of the Amazon States Language that the workflows use, with JSONata ("Step Functions guide: Transforming data with
 * JSONata"; states-language.net). Text between `{%` and `%}` is an expression.
 */
export interface Workflow extends Flow {
  readonly Comment: string;
  readonly QueryLanguage: 'JSONata';
  /** Seconds. */
  readonly TimeoutSeconds: number;
}

export interface Flow {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

export type State = Pass | Task | Choice | Wait | DistributedMap | Parallel | Succeed | Fail;

/** JSON whose text may be made of expressions, and of what is known once resources exist. */
export type Template =
  | pulumi.Input<string>
  | number
  | boolean
  | readonly Template[]
  | { readonly [name: string]: Template };

type Assign = Readonly<Record<string, Template>>;

interface Step {
  readonly Comment?: string;
  readonly Assign?: Assign;
  readonly Output?: Template;
}

type Onward = { readonly Next: string } | { readonly End: true };

export type Pass = Step & Onward & { readonly Type: 'Pass' };

export type Wait = Step & Onward & { readonly Type: 'Wait'; readonly Seconds: number | string };

export type Task = Step &
  Onward & {
    readonly Type: 'Task';
    readonly Resource: string;
    readonly Arguments: Template;
    readonly TimeoutSeconds: number;
    readonly Retry: readonly Retrier[];
    readonly Catch: readonly Catcher[];
  };

export type Choice = Step & {
  readonly Type: 'Choice';
  readonly Choices: readonly {
    readonly Condition: string;
    readonly Next: string;
    readonly Assign?: Assign;
  }[];
  readonly Default: string;
};

export type Parallel = Step &
  Onward & {
    readonly Type: 'Parallel';
    readonly Branches: readonly Flow[];
    readonly Catch: readonly Catcher[];
  };

export type DistributedMap = Step &
  Onward & {
    readonly Type: 'Map';
    /** Part of the ARNs of its runs. */
    readonly Label: string;
    readonly ItemReader: {
      readonly Resource: string;
      readonly Arguments: Template;
      readonly ReaderConfig?: { readonly InputType: 'JSON' };
    };
    readonly ItemBatcher: {
      readonly MaxItemsPerBatch: number;
      readonly MaxInputBytesPerBatch: number;
      readonly BatchInput: Template;
    };
    readonly ItemProcessor: Flow & {
      readonly ProcessorConfig: { readonly Mode: 'DISTRIBUTED'; readonly ExecutionType: 'STANDARD' };
    };
    readonly MaxConcurrency: number;
    readonly ToleratedFailurePercentage: number;
    readonly Retry: readonly Retrier[];
    readonly Catch: readonly Catcher[];
  };

export interface Succeed {
  readonly Type: 'Succeed';
  readonly Comment?: string;
}

export interface Fail {
  readonly Type: 'Fail';
  readonly Error: string;
  readonly Cause: string;
}

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds: number;
  readonly BackoffRate: number;
  readonly MaxDelaySeconds: number;
  readonly MaxAttempts: number;
  readonly JitterStrategy: 'FULL';
}

export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Assign?: Assign;
  readonly Output?: Template;
  readonly Next: string;
}

/** Six attempts within about two minutes: long enough for throttling and a function that is replaced. */
export const defaultRetry: Retrier = {
  ErrorEquals: ['States.ALL'],
  IntervalSeconds: 2,
  BackoffRate: 2,
  MaxDelaySeconds: 60,
  MaxAttempts: 5,
  JitterStrategy: 'FULL',
};

/** What goes wrong is noted for the report, and the execution goes on with what can still be done. */
export function catchAndContinue(what: string, Next: string): Catcher {
  const reason = "$states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause)";
  return {
    ErrorEquals: ['States.ALL'],
    Assign: { troubles: `{% [$troubles, ${JSON.stringify(`${what}: `)} & ${reason}] %}` },
    Output: {},
    Next,
  };
}

/** Adds to what the report tells of the execution itself. */
export function addWarning(what: string, Next: string): Pass {
  return {
    Type: 'Pass',
    Assign: { troubles: `{% [$troubles, ${JSON.stringify(what)}] %}` },
    Output: {},
    Next,
  };
}

/** Calls a function with what is given; its answer is what the expression `$states.result.Payload` says. */
export function invoke(
  functionArn: pulumi.Input<string>,
  Payload: Template,
): Pick<Task, 'Type' | 'Resource' | 'Arguments' | 'TimeoutSeconds' | 'Retry'> {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: functionArn, Payload },
    // As long as a function can take.
    TimeoutSeconds: 900,
    Retry: [defaultRetry],
  };
}

/** Seconds between two looks: soon at first, then more and more seldom, a minute at the most. */
export const backoff = (looks: string) => `{% $min([60, $ceil($power(1.3, ${looks}))]) %}`;
