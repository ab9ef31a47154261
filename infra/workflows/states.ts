import type * as pulumi from '@pulumi/pulumi';

/**
 * The part of the Amazon States Language that the workflows use, with JSONata ("Step Functions guide:
 * Transforming data with JSONata"; states-language.net). Text between `{%` and `%}` is an expression.
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

/** JSON whose strings may contain expressions and values that are known only once resources exist. */
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
    /** Part of the ARNs of the map's runs. */
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

/** Six attempts within about two minutes: enough for throttling and for a function that is being replaced. */
export const defaultRetry: Retrier = {
  ErrorEquals: ['States.ALL'],
  IntervalSeconds: 2,
  BackoffRate: 2,
  MaxDelaySeconds: 60,
  MaxAttempts: 5,
  JitterStrategy: 'FULL',
};

/** Adds an error to the report's warnings and continues with the remaining steps. */
export function catchAndContinue(what: string, Next: string): Catcher {
  const reason = "$states.errorOutput.Error & ': ' & $string($states.errorOutput.Cause)";
  return {
    ErrorEquals: ['States.ALL'],
    Assign: { troubles: `{% [$troubles, ${JSON.stringify(`${what}: `)} & ${reason}] %}` },
    Output: {},
    Next,
  };
}

/** Adds a warning about the execution itself to the report. */
export function addWarning(what: string, Next: string): Pass {
  return {
    Type: 'Pass',
    Assign: { troubles: `{% [$troubles, ${JSON.stringify(what)}] %}` },
    Output: {},
    Next,
  };
}

/** Calls a function with the payload. The expression `$states.result.Payload` is its answer. */
export function invoke(
  functionArn: pulumi.Input<string>,
  Payload: Template,
): Pick<Task, 'Type' | 'Resource' | 'Arguments' | 'TimeoutSeconds' | 'Retry'> {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: functionArn, Payload },
    // Lambda's maximum.
    TimeoutSeconds: 900,
    Retry: [defaultRetry],
  };
}

/** Seconds between two checks: short at first, then longer, at most a minute. */
export const backoff = (looks: string) => `{% $min([60, $ceil($power(1.3, ${looks}))]) %}`;
