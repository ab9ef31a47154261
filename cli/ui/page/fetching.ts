import { useEffect, useRef, useState } from 'preact/hooks';
import type { ErrorAnswer } from '../api.ts';

/** An answer that says why something was not done. */
export class Refused extends Error {
  readonly code: string;

  constructor({ error: { code, message } }: ErrorAnswer) {
    super(message);
    this.code = code;
  }
}

async function answerOf(path: string, init?: RequestInit): Promise<string> {
  const response = await fetch(`/api${path}`, init).catch(() => {
    throw new Refused({
      error: { code: 'gone', message: 'Sluice does not answer. Is npm start, or sluice ui, still running?' },
    });
  });
  const text = await response.text();
  if (response.ok) return text;
  throw refusedBy(response.status, text);
}

function refusedBy(status: number, text: string): Refused {
  try {
    return new Refused(JSON.parse(text));
  } catch {
    // Then the text itself is the message.
    return new Refused({ error: { code: `${status}`, message: text } });
  }
}

const withBody = (body: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
});

export async function get<Answer>(path: string): Promise<Answer> {
  return JSON.parse(await answerOf(path));
}

export async function post<Answer>(path: string, body: object): Promise<Answer> {
  return JSON.parse(await answerOf(path, withBody(JSON.stringify(body))));
}

/** Sends a file as it is, with its progress from 0 to 1. */
export function putFile(path: string, file: File, onProgress: (share: number) => void): Promise<void> {
  // fetch does not tell of the progress of what it sends.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', `/api${path}`);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 1 : loaded / total);
    request.onerror = () => reject(new Error('The connection was lost.'));
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(refusedBy(request.status, request.responseText));
    };
    request.send(file);
  });
}

export const query = (parts: Readonly<Record<string, string | number | undefined>>): string =>
  `?${new URLSearchParams(
    Object.entries(parts).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, `${value}`]],
    ),
  )}`;

export interface Fetched<Answer> {
  readonly data: Answer | undefined;
  readonly error: Error | undefined;
  /** Asks again at once. */
  readonly again: () => void;
}

/** After this time without a change, a page asks less often. */
const QUIET_MS = 15_000;
const SLOWER = 2.5;

/**
 * Asks for `path`, and again every `ms` while the page is visible; once if `ms` is undefined, and never while
 * `path` is. The last answer stays while the next one, or an error, comes.
 */
export function useAnswer<Answer>(path: string | undefined, ms?: number, body?: object): Fetched<Answer> {
  const [found, setFound] = useState<{ path?: string; text?: string; data?: Answer; error?: Error }>({});
  const [round, setRound] = useState(0);
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const last = useRef('');
  useEffect(() => {
    if (path === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let changedAt = Date.now();
    const look = async () => {
      if (document.visibilityState === 'hidden') return;
      try {
        const text = await answerOf(path, sent === undefined ? {} : withBody(sent));
        if (isOver) return;
        const known = `${path} ${text}`;
        if (known !== last.current) {
          changedAt = Date.now();
          last.current = known;
          setFound({ path, data: JSON.parse(text) });
        } else setFound((before) => (before.error === undefined ? before : { path, data: JSON.parse(text) }));
      } catch (error) {
        if (isOver) return;
        setFound((before) => ({ ...before, error: error as Error }));
      }
      const quiet = Date.now() - changedAt > QUIET_MS;
      if (ms !== undefined) timer = setTimeout(look, quiet ? ms * SLOWER : ms);
    };
    const wake = () => {
      clearTimeout(timer);
      if (ms !== undefined) void look();
    };
    void look();
    document.addEventListener('visibilitychange', wake);
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', wake);
    };
  }, [path, ms, sent, round]);
  return { data: found.data, error: found.error, again: () => setRound((n) => n + 1) };
}
