import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { printable } from '../../terminal/printable.ts';
import { age, count } from '../../terminal/units.ts';
import type { Tone } from '../api.ts';

export const tones: Readonly<Record<Tone, { readonly sign: string; readonly word: string }>> = {
  waiting: { sign: '○', word: 'waiting' },
  working: { sign: '◐', word: 'working' },
  done: { sign: '✓', word: 'done' },
  rejected: { sign: '▲', word: 'attention' },
  failed: { sign: '✕', word: 'failed' },
};

/** A state: a sign, a word and a colour, so that no one of them is needed. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true">{tones[tone].sign}</span> {children}
    </span>
  );
}

/** Text from outside: nothing in it reorders, hides or breaks the line it stands in. */
export function Outside({ text }: { readonly text: string }) {
  return <bdi class="outside">{printable(text)}</bdi>;
}

const SHORT = 300;

/** Text from outside that may be long: its beginning, and the rest on request. */
export function LongText({ text }: { readonly text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= SHORT)
    return (
      <code>
        <Outside text={text} />
      </code>
    );
  return (
    <div class="long">
      <code class={whole ? 'whole' : ''}>
        <Outside text={whole ? text : `${text.slice(0, SHORT)}…`} />
      </code>
      <button type="button" class="link" onClick={() => setWhole(!whole)}>
        {whole ? 'Show less' : `Show all ${count(text.length, 'character')}`}
      </button>
    </div>
  );
}

export function ObjectLink({ name }: { readonly name: string }) {
  return (
    <a class="key" href={`#/object/${encodeURIComponent(name)}`}>
      <Outside text={name} />
    </a>
  );
}

/** A time as its distance from now, with the time itself on pointing. */
export function Ago({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString()}>
      {age(Date.now() - at)} ago
    </time>
  );
}

export function Problem({ error }: { readonly error: Error | undefined }) {
  if (error === undefined) return null;
  return (
    <p class="problem" role="alert">
      <span aria-hidden="true">✕</span> <Outside text={error.message} />
    </p>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** A command that does the same in a terminal. */
export function Command({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <span class="command">
      <code>
        <Outside text={text} />
      </code>
      <button type="button" class="link" onClick={copy} aria-label={`Copy the command ${text}`}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </span>
  );
}

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  /** Does it, and says what was done. */
  readonly run: () => Promise<string>;
}

/** Asks before something is changed, does it, and says what was done. Escape closes it. */
export function Confirm({ question, onEnd }: { readonly question: Question; readonly onEnd: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  const [state, setState] = useState<{ busy?: boolean; done?: string; error?: Error }>({});
  const isOver = state.done !== undefined;
  useEffect(() => dialog.current?.showModal(), []);
  // The button that had the focus is gone: whoever has no mouse goes on at the one that is left.
  useEffect(() => {
    if (isOver) close.current?.focus();
  }, [isOver]);
  const run = async () => {
    if (state.busy) return;
    setState({ busy: true });
    try {
      setState({ done: await question.run() });
    } catch (error) {
      setState({ error: error as Error });
    }
  };
  return (
    <dialog ref={dialog} onClose={onEnd} aria-labelledby="question">
      <h2 id="question">{question.title}</h2>
      <p role={isOver ? 'status' : undefined}>{state.done ?? question.text}</p>
      <Problem error={state.error} />
      <div class="actions">
        <button ref={close} type="button" onClick={() => dialog.current?.close()}>
          {isOver ? 'Close' : 'Cancel'}
        </button>
        {!isOver && (
          <button type="button" class="primary" onClick={run} aria-disabled={state.busy === true}>
            {state.busy ? 'Working …' : question.action}
          </button>
        )}
      </div>
    </dialog>
  );
}

/** Keeps one question, and the button that asks it. */
export function useQuestion(after: () => void = () => {}) {
  const [question, setQuestion] = useState<Question>();
  const end = () => {
    setQuestion(undefined);
    after();
  };
  return { ask: setQuestion, dialog: question && <Confirm question={question} onEnd={end} /> };
}

/** A row of small bars, the newest on the right. */
export function Sparkline({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  const most = Math.max(1, ...values);
  const path = values
    .map((value, i) =>
      value === 0 ? '' : `M${i * 2 + 1} 20V${(20 - Math.max(1.5, (value / most) * 19)).toFixed(1)}`,
    )
    .join('');
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${values.length * 2} 20`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={path} />
    </svg>
  );
}
