import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createNamespace, destroyNamespace, getNamespace } from '../../../infra/build/trace-context.ts';

describe('a trace context’s value', () => {
  test('is visible to everything started in the context, and not outside of it', async () => {
    const namespace = createNamespace('test');
    const seen: unknown[] = [];
    const work = async (name: string) => {
      namespace.set('segment', name);
      await turn();
      seen.push([name, namespace.get('segment')]);
    };
    const running: Promise<void>[] = [];
    for (const name of ['one', 'other']) namespace.run(() => running.push(work(name)));
    await Promise.all(running);
    expect(seen).toEqual([
      ['one', 'one'],
      ['other', 'other'],
    ]);
    expect(namespace.get('segment')).toBeUndefined();
  });

  test('is visible everywhere once a context was entered, unless another context was started', async () => {
    const namespace = createNamespace('test');
    namespace.enter(namespace.createContext());
    namespace.set('segment', 'of the function');
    await turn();
    expect(namespace.get('segment')).toBe('of the function');
    namespace.run(() => {
      expect(namespace.get('segment')).toBe('of the function');
      namespace.set('segment', 'within');
    });
    expect(namespace.get('segment')).toBe('of the function');
  });

  test('is the one at binding time for a bound function, whatever the caller’s context', async () => {
    const namespace = createNamespace('test');
    const events = new EventTarget();
    namespace.run(() => {
      namespace.set('segment', 'bound');
      events.addEventListener(
        'go',
        namespace.bind(() => events.dispatchEvent(new Event(`${namespace.get('segment')}`))),
      );
    });
    const heard = once(events, 'bound');
    events.dispatchEvent(new Event('go'));
    await heard;
    expect(namespace.get('segment')).toBeUndefined();
  });

  test('can be set only in a context', () => {
    const namespace = createNamespace('test');
    expect(() => namespace.set('segment', 'nowhere')).toThrow('no active context');
  });

  test('is gone when its namespace is removed', () => {
    const namespace = createNamespace('test');
    expect(getNamespace('test')).toBe(namespace);
    destroyNamespace('test');
    expect(getNamespace('test')).toBeUndefined();
  });
});
