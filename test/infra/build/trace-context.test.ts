import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createNamespace, destroyNamespace, getNamespace } from '../../../infra/build/trace-context.ts';

describe('what the X-Ray SDK keeps of a trace', () => {
  test('is there in everything that is begun in a context, and is not seen beside it', async () => {
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

  test('is there wherever nothing else was begun, once a context was entered', async () => {
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

  test('is what it was for a function that was bound, whoever calls it', async () => {
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

  test('can be set nowhere but in a context', () => {
    const namespace = createNamespace('test');
    expect(() => namespace.set('segment', 'nowhere')).toThrow('no context');
  });

  test('goes with its namespace', () => {
    const namespace = createNamespace('test');
    expect(getNamespace('test')).toBe(namespace);
    destroyNamespace('test');
    expect(getNamespace('test')).toBeUndefined();
  });
});
